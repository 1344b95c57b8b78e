"""Places where a drill may kill, freeze or starve this process; nothing can arm them outside tests.

``FAILPOINTS="file_written=kill:0.05,stored=stop"`` is read only where ``settings.TESTING`` is set, which
no environment variable of the product can do. A point that is not armed costs one look into a dictionary.
"""

from __future__ import annotations

import errno
import functools
import os
import random
import signal
import time
from collections.abc import Callable

from django.conf import settings


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _stop() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def _hang() -> None:
    while True:  # as a call into a driver that never comes back; other threads go on
        time.sleep(60)


def _full() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


ACTIONS: dict[str, Callable[[], None]] = {"kill": _kill, "stop": _stop, "hang": _hang, "full": _full}


Armed = dict[str, list[tuple[Callable[[], None], float]]]


def failpoints_parse(text: str) -> Armed:
    """Name -> (action, chance)s of ``name=action[:chance],...``. Raises ValueError or KeyError."""
    points: Armed = {}
    for part in filter(None, text.split(",")):
        name, _, rest = part.partition("=")
        action, _, chance = rest.partition(":")
        points.setdefault(name.strip(), []).append((ACTIONS[action], float(chance or 1)))
    return points


@functools.cache
def _armed() -> Armed:
    return failpoints_parse(os.environ.get("FAILPOINTS", "")) if settings.TESTING else {}


def failpoint(name: str) -> None:
    """Do here what the drill asked for at ``name``, each with its chance; otherwise nothing."""
    for action, chance in _armed().get(name, ()):
        if random.random() < chance:
            action()
