"""Reports that only a worker may compute: asked for, computed, kept; the pages only read.

Fatigue is looked at once a day in every live campaign, whether somebody asked or not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from time import monotonic
from typing import Any
from uuid import UUID

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.db.models import F, Q
from django.utils import timezone

from accounts.models import Advertiser
from adplatform.lib.commit import queue_on_commit
from analytics.fatigue_services import fatigue_write
from analytics.models import StoredReport
from campaigns.models import Campaign
from campaigns.selectors import campaign_get

log = structlog.get_logger(__name__)
Kind = StoredReport.Kind
KEPT_FRESH = timedelta(days=1)
TURN_SECONDS = 20
Compute = Callable[[Campaign, Mapping[str, Any], datetime], dict[str, Any]]


def stored_report_find(*, advertiser_id: UUID, campaign_id: UUID, kind: str) -> StoredReport | None:
    """The newest of its kind."""
    return StoredReport.objects.filter(
        advertiser_id=advertiser_id, campaign_id=campaign_id, kind=kind
    ).first()


def stored_report_request(
    *,
    advertiser: Advertiser,
    campaign_id: UUID,
    kind: str,
    now: datetime,
    parameters: dict[str, Any] | None = None,
) -> StoredReport:
    """Ask a worker for fresh figures. Raises NotFound for a foreign campaign."""
    from analytics.tasks import stored_report_refresh

    campaign = campaign_get(advertiser_id=advertiser.pk, campaign_id=campaign_id)
    asked = {"requested_at": now} | ({} if parameters is None else {"parameters": parameters})
    row, _ = StoredReport.objects.update_or_create(
        campaign=campaign, kind=kind, defaults=asked, create_defaults={"advertiser": advertiser, **asked}
    )
    queue_on_commit(stored_report_refresh, str(row.pk))
    return row


def stored_reports_refresh(*, now: datetime | None = None) -> int:
    """Compute what somebody waits for, and once a day what was asked for before; the number.

    A turn begins no report after ``TURN_SECONDS``: roll-ups and erasures wait in the same queue.
    """
    turn_ends = monotonic() + TURN_SECONDS
    old = (now or timezone.now()) - KEPT_FRESH
    StoredReport.objects.filter(
        computed_at__lt=old, requested_at__isnull=True, campaign__status=Campaign.Status.LIVE
    ).update(requested_at=now or timezone.now())
    _fatigue_ensure(now or timezone.now())
    waiting = StoredReport.objects.filter(requested_at__isnull=False)
    waiting = waiting.filter(Q(computed_at__isnull=True) | Q(computed_at__lt=F("requested_at")))
    oldest_first = list(waiting.order_by("requested_at").values_list("pk", flat=True))
    return sum(stored_report_compute(pk) for pk in oldest_first if monotonic() < turn_ends)


def _fatigue_ensure(now: datetime) -> None:
    """Live campaigns are looked at for fatigue without anybody asking."""
    looked_at = StoredReport.objects.filter(kind=Kind.FATIGUE).values("campaign_id")
    new = Campaign.objects.filter(status=Campaign.Status.LIVE).exclude(pk__in=looked_at)
    StoredReport.objects.bulk_create(
        [
            StoredReport(advertiser_id=shop, campaign_id=pk, kind=Kind.FATIGUE, requested_at=now)
            for pk, shop in new.values_list("pk", "advertiser_id")
        ],
        ignore_conflicts=True,
    )


def stored_report_compute(report_id: UUID, *, now: datetime | None = None) -> bool:
    """Compute one; False when it is gone or failed. A failure is kept as a sentence, not as an error."""
    now = now or timezone.now()
    row = (
        StoredReport.objects.select_related("campaign__advertiser")
        .filter(pk=report_id, requested_at__isnull=False)
        .first()
    )
    if row is None:
        return False
    try:
        content = compute_of(row.kind)(row.campaign, row.parameters, now)
        if row.kind == Kind.FATIGUE:
            fatigue_write(campaign=row.campaign, content=content, now=now)
        is_done = True
    except SoftTimeLimitExceeded:  # settled, or the next turn would run into it again; then the task ends
        _settle(row, {"error": "The figures took too long to compute."}, now)
        raise
    except Exception:
        log.exception("stored_report_failed", kind=row.kind, campaign=str(row.campaign_id))
        content = {"error": "The figures could not be computed; the operator's log says why."}
        is_done = False
    _settle(row, content, now)
    return is_done


def _settle(row: StoredReport, content: dict[str, Any], now: datetime) -> None:
    StoredReport.objects.filter(pk=row.pk, requested_at=row.requested_at).update(
        content=content, computed_at=now, requested_at=None
    )


def compute_of(kind: str) -> Compute:
    """The function behind a kind; imported here, because each brings numpy."""
    if kind == Kind.LEARNING:
        from analytics.learning_report import learning_compute

        return learning_compute
    if kind == Kind.DIVIDEND:
        from analytics.dividend_report import dividend_compute

        return dividend_compute
    if kind == Kind.FATIGUE:
        from analytics.fatigue_report import fatigue_compute

        return fatigue_compute
    from analytics.what_if_report import what_if_compute

    return what_if_compute
