"""Pure: which creative led to an order.

The last valid click within the click window; without one, the last viewable impression within the view
window. A click outranks any view because the shopper acted. The answer depends on what happened and
when, never on the order in which it was reported.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Touch:
    """A click or a viewable impression of the shopper who ordered."""

    occurred_at: datetime
    is_click: bool
    decision_id: UUID
    campaign_id: UUID | None = None
    variant_id: UUID | None = None
    creative_id: UUID | None = None
    placement_id: UUID | None = None
    segment_id: UUID | None = None
    device: str = ""
    is_simulated: bool = False


@dataclass(frozen=True, slots=True)
class Windows:
    """How long before an order a touch may lie; both ends belong to the window."""

    click: timedelta
    view: timedelta

    @property
    def longest(self) -> timedelta:
        return max(self.click, self.view)


@dataclass(frozen=True, slots=True)
class Rules:
    """The windows that hold for an advertiser: the default, and those of single campaigns."""

    default: Windows
    by_campaign: Mapping[UUID, Windows] = field(default_factory=dict)

    @property
    def longest(self) -> timedelta:
        return max(windows.longest for windows in (self.default, *self.by_campaign.values()))

    def windows_of(self, campaign_id: UUID | None) -> Windows:
        return self.by_campaign.get(campaign_id, self.default) if campaign_id else self.default


def attribute(ordered_at: datetime, touches: Iterable[Touch], rules: Rules) -> Touch | None:
    """The touch that gets the order, or None. Of two at the same instant the later decision wins."""

    def rank(touch: Touch) -> tuple[bool, datetime, UUID]:
        return (touch.is_click, touch.occurred_at, touch.decision_id)

    def is_eligible(touch: Touch) -> bool:
        windows = rules.windows_of(touch.campaign_id)
        window = windows.click if touch.is_click else windows.view
        return timedelta(0) <= ordered_at - touch.occurred_at <= window

    return max(filter(is_eligible, touches), key=rank, default=None)
