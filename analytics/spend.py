"""Pure: what the traffic of a period cost and what it brought, by the campaigns' rates.

A campaign without a rate has traffic without a price, so money is compared over the priced campaigns alone.
The rate is the one in force now: changing it re-values the past, as it does for budgets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from analytics.selectors import NO_COUNTS, Counts, Courses, DayPoint
from campaigns.selectors import CampaignRate


@dataclass(frozen=True)
class Spend:
    """Money of the priced campaigns, in hundredths of the advertiser's currency."""

    cost_cents: int
    day_cents: list[int]  # of each day of the period
    revenue_cents: int  # of the priced campaigns' orders
    clicks: int
    conversions: int
    unpriced_impressions: int  # of campaigns without a rate

    @property
    def return_rate(self) -> float | None:
        """Revenue for each unit spent; None where nothing was spent."""
        return self.revenue_cents / self.cost_cents if self.cost_cents else None

    @property
    def click_cents(self) -> float | None:
        """What a click cost."""
        return self.cost_cents / self.clicks if self.clicks else None

    @property
    def order_cents(self) -> float | None:
        """What an attributed order cost."""
        return self.cost_cents / self.conversions if self.conversions else None


def days_make(courses: Courses, start: date, end: date) -> list[DayPoint]:
    """One point a day over all campaigns, days without anything included."""
    days = [start + timedelta(days=n) for n in range((end - start).days + 1)]
    return [
        DayPoint(
            day=day,
            impressions=sum(course[day].impressions for course in courses.values() if day in course),
            viewables=sum(course[day].viewables for course in courses.values() if day in course),
            clicks=sum(course[day].clicks for course in courses.values() if day in course),
            conversions=sum(course[day].conversions for course in courses.values() if day in course),
            revenue_cents=sum(course[day].revenue_cents for course in courses.values() if day in course),
        )
        for day in days
    ]


def spend_make(courses: Courses, rates: Mapping[UUID, CampaignRate], start: date, end: date) -> Spend | None:
    """The spend of a period; None when no campaign with a rate was shown in it."""
    priced = {pk: courses[pk] for pk in rates if pk in courses}
    if not priced:
        return None
    days = [start + timedelta(days=n) for n in range((end - start).days + 1)]
    counts = [day for course in priced.values() for day in course.values()]
    costs = [
        sum(_cost(course.get(day, NO_COUNTS), rates[pk]) for pk, course in priced.items()) for day in days
    ]
    return Spend(
        cost_cents=round(sum(costs)),
        day_cents=[round(cost) for cost in costs],
        revenue_cents=sum(day.revenue_cents for day in counts),
        clicks=sum(day.clicks for day in counts),
        conversions=sum(day.conversions for day in counts),
        unpriced_impressions=sum(
            day.impressions
            for pk, course in courses.items()
            if pk is not None and pk not in rates
            for day in course.values()
        ),
    )


def cost_cents(counts: Counts, rate: CampaignRate) -> int:
    """What so much of a campaign's traffic costs."""
    return round(_cost(counts, rate))


def _cost(counts: Counts, rate: CampaignRate) -> float:
    return counts.impressions * rate.impression_cents + counts.clicks * rate.click_cents
