"""How long each class of data is kept, and the job that thins it out.

Small batches, each a transaction, so that a kill loses nothing and the next run goes on; what is gone is not
found again, so running twice changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, Max, Model, OuterRef, Q, QuerySet, Subquery

from accounts.webhooks import KEPT, webhook_deliveries_purge
from analytics.models import Event, ExperimentShopper
from campaigns.models import DecisionCount, FilledDecisionCount
from profiles.models import Behaviour, ConsentRecord, Shopper
from rights.models import RetentionRun

log = structlog.get_logger(__name__)

BATCH = 1_000
SECONDS = 20.0  # of one class in one run; the next run goes on


@dataclass(frozen=True)
class DataClass:
    """One class of data. ``step`` removes at most one batch of what is older and returns how many."""

    name: str
    label: str
    what: str  # happens to it at the end, in words
    days: int  # 0: kept for ever
    step: Callable[[datetime], int]


def _delete_step(found: QuerySet[Model], model: type[Model]) -> int:
    ids = list(found.values_list("pk", flat=True)[:BATCH])
    if ids:
        model._default_manager.filter(pk__in=ids).delete()
    return len(ids)


def _behaviours(before: datetime) -> int:
    ids = list(Behaviour.objects.filter(occurred_at__lt=before).values_list("pk", "shopper")[:BATCH])
    Behaviour.objects.filter(pk__in=[pk for pk, _ in ids]).delete()
    # Their profiles are computed anew, so that nothing outlives what it was learnt from.
    Shopper.objects.filter(pk__in={shopper for _, shopper in ids}, stale_since=None).update(
        stale_since=before
    )
    return len(ids)


def _event_links(before: datetime) -> int:
    found = Event.objects.filter(occurred_at__lt=before).exclude(shopper_pseudonym="")
    ids = list(found.values_list("pk", flat=True)[:BATCH])
    return Event.objects.filter(pk__in=ids).update(shopper_pseudonym="") if ids else 0


def _experiment_shoppers(before: datetime) -> int:
    return _delete_step(ExperimentShopper.objects.filter(last_at__lt=before), ExperimentShopper)


def _consents(before: datetime) -> int:
    """Lines that prove nothing any more: of nobody, or superseded long ago by a newer answer."""
    newest = ConsentRecord.objects.filter(shopper=OuterRef("shopper")).order_by("-created_at", "-pk")
    found = ConsentRecord.objects.filter(created_at__lt=before).filter(
        Q(shopper__isnull=True) | ~Q(pk=Subquery(newest.values("pk")[:1]))
    )
    ids = list(found.values_list("pk", flat=True)[:BATCH])
    if ids:
        old = ConsentRecord.objects.filter(pk__in=ids)
        old.reduce(tombstone="")
        old.purge()
    return len(ids)


def _idle_shoppers(before: datetime) -> int:
    """Who agrees to nothing and was not heard of: only the pseudonym is left of them, and that goes."""
    return _shoppers(before, Q(personalisation_allowed=False, measurement_allowed=False))


def _inactive_shoppers(before: datetime) -> int:
    """Who agreed long ago and never came back."""
    return _shoppers(
        before, Q(last_seen_at__isnull=True) | Q(last_seen_at__lt=before), is_seen_by_events=True
    )


def _shoppers(before: datetime, condition: Q, *, is_seen_by_events: bool = False) -> int:
    """Forget a batch of shoppers of whom there is no newer answer, nor event with ``is_seen_by_events``.

    A minor and who objected stay: forgetting those words would let a later consent through.
    """
    found = (
        Shopper.objects.filter(condition, has_objected=False, is_minor=False, created_at__lt=before)
        .annotate(answered_at=Max("consents__created_at"))
        .filter(Q(answered_at__isnull=True) | Q(answered_at__lt=before))
    )
    while ids := list(found.values_list("pk", flat=True)[:BATCH]):
        # Looked at again under the lock that an answer takes: who gives one just now is known by it.
        list(Shopper.objects.select_for_update().filter(pk__in=ids).order_by("pk").values_list("pk"))
        gone: list[Shopper] = [*found.filter(pk__in=ids)]
        if is_seen_by_events:
            gone = _without_seen(gone, before)
        if gone:
            ConsentRecord.objects.filter(shopper__in=gone).reduce(tombstone="")
            Shopper.objects.filter(pk__in=[shopper.pk for shopper in gone]).delete()
            return len(gone)
    return 0


def _without_seen(shoppers: list[Shopper], before: datetime) -> list[Shopper]:
    """Those without an event since; of the others it is noted, so that no batch finds them again."""
    events = Event.objects.filter(
        advertiser_id__in={shopper.advertiser_id for shopper in shoppers},
        shopper_pseudonym__any_of=[shopper.pseudonym for shopper in shoppers],
        occurred_at__gte=before,
    )
    newest = dict(events.order_by().values_list("shopper_pseudonym").annotate(Max("occurred_at")))
    seen = [shopper for shopper in shoppers if shopper.pseudonym in newest]
    for shopper in seen:
        shopper.last_seen_at = newest[shopper.pseudonym]
    Shopper.objects.bulk_update(seen, ["last_seen_at"])
    return [shopper for shopper in shoppers if shopper.pseudonym not in newest]


def _decision_counts(before: datetime) -> int:
    filled = FilledDecisionCount.objects.filter(day__lt=before.date())
    return _delete_step(DecisionCount.objects.filter(hour_at__lt=before), DecisionCount) + _delete_step(
        filled, FilledDecisionCount
    )


def data_class_list() -> tuple[DataClass, ...]:
    """All classes, in the order in which the page shows them; days as the settings say."""
    return (
        DataClass(
            "behaviours", "Behaviours", "deleted, and the profile computed anew",
            settings.RETENTION_BEHAVIOUR_DAYS, _behaviours,
        ),
        DataClass(
            "event_links", "Shopper of an event", "taken off; the event and its sums stay",
            settings.RETENTION_EVENT_LINK_DAYS, _event_links,
        ),
        DataClass(
            "experiment_sums", "Sums of a shopper in an experiment", "deleted; the stored report stays",
            settings.RETENTION_EVENT_LINK_DAYS, _experiment_shoppers,
        ),
        DataClass(
            "consents", "Superseded consent lines", "deleted; a shopper's newest stays as the proof",
            settings.RETENTION_CONSENT_DAYS, _consents,
        ),
        DataClass(
            "idle_shoppers", "Shoppers without consent", "pseudonym and key deleted",
            settings.RETENTION_IDLE_SHOPPER_DAYS, _idle_shoppers,
        ),
        DataClass(
            "inactive_shoppers", "Shoppers not seen again", "pseudonym, key and profile deleted",
            settings.RETENTION_INACTIVE_SHOPPER_DAYS, _inactive_shoppers,
        ),
        DataClass(
            "decision_counts", "Counts of decisions", "deleted",
            settings.RETENTION_DECISION_COUNT_DAYS, _decision_counts,
        ),
        DataClass(
            "webhook_log", "Log of webhooks", "deleted", KEPT.days, lambda before: webhook_deliveries_purge()
        ),
    )  # fmt: skip


def retention_run(*, now: datetime, seconds: float = SECONDS) -> dict[str, int]:
    """Thin out every class; rows of each. A class that fails is logged and leaves the others alone."""
    removed = {}
    for data_class in data_class_list():
        if data_class.days <= 0:
            continue
        try:
            removed[data_class.name] = _class_run(data_class, now, seconds)
        except Exception:
            log.exception("retention_failed", data_class=data_class.name)
    return removed


def _class_run(data_class: DataClass, now: datetime, seconds: float) -> int:
    before, ends = now - timedelta(days=data_class.days), time.monotonic() + seconds
    removed, is_complete = 0, False
    while not is_complete and time.monotonic() < ends:
        with transaction.atomic():
            step = data_class.step(before)
        removed += step
        is_complete = step == 0
    run, _ = RetentionRun.objects.get_or_create(name=data_class.name, defaults={"ran_at": now})
    RetentionRun.objects.filter(pk=run.pk).update(
        ran_at=now,
        is_complete=is_complete,
        removed_total=F("removed_total") + removed,
        **({"removed": removed} if removed else {}),
    )
    return removed
