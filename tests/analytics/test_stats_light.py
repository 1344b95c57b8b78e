"""The statistics' libraries cost 150 MB and seconds: only a worker that computes a report loads them."""

from __future__ import annotations

import os
import subprocess
import sys

SCRIPT = """
import sys
import django
django.setup()
from django.core.management import call_command
from django.urls import reverse
from django.test import Client
call_command("migrate", verbosity=0)
for name in ("experiment-list", "experiment-create", "overview"):
    assert Client().get(reverse(name)).status_code == 302
assert Client().post("/api/v1/decisions", "{}", content_type="application/json").status_code == 401
import analytics.tasks, analytics.experiment_views, analytics.experiments_api
from analytics.stats.samplecheck import sample_needed
from analytics.stats.statistics import Sums
assert sample_needed(Sums.of_counts(50, 1000), effect=0.1) > 10_000  # the wizard's power calculation
analytics.tasks.experiment_reports_refresh()  # nothing is running
names = {"scipy", "tea_tasting", "bayesian_testing", "ibis", "pyarrow", "pandas", "plotly"}
heavy = names & set(sys.modules)
assert not heavy, heavy
"""


def test_pages_wizard_and_an_idle_worker_load_no_statistics_library(tmp_path):
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "adplatform.settings",
        "VAR_DIR": str(tmp_path),
        "DATABASE_URL": f"sqlite:///{tmp_path / 'light.sqlite3'}",
        "ALLOWED_HOSTS": "testserver",
    }
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, timeout=170
    )
    assert done.returncode == 0, done.stderr[-2000:]
