"""Kill, freeze, stop and poison real render workers, and count what is left.

    python benchmarks/render_chaos.py [--jobs 400] [--database postgres://...] [--broker redis://...]

Real Celery workers, real composition and files, the test suite's renderer of milliseconds, a database
and a media folder of the drill's own. Fails unless every job ended with exactly one set of creatives and
every file holds the bytes that its name says. ``--quick`` is the size that CI runs.
"""

from __future__ import annotations

import argparse

# ruff: noqa: E402  (Django's settings have to be named before Django is imported)
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--jobs", type=int, default=400, help="jobs of the random part")
parser.add_argument(
    "--workers", type=int, default=2, help="worker trees of the random part, two children each"
)
parser.add_argument("--rate", type=float, default=0.05, help="chance of each failpoint")
parser.add_argument("--seed", type=int, default=1, help="of the harness; the workers draw their own")
parser.add_argument(
    "--database", default="", help="SQLite without it; a PostgreSQL database is dropped first"
)
parser.add_argument("--broker", default="filesystem://")
parser.add_argument("--quick", action="store_true", help="12 jobs and short leases")
parser.add_argument("--only", default="", help="parts to run: freeze, hang, poison, stop, recovery, chaos")
options = parser.parse_args()
if options.quick:
    options.jobs, options.rate = 12, 0.08
PARTS = "freeze,poison,recovery,chaos" if options.quick else "freeze,hang,poison,stop,recovery,chaos"
LEASE_SECONDS, SWEEP_SECONDS = (2, 1.0) if options.quick else (30, 5.0)

VAR = Path(tempfile.mkdtemp(prefix="adplatform-drill-"))
os.environ.update(
    VAR_DIR=str(VAR),
    CELERY_BROKER_URL=options.broker,
    DJANGO_SETTINGS_MODULE="tests.drills.settings",
    LOG_LEVEL="WARNING",
    GENERATION_LEASE_SECONDS=str(LEASE_SECONDS),
    DRILL_SWEEP_SECONDS=str(SWEEP_SECONDS),
)
if options.database:
    import psycopg

    os.environ["DATABASE_URL"] = options.database
    name = urlsplit(options.database).path.strip("/")
    with psycopg.connect(
        urlsplit(options.database)._replace(path="/postgres").geturl(), autocommit=True
    ) as admin:
        admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        admin.execute(f'CREATE DATABASE "{name}"')

import django

django.setup()

from django.conf import settings
from django.core.management import call_command
from django.db.models import Count, Sum
from django.utils import timezone

from adplatform.celery import app
from adplatform.lib.files import sha256_hex
from generation import media_sweep
from generation.models import Creative, RenderAttempt, RenderJob
from generation.tasks import render_wake
from tests import factories
from tests.drills.trees import Tree, wait_for

Status = RenderJob.Status
SIZES = ((320, 50),)
CHAOS_LEASE = 3


class Drill:
    """The shop whose pictures are asked for, and what goes on around them."""

    def __init__(self) -> None:
        self.control(step_seconds=0.01)
        call_command("migrate", verbosity=0)
        self.shop = factories.make_advertiser("drill")
        self.product = factories.make_product(self.shop)
        self.takes = iter(range(1_000_000))
        self.trees: list[Tree] = []
        self.random = random.Random(options.seed)
        self.fenced = 0

    def control(self, *, step_seconds: float, poison: tuple[int, ...] = ()) -> None:
        """How the workers' renderer behaves from its next step on."""
        temporary = VAR / "drill.json.tmp"
        temporary.write_text(json.dumps({"step_seconds": step_seconds, "poison": poison}))
        temporary.rename(VAR / "drill.json")

    def tree(self, name: str, **arguments) -> Tree:
        tree = Tree(VAR, name, **arguments)
        self.trees.append(tree)
        return tree

    def jobs(self, count: int, **fields) -> list[RenderJob]:
        return [
            factories.make_render_job(
                self.shop, product=self.product, model="tiny", sizes=SIZES, take=next(self.takes)
            )
            for _ in range(count)
        ]

    def owner(self, job: RenderJob) -> tuple[Tree, Tree]:
        """Wait until the job is in its sampler; the tree that renders it and the other one."""

        def rendering() -> bool:
            job.refresh_from_db()
            return job.status == Status.LEASED and job.stage == "rendering"

        wait_for("a render", rendering)
        first, second = self.trees
        return (first, second) if first.owns(job.lease_owner) else (second, first)

    def end(self) -> None:
        for tree in self.trees:
            if tree.process.poll() is None:
                tree.kill()
            self.fenced += tree.log.read_text(errors="replace").count("lease_lost")
            tree.log.unlink()
        self.trees.clear()


