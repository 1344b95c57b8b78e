"""What must be right before the product starts, and how its children live and end."""

from __future__ import annotations

import http.server
import os
import signal
import socket
import sys
import threading
import time

import pytest
from django.conf import settings
from django.db import connection

from adplatform.supervisor import (
    HOT_THREADS,
    Child,
    StartProblem,
    Supervisor,
    check_disk,
    check_model,
    check_port,
)
from tests.drills.trees import group_states


def test_a_taken_port_is_named_with_a_way_out():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StartProblem, match=f"Port {port} .* --port {port + 1}"):
            check_port("127.0.0.1", port)
    check_port("127.0.0.1", port)


def test_a_missing_model_folder_is_named(tmp_path):
    with pytest.raises(StartProblem, match=r"no model_index\.json"):
        check_model("mine", str(tmp_path))
    (tmp_path / "model_index.json").write_text("{}")
    check_model("mine", str(tmp_path))
    check_model("hub", "someone/some-model")  # a hub id is checked when it is loaded


def test_a_full_disk_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr("adplatform.supervisor.MIN_FREE_BYTES", 1 << 60)
    with pytest.raises(StartProblem, match="MB are free"):
        check_disk(tmp_path)


@pytest.mark.stores
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no pool")
def test_no_thread_of_a_web_process_waits_for_another_s_connection():
    pool = settings.DATABASES["default"]["OPTIONS"]["pool"]
    assert pool["max_size"] >= HOT_THREADS + 4, "each thread one, and those of the counters and the snapshot"


@pytest.fixture
def health_url():
    handler = http.server.SimpleHTTPRequestHandler
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture
def signals_kept():
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


def _sleeper(name: str) -> Child:
    return Child(name, [sys.executable, "-c", "import time; time.sleep(60)"], stop_seconds=5)


def test_a_child_that_dies_is_started_again_and_ctrl_c_ends_all(health_url, signals_kept, monkeypatch):
    monkeypatch.setattr("adplatform.supervisor.RESTART_PAUSE_SECONDS", 0)
    web, worker = _sleeper("web"), _sleeper("worker")
    seen: list[int] = []

    def kill_then_interrupt() -> None:
        first = worker.process.pid
        os.kill(first, signal.SIGKILL)
        deadline = time.monotonic() + 20
        while worker.process.pid == first and time.monotonic() < deadline:
            time.sleep(0.05)
        seen.extend([first, worker.process.pid])
        os.kill(os.getpid(), signal.SIGINT)

    Supervisor([web, worker]).run(
        lambda: threading.Thread(target=kill_then_interrupt).start(), health_url=health_url
    )
    assert seen[0] != seen[1]
    assert not web.is_running()
    assert not worker.is_running()


def test_a_child_that_ends_while_starting_is_a_problem_with_a_name(signals_kept):
    broken = Child("web server", [sys.executable, "-c", "raise SystemExit(3)"], stop_seconds=1)
    with pytest.raises(StartProblem, match="web server ended while starting"):
        Supervisor([broken]).run(lambda: None, health_url="http://127.0.0.1:9/")


def test_a_killed_child_that_left_its_socket_and_a_process_of_its_own_starts_again(tmp_path):
    name = tmp_path / "s.sock"
    code = (
        "import os, socket, sys, time\n"
        "link = socket.socket(socket.AF_UNIX)\n"
        "link.bind(sys.argv[1])\n"
        "os.fork()\n"
        "time.sleep(60)\n"
    )
    child = Child("listener", [sys.executable, "-c", code, str(name)], stop_seconds=1, socket=name)
    try:
        child.start()
        _until(name.exists)
        first = child.process.pid
        os.kill(first, signal.SIGKILL)  # the parent alone
        child.process.wait()
        child.start()
        _until(name.exists)
        assert child.is_running()
        assert all(state == "Z" for _, state in group_states(first))
    finally:
        child.ask_to_stop()
        child.wait_or_kill()


def _until(condition):
    for _ in range(600):
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("did not happen")
