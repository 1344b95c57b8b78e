"""Celery wake-ups of rights; rows carry the truth, so a lost or doubled message harms nothing."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from rights import erasure, retention, scan


@shared_task(ignore_result=True)
def erasures_settle() -> None:
    """Every ten seconds: the second pass of new erasures."""
    erasure.erasures_settle(now=timezone.now())


@shared_task(ignore_result=True)
def retention_run() -> None:
    """Once an hour: what has been kept long enough."""
    retention.retention_run(now=timezone.now())


@shared_task(ignore_result=True)
def sensitive_scan() -> None:
    """Once a night: what today's lists of sensitive words would not have let in."""
    scan.sensitive_scan(now=timezone.now())
