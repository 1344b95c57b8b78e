"""Days are UTC days, whatever the time zone that pages are shown in."""

from __future__ import annotations

from datetime import UTC, date

from django.utils import timezone


def today() -> date:
    """The current UTC day."""
    return timezone.now().astimezone(UTC).date()
