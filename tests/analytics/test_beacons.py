from __future__ import annotations

from io import BytesIO
from unittest.mock import patch

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone
from PIL import Image

from adplatform.lib.ids import uuid7
from analytics.models import Event
from campaigns.models import Campaign, Variant
from campaigns.serving.store import snapshots
from profiles.models import Behaviour, Shopper
from profiles.pseudonyms import pseudonym_of
from tests import factories
from tests.analytics.tokens import CHROME, decision_payload, event_of, token_of

LINK = "https://shop.example/p/shoe?colour=red&size=42"


@pytest.fixture
def client():
    return Client(headers={"User-Agent": CHROME})


@pytest.fixture
def variant(shop):
    campaign = Campaign.objects.create(advertiser=shop, name="Autumn", style="soft_3d")
    product = factories.make_product(shop, link=LINK)
    return Variant.objects.create(advertiser=shop, campaign=campaign, product=product)


def link_of(variant, purpose="click", **fields):
    payload = decision_payload(variant.advertiser, v=variant.pk, **fields)
    return payload, f"/c/{token_of(payload, purpose)}"


def test_a_click_leads_to_the_stored_link_and_counts_once(client, variant):
    payload, url = link_of(variant)
    for _ in range(3):
        response = client.get(url)
        assert (response.status_code, response["Location"]) == (302, LINK)
        assert response["Cache-Control"] == "no-store"
        assert not response.cookies
    event = Event.objects.get()
    assert (event.event_id, event.kind, event.validity) == (f"{payload['d']}:click", "click", "valid")


def test_the_redirect_and_the_api_count_one_click_together(client, variant):
    payload, url = link_of(variant)
    client.get(url)
    client.post("/api/v1/events", {"events": [event_of(payload, "click")]}, content_type="application/json")
    client.post(
        "/api/v1/events",
        {"events": [event_of(payload, "click", event_id="tag-1")]},
        content_type="application/json",
    )
    assert Event.objects.filter(kind="click", validity="valid").count() == 1


def test_a_click_says_the_same_by_redirect_and_by_api(client, variant):
    """Experiments, the dividend and learning read clicks by experiment and arm, whichever way they came."""
    told = {key: uuid7() for key in ("c", "p", "x", "xs")} | {"xa": "own_segment"}
    for way in ("redirect", "api"):
        payload, url = link_of(variant, **told)
        if way == "redirect":
            client.get(url)
        else:
            body = {"events": [event_of(payload, "click")]}
            client.post("/api/v1/events", body, content_type="application/json")
    own = {"id", "event_id", "decision_id", "created_at", "occurred_at", "received_at", "creative_id"}
    names = [field.attname for field in Event._meta.fields if field.attname not in own]
    redirected, posted = Event.objects.order_by("created_at").values(*names)
    assert redirected == posted
    assert (redirected["experiment_id"], redirected["arm"]) == (told["x"], told["xa"])
    assert redirected["drawn_segment_id"] == told["xs"]


@pytest.mark.parametrize(
    "extra",
    [
        "?url=//evil.test", "?url=https://evil.test&dest=https://evil.test&next=//evil.test",
        "?r=%0d%0aLocation:%20https://evil.test", "#https://evil.test", "?" + "x" * 3000,
    ],
)  # fmt: skip
def test_nothing_in_the_request_changes_where_a_click_leads(client, variant, extra):
    _, url = link_of(variant)
    response = client.get(url + extra, headers={"Host": "localhost", "Referer": "https://evil.test"})
    assert (response.status_code, response["Location"]) == (302, LINK)


def test_a_forged_or_moved_token_leads_nowhere(client, variant):
    payload, url = link_of(variant)
    forged = [url[:n] + ("A" if url[n] != "A" else "B") + url[n + 1 :] for n in range(3, len(url), 7)]
    moved = f"/c/{token_of(payload, 'impression')}"
    for wrong in [*forged, moved, "/c/x", "/c/a:b:c", "/c/" + "a" * 5000, "/c/é:ü:ß"]:
        response = client.get(wrong)
        assert response.status_code == 404, wrong
        assert "Location" not in response.headers
    assert Event.objects.count() == 0