def ended(jobs: list[RenderJob], *statuses: str) -> bool:
    return RenderJob.objects.filter(pk__in=[job.pk for job in jobs], status__in=statuses).count() == len(jobs)


def hurry() -> None:
    """A full disk waits a minute and a second crash ten seconds; the drill does not."""
    now = timezone.now()
    RenderJob.objects.filter(status=Status.QUEUED, available_at__gt=now).update(available_at=now)


def freeze(drill: Drill) -> dict[str, object]:
    """A freezes with its pictures stored, about to commit; its lease ends; B renders; A thaws."""
    a = drill.tree("a", FAILPOINTS="stored=stop", GENERATION_LEASE_SECONDS="4", DRILL_SWEEP_SECONDS="1")
    (job,) = drill.jobs(1)
    wait_for("the freeze", a.frozen)
    drill.tree("b", GENERATION_LEASE_SECONDS="4", DRILL_SWEEP_SECONDS="1")
    wait_for("B's render", lambda: ended([job], Status.SUCCEEDED))
    before = list(job.creatives.values_list("file", "created_at"))
    for pid in a.frozen():
        os.kill(pid, signal.SIGCONT)
    wait_for("A noticing", lambda: "lease_lost" in a.log.read_text())
    job.refresh_from_db()
    outcomes = list(job.tries.order_by("epoch").values_list("outcome", flat=True))
    assert outcomes == ["lost", "succeeded"], outcomes
    assert list(job.creatives.values_list("file", "created_at")) == before
    assert (len(before), job.lease_epoch, job.crashes, job.attempts) == (len(SIZES), 2, 1, 0)
    return {"creatives": len(before), "epoch": job.lease_epoch}


def hang(drill: Drill) -> dict[str, object]:
    """The sampler hangs as in a driver: the heartbeat ends the process, the job goes to the next worker."""
    a = drill.tree(
        "a", FAILPOINTS="step=hang", GENERATION_STEP_DEADLINE_SECONDS="1", GENERATION_LEASE_SECONDS="2"
    )
    (job,) = drill.jobs(1)
    wait_for("the hang's end", lambda: job.tries.filter(error_code="step_stalled").exists())
    a.kill()
    drill.tree("b", DRILL_SWEEP_SECONDS="1")
    wait_for("the next worker", lambda: ended([job], Status.SUCCEEDED), 90)
    first = job.tries.get(epoch=1)
    return {"ended_s": round(first.seconds or 0, 1)}


def poison(drill: Drill) -> dict[str, object]:
    """A job that kills its worker comes first; five good ones wait behind it. One worker, one child."""
    jobs = drill.jobs(6)
    RenderJob.objects.filter(pk=jobs[0].pk).update(priority=1)
    drill.control(step_seconds=0.01, poison=(jobs[0].seed,))
    started = time.monotonic()
    drill.tree("a", GENERATION_LEASE_SECONDS="4", DRILL_SWEEP_SECONDS="1")
    wait_for("the good jobs", lambda: ended(jobs[1:], Status.SUCCEEDED))
    good_seconds = time.monotonic() - started
    wait_for("the poison's end", lambda: hurry() or ended(jobs[:1], Status.DEAD), 90)
    jobs[0].refresh_from_db()
    assert (jobs[0].tries.count(), jobs[0].crashes, jobs[0].attempts) == (3, 3, 0)
    drill.control(step_seconds=0.01)
    RenderJob.objects.filter(pk=jobs[0].pk).delete()  # it has no creatives and is not part of the count below
    return {"starts": 3, "others_done_s": round(good_seconds, 1)}


