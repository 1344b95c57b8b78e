"""A process that decides stays light: what only models and dashboards need is never imported on its way."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys

SCRIPT = """
import sys
import django
django.setup()
from django.test import Client
answers = [
    Client().post("/api/v1/decisions", "{}", content_type="application/json").status_code,
    Client().post("/api/v1/events", "{", content_type="text/plain").status_code,
]
assert answers == [401, 400], answers
heavy = {"torch", "diffusers", "transformers", "pandas", "plotly", "safetensors"} & set(sys.modules)
assert not heavy, heavy
"""


def test_decisions_and_events_load_no_model_and_no_chart_library(tmp_path):
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "adplatform.settings",
        "VAR_DIR": str(tmp_path),
        "ALLOWED_HOSTS": "testserver",
    }
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_the_tag_stays_below_five_kilobytes_and_is_plain_ascii(settings):
    content = (settings.BASE_DIR / "static" / "js" / "adtag.js").read_bytes()
    assert len(gzip.compress(content, 9)) < 5000
    assert content.isascii()  # it runs in pages of any charset
    assert b"cookie" not in content.replace(b"no cookie", b"")
    assert b"localStorage" not in content
