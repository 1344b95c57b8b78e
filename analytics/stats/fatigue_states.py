"""What is said of a creative that is shown for long; without any library, because pages name the states."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """What a manager reads."""

    HEALTHY = "healthy"
    LIMITED = "limited"
    FATIGUED = "fatigued"
    UNKNOWN = "unknown"
