"""A polite stop for long training."""

from __future__ import annotations

import signal
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
