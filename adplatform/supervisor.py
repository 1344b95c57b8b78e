"""Runs the web servers and the worker as children, and stops all together.

Each child gets a session of its own, so Ctrl-C reaches only this process, which then stops them in
order; on Linux the kernel also ends them should this process be killed.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from adplatform.relay import IN_FLIGHT_MAX

log = structlog.get_logger(__name__)

MIN_FREE_BYTES = 500 * 1024 * 1024
RESTART_PAUSE_SECONDS = 2.0
HOT_THREADS = IN_FLIGHT_MAX + 4  # the relay's, and those that decide
PAGE_THREADS = 4
_PR_SET_PDEATHSIG = 1


class StartProblem(Exception):
    """Something that a person must change before the product can start; the text says what."""


def check_port(host: str, port: int) -> None:
    """Raises StartProblem when another program listens on the port."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise StartProblem(
                f"Port {port} on {host} cannot be used ({error.strerror}). Stop what uses it or choose "
                f"another: --port {port + 1}"
            ) from None


def check_disk(folder: Path) -> None:
    """Raises StartProblem with less than 500 MB free: pictures would fail half-way."""
    free = shutil.disk_usage(folder).free
    if free < MIN_FREE_BYTES:
        raise StartProblem(f"Only {free // 1024**2} MB are free in {folder}; at least 500 MB are needed.")


def check_model(name: str, folder: str) -> None:
    """Raises StartProblem when the default model is a folder that is not there."""
    if Path(folder).is_absolute() and not (Path(folder) / "model_index.json").is_file():
        raise StartProblem(
            f"The image model {name!r} is not at {folder} (no model_index.json there). Restore the "
            "folder, or name another model with GENERATION_MODELS and GENERATION_DEFAULT_MODEL."
        )


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass
class Child:
    """One supervised process.

    ``stop_seconds`` is how long it may take to finish its work; a service is started again when it ends,
    anything else runs once.
    """

    name: str
    command: Sequence[str]
    stop_seconds: float
    is_service: bool = True
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    socket: Path | None = None  # that it listens at

    def start(self) -> None:
        """Start, or start again: what a killed one left, processes and a socket, is in the way."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        if self.socket is not None:
            self.socket.unlink(missing_ok=True)
        self.process = subprocess.Popen(  # noqa: S603 - our own command line
            self.command,
            env={**os.environ, **self.environment},
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )
        self.started_at = time.monotonic()

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def ask_to_stop(self) -> None:
        if self.is_running():
            self.process.terminate()  # type: ignore[union-attr]

    def wait_or_kill(self) -> None:
        """Wait for the end; past ``stop_seconds`` the whole process group is killed."""
        if self.process is None:
            return
        try:
            self.process.wait(self.stop_seconds)
        except subprocess.TimeoutExpired:
            log.warning("child_killed", child=self.name, after_seconds=self.stop_seconds)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Supervisor:
    """Keeps children running until told to stop."""

    def __init__(self, children: Sequence[Child]) -> None:
        self.children = list(children)
        self._stopping = False

    def run(self, on_ready: Callable[[], None], health_url: str, ready_seconds: float = 60.0) -> None:
        """Start all, call ``on_ready`` once the health URL answers, and stay until SIGINT or SIGTERM.

        Raises StartProblem when the web server does not become healthy in time.
        """
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        try:
            for child in self.children:
                if child.is_service:
                    child.start()
            self._wait_until_healthy(health_url, ready_seconds)
            if not self._stopping:
                on_ready()
                for child in self.children:
                    if not child.is_service:
                        child.start()
            while not self._stopping:
                self._restart_the_dead()
                time.sleep(0.3)
        finally:
            self.stop()

    def stop(self) -> None:
        """Stop all children, in parallel."""
        self._stopping = True
        for child in self.children:
            child.ask_to_stop()
        for child in self.children:
            child.wait_or_kill()

    def _on_signal(self, number: int, frame: object) -> None:
        self._stopping = True

    def _wait_until_healthy(self, url: str, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self._stopping:
            try:
                with urllib.request.urlopen(url, timeout=2):  # noqa: S310 # nosec B310 - our own loopback address
                    return
            except (urllib.error.URLError, OSError):
                pass
            dead = [child.name for child in self.children if child.is_service and not child.is_running()]
            if dead:
                raise StartProblem(f"The {dead[0]} ended while starting; its messages are above.")
            if time.monotonic() > deadline:
                raise StartProblem(f"The web server did not answer {url} within {seconds:.0f} s.")
            time.sleep(0.2)

    def _restart_the_dead(self) -> None:
        for child in self.children:
            if not child.is_service or child.is_running():
                continue
            if time.monotonic() - child.started_at < RESTART_PAUSE_SECONDS:
                continue
            code = child.process.returncode if child.process else None
            log.warning("child_restarted", child=child.name, exit_code=code)
            child.start()


def web_children(host: str, port: int, workers: int, page_workers: int) -> list[Child]:
    """The hot endpoints on the public port, and the pages behind it in processes of their own.

    A decision's processor time is Python's, so threads gain it nothing (two a worker measured best at 16
    clients); the others each carry a page on its way to and from the pages' socket.
    """
    # A folder of our own, with a short name: a socket's path may have 107 characters.
    pages_socket = str(Path(tempfile.mkdtemp(prefix="adplatform-")) / "pages.sock")
    environment = {"PAGES_SOCKET": pages_socket}
    public = ["--host", host, "--port", str(port)]
    hot = _granian("adplatform.hot_wsgi:application", workers, HOT_THREADS, public)
    pages = _granian("adplatform.wsgi:application", page_workers, PAGE_THREADS, ["--uds", pages_socket])
    return [
        Child("page server", pages, stop_seconds=10, environment=environment, socket=Path(pages_socket)),
        Child("web server", hot, stop_seconds=10, environment=environment),
    ]


def _granian(target: str, workers: int, threads: int, binding: Sequence[str]) -> list[str]:
    return [
        sys.executable, "-m", "granian", "--interface", "wsgi", target, *binding,
        "--workers", str(workers), "--blocking-threads", str(threads),
        # granian warns of more threads than twice the cores: ours wait for pages.
        "--no-ws", "--log-level", "error", "--respawn-failed-workers",
    ]  # fmt: skip


def worker_children() -> list[Child]:
    """One for the work of the product, with the beat, and one that waits for the hosts of remote pictures:
    a long queue of these keeps no roll-up, webhook or erasure waiting.
    """
    pictures = Child("pictures worker", _celery("pictures", "--hostname", "pictures@%h"), stop_seconds=45)
    return [Child("worker", _celery("default,gpu", "--beat"), stop_seconds=45), pictures]


def _celery(queues: str, *more: str) -> list[str]:
    """Prefork with one child: only prefork enforces time limits, and torch stays in the child."""
    return [
        sys.executable, "-m", "celery", "-A", "adplatform", "--quiet", "worker", "--pool", "prefork",
        "--concurrency", "1", "--queues", queues, *more, "--loglevel", "WARNING",
        "--without-gossip", "--without-mingle",
    ]  # fmt: skip


def drain_child() -> Child:
    """Stores what waits in the Redis buffer of events."""
    command = [sys.executable, "manage.py", "events_drain"]
    return Child("events drain", command, stop_seconds=10)
