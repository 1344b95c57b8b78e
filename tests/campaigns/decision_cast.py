"""Asking the decision API as a storefront does."""

from __future__ import annotations

import json

from django.test import Client

from profiles.models import SegmentMembership, Shopper
from profiles.pseudonyms import pseudonym_of

URL = "/api/v1/decisions"


def ask(key, *placements, query="", body=None, **fields):
    content = body if body is not None else json.dumps({"placements": placements or ["hero"], **fields})
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return Client().post(URL + query, content, content_type="application/json", headers=headers)


def first(response):
    assert response.status_code == 200, response.content
    return response.json()["decisions"][0]


def make_shopper(advertiser, key="anna", *, segments=(), personalisation_allowed=True, **fields):
    shopper = Shopper.objects.create(
        advertiser=advertiser,
        pseudonym=pseudonym_of(advertiser.pk, key),
        personalisation_allowed=personalisation_allowed,
        measurement_allowed=personalisation_allowed,
        **fields,
    )
    for position, segment in enumerate(segments):
        SegmentMembership.objects.create(
            advertiser=advertiser,
            segment=segment,
            shopper=shopper,
            strength=1 - position / 10,
            interests=" ".join(segment.interests),
        )
    return shopper
