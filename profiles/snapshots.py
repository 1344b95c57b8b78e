"""Frozen values that other apps receive. They hold a pseudonym at the most, never a shop's own key."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True)
class Audience:
    """What a decision may know of a shopper."""

    pseudonym: str
    segment_ids: tuple[UUID, ...] = ()  # strongest first; empty without consent
    personalisation_allowed: bool = False
    is_simulated: bool = False
    # For each of the segments: which of the shopper's own interests put them there, strongest first.
    interests: tuple[tuple[str, ...], ...] = ()
    # With consent to personalisation, also where there is none to measurement: only for "why this ad", where
    # the shopper may take interests away. Nothing else may be joined by it.
    why_pseudonym: str = ""


@dataclass(frozen=True)
class InterestWeight:
    """An interest of a profile in words."""

    id: str
    label_en: str
    label_zh: str
    iab_id: str
    weight: float


@dataclass(frozen=True)
class ProfileSnapshot:
    """A shopper's profile as the shop may read it."""

    pseudonym: str
    language: str
    personalisation_allowed: bool
    is_minor: bool
    is_simulated: bool
    interests: tuple[InterestWeight, ...]
    segments: tuple[tuple[UUID, str, float], ...]  # id, name, strength; strongest first
    behaviours: int
    computed_at: datetime | None
    last_seen_at: datetime | None


@dataclass(frozen=True)
class BehaviourInput:
    """One behaviour as the storefront told us, already checked by the edge for form."""

    event_id: str
    shopper_key: str
    kind: str  # a Behaviour.Kind value
    occurred_at: datetime
    text: str = ""  # search words, a stated interest, or the product's title
    category: str = ""  # the product's category, when the behaviour is about a product
    product_id: str = ""
    place: int = -1  # where it stood in the request; -1: its place in the sequence


@dataclass(frozen=True)
class Rejection:
    """One refused item of a batch."""

    index: int
    code: str


@dataclass(frozen=True)
class RecordResult:
    """What became of a batch; the three counts add up to its length."""

    accepted: int
    duplicates: int
    rejected: tuple[Rejection, ...] = ()
