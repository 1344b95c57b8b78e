"""Shoppers who agree to something and do something."""

from __future__ import annotations

from django.utils import timezone

from profiles import services
from profiles.selectors import profile_get
from profiles.snapshots import BehaviourInput

HIKERS = {"any": [{"interest": "outdoor_hiking", "min_weight": 0.2}]}


def agree(shop, key, personalisation=True, **fields):
    return services.consent_record(
        advertiser=shop,
        shopper_key=key,
        personalisation=personalisation,
        text_version="2026-01",
        source="test",
        **fields,
    )


def did(event_id, key="ann", kind="view", text="hiking boots", **fields):
    return BehaviourInput(
        event_id=event_id,
        shopper_key=key,
        kind=kind,
        occurred_at=fields.pop("at", timezone.now()),
        text=text,
        **fields,
    )


def record(shop, *items, **fields):
    return services.behaviours_record(advertiser=shop, items=items, now=timezone.now(), **fields)


def weights(shop, key="ann"):
    return {i.id: i.weight for i in profile_get(advertiser_id=shop.pk, shopper_key=key).interests}


def hikers(shop, *keys):
    for key in keys:
        agree(shop, key)
        record(shop, did(f"{key}-hike", key, kind="interest"))
