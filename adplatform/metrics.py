"""``GET /metrics`` for Prometheus.

Everything is read from the database when it is asked for, so any of the processes gives the same answer, a
restart loses nothing and workers need no port of their own. Labels are states, codes, kinds and
names of models: nothing of an advertiser or a shopper.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from accounts.metrics import account_metrics_get
from analytics.metrics import counting_metrics_get
from analytics.tracking import Refusal
from campaigns.decision_counts import decisions_total_get
from campaigns.metrics import picture_metrics_get
from generation import queue
from generation.queue_metrics import queue_metrics_get
from rights.metrics import erasure_metrics_get

# There before the first of them: increase() of a series that begins with its first event sees none.
WATCHED_REFUSALS = (
    ("clicks", "click_lost"),
    *(("events", str(code)) for code in (*Refusal, "buffer_full", "throttled", "try_again")),
)
CACHE_SECONDS = 5.0  # however many ask, the database is asked once in this time by each process


class Collector:
    """Turns the apps' own figures into metric families."""

    def collect(self) -> Iterator[Metric]:
        now = queue.clock()
        jobs = queue_metrics_get(now=now)
        yield _gauge(
            "render_jobs",
            "Render jobs by state.",
            {(status,): n for status, n in jobs.jobs.items()},
            "status",
        )
        yield _gauge("render_jobs_due", "Jobs that a worker could claim now.", {(): jobs.due})
        yield _gauge(
            "render_oldest_due_seconds", "Wait of the first job in line.", {(): jobs.oldest_due_seconds}
        )
        yield _gauge(
            "render_leases_expired", "Leases that no sweep has taken back yet.", {(): jobs.leases_expired}
        )
        attempts = CounterMetricFamily(
            "adplatform_render_attempts",
            "Tries at render jobs; outcome lost is a crash.",
            labels=["outcome", "code"],
        )
        for labels, count in jobs.attempts.items():
            attempts.add_metric(list(labels), count)
        yield attempts
        seconds = {(quantile,): value for quantile, value in jobs.seconds.items()}
        yield _gauge(
            "render_seconds", "Successful tries of the last hour, claim to commit.", seconds, "quantile"
        )
        steps = {(model,): value for model, value in jobs.step_seconds.items()}
        yield _gauge("render_step_seconds", "Median step of the sampler in the last hour.", steps, "model")

        counting = counting_metrics_get(now=now)
        yield _gauge(
            "rollup_pending_hours", "Hours whose events are not in the figures.", {(): counting.pending_hours}
        )
        yield _gauge(
            "rollup_failing_hours", "Those whose rebuild ended in an error.", {(): counting.failing_hours}
        )
        yield _gauge(
            "rollup_lag_seconds",
            "Wait of the oldest event that is not in the figures.",
            {(): counting.lag_seconds},
        )
        today = {(kind,): n for kind, n in counting.today.items()}
        yield _gauge("events_today", "Counted events of this UTC day.", today, "kind")
        yield _gauge(
            "events_not_counted_today",
            "Events kept and left out.",
            counting.not_counted_today,
            "kind",
            "reason",
        )

        midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        decisions = decisions_total_get(start=midnight)
        yield _gauge("decisions_today", "Decisions of this UTC day.", decisions, "outcome", "reason")

        batches = {(state,): n for state, n in counting.buffer_batches.items()}
        yield _gauge("events_buffer_batches", "Batches of events in the Redis buffer.", batches, "state")
        mails = {(status,): n for status, n in counting.mails.items()}
        yield _gauge("report_mails_day", "Report e-mails tried within 24 hours.", mails, "status")
        accounts = account_metrics_get(now=now)
        refused = CounterMetricFamily(
            "adplatform_refused", "What storefronts' routes refused.", labels=["route", "code"]
        )
        for labels, count in {**dict.fromkeys(WATCHED_REFUSALS, 0), **accounts.refused}.items():
            refused.add_metric(list(labels), count)
        yield refused
        webhooks = {(status,): n for status, n in accounts.webhooks.items()}
        yield _gauge("webhook_deliveries", "Webhook deliveries of the log.", webhooks, "status")
        yield _gauge(
            "webhook_oldest_due_seconds",
            "Wait of the first webhook delivery that is due.",
            {(): accounts.webhook_oldest_due_seconds},
        )
        fetched = picture_metrics_get(now=now)
        yield _gauge(
            "remote_pictures",
            "Products' pictures from web addresses by state.",
            {(status,): n for status, n in fetched.pictures.items()},
            "status",
        )
        yield _gauge(
            "remote_picture_oldest_due_seconds",
            "Wait of the first of them that is due.",
            {(): fetched.oldest_due_seconds},
        )
        age = {} if accounts.backup_age_seconds is None else {(): accounts.backup_age_seconds}
        yield _gauge("backup_age_seconds", "Since the last manage.py backup.", age)
        erasures = erasure_metrics_get(now=now)
        yield _gauge("erasures_unsettled", "Erasures under way.", {(): erasures.unsettled})
        yield _gauge(
            "erasure_oldest_unsettled_seconds",
            "Since the oldest of them was asked for.",
            {(): erasures.oldest_seconds},
        )


def _gauge(name: str, text: str, values: Mapping[Any, float], *labels: str) -> Metric:
    """One value for each tuple of the labels' values."""
    family = GaugeMetricFamily(f"adplatform_{name}", text, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


_registry = CollectorRegistry(auto_describe=False)  # describing would ask the database at import
_lock = threading.Lock()
_answer: tuple[float, bytes] = (float("-inf"), b"")


def metrics(request: HttpRequest) -> HttpResponse:
    """The figures, for who shows METRICS_TOKEN; without that setting there is no such page."""
    if not settings.METRICS_TOKEN:
        return HttpResponse(status=404, content_type="text/plain")
    if not constant_time_compare(
        request.headers.get("Authorization", "").encode(), f"Bearer {settings.METRICS_TOKEN}".encode()
    ):
        return HttpResponse(status=401, content_type="text/plain", headers={"WWW-Authenticate": "Bearer"})
    try:
        return HttpResponse(_text(), content_type=CONTENT_TYPE_LATEST)
    except DatabaseError as error:
        return HttpResponse(type(error).__name__, status=503, content_type="text/plain")


def _text() -> bytes:
    global _answer
    with _lock:
        if time.monotonic() - _answer[0] > CACHE_SECONDS:
            _answer = (time.monotonic(), generate_latest(_registry))
        return _answer[1]


_registry.register(Collector())
