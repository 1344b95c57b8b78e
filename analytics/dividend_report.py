"""What personalisation is worth, from a campaign's standing split. Workers only: events, numpy.

Three pictures of the same product, by chance: generic, own segment, other segment. Other against generic
asks whether a picture made for a group is livelier whoever sees it; own against other, whether the match is
right; own against generic, what both are worth together. All intervals are always-valid: the split has no
end.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from analytics.experiment_reading import Split, table_read
from analytics.experiment_table import Table
from analytics.models import Event
from analytics.stats.frequentist import Comparison
from analytics.stats.samplecheck import split_check
from analytics.stats.sequential import compare_always_valid
from campaigns.models import Campaign

ARMS = ("generic", "own_segment", "other_segment")
METRICS = ("click_rate", "conversion_rate", "revenue_cents")
WINDOW = timedelta(days=90)
MONTH = timedelta(days=30)
TUNED_FOR = 10_000
# Question -> (from, to): is ``to`` better than ``from``?
QUESTIONS = {"picture": (0, 2), "match": (2, 1), "both": (0, 1)}


def dividend_compute(campaign: Campaign, parameters: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Answers, figures by arm, and money by 1,000 shoppers and by month."""
    split = Split(campaign.pk, campaign.advertiser, campaign.pk, ARMS)
    table = table_read(split, start=now - WINDOW, end=now)
    counts = table.counts()
    check = split_check(counts, [1, 1, 1])
    monthly = _monthly_shoppers(campaign, now)
    content: dict[str, Any] = {
        "start": (now - WINDOW).isoformat(),
        "end": now.isoformat(),
        "shoppers": table.shoppers,
        "mixed_shoppers": table.mixed,
        "counts": dict(zip(ARMS, counts, strict=True)),
        "split_level": check.level,
        "split_p": check.p,
        "monthly_shoppers": monthly,
        "metrics": {name: _metric(table, name) for name in METRICS},
    }
    money = _compare(table, "revenue_cents", *QUESTIONS["both"])
    content["money"] = {
        "by_thousand_cents": _scaled(money, 1000),
        "by_month_cents": _scaled(money, monthly),
    }
    content["answers"] = {name: _answer(name, content, check.level) for name in QUESTIONS}
    return content


def _metric(table: Table, name: str) -> dict[str, Any]:
    sums = table.sums(name)
    return {
        "values": {arm: found.value for arm, found in zip(ARMS, sums, strict=True)},
        **{question: _dict(_compare(table, name, *pair)) for question, pair in QUESTIONS.items()},
    }


def _compare(table: Table, name: str, control: int, treatment: int) -> Comparison:
    sums = table.sums(name)
    return compare_always_valid(sums[control], sums[treatment], tuned_for=TUNED_FOR)


def _dict(found: Comparison) -> dict[str, float | None]:
    return {"lift": found.lift, "low": found.lift_low, "high": found.lift_high, "p": found.p}


def _scaled(found: Comparison, shoppers: int) -> dict[str, float | None]:
    """Revenue of so many shoppers more than with the generic picture; None where it cannot be told."""
    values = {"value": found.difference, "low": found.difference_low, "high": found.difference_high}
    if found.difference_low is None:
        return dict.fromkeys(values)
    return {key: None if value is None else value * shoppers for key, value in values.items()}


def _monthly_shoppers(campaign: Campaign, now: datetime) -> int:
    """Different shoppers who were shown a picture of their segment in 30 days."""
    return (
        Event.objects.filter(
            advertiser_id=campaign.advertiser_id,
            campaign_id=campaign.pk,
            occurred_at__gte=now - MONTH,
            occurred_at__lt=now,
            kind=Event.Kind.IMPRESSION,
            validity=Event.Validity.VALID,
            segment_id__isnull=False,
        )
        .exclude(shopper_pseudonym="")
        .order_by()
        .values("shopper_pseudonym")
        .distinct()
        .count()
    )


WORDS = {
    "picture": ("A picture made for a group", "a generic one, even for people outside the group"),
    "match": ("The picture of the shopper's own segment", "that of another segment"),
    "both": ("Personalisation", "the generic picture"),
}


def _answer(question: str, content: Mapping[str, Any], level: str) -> dict[str, str]:
    """``yes``, ``no`` or ``open`` with a sentence, by the click rate."""
    if level == "fail":
        return {"code": "unhealthy", "sentence": "The split is broken: no answer until its cause is found."}
    if level == "unknown":
        return {"code": "open", "sentence": "Too few shoppers of the split were seen yet."}
    found = content["metrics"]["click_rate"][question]
    what, than = WORDS[question]
    if found["low"] is not None and found["low"] > 0:
        return {"code": "yes", "sentence": f"{what} is clicked more often than {than}."}
    if found["high"] is not None and found["high"] < 0:
        return {"code": "no", "sentence": f"{what} is clicked less often than {than}."}
    return {"code": "open", "sentence": f"Whether it is clicked more often than {than} is not certain yet."}
