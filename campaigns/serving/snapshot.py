"""Everything a decision needs of one advertiser, immutable: built off to the side, swapped whole.

The rules that depend on the data alone have been applied when a snapshot is made, so a decision looks
only at candidates that could be shown at some moment to some shopper.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from types import MappingProxyType
from uuid import UUID

from campaigns.serving.allocations import NO_ALLOCATIONS, Allocations
from campaigns.serving.eligibility import LIVE, static_reason
from campaigns.serving.experiments import RunningExperiment
from campaigns.serving.limits import NO_DELIVERY, Delivery, Limits
from campaigns.serving.policies import Pool, pool_make
from campaigns.serving.reasons import Reason

Size = tuple[int, int]
Picture = tuple[UUID, bool]  # a variant, and whether its challenger is meant


# Without eq a row is equal only to itself and hashed by its address, in C: decisions are counted by these
# (``counters``).
@dataclass(frozen=True, slots=True, eq=False)
class SnapshotCreative:
    """An approved creative: what the storefront needs to show it."""

    id: UUID
    width: int
    height: int
    file: str  # storage name
    sha256: str  # of the approved bytes
    path: str  # public address below this host
    alt_text: str
    headline: str


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """One variant of one campaign with all the facts that the rules ask for."""

    variant_id: UUID
    campaign_id: UUID
    campaign_name: str
    campaign_status: str
    priority: int  # smaller wins
    starts_at: datetime | None
    ends_at: datetime | None
    placement_ids: frozenset[UUID]
    language: str
    product_id: UUID
    product_external_id: str
    product_title: str
    is_product_active: bool
    is_buyable: bool
    has_price_changed: bool
    segment_id: UUID | None  # None: generic
    weight: float
    creatives: Mapping[Size, SnapshotCreative]
    unapproved_sizes: frozenset[Size] = frozenset()
    is_house: bool = False  # its segment_id is None
    product_link: str = ""  # where a click leads
    job_id: UUID | None = None  # the render job that its creatives are of
    limits: Limits | None = None
    learned_share: float | None = None  # of the draws of who is not held out; None: nothing was learned
    holdout_rate: float = 0.0  # share of the shoppers for whom the campaign's pictures are drawn alike
    is_segment_closed: bool = False  # switched off, or too small to hide in
    challenger: Candidate | None = None  # the same variant's second picture, for an experiment's arm alone
    is_challenger: bool = False

    @property
    def picture(self) -> Picture:
        return (self.variant_id, self.is_challenger)


@dataclass(frozen=True, slots=True, eq=False)
class Slot:
    """A placement with the candidates that may be shown in it, grouped by segment."""

    placement_id: UUID
    code: str
    width: int
    height: int
    is_active: bool
    by_segment: Mapping[UUID | None, Pool]
    refused: tuple[tuple[Candidate, Reason], ...]
    house: Pool | None = None
    # The pictures of one product in one campaign, by (campaign, product): what an experiment chooses among.
    by_product: Mapping[tuple[UUID, UUID], tuple[Candidate, ...]] = field(default_factory=dict)

    @property
    def size(self) -> Size:
        return (self.width, self.height)

    @property
    def candidates(self) -> Iterator[Candidate]:
        """All that may be shown at some moment to some shopper."""
        pools = self.by_segment.values() if self.house is None else (*self.by_segment.values(), self.house)
        return chain.from_iterable(pool.candidates for pool in pools)


@dataclass(frozen=True, slots=True)
class SlotFacts:
    """A placement as the database has it."""

    placement_id: UUID
    code: str
    width: int
    height: int
    is_active: bool


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One advertiser's state at one moment."""

    advertiser_id: UUID
    slots: Mapping[str, Slot]  # by placement code
    creatives: Mapping[UUID, SnapshotCreative] = field(default_factory=dict)
    product_of_creative: Mapping[UUID, UUID] = field(default_factory=dict)
    product_of_external_id: Mapping[str, UUID] = field(default_factory=dict)
    landing_urls: Mapping[UUID, str] = field(default_factory=dict)  # by variant
    experiments: Mapping[UUID, RunningExperiment] = field(default_factory=dict)  # by campaign
    limited: tuple[Limits, ...] = ()  # of live campaigns
    capped: frozenset[UUID] = frozenset()  # live campaigns with a frequency cap
    advertiser_name: str = ""  # on whose behalf all this is shown
    payer_name: str = ""  # who pays for it
    delivery: Delivery = NO_DELIVERY  # what those have delivered; replaced more often than the rest


def snapshot_make(
    advertiser_id: UUID,
    placements: Iterable[SlotFacts],
    candidates: Iterable[Candidate],
    experiments: Iterable[RunningExperiment] = (),
    delivery: Delivery = NO_DELIVERY,
    allocations: Allocations = NO_ALLOCATIONS,
) -> Snapshot:
    """Sort candidates into placements; the order is the variants' own, equal in every process."""
    ordered = sorted(candidates, key=lambda candidate: candidate.variant_id)
    creatives, products = {}, {}
    for candidate in ordered:
        second = candidate.challenger.creatives if candidate.challenger is not None else {}
        for creative in chain(candidate.creatives.values(), second.values()):
            creatives[creative.id] = creative
            products[creative.id] = candidate.product_id
    limited = tuple({c.limits: None for c in ordered if c.limits and c.campaign_status == LIVE})
    return Snapshot(
        advertiser_id=advertiser_id,
        slots=MappingProxyType({facts.code: _slot_make(facts, ordered, allocations) for facts in placements}),
        creatives=MappingProxyType(creatives),
        product_of_creative=MappingProxyType(products),
        product_of_external_id=MappingProxyType({c.product_external_id: c.product_id for c in ordered}),
        landing_urls=MappingProxyType({c.variant_id: c.product_link for c in ordered}),
        experiments=MappingProxyType({experiment.campaign_id: experiment for experiment in experiments}),
        limited=limited,
        capped=frozenset(limits.campaign_id for limits in limited if limits.is_capped),
        delivery=delivery,
    )


def _slot_make(facts: SlotFacts, candidates: list[Candidate], allocations: Allocations) -> Slot:
    size = (facts.width, facts.height)
    by_segment: dict[UUID | None, list[Candidate]] = {}
    by_product: dict[tuple[UUID, UUID], list[Candidate]] = {}
    shown, refused, house = [], [], []
    for candidate in candidates:
        reason = static_reason(candidate, facts.placement_id, size)
        if reason is None:
            shown.append(candidate)
        else:
            refused.append((candidate, reason))
    for candidate in allocations.apply(facts.placement_id, shown):
        if candidate.is_house:
            house.append(candidate)
        else:
            by_segment.setdefault(candidate.segment_id, []).append(candidate)
            by_product.setdefault((candidate.campaign_id, candidate.product_id), []).append(candidate)
    return Slot(
        placement_id=facts.placement_id,
        code=facts.code,
        width=facts.width,
        height=facts.height,
        is_active=facts.is_active,
        by_segment=MappingProxyType({key: pool_make(found) for key, found in by_segment.items()}),
        refused=tuple(refused),
        house=pool_make(house) if house else None,
        by_product=MappingProxyType({key: tuple(found) for key, found in by_product.items()}),
    )
