"""The rows behind a number of a report: its events, newest first, a page at a time.

The roll-ups say how many rows each day and then each hour holds, so only the hours of the page asked for are
read from the events, by their index on time, however many events there are. Orders are attributed anew as the
roll-up does it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q, Sum
from django.utils.crypto import salted_hmac

from analytics import report_filters
from analytics.creative_lines import creative_lines_get
from analytics.models import DailyInvalid, DailyRollup, Event, HourlyInvalid, HourlyRollup
from analytics.report_query import BY_CREATIVE, ReportQuery
from analytics.rollup_hours import KEY, orders_attribute
from analytics.small_groups import NARROWING, is_of_a_group, small_groups_get, withheld_why

NOT_BY_HOUR = "Shoppers of a segment are not counted by the hour, so these rows are withheld."

# What may be asked for -> the kind of its events.
KINDS = {
    "impressions": Event.Kind.IMPRESSION,
    "viewables": Event.Kind.VIEWABLE,
    "clicks": Event.Kind.CLICK,
    "conversions": Event.Kind.CONVERSION,
    "unattributed": Event.Kind.CONVERSION,
}
LABELS = {
    "impressions": "Impressions",
    "viewables": "Viewable impressions",
    "clicks": "Clicks",
    "conversions": "Orders that a creative led to",
    "unattributed": "Orders that no creative led to",
}


@dataclass(frozen=True)
class Measure:
    """Which events: counted ones, or those of a kind that were left out for a reason."""

    name: str = "clicks"  # a key of KINDS; with a reason it only names the kind
    reason: str = ""
    hour: datetime | None = None  # of this one only

    @property
    def kind(self) -> str:
        return KINDS[self.name]

    @property
    def column(self) -> str:
        return "conversions" if self.name == "unattributed" else self.name

    @property
    def words(self) -> str:
        return LABELS[self.name]


@dataclass(frozen=True)
class EventRow:
    """One event as a page shows it. The shopper is a short keyed digest."""

    occurred_at: datetime
    event_id: str
    decision_id: UUID | None
    campaign_id: UUID | None
    variant_id: UUID | None
    creative_id: UUID | None
    placement_id: UUID | None
    segment_id: UUID | None
    device: str
    is_simulated: bool
    shopper: str
    order_id: str = ""
    value_cents: int | None = None  # of an order, after refunds
    currency: str = ""
    is_masked: bool = False  # whose segment may not be told: variant, creative and segment are left out


class CountedEvents(Sequence[EventRow]):
    """The rows behind one number, as long as the number; a slice reads the hours that it lies in.

    Empty where the number itself is withheld; rows of a small group do not say whose they are.
    """

    def __init__(self, *, advertiser_id: UUID, query: ReportQuery, measure: Measure) -> None:
        self.advertiser_id, self.query, self.measure = advertiser_id, query, measure
        self.groups = small_groups_get(
            advertiser_id=advertiser_id,
            start=query.start,
            end=query.end,
            is_simulated=query.filters.get("is_simulated"),
        )
        self.withheld = ""
        if query.filters.keys() & NARROWING:
            lines = creative_lines_get(
                advertiser_id=advertiser_id, start=query.start, end=query.end, **query.filters
            )
            is_by_hour = measure.hour and is_of_a_group(self.groups, query.filters, lines)
            self.withheld = NOT_BY_HOUR if is_by_hour else withheld_why(self.groups, query.filters, lines)
        self.days = [] if self.withheld else self._sums(query.start, query.end)
        self.counted = 0  # in the hours that were read, by the roll-up
        self.found = 0  # in the same hours, of the events themselves

    def __len__(self) -> int:
        return sum(count for _, count in self.days)

    def __getitem__(self, asked: Any) -> Any:
        if not isinstance(asked, slice):
            return self[asked : asked + 1][0]
        first, last, _ = asked.indices(len(self))
        rows: list[EventRow] = []
        passed = 0
        for hour, count in self._hours(first, last):
            start, passed = passed, passed + count
            if passed <= first or start >= last:
                continue
            number, found = self._rows(hour, max(0, first - start), last - start)
            self.counted += count
            self.found += number
            rows += found
        return rows

    @property
    def is_reconciled(self) -> bool:
        """Whether the hours that were read hold as many events as the figures count."""
        return self.counted == self.found

    def _sums(self, start: date, end: date) -> list[tuple[date, int]]:
        """Newest first."""
        if hour := self.measure.hour:
            return [(hour.date(), count) for _, count in self._of_hours(hour=hour)]
        model: Any = DailyInvalid if self.measure.reason else DailyRollup
        return self._summed(model.objects.filter(day__gte=start, day__lte=end), "day")

    def _hours(self, first: int, last: int) -> Iterator[tuple[datetime | None, int]]:
        """Hours with their numbers; a day that the slice does not touch is passed over whole (None)."""
        passed = 0
        for day, count in self.days:
            start, passed = passed, passed + count
            if passed <= first or start >= last:
                yield None, count
                continue
            begin = datetime.combine(day, time.min, UTC)
            if hour := self.measure.hour:
                yield from self._of_hours(hour=hour)
            else:
                yield from self._of_hours(hour__gte=begin, hour__lt=begin + timedelta(days=1))

    def _of_hours(self, **when: datetime) -> list[tuple[Any, int]]:
        model: Any = HourlyInvalid if self.measure.reason else HourlyRollup
        return self._summed(model.objects.filter(**when), "hour")

    def _summed(self, rows: Any, name: str) -> list[tuple[Any, int]]:
        if self.measure.reason and self.query.filters.keys() & BY_CREATIVE:
            return []
        rows = self._wanted(rows).order_by(f"-{name}").values_list(name)
        column = "events" if self.measure.reason else self.measure.column
        return [(when, count) for when, count in rows.annotate(Sum(column)) if count]

    def _wanted(self, rows: Any) -> Any:
        rows = rows.filter(
            report_filters.condition(self.query.filters, self.advertiser_id), advertiser_id=self.advertiser_id
        )
        if self.measure.reason:
            return rows.filter(kind=self.measure.kind, reason=self.measure.reason)
        if self.measure.column == "conversions":
            return rows.filter(campaign_id__isnull=self.measure.name == "unattributed")
        return rows

    def _rows(self, hour: datetime | None, first: int, last: int) -> tuple[int, list[EventRow]]:
        """How many events of the hour there are, and those from ``first`` to before ``last``."""
        if hour is None:
            return 0, []
        events = (
            Event.objects.within(hour, hour + timedelta(hours=1))
            .filter(advertiser_id=self.advertiser_id, kind=self.measure.kind)
            .order_by("-occurred_at", "-pk")
        )
        if not self.measure.reason and self.measure.column == "conversions":
            orders = list(self._orders(hour, list(events.filter(validity=Event.Validity.VALID))))
            return len(orders), orders[first:last]
        left_out = Q(validity=Event.Validity.INVALID, invalid_reason=self.measure.reason)
        wanted = left_out if self.measure.reason else Q(validity=Event.Validity.VALID)
        events = events.filter(wanted, report_filters.condition(self.query.filters, self.advertiser_id))
        return events.count(), [self._row(event) for event in events[first:last]]

    def _orders(self, hour: datetime, orders: list[Event]) -> Iterator[EventRow]:
        """Those whose attribution is one of the keys that the filters let through."""
        lines = self._wanted(HourlyRollup.objects.filter(hour=hour, conversions__gt=0))
        keys = set(lines.values_list(*KEY))
        for order, key, value in orders_attribute(advertiser_id=self.advertiser_id, orders=orders):
            if key in keys:
                named = dict(zip(KEY, key, strict=True))
                yield self._row(order, **named, value_cents=value.net_cents, currency=value.currency)

    def _row(self, event: Event, **changes: Any) -> EventRow:
        given = {name: getattr(event, name) for name in KEY} | {"value_cents": None, "currency": ""} | changes
        is_masked = (given["variant_id"], given["creative_id"]) in self.groups.hidden
        if is_masked:
            given |= dict.fromkeys(("variant_id", "creative_id", "segment_id"))
        return EventRow(
            occurred_at=event.occurred_at,
            event_id=event.event_id,
            decision_id=event.decision_id,
            shopper=shopper_short(event.advertiser_id, event.shopper_pseudonym),
            order_id=event.order_id,
            is_masked=is_masked,
            **given,
        )


def shopper_short(advertiser_id: UUID, pseudonym: str) -> str:
    """Eight characters that tell one shopper of an advertiser from another, and nothing else."""
    if not pseudonym:
        return ""
    keyed = salted_hmac("analytics.counted_events", f"{advertiser_id}:{pseudonym}", algorithm="sha256")
    return keyed.hexdigest()[:8]