def test_an_old_link_still_leads_home_but_does_not_count(client, variant):
    _, url = link_of(variant)
    with patch("time.time", return_value=timezone.now().timestamp() + 8 * 86400):
        response = client.get(url)
    assert (response.status_code, response["Location"]) == (302, LINK)
    event = Event.objects.get()  # of no decision: its day may be gone
    assert (event.invalid_reason, event.decision_id) == ("token_expired", None)


def test_what_no_person_did_does_not_use_up_the_click(client, variant):
    payload, url = link_of(variant)
    assert client.get(url, headers={"Sec-Purpose": "prefetch"}).status_code == 302
    assert client.head(url).status_code == 302
    assert client.get(url, headers={"User-Agent": "Googlebot/2.1"}).status_code == 302
    assert Event.objects.filter(validity="valid").count() == 0
    client.get(url)
    assert Event.objects.get(validity="valid").event_id == f"{payload['d']}:click"
    reasons = Event.objects.filter(validity="invalid").values_list("invalid_reason", flat=True)
    assert set(reasons) == {"prefetch", "head", "ua_bot"}


def test_only_reading_methods_are_answered(client, variant):
    assert client.post(link_of(variant)[1]).status_code == 405


@pytest.mark.parametrize("link", ["javascript:alert(1)", "data:text/html,x", "//evil.test", "ftp://x/y", ""])
def test_a_stored_link_that_is_no_web_page_is_not_followed(client, variant, link):
    variant.product.link = link
    variant.product.save()
    assert client.get(link_of(variant)[1]).status_code == 404


def test_a_deleted_variant_is_404_and_a_lost_database_write_still_leads_home(client, variant):
    _, url = link_of(variant)
    with patch("analytics.services.events_insert", side_effect=OperationalError("disk I/O error")):
        assert client.get(url).status_code == 302
    variant.delete()
    assert client.get(url).status_code == 404


def test_without_its_database_a_click_leads_where_the_snapshot_says(client, variant, shop):
    _, url = link_of(variant)
    snapshots.clear()

    def click():
        with connection.execute_wrapper(away):
            return client.get(url)

    def away(*_):
        raise OperationalError("database is gone")

    refused = click()
    assert (refused.status_code, refused.json()["code"]) == (503, "try_again")
    assert (refused["Retry-After"], refused["Cache-Control"]) == ("2", "no-store")
    factories.make_placement(shop)
    snapshots.get(shop.pk)
    answer = click()
    assert (answer.status_code, answer["Location"], answer["Cache-Control"]) == (302, LINK, "no-store")
    assert Event.objects.count() == 0
    snapshots.clear()


def test_a_click_is_an_interest_too(client, variant, shop):
    pseudonym = pseudonym_of(shop.pk, "s")
    Shopper.objects.create(
        advertiser=shop, pseudonym=pseudonym, personalisation_allowed=True, measurement_allowed=True
    )
    segment = factories.make_segment(shop, interests=("outdoor_hiking",))
    _, url = link_of(variant, u=pseudonym, s=segment.pk)
    client.get(url)
    client.get(url)
    assert Behaviour.objects.filter(kind="click").count() == 1


def test_a_failure_in_profiles_does_not_cost_the_shopper_the_page(client, variant, shop):
    segment = factories.make_segment(shop, interests=("outdoor_hiking",))
    _, url = link_of(variant, u="p", s=segment.pk)
    with patch("profiles.services.click_record", side_effect=RuntimeError("boom")):
        assert client.get(url).status_code == 302
    assert Event.objects.filter(validity="valid").count() == 1


# --- the pixel
def pixel_of(shop, kind="impression", **fields):
    payload = decision_payload(shop, **fields)
    return payload, f"/i/{token_of(payload, 'impression')}?k={kind}"


