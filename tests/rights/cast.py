"""A shopper with a trace in every table, and a way to look for a text in everything that is kept."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core import serializers
from django.utils import timezone

from adplatform.lib.ids import uuid7
from analytics.experiment_sums import sums_refresh
from analytics.services import events_record
from analytics.tracking import IncomingEvent
from campaigns.models import CappedShopper, Experiment, ExperimentArm
from profiles import services
from profiles.pseudonyms import pseudonym_of
from profiles.snapshots import BehaviourInput

KEY = "ann.unmistakable@example.com"
CAMPAIGN = uuid7()


def agree(shop: Any, key: str = KEY, **fields: Any) -> Any:
    values = {"personalisation": True, "text_version": "1", "source": "test"} | fields
    return services.consent_record(advertiser=shop, shopper_key=key, **values)


def like(shop: Any, key: str = KEY, count: int = 1) -> None:
    now = timezone.now()
    items = [BehaviourInput(str(uuid7()), key, "interest", now, text="hiking boots") for _ in range(count)]
    assert services.behaviours_record(advertiser=shop, items=items, now=now).accepted == count


def events_make(shop: Any, count: int, key: str = KEY, experiment: Experiment | None = None) -> None:
    """Impressions, a click in ten, an order in a hundred; over one hour."""
    now, name = timezone.now(), pseudonym_of(shop.pk, key)
    events = []
    for number in range(count):
        at = now - timedelta(seconds=3600 * (count - number) / count)
        kind = "conversion" if number % 100 == 99 else "click" if number % 10 == 9 else "impression"
        fields: dict[str, Any] = {"order_id": f"O{number}", "value_cents": 100, "currency": "EUR"}
        if kind != "conversion":
            fields = {
                "decision_id": uuid7(), "campaign_id": CAMPAIGN, "variant_id": CAMPAIGN,
                "creative_id": CAMPAIGN, "placement_id": CAMPAIGN,
            }  # fmt: skip
            if experiment is not None:
                fields |= {"experiment_id": experiment.pk, "arm": "generic"}
        events.append(
            IncomingEvent(
                advertiser_id=shop.pk,
                event_id=str(uuid7()),
                kind=kind,
                occurred_at=at,
                shopper_pseudonym=name,
                **fields,
            )
        )
    assert events_record(events=events, received_at=now).accepted == count


def everywhere(shop: Any, campaign: Any, *, events: int = 20) -> str:
    """Traces of the shopper in every table that can hold one; the pseudonym."""
    agree(shop)
    like(shop)
    services.segment_create(
        advertiser=shop, name="Hikers", rule={"any": [{"interest": "outdoor_hiking", "min_weight": 0.1}]}
    )
    experiment = experiment_make(shop, campaign)
    events_make(shop, events, experiment=experiment)
    sums_refresh(experiment)
    name = pseudonym_of(shop.pk, KEY)
    CappedShopper.objects.create(
        advertiser=shop, campaign=campaign, shopper_pseudonym=name, period="day",
        until_at=timezone.now() + timedelta(hours=5),
    )  # fmt: skip
    return name


def experiment_make(shop: Any, campaign: Any) -> Experiment:
    """Running since yesterday, with one arm."""
    now = timezone.now()
    experiment = Experiment.objects.create(
        advertiser=shop, campaign=campaign, name="Test", hypothesis="It works.", status="running",
        salt="salt", min_effect_rate=0.1, planned_shoppers=100, planned_days=14,
        started_at=now - timedelta(days=1), planned_end_at=now + timedelta(days=13),
    )  # fmt: skip
    arm = {"key": "generic", "rule": "generic", "position": 0, "weight": 1}
    ExperimentArm.objects.create(advertiser=shop, experiment=experiment, **arm)
    return experiment


def dump() -> str:
    """Every row of every table, and every file of media and beside the log of erasures, as one text."""
    texts = [
        serializers.serialize("json", model._default_manager.all())
        for model in apps.get_models()
        if not model._meta.proxy
    ]
    for folder in (Path(settings.MEDIA_ROOT), Path(settings.RIGHTS_TOMBSTONE_LOG).parent):
        for path in folder.rglob("*"):
            if path.is_file():
                texts += [str(path), path.read_bytes().decode("latin-1")]
    return "\n".join(texts)
