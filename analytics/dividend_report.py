"""What personalisation is worth, from a campaign's standing split. Workers only: events, numpy.

Three pictures of the same product, by chance: generic, own segment, other segment. Other against generic
asks whether a picture made for a group is livelier whoever sees it; own against other, whether the match is
right; own against generic, what both are worth together. The split has no end, so the intervals of answers
and figures are always-valid and count from its start, anew every year (``analytics.anchors``). An answer
stands only where p, adjusted for the three questions (Holm), says so too. Money is that of the last 30 days:
another sample every day, so that its interval holds for one look, not for many, and nothing is decided by it.

The same by segment: that of the picture which the draw had chosen, whatever the split showed in its place, at
the shopper's first exposure, so that the arm cannot change it. Small segments are withheld together with what
would tell them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, QuerySet
from django.db.models.functions import TruncDate

from analytics.anchors import year_start
from analytics.experiment_names import names_get, segment_names
from analytics.experiment_reading import Split, shoppers_read
from analytics.experiment_table import UNKNOWN, Table, table_make
from analytics.models import Event
from analytics.report_caps import end_of, sentence_of
from analytics.simulated import deciding
from analytics.stats.frequentist import Comparison
from analytics.stats.multiplicity import benjamini_hochberg, holm
from analytics.stats.samplecheck import split_check
from analytics.stats.sequential import compare_always_valid
from analytics.stats.suppression import suppress_parts
from analytics.verdict import SIGNIFICANT
from campaigns.learning_models import WeightRecord
from campaigns.models import Campaign

ARMS = ("generic", "own_segment", "other_segment")
METRICS = ("click_rate", "conversion_rate", "revenue_cents")
DAY = timedelta(days=1)
MONTH = 30 * DAY
SEGMENT = "segment"  # the dimension of a table of shoppers
Part = tuple[str, str]
Money = dict[str, dict[str, float | None]]
_UNKNOWN_MONEY: dict[str, float | None] = dict.fromkeys(("value", "low", "high"))
_NO_MONEY: Money = dict.fromkeys(("by_thousand_cents", "by_month_cents"), _UNKNOWN_MONEY)
# Question -> (from, to): is ``to`` better than ``from``?
QUESTIONS = {"picture": (0, 2), "match": (2, 1), "both": (0, 1)}


def dividend_compute(campaign: Campaign, parameters: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Answers and figures by arm since the split's start, and the money of its last 30 days.

    Money is in cents, by 1,000 shoppers and of all who were shown their segment's picture then; of
    ``money_days`` days, fewer than 30 while the split is younger.
    """
    began_at = _began_at(campaign)
    start = year_start(began_at, now)
    end = end_of(_days(campaign, start, now), start, now)
    table = _table(campaign, start, end)
    # A shopper's revenue grows with the time looked at: a month's money comes from a month's shoppers.
    month_start = max(began_at, now - MONTH)
    month = _table(campaign, month_start, now)
    counts = table.counts()
    check = split_check(counts, [1, 1, 1])
    monthly = _monthly_shoppers(campaign, month_start, now)
    content: dict[str, Any] = {
        "start": start.isoformat(),
        "end": end.isoformat(),
        "capped": sentence_of(end, now),
        "shoppers": table.shoppers,
        "mixed_shoppers": table.mixed,
        "counts": dict(zip(ARMS, counts, strict=True)),
        "split_level": check.level,
        "split_p": check.p,
        "money_days": max(1, round((now - month_start) / DAY)),
        "monthly_shoppers": monthly,
        "metrics": {name: _metric(table, name) for name in METRICS},
    }
    content["money"] = _money(month, monthly)
    content["answers"] = {name: _answer(name, content, check.level) for name in QUESTIONS}
    content["minimum"] = settings.REPORTS_MIN_SHOPPERS
    content["segments"] = (
        []
        if check.level == "fail"
        else _segments(table, month, _monthly_by_segment(campaign, month_start, now))
    )
    return content


def _began_at(campaign: Campaign) -> datetime:
    """When the split was last switched on. Its rate may have changed since: everybody stayed in their arm."""
    changes = WeightRecord.objects.filter(campaign=campaign, setting=WeightRecord.Setting.LEARNING)
    for change in changes.order_by("-changed_at", "-pk"):
        if change.new.get("dividend_rate", 0) > 0 and change.old["dividend_rate"] == 0:
            return change.changed_at
    return campaign.created_at


def _days(campaign: Campaign, start: datetime, now: datetime) -> list[tuple[date, int]]:
    """The split's impressions by day, counted by the database."""
    rows = Event.objects.within(start, now).filter(
        advertiser_id=campaign.advertiser_id, experiment_id=campaign.pk, kind=Event.Kind.IMPRESSION
    )
    days = rows.annotate(day=TruncDate("occurred_at", tzinfo=UTC)).order_by("day").values_list("day")
    return list(days.annotate(shown=Count("pk")))


def _table(campaign: Campaign, start: datetime, now: datetime) -> Table:
    """The split's shoppers. It has no end, so nothing is stored of it: it is read from the events."""
    split = Split(campaign.pk, campaign.advertiser, ARMS)
    return table_make(
        ARMS,
        shoppers_read(split, start=start, end=now),
        first=start.date(),
        last=now.date(),
        names=names_get(advertiser_id=campaign.advertiser_id, campaign_id=campaign.pk),
    )


