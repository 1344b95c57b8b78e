"""Report and dashboard held against plain SQL over the raw events, and against what was really sent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any
from uuid import UUID

from django.db import connection

from analytics.periods import days_get
from analytics.pipeline_cast import Played, Stage


def report_equals(played: Played, report: Mapping[str, Any]) -> list[bool]:
    """Figure by figure of the arms: report, SQL and truth agree."""
    rows = _sql(
        "SELECT arm, COUNT(DISTINCT shopper_pseudonym), "
        "SUM(CASE WHEN kind = 'impression' THEN 1 ELSE 0 END), "
        "SUM(CASE WHEN kind = 'click' THEN 1 ELSE 0 END) FROM analytics_event "
        "WHERE experiment_id = %s AND validity = 'valid' GROUP BY arm",
        [_key(played.experiment.pk)],
    )
    raw = {arm: counts for arm, *counts in rows}
    return [
        shown == stored == sent
        for arm in report["arms"]
        for shown, stored, sent in zip(
            (arm["shoppers"], arm["impressions"], arm["clicks"]),
            raw.get(arm["key"], (0, 0, 0)),
            (
                len(played.shoppers[arm["key"]]),
                played.impressions[arm["key"]],
                played.clicks[arm["key"]],
            ),
            strict=True,
        )
    ]


def dashboard_equals(stage: Stage) -> list[bool]:
    """Totals and every day's counts of the performance page."""
    advertiser = stage.advertiser
    start, end = stage.started_at.astimezone(UTC).date(), stage.ended_at.astimezone(UTC).date()
    days = days_get(advertiser_id=advertiser.pk, spans=[(start, end)], currency=advertiser.currency)
    shown = days.period(start, end)
    totals = shown.totals
    day = "date(occurred_at)" if connection.vendor == "sqlite" else "(occurred_at AT TIME ZONE 'UTC')::date"
    rows = _sql(
        # The dialect's own word for a day.
        f"SELECT {day}, kind, COUNT(*), COALESCE(SUM(value_cents), 0) FROM analytics_event "  # noqa: S608 # nosec B608
        "WHERE advertiser_id = %s AND validity = 'valid' GROUP BY 1, 2",
        [_key(advertiser.pk)],
    )
    counts: dict[tuple[str, str], int] = {(str(at), kind): count for at, kind, count, _ in rows}
    money: dict[str, int] = {str(at): int(cents) for at, kind, _, cents in rows if kind == "conversion"}

    def counted(kind: str) -> int:
        return sum(n for (_, found), n in counts.items() if found == kind)

    sent = {
        name: sum(sum(getattr(played, name).values()) for played in stage.played)
        for name in ("impressions", "clicks")
    }
    found = [
        totals.impressions == counted("impression") == sent["impressions"],
        totals.clicks == counted("click") == sent["clicks"],
        totals.conversions == counted("conversion") == stage.orders,
        totals.revenue_cents == sum(money.values()) == stage.revenue_cents,
    ]
    for point in shown.series:
        at = point.day.isoformat()
        found += [
            point.impressions == counts.get((at, "impression"), 0),
            point.clicks == counts.get((at, "click"), 0),
            point.conversions == counts.get((at, "conversion"), 0),
            point.revenue_cents == money.get(at, 0),
        ]
    return found


def _sql(query: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return list(cursor.fetchall())


def _key(value: UUID) -> Any:
    return value.hex if connection.vendor == "sqlite" else value
