"""What an operator watches of accounts: refusals, webhooks and the last backup, of all advertisers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count

from accounts.models import LastRun, RefusedCount, WebhookDelivery

Status = WebhookDelivery.Status


@dataclass(frozen=True)
class AccountMetrics:
    """At one moment."""

    refused: dict[tuple[str, str], int]  # (route, code) -> since the beginning
    webhooks: dict[str, int]  # by status, of the log that is kept
    webhook_oldest_due_seconds: float  # how long the first one that may be sent has been due
    backup_age_seconds: float | None  # None: none was ever made


def account_metrics_get(*, now: datetime) -> AccountMetrics:
    """Four queries."""
    refused = RefusedCount.objects.values_list("route", "code", "number")
    webhooks = dict(WebhookDelivery.objects.order_by().values_list("status").annotate(n=Count("pk")))
    oldest = (
        WebhookDelivery.objects.filter(
            status=Status.PENDING, available_at__lte=now, endpoint__disabled_at=None
        )
        .order_by("available_at")
        .values_list("available_at", flat=True)
        .first()
    )
    backup = LastRun.objects.filter(name="backup").values_list("ran_at", flat=True).first()
    return AccountMetrics(
        refused={(route, code): number for route, code, number in refused},
        webhooks={status: webhooks.get(status, 0) for status in Status.values},
        webhook_oldest_due_seconds=(now - oldest).total_seconds() if oldest else 0.0,
        backup_age_seconds=(now - backup).total_seconds() if backup else None,
    )
