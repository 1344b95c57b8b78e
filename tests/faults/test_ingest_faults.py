"""Web processes and the database die, freeze and restart in the middle of ingestion."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys

import pytest

from tests.drills.trees import ROOT
from tests.faults import servers

pytestmark = [pytest.mark.faults, pytest.mark.timeout(400)]


def ingest(*words: str, **environment: str) -> dict[str, int]:
    """One run of benchmarks/kill.py, which fails by itself over a lost or doubled event; its figures."""
    run = subprocess.run(  # noqa: S603
        [sys.executable, "benchmarks/kill.py", "--port", str(servers.free_port()), *words],
        cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, timeout=380,
        check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-3000:]
    print(run.stdout)
    found = re.findall(r"^(.+?)\s{2,}([\d,]+)", run.stdout, re.MULTILINE)
    return {name.strip(): int(number.replace(",", "")) for name, number in found}


def test_web_processes_killed_five_times_on_sqlite(tmp_path):
    figures = ingest("--kills", "5", "--seconds", "2", DATABASE_URL=f"sqlite:///{tmp_path}/kill.sqlite3")
    assert figures["accepted (202)"] > 0
    assert figures["rows"] == figures["sent"] == figures["roll-ups' sum"]


def test_web_processes_frozen_three_times_on_sqlite(tmp_path):
    figures = ingest(
        "--fault", "freeze", "--kills", "3", "--seconds", "2",
        DATABASE_URL=f"sqlite:///{tmp_path}/freeze.sqlite3",
    )  # fmt: skip
    assert figures["rows"] == figures["sent"]


def test_web_processes_killed_and_the_database_crashed_on_postgresql():
    with servers.postgres() as cluster:
        figures = ingest("--kills", "3", "--seconds", "2", DATABASE_URL=cluster.url())
        assert figures["rows"] == figures["sent"]
        restart = shlex.join(cluster.restart_command)
        figures = ingest(
            "--fault", "command", "--command", restart, "--kills", "3", "--seconds", "2",
            DATABASE_URL=cluster.url(),
        )  # fmt: skip
        assert figures["accepted (202)"] > 0
        assert figures["rows"] == figures["sent"] == figures["roll-ups' sum"]
