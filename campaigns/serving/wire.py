"""The shapes of ``POST /api/v1/decisions``; msgspec checks them at no measurable cost."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec

MAX_BODY_BYTES = 64 * 1024
MAX_PLACEMENTS = 20

ProductId = Annotated[str, msgspec.Meta(max_length=120)]
Code = Annotated[str, msgspec.Meta(min_length=1, max_length=60)]


class DecisionContext(msgspec.Struct, frozen=True):
    """What the page says about itself."""

    page_url: Annotated[str, msgspec.Meta(max_length=2000)] | None = None
    device: Literal["desktop", "mobile", "tablet", "other"] | None = None
    # A simulation's own clock; only for a secret key and a shopper who is marked as simulated.
    simulated_at: datetime | None = None
    # Creatives that this page shows already: neither they nor their products are chosen again.
    shown: Annotated[list[UUID], msgspec.Meta(max_length=100)] = []
    # The feed's ids of the products that the page is about: an advert for itself is wasted.
    products: Annotated[list[ProductId], msgspec.Meta(max_length=100)] = []


class DecisionRequest(msgspec.Struct, frozen=True):
    """Several placements of one page in one call, for one shopper or none."""

    placements: Annotated[tuple[Code, ...], msgspec.Meta(min_length=1, max_length=MAX_PLACEMENTS)]
    shopper: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    context: DecisionContext = DecisionContext()


class CreativeAnswer(msgspec.Struct, frozen=True):
    """What to show."""

    id: UUID
    image_url: str
    width: int
    height: int
    alt: str
    headline: str


class CandidateAnswer(msgspec.Struct, frozen=True):
    """One candidate and why it lost; ``reason`` null marks the one that is shown."""

    campaign_id: UUID
    campaign: str
    variant_id: UUID
    product: str
    segment_id: UUID | None
    reason: str | None
    number: int | None
    sentence: str
    priority: int
    weight: float
    propensity: float
    is_challenger: bool = False  # the variant's second picture, which an experiment alone shows


class Disclosure(msgspec.Struct, frozen=True):
    """What article 26 of the Digital Services Act asks to be said of an advertisement."""

    is_advertisement: bool
    on_behalf_of: str
    paid_by: str
    parameters: list[
        str
    ]  # of this decision: "interest:<taxonomy id>", or "none" where nothing personal entered
    change_url: str  # a page on which the shopper takes an interest away, or all
    is_ai_generated: bool


class SlotAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one placement shows; without ``filled`` the ``reason`` says why it shows nothing."""

    placement: str
    decision_id: UUID
    filled: bool
    reason: str | None = None
    creative: CreativeAnswer | None = None
    click_url: str | None = None
    impression_token: str | None = None
    label: str | None = None
    why_url: str | None = None  # a page for the shopper, in plain words
    why_label: str | None = None
    disclosure: Disclosure | None = None
    propensity: float | None = None
    match: Literal["segment", "generic", "house"] | None = None
    candidates: list[CandidateAnswer] | None = None  # only with ?explain=1 and a secret key


class DecisionAnswer(msgspec.Struct, frozen=True):
    """One answer a placement, in the order of the request."""

    decisions: list[SlotAnswer]


decode = msgspec.json.Decoder(DecisionRequest).decode
encode = msgspec.json.Encoder().encode
