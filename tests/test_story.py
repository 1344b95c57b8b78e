"""The whole path, once, through HTTP: feed, profiles, brief, render, approve, decide, count, report.

Everything is real: the shop's API key, the built-in image model, the reviewer's session, the tokens. Only
the worker's loop is called here instead of waiting for its process.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from urllib.parse import urlsplit

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from accounts.models import ApiKey
from analytics.tasks import rollups_refresh
from campaigns.models import Product
from generation.services import render_execute
from tests import factories

BROWSER = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.6 Safari/605.1.15"
FEED = """id\ttitle\tlink\timage_link\tprice\tavailability\tproduct_type
B1\tRidge hiking boot\thttps://shop.example/p/B1\timages/b1.png\t89.90 EUR\tin_stock\tShoes > Hiking
B2\tNo price\thttps://shop.example/p/B2\timages/b1.png\t\tin_stock\tShoes > Hiking
"""


@pytest.fixture
def storefront(shop):
    """What runs in the shop's page: the publishable key and a browser."""
    key = factories.make_key(shop, ApiKey.Kind.PUBLISHABLE)
    return Client(headers={"Authorization": f"Bearer {key}", "User-Agent": BROWSER})


def post(client, path, body):
    response = client.post(path, json.dumps(body), content_type="application/json")
    assert response.status_code < 300, response.content
    return response.json() if response.content else {}


