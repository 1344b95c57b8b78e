"""Servers of a fault test's own: on loopback, on free ports, gone when it ends."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.drills.trees import ROOT, wait_for


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Cluster:
    """A PostgreSQL cluster made for one test from the installed binaries, not as root."""

    def __init__(self, folder: Path, binaries: Path, user: list[str]) -> None:
        self.folder, self._binaries, self._user = folder, binaries, user
        self.port = free_port()
        self._run("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
        self._run(*self._start_words())

    def url(self, database: str = "postgres") -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/{database}"

    @property
    def restart_command(self) -> list[str]:
        """Ends it as a crash does (no checkpoint, connections cut) and starts it again."""
        return [*self._user, str(self._binaries / "pg_ctl"), "-D", str(self.folder), "-m", "immediate",
                "-w", "-l", str(self.folder / "log"), "-o", self._options(), "restart"]  # fmt: skip

    def stop(self) -> None:
        self._run("pg_ctl", "-m", "immediate", "stop", check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _options(self) -> str:
        return f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1"

    def _start_words(self) -> list[str]:
        return ["pg_ctl", "-w", "-l", str(self.folder / "log"), "-o", self._options(), "start"]

    def _run(self, program: str, *words: str, check: bool = True) -> None:
        command = [*self._user, str(self._binaries / program), "-D", str(self.folder), *words]
        subprocess.run(command, check=check, stdout=subprocess.DEVNULL, cwd="/tmp", timeout=60)  # noqa: S603, S108


@contextlib.contextmanager
def postgres() -> Iterator[Cluster]:
    """A private cluster; skips where PostgreSQL is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("needs PostgreSQL's server programs (Debian: postgresql); no cluster can be made without")
    folder = Path(tempfile.mkdtemp(prefix="faults-pg-"))
    user: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        try:
            owner = pwd.getpwnam("postgres")
        except KeyError:
            pytest.skip("run as root, it needs a user postgres that the cluster can belong to")
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        user = ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]
    cluster = Cluster(folder, found[-1].parent, user)
    try:
        yield cluster
    finally:
        cluster.stop()


@contextlib.contextmanager
def redis() -> Iterator[str]:
    """The address of a private Redis that keeps nothing on disk; skips where none is installed."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("needs redis-server")
    port = free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603

    def answers() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    try:
        wait_for("Redis", answers, 20)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait()


class Product:
    """``manage.py serve``: the hot group, the pages and a worker, in a folder of its own."""

    def __init__(self, folder: Path, *, web_workers: int = 1, **environment: str) -> None:
        self.port, self.folder = free_port(), folder
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "adplatform.settings",
            "DATABASE_URL": f"sqlite:///{folder / 'adplatform.sqlite3'}",
            "VAR_DIR": str(folder),
            "LOG_LEVEL": "WARNING",
            **environment,
        }
        self.log = folder / "serve.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(  # noqa: S603
                [sys.executable, "manage.py", "serve", "--port", str(self.port),
                 "--web-workers", str(web_workers)],
                cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        wait_for("the product's first answer", lambda: self.status("/healthz") == 200, 300)

    def status(self, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> int:
        """HTTP's status; 0 where nobody answers."""
        request = urllib.request.Request(self.url + path, data=body, headers=headers or {})  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
                answer.read()
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def manage(self, code: str) -> str:
        """What a line of Python prints, run in the product's shell."""
        run = subprocess.run(  # noqa: S603
            [sys.executable, "manage.py", "shell", "--no-imports", "-c", code],
            cwd=ROOT, env=self.environment, capture_output=True, text=True, check=True, timeout=120,
        )  # fmt: skip
        return run.stdout.strip()

    def children(self, word: str) -> list[int]:
        """Process ids of the supervisor's children whose command line has the word."""
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                if parent == self.process.pid and word in (entry / "cmdline").read_text():
                    found.append(int(entry.name))
        return found

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def seconds_until(condition: object, limit: float) -> float:
    """How long it took. Raises TimeoutError."""
    started = time.monotonic()
    wait_for("the recovery", condition, limit)  # type: ignore[arg-type]
    return time.monotonic() - started
