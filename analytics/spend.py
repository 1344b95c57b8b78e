"""What the traffic of a period cost and what it brought, by the campaigns' rates.

A campaign without a rate has traffic without a price, so money is compared over the priced campaigns alone.
The rate is the one in force now: changing it re-values the past, as it does for budgets.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Spend:
    """Money of the priced campaigns, in hundredths of the advertiser's currency."""

    cost_cents: int
    day_cents: list[int]  # of each day of the period
    day_revenue_cents: list[int]  # the same, of the priced campaigns' orders
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
