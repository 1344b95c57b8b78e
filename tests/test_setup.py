"""The first thing anybody does: ``make demo`` on a bare machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.conf import settings

from scripts.torch_index import index_choose

ROOT = settings.BASE_DIR
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


@pytest.fixture
def index():
    """An index that has torch, and nothing at /missing."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/cpu/torch/" else 404)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_linux_machine_without_a_gpu_gets_the_small_torch_where_its_index_answers(index):
    cpu = f"{index}/cpu"
    assert index_choose(system="Linux", has_gpu=False, index=cpu) == cpu
    assert index_choose(system="Linux", has_gpu=True, index=cpu) == ""
    assert index_choose(system="Darwin", has_gpu=False, index=cpu) == "", "PyPI's is small there"
    assert index_choose(system="Linux", has_gpu=False, index=f"{index}/missing") == ""
    assert index_choose(system="Linux", has_gpu=False, index="http://127.0.0.1:1") == "", "nobody answers"


def make(folder, *words):
    return subprocess.run(  # noqa: S603
        ["make", *words], cwd=folder, capture_output=True, text=True, timeout=240, check=False,  # noqa: S607
        env={**os.environ, "MAKEFLAGS": ""},
    )  # fmt: skip


def test_a_python_without_its_venv_part_is_told_what_to_install_and_leaves_nothing(tmp_path):
    """Debian's python3 without python3-venv makes .venv/bin/python, fails at pip and ends with 1."""
    for name in ("Makefile", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path)
    bare = tmp_path / "python3"
    bare.write_text(
        f'#!/bin/sh\n[ "$1" = -m ] || exec {sys.executable} "$@"\n'
        f"{sys.executable} -m venv --without-pip .venv\necho ensurepip is not available\nexit 1\n"
    )
    bare.chmod(0o755)
    for _ in range(2):
        done = make(tmp_path, f"PYTHON={bare}", ".venv/bin/pip")
        assert done.returncode != 0
        assert "python3-venv" in done.stdout + done.stderr
        assert not (tmp_path / ".venv").exists()


def test_an_environment_that_was_left_without_pip_is_made_anew(tmp_path):
    for name in ("Makefile", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", ".venv"], cwd=tmp_path, check=True)
    done = make(tmp_path, f"PYTHON={sys.executable}", ".venv/bin/pip")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / ".venv" / "bin" / "pip").exists()
