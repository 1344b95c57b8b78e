"""What ends a long training before its last step: a time, a polite signal."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType


class StopOnSignal:
    """SIGTERM asks the loop to end after the step at hand, with a checkpoint; a second one kills."""

    def __init__(self) -> None:
        self.asked = False
        signal.signal(signal.SIGTERM, self._ask)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def __call__(self) -> bool:
        return self.asked


@dataclass(frozen=True)
class RunLimits:
    """How far this go at a run may go; the next one resumes. Without any, to the run's last step."""

    max_seconds: float | None = None
    should_stop: Callable[[], bool] = lambda: False

    def reached(self, seconds: float) -> bool:
        """Whether to end with a checkpoint now, ``seconds`` after the start of this go."""
        return self.should_stop() or (self.max_seconds is not None and seconds > self.max_seconds)


NO_LIMITS = RunLimits()