def stop(drill: Drill) -> dict[str, object]:
    """SIGTERM in the middle of a render: the lease is given back and the other worker goes on."""
    drill.control(step_seconds=1.0)
    drill.tree("a"), drill.tree("b")
    (job,) = drill.jobs(1)
    owner, _ = drill.owner(job)
    stopped_at = timezone.now()
    seconds = owner.terminate()
    drill.control(step_seconds=0.01)
    wait_for("the other worker", lambda: ended([job], Status.SUCCEEDED))
    job.refresh_from_db()
    outcomes = list(job.tries.order_by("epoch").values_list("outcome", flat=True))
    assert (outcomes, job.crashes, job.attempts) == (["released", "succeeded"], 0, 0), outcomes
    restarted = job.tries.get(epoch=2).started_at - stopped_at
    return {"worker_gone_s": round(seconds, 1), "restarted_s": round(restarted.total_seconds(), 1)}


def recovery(drill: Drill) -> dict[str, object]:
    """``kill -9`` of the whole tree in the middle of a render; another worker is idle."""
    drill.control(step_seconds=1.0)
    drill.tree("a"), drill.tree("b")
    (job,) = drill.jobs(1)
    owner, _ = drill.owner(job)
    killed_at = timezone.now()
    owner.kill()
    drill.control(step_seconds=0.01)
    wait_for("the other worker", lambda: ended([job], Status.SUCCEEDED), LEASE_SECONDS + 60)
    restarted = (job.tries.get(epoch=2).started_at - killed_at).total_seconds()
    assert restarted <= LEASE_SECONDS + 10, restarted
    return {"restarted_s": round(restarted, 1), "allowed_s": LEASE_SECONDS + 10}


