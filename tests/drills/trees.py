"""Worker trees: real Celery workers of a drill, started, frozen and killed as a machine would."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def wait_for(what: str, condition: Callable[[], object], seconds: float = 150.0) -> None:
    """Return once the condition holds. Raises TimeoutError naming ``what``."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError(f"{what} did not happen within {seconds:.0f} s")
        time.sleep(0.05)


class Tree:
    """One worker: Celery's parent, its beat and its children, in a process group of their own."""

    def __init__(self, folder: Path, name: str, *, children: int = 1, **environment: str) -> None:
        self.log = folder / f"{name}.log"
        self._command = [
            sys.executable, "-m", "celery", "-A", "tests.drills.worker", "--quiet", "worker",
            "--pool", "prefork", "--concurrency", str(children), "--queues", "default,gpu,pictures",
            "--beat", "--schedule", str(folder / name), "--hostname", f"{name}@drill",
            "--loglevel", "WARNING", "--without-gossip", "--without-mingle",
        ]  # fmt: skip
        self._environment = {**os.environ, **environment}
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603
                self._command,
                cwd=ROOT,
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        """SIGKILL to all of them at once, as a machine that loses its power."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def terminate(self) -> float:
        """SIGTERM to the parent, as an orchestrator does; seconds until it was gone."""
        started = time.monotonic()
        self.process.terminate()
        self.process.wait(timeout=60)
        return time.monotonic() - started

    def frozen(self) -> list[int]:
        """Processes of this tree that a SIGSTOP holds."""
        return [pid for pid, state in group_states(self.process.pid) if state == "T"]

    def owns(self, lease_owner: str) -> bool:
        """Whether the lease's worker (``host:pid``) is a child of this tree."""
        return int(lease_owner.rsplit(":", 1)[1]) in [pid for pid, _ in group_states(self.process.pid)]


def group_states(group: int) -> list[tuple[int, str]]:
    """(process id, state letter) of every living process of a group, from /proc."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[2]) == group:
            found.append((int(entry.name), fields[0]))
    return found
