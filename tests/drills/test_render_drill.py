"""The drill of benchmarks/render_chaos.py at its small size, on the suite's database."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from django.db import connection

from tests.drills.trees import ROOT

# make test-services names those that answer.
BROKERS = os.environ.get("SERVICES_BROKERS", "filesystem://").split(",")


@pytest.mark.parametrize("number", range(len(BROKERS)), ids=[broker.split(":")[0] for broker in BROKERS])
@pytest.mark.timeout(600)  # some 45 s, nearly all of it waiting, on two quiet cores
@pytest.mark.django_db
def test_render_jobs_survive_what_a_machine_does_to_its_workers(number):
    command = [sys.executable, "benchmarks/render_chaos.py", "--quick", "--broker", BROKERS[number]]
    if connection.vendor == "postgresql":
        kept = connection.settings_dict
        where = f"{kept['USER']}:{kept['PASSWORD']}@{kept['HOST']}:{kept['PORT'] or 5432}"
        command += ["--database", f"postgres://{where}/{kept['NAME']}_drill{number}"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=580, check=False)  # noqa: S603
    assert run.returncode == 0, run.stderr[-4000:]
    drill = json.loads(run.stdout)
    audit = drill["audit"]
    assert audit["creatives"] == audit["jobs"] >= 12, "one set for each job"
    assert audit["unfinished"] == audit["wrong_sets"] == audit["not_once"] == audit["running"] == 0
    assert audit["corrupt"] == audit["missing"] == 0, "every file holds what its name says"
    assert audit["crashes"] >= 3, "a drill in which nothing breaks proves nothing"
    assert audit["fenced"] >= 1, "the worker that thawed behind its lease threw its work away"
    assert drill["freeze"] == {"creatives": 1, "epoch": 2}
    assert drill["poison"]["starts"] == 3
    assert drill["recovery"]["restarted_s"] <= drill["recovery"]["allowed_s"]