@pytest.mark.parametrize("kind", ["impression", "viewable"])
def test_a_pixel_counts_once_with_the_tags_own_event(client, shop, kind):
    payload, url = pixel_of(shop, kind)
    for _ in range(3):
        answer = client.get(url)
        assert (answer.status_code, answer["Content-Type"]) == (200, "image/gif")
        assert Image.open(BytesIO(answer.content)).convert("RGBA").getpixel((0, 0))[3] == 0
        assert (answer["Cache-Control"], answer.cookies) == ("no-store", {})
    posted = {"events": [event_of(payload, kind)]}
    result = client.post("/api/v1/events", posted, content_type="application/json").json()
    assert (result["accepted"], result["duplicates"]) == (0, 1)
    event = Event.objects.get()
    assert (event.event_id, event.kind, event.validity) == (f"{payload['d']}:{kind}", kind, "valid")


def test_a_pixel_says_the_same_as_the_api(client, shop):
    told = {key: uuid7() for key in ("c", "p", "v", "cr", "x", "xs")} | {"xa": "own_segment"}
    client.get(pixel_of(shop, **told)[1])
    body = {"events": [event_of(decision_payload(shop, **told), "impression")]}
    client.post("/api/v1/events", body, content_type="application/json")
    own = {"id", "event_id", "decision_id", "created_at", "occurred_at", "received_at"}
    names = [field.attname for field in Event._meta.fields if field.attname not in own]
    loaded, posted = Event.objects.order_by("created_at").values(*names)
    assert loaded == posted


def test_a_pixel_that_nobody_looked_at_is_kept_and_does_not_use_up_the_impression(client, shop):
    payload, url = pixel_of(shop)
    client.get(url, headers={"Sec-Purpose": "prefetch;prerender"})
    client.head(url)
    client.get(url, headers={"User-Agent": "Googlebot/2.1"})
    client.get(url, headers={"User-Agent": ""})
    reasons = Event.objects.values_list("invalid_reason", flat=True)
    assert set(reasons) == {"prefetch", "head", "ua_bot", "ua_empty"}
    client.get(url)
    assert Event.objects.get(validity="valid").event_id == f"{payload['d']}:impression"


def test_a_pixel_without_a_good_token_counts_nothing_and_is_not_kept_on_the_way(client, variant, shop):
    payload, url = pixel_of(shop)
    forged = [url[:n] + ("A" if url[n] != "A" else "B") + url[n + 1 :] for n in range(3, len(url) - 13, 7)]
    moved = f"/i/{token_of(payload, 'click')}"
    wrong_kind = [url.replace("=impression", f"={kind}") for kind in ("click", "conversion", "")]
    for wrong in [*forged, moved, *wrong_kind, "/i/x", "/i/" + "a" * 5000, "/i/é:ü:ß", "/c/x"]:
        answer = client.get(wrong)
        assert (answer.status_code, answer["Cache-Control"]) == (404, "no-store"), wrong
    with patch("time.time", return_value=timezone.now().timestamp() + 8 * 86400):
        answer = client.get(url)
    assert (answer.status_code, answer.json()["code"]) == (410, "token_expired")
    assert client.post(url).status_code == 405
    assert Event.objects.count() == 0


def test_a_pixel_that_could_not_be_stored_says_so_and_counts_when_it_is_asked_for_again(client, shop):
    _, url = pixel_of(shop)
    with patch("analytics.services.events_insert", side_effect=OperationalError("disk I/O error")):
        answer = client.get(url)
    assert (answer.status_code, answer["Cache-Control"], answer["Retry-After"]) == (503, "no-store", "2")
    client.get(url)
    assert Event.objects.get().validity == "valid"


def test_a_pixel_obeys_the_browsers_no(client, shop):
    client.get(pixel_of(shop, u="a" * 64)[1], headers={"Sec-GPC": "1"})
    assert Event.objects.get().shopper_pseudonym == ""


def test_a_pixels_broken_address_is_told_to_a_program(client):
    answer = client.get("/i/token?k=%00")
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
