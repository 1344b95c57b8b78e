"""What is wrong with a campaign's limits, field by field; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from campaigns.models import Campaign

LIMIT_FIELDS = (
    "is_house",
    "devices",
    "weekdays",
    "hour_from",
    "hour_until",
    "cap_daily",
    "cap_weekly",
    "rate_unit",
    "rate_cents",
    "budget_cents",
    "daily_budget_cents",
    "is_paced",
)
# The ones whose change makes earlier counts of who has seen enough wrong.
CAP_FIELDS = ("cap_daily", "cap_weekly")


def limit_errors(campaign: Campaign, devices: tuple[str, ...]) -> dict[str, list[str]]:
    """One list of sentences for each wrong field; the fields' own ranges are checked elsewhere."""
    errors: dict[str, list[str]] = {}
    if not _are_distinct(campaign.devices, devices):
        errors["devices"] = [f"Name each device once: {', '.join(devices)}."]
    if not _are_distinct(campaign.weekdays, tuple(range(7))):
        errors["weekdays"] = ["Name each weekday once, by its number: 0 is Monday, 6 is Sunday."]
    errors.update(_hour_errors(campaign.hour_from, campaign.hour_until))
    if campaign.cap_daily and campaign.cap_weekly and campaign.cap_weekly < campaign.cap_daily:
        errors["cap_weekly"] = ["The week's cap is below the day's."]
    budgets = (campaign.budget_cents, campaign.daily_budget_cents)
    if any(budgets) and not campaign.rate_cents:
        errors["rate_cents"] = ["A budget needs a rate: what an impression or a click costs."]
    if all(budgets) and campaign.daily_budget_cents > campaign.budget_cents:  # type: ignore[operator]
        errors["daily_budget_cents"] = ["The day's budget is above the whole one."]
    return errors


def _are_distinct(given: object, allowed: tuple[object, ...]) -> bool:
    # True is 1 to Python and not a weekday to us.
    return (
        isinstance(given, list)
        and all(type(value) in (int, str) and value in allowed for value in given)
        and len(set(given)) == len(given)
    )


def _hour_errors(first: int | None, last: int | None) -> dict[str, list[str]]:
    if first is None and last is None:
        return {}
    if first is None or last is None:
        return {"hour_until": ["Give both the first hour and the one it ends at, or neither."]}
    if not 0 <= first <= 23:
        return {"hour_from": ["The first hour is 0 to 23."]}
    if not 1 <= last <= 24:
        return {"hour_until": ["It ends at 1 to 24."]}
    if first == last:
        return {"hour_until": ["It ends at the hour at which it begins; leave both empty for the whole day."]}
    return {}