@pytest.mark.django_db(transaction=True)
def test_from_a_feed_and_a_shoppers_words_to_a_reported_sale(
    api, other_api, alice_client, rita_client, storefront, settings
):
    settings.PROFILES_SEGMENT_MIN_SHOPPERS = 1

    # A feed with its pictures comes in; the broken row is reported with its line, the other imported.
    imported = api.post(
        "/api/v1/catalog/imports",
        {"feed": SimpleUploadedFile("feed.tsv", FEED.encode()), "images": _images_zip()},
        format="multipart",
    ).json()
    assert (imported["created"], imported["failed"]) == (1, 1), imported
    assert [(p["line"], p["field"]) for p in imported["problems"]] == [(3, "price")]
    product = api.get("/api/v1/catalog/products").json()["results"][0]
    assert Product.objects.get().cutout_kind == Product.CutoutKind.FLOOD_FILL

    # A shopper agrees and says, in Chinese, what they like; that makes them a member of a segment.
    behaviour = {"event_id": "b-1", "shopper": "anna", "kind": "interest", "text": "周末喜欢徒步登山"}
    refused = post(storefront, "/api/v1/behaviours", {"behaviours": [behaviour]})
    assert [item["code"] for item in refused["rejected"]] == ["no_consent"]
    consent = {"shopper": "anna", "personalisation": True, "text_version": "2026-11"}
    post(storefront, "/api/v1/consents", consent)
    assert post(storefront, "/api/v1/behaviours", {"behaviours": [behaviour]})["accepted"] == 1
    rule = {"any": [{"interest": "outdoor_hiking", "min_weight": 0.1}]}
    segment = post(api, "/api/v1/segments", {"name": "Hikers", "rule": rule})
    assert segment["size"] == 1

    # The manager plans a campaign, reads the prompts and has them rendered.
    placement = post(api, "/api/v1/placements", {"name": "Box", "code": "box", "width": 300, "height": 250})
    campaign = post(
        alice_client,
        "/api/v1/campaigns",
        {
            "name": "Autumn",
            "language": "en",
            "products": [product["id"]],
            "segments": [segment["id"]],
            "placements": [placement["id"]],
        },
    )
    campaign_url = f"/api/v1/campaigns/{campaign['id']}"
    plan = post(api, f"{campaign_url}/plan", {})
    personal = next(v for v in plan["variants"] if v["segment"] == segment["id"])
    assert "mountain" in personal["prompt"]
    assert {part["source"].partition(":")[0] for part in personal["prompt_parts"]} >= {"product", "interest"}
    assert "anna" not in json.dumps(plan)
    generated = post(alice_client, f"{campaign_url}/generate", {})
    assert generated["requested"] == 2  # the segment's and the generic one

    # Nothing can be launched or served before somebody has looked at the pictures.
    assert api.post(f"{campaign_url}/launch").json()["code"] == "nothing_approved"
    while render_execute("story-worker"):
        pass
    creatives = api.get("/api/v1/creatives").json()["results"]
    assert [c["status"] for c in creatives] == ["in_review", "in_review"], api.get(
        "/api/v1/render-jobs"
    ).content
    assert (creatives[0]["width"], creatives[0]["height"]) == (300, 250)
    own = alice_client.post(
        f"/api/v1/creatives/{creatives[0]['id']}/approve", "{}", content_type="application/json"
    )
    assert own.json()["code"] == "self_approval", "the author may not approve"
    for creative in creatives:
        post(rita_client, f"/api/v1/creatives/{creative['id']}/approve", {"comment": "good"})
    post(api, f"{campaign_url}/launch", {})

    # The storefront asks what to show: Anna sees her segment's creative, a stranger the generic one.
    ask = {"shopper": "anna", "placements": ["box"]}
    decision = post(storefront, "/api/v1/decisions", ask)["decisions"][0]
    assert (decision["filled"], decision["match"]) == (True, "segment")
    stranger = post(storefront, "/api/v1/decisions", {"placements": ["box"]})["decisions"][0]
    assert stranger["match"] == "generic"
    picture = Client().get(urlsplit(decision["creative"]["image_url"]).path)
    assert Image.open(io.BytesIO(b"".join(picture))).size == (300, 250)

    # The page reports what happened; sent twice, it counts once.
    events = [
        {
            "event_id": f"{decision['decision_id']}:{kind}",
            "kind": kind,
            "token": decision["impression_token"],
        }
        for kind in ("impression", "viewable")
    ]
    assert post(storefront, "/api/v1/events", {"events": events})["accepted"] == 2
    assert post(storefront, "/api/v1/events", {"events": events})["duplicates"] == 2
    click = storefront.get(urlsplit(decision["click_url"]).path + "?url=https://evil.example")
    assert (click.status_code, click["Location"]) == (302, "https://shop.example/p/B1")
    order = {
        "event_id": "o-1",
        "kind": "conversion",
        "order_id": "A-1001",
        "value_cents": 8990,
        "currency": "EUR",
        "shopper": "anna",
    }
    assert post(api, "/api/v1/events", {"events": [order]})["accepted"] == 1
    again = post(api, "/api/v1/events", {"events": [{**order, "event_id": "o-2", "value_cents": 1}]})
    assert again["rejected"] == []

    # The report says what happened, on the page, in the API and as a table.
    rollups_refresh()
    report = api.get("/api/v1/reports/performance").json()["totals"]
    counted = [
        report[name] for name in ("impressions", "viewables", "clicks", "conversions", "revenue_cents")
    ]
    assert counted == [1, 1, 1, 1, 8990]
    page = alice_client.get("/performance/").content.decode()
    assert "89.90 EUR" in page
    table = alice_client.get("/performance/export.csv").content.decode("utf-8-sig")
    assert any("Ridge hiking boot" in cell for row in csv.reader(io.StringIO(table)) for cell in row)

    # The neighbour sees none of it.
    for path in ("catalog/products", "segments", "campaigns", "creatives", "render-jobs"):
        assert other_api.get(f"/api/v1/{path}").json()["count"] == 0, path
    assert other_api.get(campaign_url).status_code == 404
    assert other_api.get("/api/v1/reports/performance").json()["totals"]["impressions"] == 0

    # Anna changes her mind, and the next page is generic.
    post(storefront, "/api/v1/consents", {**consent, "personalisation": False})
    after = post(storefront, "/api/v1/decisions", ask)["decisions"][0]
    assert after["match"] == "generic"


def _images_zip() -> SimpleUploadedFile:
    """A product on a plain ground, as a shop's photographer delivers it."""
    photo = Image.new("RGB", (400, 320), "white")
    photo.paste((150, 80, 40), (90, 70, 310, 250))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("images/b1.png", factories.png_bytes(photo))
    return SimpleUploadedFile("images.zip", buffer.getvalue())
