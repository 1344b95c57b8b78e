"""What a period holds, shaped with pandas: every day of the calendar, totals, spend; two periods alike.

A frame has one line a day, campaign and currency, from sums over the roll-ups: 28 days of ten campaigns
are some three hundred lines, whatever the number of events. pandas is imported with this module, which the
pages of figures import when they are opened: no hot path loads it (docs/decisions/0013).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Unpack
from uuid import UUID

import numpy as np
import pandas as pd
from django.db.models import IntegerField, Max, Q, Sum
from django.db.models.functions import Cast
from numpy.typing import NDArray

from analytics import report_filters
from analytics.models import HourlyRollup
from analytics.report_query import Filters
from analytics.selectors import COUNTS, Counts, DayPoint, HourPoint, Totals, rollups_of, sums_in
from analytics.spend import Spend
from campaigns.selectors import CampaignRate

KEYS = ("day", "campaign_id", "currency")
SUMS = (*COUNTS, "refunds", "refunded_cents", "invalid_events", "simulated")
TOTALS = (
    *COUNTS, "refunds", "refunded_cents", "invalid_events", "unattributed_conversions",
    "unattributed_revenue_cents",
)  # fmt: skip
Span = tuple[date, date]


@dataclass(frozen=True)
class Period:
    """One period: its sums, each of its days, and what the traffic of the priced campaigns cost."""

    totals: Totals
    series: list[DayPoint]
    spend: Spend | None


NO_PERIOD = Period(Totals(), [], None)


class Days:
    """The days of one or more spans, from one pass over the roll-ups; each period is cut out of them."""

    def __init__(
        self,
        rows: Iterable[Sequence[Any]],
        *,
        currency: str,
        rates: Mapping[UUID, CampaignRate] | None = None,
    ) -> None:
        """``rows``: KEYS and SUMS of a day, campaign and currency.

        Orders that no creative led to, foreign money and the traffic of campaigns with a rate get columns of
        their own. One block of floats, which hold whole numbers up to 2^53 exactly, is what pandas adds up
        fastest: its work on a frame of columns of many kinds took longer than the database's.
        """
        found = list(rows)
        days = pd.DatetimeIndex([row[0] for row in found])
        self.campaign_ids, currencies = [row[1] for row in found], [row[2] for row in found]
        sums = np.array([row[len(KEYS) :] for row in found], dtype=float).reshape(-1, len(SUMS))
        column = dict(zip(SUMS, sums.T, strict=True))
        is_led = np.array([pk is not None for pk in self.campaign_ids], dtype=bool)
        is_own = np.array([name in ("", currency) for name in currencies], dtype=bool)
        self.foreign = [
            (day, name, int(cents))
            for (day, pk, name, *_), cents in zip(found, column["revenue_cents"], strict=True)
            if pk is not None and name not in ("", currency)
        ]
        column["unattributed_conversions"] = column["conversions"] * ~is_led
        column["unattributed_revenue_cents"] = column["revenue_cents"] * (~is_led & is_own)
        column["conversions"] = column["conversions"] * is_led
        for name in ("revenue_cents", "refunded_cents"):
            column[name] = column[name] * (is_led & is_own)
        column |= _priced(column, self.campaign_ids, rates or {})
        self.lines, self.currency = pd.DataFrame(column, index=days), currency
        self.days = self.lines.groupby(level=0).sum()

    def period(self, start: date, end: date) -> Period:
        """What ``start`` to ``end`` holds, both included; days without anything are there with zeros."""
        calendar = pd.date_range(start, end)
        days = self.days.reindex(calendar, fill_value=0.0)
        sums = dict(zip(self.lines.columns, days.sum().tolist(), strict=True))
        return Period(
            totals=Totals(
                **{name: int(sums[name]) for name in TOTALS},
                has_simulated=sums["simulated"] > 0,
                other_revenue=self._foreign(start, end),
                currency=self.currency,
            ),
            series=[
                DayPoint(day=day, **dict(zip(COUNTS, counts, strict=True)))
                for day, counts in zip(calendar.date, _whole(days[list(COUNTS)]), strict=True)
            ],
            spend=_spend(sums, days),
        )

    def campaigns(self, start: date, end: date) -> dict[UUID, Counts]:
        """The sums of each campaign that was shown or ordered from."""
        lines = self.lines[list(COUNTS)].assign(campaign=self.campaign_ids).sort_index()
        sums = lines.loc[pd.Timestamp(start) : pd.Timestamp(end)].groupby("campaign").sum()
        return {
            pk: Counts(**dict(zip(COUNTS, counts, strict=True)))
            for pk, counts in zip(sums.index, _whole(sums), strict=True)
        }

    def _foreign(self, start: date, end: date) -> dict[str, int]:
        """By currency: attributed revenue of days without an exchange rate. Mostly there is none."""
        found: Counter[str] = Counter()
        for day, currency, cents in self.foreign:
            if start <= day <= end:
                found[currency] += cents
        return dict(sorted(found.items()))


def _whole(frame: pd.DataFrame) -> list[list[int]]:
    rows: list[list[int]] = frame.to_numpy().astype(np.int64).tolist()
    return rows


def _priced(
    column: Mapping[str, NDArray[np.float64]],
    campaign_ids: Sequence[UUID | None],
    rates: Mapping[UUID, CampaignRate],
) -> dict[str, NDArray[np.float64]]:
    """What the lines of campaigns with a rate cost and brought, and how often the others were shown."""
    found = [pk and rates.get(pk) for pk in campaign_ids]
    is_priced = np.array([rate is not None for rate in found], dtype=float)
    is_free = np.array([pk is not None and pk not in rates for pk in campaign_ids], dtype=float)
    impression_cents = np.array([rate.impression_cents if rate else 0.0 for rate in found], dtype=float)
    click_cents = np.array([rate.click_cents if rate else 0.0 for rate in found], dtype=float)
    return {
        "cost_cents": column["impressions"] * impression_cents + column["clicks"] * click_cents,
        "priced_lines": is_priced,
        "priced_revenue_cents": column["revenue_cents"] * is_priced,
        "priced_clicks": column["clicks"] * is_priced,
        "priced_conversions": column["conversions"] * is_priced,
        "unpriced_impressions": column["impressions"] * is_free,
    }


def _spend(sums: Mapping[str, float], days: pd.DataFrame) -> Spend | None:
    """Of the campaigns that have a rate; None when none of them was shown."""
    if not sums["priced_lines"]:
        return None
    return Spend(
        cost_cents=round(sums["cost_cents"]),
        day_cents=[round(cost) for cost in days["cost_cents"].tolist()],
        day_revenue_cents=[int(cents) for cents in days["priced_revenue_cents"].tolist()],
        revenue_cents=int(sums["priced_revenue_cents"]),
        clicks=int(sums["priced_clicks"]),
        conversions=int(sums["priced_conversions"]),
        unpriced_impressions=int(sums["unpriced_impressions"]),
    )


def days_get(
    *,
    advertiser_id: UUID,
    spans: Sequence[Span],
    currency: str,
    rates: Mapping[UUID, CampaignRate] | None = None,
    **filters: Unpack[Filters],
) -> Days:
    """The days of these spans. Totals, courses and spend of each come from them."""
    days = Q()
    for start, end in spans:
        days |= Q(day__gte=start, day__lte=end)
    first, last = min(start for start, _ in spans), max(end for _, end in spans)
    rows = rollups_of(advertiser_id, first, last, filters)
    rows = rows.filter(days) if len(spans) > 1 else rows
    sums = {name: Sum(name) for name in SUMS if name != "simulated"}
    found = rows.values_list(*KEYS).annotate(**sums, simulated=Max(Cast("is_simulated", IntegerField())))
    return Days(found, currency=currency, rates=rates)


def hours_get(
    *, advertiser_id: UUID, start: date, end: date, currency: str, **filters: Unpack[Filters]
) -> list[HourPoint]:
    """One point an hour (UTC), hours without anything included; attributed orders only."""
    first = datetime.combine(start, time.min, UTC)
    calendar = pd.date_range(
        first, first + timedelta(days=(end - start).days + 1), freq="h", inclusive="left"
    )
    rows: Any = HourlyRollup.objects.filter(
        advertiser_id=advertiser_id, hour__gte=calendar[0], hour__lte=calendar[-1]
    )
    rows = rows.filter(report_filters.condition(filters, advertiser_id)).order_by().values_list("hour")
    found = pd.DataFrame.from_records(list(rows.annotate(**sums_in(currency))), columns=["hour", *COUNTS])
    found["hour"] = pd.to_datetime(found["hour"], utc=True)
    hours = found.set_index("hour").reindex(calendar, fill_value=0)
    return [
        HourPoint(hour=hour.to_pydatetime(), **dict(zip(COUNTS, map(int, values), strict=True)))
        for hour, *values in zip(hours.index, *hours.to_dict("list").values(), strict=True)
    ]
