"""The one gate: what may be known of a shopper, and what it may be used for. Pure; the default is no."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Purpose(StrEnum):
    """What a shopper may agree to: the purposes of IAB TCF 2.2 that this product has a use for."""

    STORAGE = "storage"  # TCF 1: store and access information
    ADS_PROFILE = "ads_profile"  # TCF 3: create a profile for personalised advertising
    ADS_SELECTION = "ads_selection"  # TCF 4: use that profile to select advertising
    MEASUREMENT = "measurement"  # TCF 7: measure advertising performance


TCF_NUMBERS: dict[Purpose, int] = {
    Purpose.STORAGE: 1,
    Purpose.ADS_PROFILE: 3,
    Purpose.ADS_SELECTION: 4,
    Purpose.MEASUREMENT: 7,
}
EVERY_PURPOSE = frozenset(Purpose)


class Use(StrEnum):
    """What is about to be done with a shopper's data."""

    PERSONALISATION = "personalisation"  # write to a profile, choose or make a creative by it
    MEASUREMENT = "measurement"  # join events of one shopper: caps, experiments, attribution


# A profile that may not be used has no purpose, so making one asks for both 3 and 4.
NEEDED: dict[Use, frozenset[Purpose]] = {
    Use.PERSONALISATION: frozenset({Purpose.STORAGE, Purpose.ADS_PROFILE, Purpose.ADS_SELECTION}),
    Use.MEASUREMENT: frozenset({Purpose.STORAGE, Purpose.MEASUREMENT}),
}


class Refusal(StrEnum):
    """Why nothing may be known of a shopper, or used."""

    NO_CONSENT = "no_consent"
    MINOR = "minor"
    OBJECTION = "objection"
    OPTED_OUT = "opted_out"
    SHOPPER_UNKNOWN = "shopper_unknown"


@dataclass(frozen=True)
class ConsentState:
    """What we know of a shopper's permission. An unknown shopper is ``ConsentState()``."""

    personalisation: bool = False  # the newest answer grants what Use.PERSONALISATION needs
    is_minor: bool = False
    opted_out: bool = False  # a signal of the request itself: Sec-GPC
    measurement: bool = False  # the newest answer grants what Use.MEASUREMENT needs
    has_objected: bool = False  # GDPR article 21(2); stands until the shopper takes it back


def grants(purposes: Iterable[str], use: Use) -> bool:
    """Whether these purposes are all that a use needs."""
    return NEEDED[use] <= set(purposes)


def refusal(state: ConsentState, use: Use = Use.PERSONALISATION) -> Refusal | None:
    """The reason to refuse, None when the use is allowed.

    Being a minor outweighs everything; an objection (GDPR article 21(3)) and Global Privacy Control outweigh
    any consent.
    """
    if state.is_minor:
        return Refusal.MINOR
    if state.has_objected:
        return Refusal.OBJECTION
    if state.opted_out:
        return Refusal.OPTED_OUT
    granted = state.personalisation if use is Use.PERSONALISATION else state.measurement
    return None if granted else Refusal.NO_CONSENT


@dataclass(frozen=True)
class Answer:
    """What a shopper said: the purposes agreed to, and yes, no or nothing about the rest."""

    purposes: frozenset[str]
    objection: bool | None = None
    is_minor: bool | None = None

    @classmethod
    def of(
        cls,
        *,
        personalisation: bool | None = None,
        purposes: Iterable[str] | None = None,
        objection: bool | None = None,
        is_minor: bool | None = None,
        opted_out: bool = False,
    ) -> Answer:
        """``purposes``, or ``personalisation`` for all of them or none; none at all with ``opted_out``."""
        granted = purposes if purposes is not None else EVERY_PURPOSE if personalisation else ()
        return cls(frozenset() if opted_out else frozenset(granted), objection, is_minor)

    @property
    def is_no(self) -> bool:
        """Whether it only takes away. No lack of proof refuses such an answer."""
        return not self.purposes or bool(self.objection) or bool(self.is_minor)


def takes_away(answer: Answer, state: ConsentState) -> bool:
    """Whether the answer ends something that the state allows. Such an answer waits for nothing."""
    return (
        (state.personalisation and not grants(answer.purposes, Use.PERSONALISATION))
        or (state.measurement and not grants(answer.purposes, Use.MEASUREMENT))
        or (bool(answer.objection) and not state.has_objected)
        or (bool(answer.is_minor) and not state.is_minor)
    )


def narrowed(answer: Answer, state: ConsentState, purposes_most: Iterable[str] | None) -> Answer | None:
    """The answer as far as somebody may give it who shows no proof that they speak for the shopper.

    Nobody lifts an objection or the word that the shopper is a minor that way, or grants more than
    ``purposes_most``, the newest answer that came with proof (None: none did). An answer that is a no counts
    without such parts; one that is not is None, refused.
    """
    most = EVERY_PURPOSE if purposes_most is None else frozenset(purposes_most)
    allowed = Answer(
        purposes=answer.purposes & most,
        objection=None if answer.objection is False and state.has_objected else answer.objection,
        is_minor=None if answer.is_minor is False and state.is_minor else answer.is_minor,
    )
    return allowed if allowed == answer or answer.is_no else None


def allowed_rows(use: Use = Use.PERSONALISATION, *, shopper: str = "") -> dict[str, bool]:
    """The same gate as a filter over stored shoppers, reached through ``shopper`` ("shopper__" from a row of
    theirs). ``opted_out`` is a signal of a request, and here there is none."""
    granted = "personalisation_allowed" if use is Use.PERSONALISATION else "measurement_allowed"
    return {f"{shopper}{granted}": True, f"{shopper}has_objected": False, f"{shopper}is_minor": False}


def allow(state: ConsentState, use: Use = Use.PERSONALISATION) -> bool:
    """Whether the use is allowed."""
    return refusal(state, use) is None
