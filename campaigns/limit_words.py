"""A campaign's limits and what it has used of them, in words, for its page."""

from __future__ import annotations

from calendar import day_abbr
from datetime import datetime
from zoneinfo import ZoneInfo

from adplatform.lib.money import money_text
from campaigns.models import Campaign
from campaigns.serving.limits import Limits, day_spent_cents, spent_cents
from campaigns.serving.loading import delivered_of, limits_of


def limit_lines(campaign: Campaign, now: datetime) -> list[tuple[str, str]]:
    """Label and sentence of each limit that the campaign has; none of a campaign without limits."""
    limits = limits_of(campaign)
    if limits is None:
        return []
    lines = []
    if campaign.weekdays or campaign.hour_from is not None:
        lines.append(("Hours", _hours(campaign)))
    if campaign.devices:
        lines.append(("Devices", ", ".join(campaign.devices)))
    caps = ((campaign.cap_daily, "a day"), (campaign.cap_weekly, "a week"))
    if limits.is_capped:
        words = " and ".join(f"{cap} {period}" for cap, period in caps if cap)
        lines.append(("Each shopper", f"{words} at the most"))
    return lines + _budgets(campaign, limits, now)


def _hours(campaign: Campaign) -> str:
    days = ", ".join(day_abbr[day] for day in sorted(campaign.weekdays)) or "every day"
    hours = "all day"
    if campaign.hour_from is not None and campaign.hour_until is not None:
        hours = f"{campaign.hour_from:02}:00–{campaign.hour_until:02}:00"
        if campaign.hour_from > campaign.hour_until:
            hours += ", across midnight"
    return f"{days}, {hours} ({campaign.advertiser.time_zone})"


def _budgets(campaign: Campaign, limits: Limits, now: datetime) -> list[tuple[str, str]]:
    if limits.budget_cents is None and limits.daily_budget_cents is None:
        return []
    currency, zone = campaign.advertiser.currency, ZoneInfo(campaign.advertiser.time_zone)
    delivered, counted_at = delivered_of(campaign)
    rate = f"{money_text(campaign.rate_cents or 0, currency)} {campaign.get_rate_unit_display()}"
    as_of = f"counted {counted_at.astimezone(zone):%H:%M:%S}" if counted_at else "not counted yet"
    lines = [("Rate", f"{rate}; {as_of}")]
    if limits.budget_cents is not None:
        spent = money_text(round(spent_cents(limits, delivered)), currency)
        lines.append(("Whole budget", f"{spent} spent of {money_text(limits.budget_cents, currency)}"))
    if limits.daily_budget_cents is not None:
        today = day_spent_cents(limits, delivered, now.astimezone(zone).date())
        pace = ", spread over the day" if limits.is_paced else ""
        text = f"{money_text(round(today), currency)} spent today of "
        lines.append(("Budget of a day", f"{text}{money_text(limits.daily_budget_cents, currency)}{pace}"))
    return lines
