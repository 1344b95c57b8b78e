"""The page that proves the statistics: what the newest self-check measured, and how far a running one is."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.permissions import MemberRequest, member_required
from analytics.models import SelfCheckRun
from analytics.stats.outcomes import ARRAYS, PIPELINE

Status = SelfCheckRun.Status


@member_required()
@require_GET
def selfcheck(request: MemberRequest) -> HttpResponse:
    """The newest finished run in full, the ones before in a line each."""
    done = list(SelfCheckRun.objects.filter(status=Status.DONE)[:10])
    return render(
        request,
        "past_tests/selfcheck.html",
        {
            "run": done[0] if done else None,
            "tables": _tables(done[0]) if done else [],
            "before": done[1:],
            "newest": SelfCheckRun.objects.first(),
        },
    )


@member_required()
@require_GET
def selfcheck_waiting(request: MemberRequest) -> HttpResponse:
    """Polled while a run goes on: once it is over the page reloads itself."""
    newest = SelfCheckRun.objects.first()
    if newest is None or newest.status not in (Status.WAITING, Status.RUNNING):
        return HttpResponse(headers={"HX-Refresh": "true"})
    return render(request, "past_tests/_selfcheck_waiting.html", {"newest": newest})


def _tables(run: SelfCheckRun) -> list[dict[str, Any]]:
    """What came through the product apart from what came from arrays."""
    parts = (
        (
            PIPELINE,
            "Through the product",
            "Made-up shoppers ask the serving engine for decisions; their signed tokens come back as events "
            "through the intake; roll-ups, stored reports and verdicts are made by the functions that the "
            "worker calls, at twenty looks and at the planned end. In a database of its own, which is "
            "gone afterwards.",
        ),
        (
            ARRAYS,
            "From arrays",
            "The sums of made-up shoppers go straight into the statistics, without decisions, events or "
            "reports: many more experiments in the same time.",
        ),
    )
    found = [
        {
            "title": title,
            "words": words,
            "outcomes": [row for row in run.outcomes if row.get("source", ARRAYS) == source],
        }
        for source, title, words in parts
    ]
    return [table for table in found if table["outcomes"]]
