"""Render workers and their broker: benchmarks/render_chaos.py over every transport that is here."""

from __future__ import annotations

import json
import socket
import subprocess
import sys

import pytest

from tests.drills.trees import ROOT
from tests.faults import servers

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]


def drill(*words: str) -> dict:
    """Freeze, poison, recovery, chaos (trees killed, broker emptied, all sent twice); what it counted."""
    run = subprocess.run(  # noqa: S603
        [sys.executable, "benchmarks/render_chaos.py", "--quick", *words],
        cwd=ROOT, capture_output=True, text=True, timeout=580, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr[-4000:]
    print(run.stdout)
    found = json.loads(run.stdout)
    audit = found["audit"]
    assert audit["creatives"] == audit["jobs"]
    assert not any(audit[name] for name in ("unfinished", "wrong_sets", "not_once", "corrupt", "missing"))
    assert found["chaos"]["tree_kills"] >= 1
    return found


def test_workers_over_a_redis_that_is_emptied():
    with servers.redis() as address:
        assert drill("--broker", address)["chaos"]["messages_flushed"] >= 0


def test_workers_over_a_rabbitmq_that_is_purged():
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", 5672)) != 0:
            pytest.skip("no RabbitMQ answers on 127.0.0.1:5672")
    drill("--broker", "amqp://guest:guest@127.0.0.1:5672//")


def test_workers_on_postgresql_over_a_folder():
    with servers.postgres() as cluster:
        drill("--database", cluster.url("drill"))
