"""Which worker group loads pandas and Plotly: the pages' one at its start, the hot one never."""

from __future__ import annotations

import os
import subprocess
import sys

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


def loaded_by(module, tmp_path):
    environment = {
        **{name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"},
        "VAR_DIR": str(tmp_path),
        "DATABASE_URL": f"sqlite:///{tmp_path / 'light.sqlite3'}",
        "ALLOWED_HOSTS": "testserver",
    }
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", SCRIPT.format(module=module)],
        env=environment, capture_output=True, text=True, timeout=170,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip().splitlines()[-1]


def test_what_decides_loads_neither_pandas_nor_plotly(tmp_path):
    assert loaded_by("adplatform.hot_wsgi", tmp_path) == "[]"


def test_the_pages_group_loads_them_before_somebody_waits_for_a_figure(tmp_path):
    assert loaded_by("adplatform.wsgi", tmp_path) == "['pandas', 'plotly', 'pyarrow']"