def _segments(table: Table, month: Table, monthly: Mapping[str, int]) -> list[dict[str, Any]]:
    """A line a segment, the largest first; p is adjusted over all segments and questions shown."""
    parts = {name: table.counts_of(SEGMENT, name) for name in table.values_of(SEGMENT)}
    listed = [name for name in parts if name != UNKNOWN]
    hidden = suppress_parts(parts, listed, settings.REPORTS_MIN_SHOPPERS)
    lines: list[dict[str, Any]] = [
        {"segment": name, "is_hidden": True}
        if name in hidden
        else _segment_line(table, month, name, monthly.get(name, 0))
        for name in listed
    ]
    shown = [line for line in lines if not line["is_hidden"]]
    asked = [(line, question) for line in shown for question in QUESTIONS]
    found = [line["metrics"]["click_rate"][question] for line, question in asked]
    adjusted = benjamini_hochberg([each["p"] for each in found])
    for (line, question), each, p in zip(asked, found, adjusted, strict=True):
        each["p_adjusted"] = p
        line["answers"][question] = _segment_answer(each)
    return lines


def _segment_line(table: Table, month: Table, name: str, monthly: int) -> dict[str, Any]:
    part = (SEGMENT, name)
    is_large = min(month.counts_of(*part)) >= settings.REPORTS_MIN_SHOPPERS
    return {
        "segment": name,
        "is_hidden": False,
        "counts": dict(zip(ARMS, table.counts_of(*part), strict=True)),
        "monthly_shoppers": monthly,
        "metrics": {metric: _metric(table, metric, part=part) for metric in METRICS},
        "money": _money(month, monthly, part=part) if is_large else _NO_MONEY,
        "answers": {},
    }


def _segment_answer(found: Mapping[str, Any]) -> str:
    """``yes`` and ``no`` only where the p that is adjusted for the many segments says so too."""
    if found["low"] is None:
        return "few"
    if found["p_adjusted"] is None or found["p_adjusted"] >= SIGNIFICANT:
        return "open"
    return "yes" if found["low"] > 0 else "no" if found["high"] < 0 else "open"


def _metric(table: Table, name: str, *, part: Part | None = None) -> dict[str, Any]:
    sums = table.sums(name, part=part)
    found = [_compare(table, name, *pair, part=part) for pair in QUESTIONS.values()]
    adjusted = holm([each.p for each in found])
    return {
        "values": {arm: each.value for arm, each in zip(ARMS, sums, strict=True)},
        **{
            question: _dict(each) | {"p_adjusted": p}
            for question, each, p in zip(QUESTIONS, found, adjusted, strict=True)
        },
    }


def _compare(
    table: Table, name: str, control: int, treatment: int, *, part: Part | None = None
) -> Comparison:
    sums = table.sums(name, part=part)
    return compare_always_valid(sums[control], sums[treatment], tuned_for=settings.DIVIDEND_TUNED_SHOPPERS)


def _dict(found: Comparison) -> dict[str, float | None]:
    return {"lift": found.lift, "low": found.lift_low, "high": found.lift_high, "p": found.p}


def _money(month: Table, monthly: int, *, part: Part | None = None) -> Money:
    found = _compare(month, "revenue_cents", *QUESTIONS["both"], part=part)
    return {"by_thousand_cents": _scaled(found, 1000), "by_month_cents": _scaled(found, monthly)}


def _scaled(found: Comparison, shoppers: int) -> dict[str, float | None]:
    """Revenue of so many shoppers more than with the generic picture; None where it cannot be told."""
    if found.difference_low is None:
        return _UNKNOWN_MONEY
    values = {"value": found.difference, "low": found.difference_low, "high": found.difference_high}
    return {key: None if value is None else value * shoppers for key, value in values.items()}


def _monthly_shoppers(campaign: Campaign, start: datetime, now: datetime) -> int:
    """Different shoppers who were shown a picture of their segment from ``start`` on."""
    return _shown(campaign, start, now).values("shopper_pseudonym").distinct().count()


def _monthly_by_segment(campaign: Campaign, start: datetime, now: datetime) -> dict[str, int]:
    """The same by the segment's name; who moved from one to another counts in both."""
    names = segment_names(campaign.advertiser_id)
    rows = (
        _shown(campaign, start, now)
        .values_list("segment_id")
        .annotate(shoppers=Count("shopper_pseudonym", distinct=True))
    )
    return {names[pk]: shoppers for pk, shoppers in rows if pk in names}


def _shown(campaign: Campaign, start: datetime, now: datetime) -> QuerySet[Event]:
    events = Event.objects.within(start, now).filter(
        advertiser_id=campaign.advertiser_id,
        campaign_id=campaign.pk,
        kind=Event.Kind.IMPRESSION,
        validity=Event.Validity.VALID,
        segment_id__isnull=False,
    )
    return deciding(events, campaign.advertiser).exclude(shopper_pseudonym="").order_by()


WORDS = {
    "picture": ("A picture made for a group", "a generic one, even by people outside the group"),
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
    is_certain = found["p_adjusted"] is not None and found["p_adjusted"] < SIGNIFICANT
    if is_certain and found["low"] is not None and found["low"] > 0:
        return {"code": "yes", "sentence": f"{what} is clicked more often than {than}."}
    if is_certain and found["high"] is not None and found["high"] < 0:
        return {"code": "no", "sentence": f"{what} is clicked less often than {than}."}
    return {"code": "open", "sentence": f"It is not certain yet if it is clicked more often than {than}."}
