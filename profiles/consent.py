"""The one gate of personalisation. Pure; the default is no."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Refusal(StrEnum):
    """Why nothing may be known of a shopper, or used."""

    NO_CONSENT = "no_consent"
    MINOR = "minor"
    SHOPPER_UNKNOWN = "shopper_unknown"


@dataclass(frozen=True)
class ConsentState:
    """What we know of a shopper's permission. An unknown shopper is ``ConsentState()``."""

    personalisation: bool = False
    is_minor: bool = False
    opted_out: bool = False  # a signal of the request itself: Sec-GPC or an objection


def refusal(state: ConsentState) -> Refusal | None:
    """The reason to refuse, None when a profile may be made and used. Being a minor outweighs consent."""
    if state.is_minor:
        return Refusal.MINOR
    if state.opted_out or not state.personalisation:
        return Refusal.NO_CONSENT
    return None


def allow(state: ConsentState) -> bool:
    """Whether a profile of this shopper may be made and used."""
    return refusal(state) is None
