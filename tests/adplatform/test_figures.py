"""What a worker group starts with: settings of its own; pandas and Plotly in the pages' one alone."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SCRIPT = """
import io, sys, threading
import {module} as entry
for thread in threading.enumerate():
    if thread.name == "figures":
        thread.join(60)
answers = []
environ = {{
    "REQUEST_METHOD": "POST", "PATH_INFO": "/api/v1/decisions", "SERVER_NAME": "testserver",
    "SERVER_PORT": "80", "CONTENT_LENGTH": "0", "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(),
    "REMOTE_ADDR": "127.0.0.1",
}}
body = entry.application(environ, lambda status, headers, *more: answers.append(status))
assert answers[0].startswith("401"), answers
print(sorted({{"pandas", "plotly", "pyarrow", "torch"}} & set(sys.modules)))
"""


def said_by(script, tmp_path, **more):
    environment = {
        **{name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"},
        "VAR_DIR": str(tmp_path),
        "DATABASE_URL": f"sqlite:///{tmp_path / 'light.sqlite3'}",
        "ALLOWED_HOSTS": "testserver",
        **more,
    }
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=170
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip().splitlines()[-1]


def loaded_by(module, tmp_path):
    return said_by(SCRIPT.format(module=module), tmp_path)


@pytest.mark.parametrize("given", [{}, {"DJANGO_SETTINGS_MODULE": "adplatform.settings"}])
def test_the_hot_group_has_its_own_settings_whatever_its_parent_had(tmp_path, given):
    script = (
        "import adplatform.hot_wsgi; from django.conf import settings;"
        "print(settings.ROOT_URLCONF, any('ession' in name for name in settings.MIDDLEWARE))"
    )
    assert said_by(script, tmp_path, **given) == "adplatform.hot_urls False"


def test_what_decides_loads_neither_pandas_nor_plotly(tmp_path):
    assert loaded_by("adplatform.hot_wsgi", tmp_path) == "[]"


def test_the_pages_group_loads_them_before_somebody_waits_for_a_figure(tmp_path):
    assert loaded_by("adplatform.wsgi", tmp_path) == "['pandas', 'plotly', 'pyarrow']"