def chaos(drill: Drill) -> dict[str, object]:
    """Every failpoint armed, trees killed at random, every wake-up sent twice, the broker emptied once."""
    rate = options.rate
    points = (
        f"claimed=kill:{rate},step=kill:{rate / 4},file_written=kill:{rate / 2},file_written=full:{rate / 5},"
        f"stored=kill:{rate},stored=stop:{rate / 2},finishing=kill:{rate},finished=kill:{rate}"
    )
    drill.control(step_seconds=0.01)
    jobs = drill.jobs(options.jobs)
    for job in jobs:
        for _ in range(2):
            render_wake.apply_async(args=[str(job.pk)])
    for number in range(options.workers):
        drill.tree(
            f"chaos{number}",
            children=2,
            FAILPOINTS=points,
            GENERATION_LEASE_SECONDS=str(CHAOS_LEASE),
            GENERATION_MAX_CRASHES="1000",
            DRILL_SWEEP_SECONDS="1",
        )
    counts: Counter[str] = Counter()
    over = threading.Event()
    thawing = threading.Thread(target=_thaw, args=(drill, over, counts))
    thawing.start()
    started = time.monotonic()
    next_kill, tries_then = started + 4, 0
    is_flushed = False
    while not ended(jobs, Status.SUCCEEDED):
        if time.monotonic() - started > 300 + 2 * options.jobs:
            raise TimeoutError(str(Counter(RenderJob.objects.values_list("status", flat=True))))
        hurry()
        # Two new tries between two kills: on a busy machine a tree would not live until its first job.
        tries_now = RenderAttempt.objects.count()
        if (
            time.monotonic() > next_kill
            and tries_now >= tries_then + 2
            and counts["tree_kills"] < max(2, options.jobs // 10)
        ):
            tries_then = tries_now
            tree = drill.random.choice(drill.trees)
            tree.kill()
            tree.start()
            counts["tree_kills"] += 1
            next_kill = time.monotonic() + drill.random.uniform(4, 10)
        if not is_flushed and RenderJob.objects.filter(status=Status.SUCCEEDED).count() > options.jobs / 2:
            counts["messages_flushed"] = _flush()
            is_flushed = True
        time.sleep(0.2)
    seconds = time.monotonic() - started
    over.set()
    thawing.join()
    tries = RenderAttempt.objects.filter(job__in=jobs)
    return {
        "jobs": len(jobs),
        "seconds": round(seconds),
        "tries": tries.count(),
        "lost": tries.filter(outcome="lost").count(),
        "disk_full": tries.filter(error_code="storage_full").count(),
        **counts,
    }


def _thaw(drill: Drill, over: threading.Event, counts: Counter[str]) -> None:
    """Thaw every process that was frozen for longer than its lease."""
    since: dict[int, float] = {}
    while not over.wait(0.3):
        for pid in [pid for tree in drill.trees for pid in tree.frozen()]:
            if time.monotonic() - since.setdefault(pid, time.monotonic()) > CHAOS_LEASE + 1.5:
                del since[pid]
                counts["thaws"] += 1
                try:
                    os.kill(pid, signal.SIGCONT)
                except ProcessLookupError:  # its tree was killed meanwhile
                    continue


def _flush() -> int:
    """Empty the broker of every waiting message; how many there were."""
    if options.broker == "filesystem://":
        files = list((VAR / "broker" / "queue").iterdir())
        for path in files:
            path.unlink(missing_ok=True)
        return len(files)
    with app.connection_for_write() as connection:
        channel = connection.default_channel
        return sum(channel.queue_purge(queue) or 0 for queue in ("default", "gpu"))


def audit(drill: Drill) -> dict[str, object]:
    """What is left of all scenarios: rows against rows, and every file against its name."""
    jobs = RenderJob.objects.count()
    unfinished = RenderJob.objects.exclude(status=Status.SUCCEEDED).count()
    wrong = RenderJob.objects.annotate(n=Count("creatives")).exclude(n=len(SIZES)).count()
    twice = jobs - RenderAttempt.objects.filter(outcome="succeeded").values("job").distinct().count()
    running = RenderAttempt.objects.filter(outcome="running").count()
    root = Path(settings.MEDIA_ROOT)
    files = [
        path for folder in media_sweep.FOLDERS for path in (root / folder).rglob("*.*") if path.is_file()
    ]
    whole = [path for path in files if not path.name.endswith(".tmp")]
    corrupt = sum(sha256_hex(path.read_bytes()) != path.stem for path in whole)
    named = {
        *RenderJob.objects.values_list("picture", flat=True),
        *Creative.objects.values_list("file", flat=True),
    }
    missing = sum(not (root / name).is_file() for name in named)
    halves, orphans = len(files) - len(whole), len(whole) - len(named)
    later = time.time() + timedelta(days=2).total_seconds()
    deleted = media_sweep.media_sweep(now=later)
    left = {
        path.relative_to(root).as_posix()
        for folder in media_sweep.FOLDERS
        for path in (root / folder).rglob("*.*")
    }
    result = {
        "jobs": jobs, "creatives": Creative.objects.count(), "unfinished": unfinished, "wrong_sets": wrong,
        "not_once": twice, "running": running, "corrupt": corrupt, "missing": missing, "halves_swept": halves,
        "orphans_swept": orphans, "crashes": RenderJob.objects.aggregate(n=Sum("crashes"))["n"],
        "fenced": drill.fenced,
    }  # fmt: skip
    assert not any((unfinished, wrong, twice, running, corrupt, missing)), result
    assert deleted == {"temporary": halves, "orphans": orphans}, (deleted, result)
    assert left == named, "the sweep leaves what rows name, and nothing else"
    return result


def main() -> None:
    drill = Drill()
    results: dict[str, object] = {"lease_s": LEASE_SECONDS, "sweep_s": SWEEP_SECONDS}
    try:
        for name in (options.only or PARTS).split(","):
            started = time.monotonic()
            results[name] = globals()[name](drill)
            drill.end()
            print(
                f"{name} ({time.monotonic() - started:.0f} s): {results[name]}", file=sys.stderr, flush=True
            )
        results["audit"] = audit(drill)
    except Exception:
        for tree in drill.trees:
            print(f"{tree.log.name}:\n{tree.log.read_text(errors='replace')[-3000:]}", file=sys.stderr)
        raise
    finally:
        drill.end()
    print(json.dumps(results))


if __name__ == "__main__":
    main()
