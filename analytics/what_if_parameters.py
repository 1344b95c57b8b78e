"""What may be asked of a log: a period and weights; pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from adplatform.lib.errors import DomainError

MAX_DAYS = 120
MAX_WEIGHTS = 2000


def parameters_parse(*, days: Any = 28, weights: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Checked parameters. Raises DomainError ``parameters_invalid`` with a sentence a field."""
    errors: dict[str, list[str]] = {}
    found: dict[str, float] = {}
    period = 28
    try:
        period = int(days)
    except (TypeError, ValueError, OverflowError):
        errors["days"] = ["A number of days."]
    if not 1 <= period <= MAX_DAYS:
        errors["days"] = [f"Between 1 and {MAX_DAYS} days."]
    for key, value in list((weights or {}).items())[:MAX_WEIGHTS]:
        try:
            number = float(value)
            found[str(UUID(str(key)))] = number
        except (TypeError, ValueError, OverflowError):
            errors["weights"] = ["Each weight is a number for a variant's id."]
            continue
        if not (math.isfinite(number) and 0 <= number <= 1e6):
            errors["weights"] = ["A weight is a number from 0 to 1,000,000."]
    if found and sum(found.values()) <= 0:
        errors["weights"] = ["One weight at least is above 0."]
    if errors:
        sentence = " ".join(s for sentences in errors.values() for s in sentences)
        raise DomainError("parameters_invalid", sentence, errors=errors)
    return {"days": period, "weights": found}
