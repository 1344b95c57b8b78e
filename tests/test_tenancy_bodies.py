"""What a body or a query names: another advertiser's row answers like one that never was."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from tests import factories
from tests.analytics.experiment_cast import BODY as EXPERIMENT
from tests.routes import (
    MARK,
    call,
)
from tests.tenants import fingerprint, keyed, neutral


@pytest.mark.parametrize("noun", ["products", "segments", "placements"])
def test_a_campaign_cannot_be_made_of_anothers_records(noun, rows, other_shop) -> None:
    client = keyed(other_shop)
    mine = factories.make_campaign(other_shop, products=[factories.make_product(other_shop)])
    for url, method in (("/api/v1/campaigns", "POST"), (f"/api/v1/campaigns/{mine.pk}", "PATCH")):
        answers = []
        for value in (rows[f"{noun.removesuffix('s')}_id"], uuid.uuid4()):
            response = call(client, method, url, {"name": "Mine", "style": "soft_3d", noun: [str(value)]})
            answers.append((response.status_code, neutral(response, {"asked": value})))
        assert answers[0] == answers[1]
        assert answers[0][0] in (400, 404), answers
    assert not getattr(mine, noun).filter(advertiser=other_shop).exclude(advertiser=other_shop).exists()
    assert not getattr(mine, noun).exclude(advertiser=other_shop).exists()


def test_nobody_switches_to_an_advertiser_they_do_not_belong_to(shop, rows, mallory_client) -> None:
    mallory_client.post("/advertiser/", {"advertiser": str(shop.pk)})
    assert MARK not in mallory_client.get("/campaigns/").content.decode("utf-8", "replace")


def _named(rows: dict[str, Any], mine: Any) -> list[tuple[str, str, Callable[[Any], dict[str, Any]], str]]:
    """Everything but a path that takes an id: (method, address, body of an id, whose id of ``rows``)."""
    edit = f"/campaigns/{mine.pk}"
    range_ = "from=2026-11-01&to=2026-11-25"
    return [
        ("PATCH", f"/api/v1/campaigns/{mine.pk}/weights",
         lambda pk: {"weights": [{"variant": str(pk), "weight": 1.0}]}, "variant_id"),
        ("POST", "/api/v1/experiments", lambda pk: {**EXPERIMENT, "campaign_id": str(pk)}, "campaign_id"),
        ("POST", f"{edit}/products/", lambda pk: {"product": [str(pk)], "action": "save"}, "product_id"),
        ("POST", f"{edit}/segments/", lambda pk: {"segment": [str(pk)]}, "segment_id"),
        ("POST", "/creatives/decide", lambda pk: {"creative": [str(pk)], "decision": "approve"},
         "creative_id"),
        ("POST", "/attribution/", lambda pk: {"campaign": str(pk), "click_days": 3, "view_days": 1},
         "campaign_id"),
        *(("GET", f"/api/v1/creatives?job={{}}&{range_}", lambda pk: {}, name) for name in ("job_id",)),
        *(
            ("GET", f"/api/v1/reports/{report}?{filter_}={{}}&{range_}", lambda pk: {}, f"{filter_}_id")
            for report in ("performance", "events")
            for filter_ in ("campaign", "placement", "product")
        ),
        *(
            ("GET", f"/performance/?{filter_}={{}}&{range_}", lambda pk: {}, f"{filter_}_id")
            for filter_ in ("campaign", "segment", "creative", "product", "placement")
        ),
    ]  # fmt: skip


def test_an_id_in_a_body_or_a_query_reaches_no_other_advertisers_row(rows, shop, other_shop, mallory) -> None:
    """Mallory, admin of the other shop, names each of the shop's rows: as if it did not exist."""
    before, now = fingerprint(shop), timezone.now()
    mine = factories.make_campaign(other_shop, products=[factories.make_product(other_shop)])
    api = keyed(other_shop)
    problems = []
    for method, url, body_of, name in _named(rows, mine):
        answers = []
        for value in (rows[name], uuid.uuid4()):
            client = Client()  # with no notice of the call before
            client.force_login(mallory)
            client = api if url.startswith("/api/") else client
            with time_machine.travel(now, tick=False):
                response = call(client, method, url.replace("{}", str(value)), body_of(value))
            answers.append((response.status_code, neutral(response, {"asked": value})))
        if answers[0] != answers[1] or MARK in answers[0][1] or answers[0][0] >= 500:
            problems.append((method, url, answers[0][0], answers[1][0]))
    assert not problems
    assert fingerprint(shop) == before


def test_a_key_for_idempotency_belongs_to_its_advertiser(shop, other_shop) -> None:
    """The same key with the same body at two shops: two rows, and neither sees the other's answer."""
    body = {"name": f"{MARK} slot", "code": "same", "width": 300, "height": 250}
    answers = []
    for owner in (shop, other_shop):
        client = keyed(owner)
        answer = client.post(
            "/api/v1/placements",
            json.dumps(body),
            content_type="application/json",
            headers={"Idempotency-Key": "one-key"},
        )
        assert "Idempotent-Replayed" not in answer
        answers.append(answer)
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json()["id"] != answers[1].json()["id"]
