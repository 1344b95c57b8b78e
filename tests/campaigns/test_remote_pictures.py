"""Products' pictures from web addresses, fetched from a real HTTPS host that does all a host can do."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from celery.signals import before_task_publish
from django.urls import reverse
from django.utils import timezone

from campaigns import remote_working, tasks
from campaigns.models import Product, RemotePicture, ServingVersion
from campaigns.product_services import product_save
from campaigns.remote_pictures import remote_picture_counts, remote_pictures_retry
from campaigns.remote_words import REASONS, FetchCode
from tests import factories
from tests.campaigns.catalog_cast import PICTURES, codes, feed, line, run
from tests.campaigns.picture_host import (
    NAME,
    ask,
    picture,
)

pytestmark = pytest.mark.django_db


def test_the_product_is_there_at_once_and_its_picture_comes_later(shop, host):
    url = host.give("/a.png", picture())
    record = run(shop, feed(line(image_link=url)))
    product = Product.objects.get()
    assert (product.image, codes(record)) == ("", [])
    assert remote_picture_counts(advertiser_id=shop.pk, catalog_import=record) == {
        "waiting": 1, "fetched": 0, "refused": 0,
    }  # fmt: skip
    version = ServingVersion.objects.get(advertiser=shop).number
    remote_working.pictures_fetch()
    product.refresh_from_db()
    assert product.image
    assert product.cutout_kind == "flood_fill"
    assert ServingVersion.objects.get(advertiser=shop).number == version + 1
    row = RemotePicture.objects.get()
    assert (row.status, row.code, row.attempts) == ("fetched", "", 0)
    assert host.seen[0][1]["User-Agent"] == "adplatform-pictures/1"
    assert remote_working.pictures_fetch() is False  # a message that comes twice finds nothing
    assert len(host.seen) == 1


def test_switched_off_it_says_so_and_goes_on_when_it_is_switched_on(shop, host, settings):
    settings.REMOTE_PICTURES = False
    url = host.give("/a.png", picture())
    row = ask(shop, url)
    assert (row.status, row.code) == ("refused", "fetching_off")
    settings.REMOTE_PICTURES = True
    remote_working.pictures_fetch()
    row.refresh_from_db()
    assert row.status == "fetched"


def test_only_hosts_of_the_list_are_asked(shop, host, settings):
    settings.REMOTE_PICTURES_HOSTS = ["*.shop.example"]
    url = host.give("/a.png", picture())
    assert ask(shop, url).code == "host_not_allowed"
    settings.REMOTE_PICTURES_HOSTS = ["*.shop.example", NAME]
    assert remote_pictures_retry(advertiser=shop) == 1
    remote_working.pictures_fetch()
    assert RemotePicture.objects.get().status == "fetched"
    host.lead("/b.png", "https://elsewhere.example/")
    assert ask(shop, host.url("/b.png")).code == "host_not_allowed"


def test_a_host_that_asks_for_patience_gets_it(shop, host):
    row = ask(shop, host.give("/x", b"", 429, Retry_After="7200"))
    assert (row.status, row.code) == ("waiting", "rate_limited")
    soon = timezone.now() + timedelta(minutes=115)
    assert row.available_at > soon
    host.give("/b.png", picture())
    run(shop, feed(line("B1", image_link=host.url("/b.png"))))
    remote_working.pictures_fetch(now=soon)
    assert [path for path, _ in host.seen] == ["/x"], "nor is it asked for this shop's other pictures"
    remote_working.pictures_fetch(now=soon + timedelta(minutes=10))
    assert RemotePicture.objects.get(product__external_id="B1").status == "fetched"


def test_what_passes_by_itself_is_tried_six_times_over_hours_and_then_refused(shop, host):
    run(shop, feed(line(image_link=host.give("/x", b"", 503))))
    now = timezone.now()
    for attempt in range(1, 7):
        remote_working.pictures_fetch(now=now)
        row = RemotePicture.objects.get()
        assert row.code == "server_error"
        if attempt < 6:
            assert (row.status, row.attempts) == ("waiting", attempt)
            now = row.available_at
    assert (row.status, row.available_at, len(host.seen)) == ("refused", None, 6)
    host.give("/x", picture())
    assert remote_pictures_retry(advertiser=shop) == 1
    remote_working.pictures_fetch(now=now + timedelta(hours=1))
    assert RemotePicture.objects.get().status == "fetched"


def test_a_known_picture_is_asked_about_after_a_week_and_taken_again_only_when_it_changed(shop, host):
    url = host.give("/a.png", picture(), ETag='"one"', Last_Modified="Wed, 25 Nov 2026 10:00:00 GMT")
    row = ask(shop, url)
    before = Product.objects.get().image_sha256

    def still(handler):
        marks = handler.headers["If-None-Match"], handler.headers["If-Modified-Since"]
        assert marks == ('"one"', "Wed, 25 Nov 2026 10:00:00 GMT")
        handler.reply(b"", 304)

    host.answers["/a.png"] = still
    assert row.available_at > timezone.now() + timedelta(days=6)
    remote_working.pictures_fetch(now=row.available_at)
    row.refresh_from_db()
    assert (row.status, row.etag, len(host.seen)) == ("fetched", '"one"', 2)
    assert Product.objects.get().image_sha256 == before
    host.give("/a.png", picture("#ff0000"), ETag='"two"')
    remote_working.pictures_fetch(now=row.available_at)
    row.refresh_from_db()
    assert row.etag == '"two"'
    assert Product.objects.get().image_sha256 != before


def test_a_new_address_is_fetched_and_the_old_picture_stays_until_then(shop, host):
    ask(shop, host.give("/a.png", picture()))
    before = Product.objects.get()
    record = run(shop, feed(line(image_link=host.url("/gone.png"))))
    host.give("/gone.png", b"", 404)
    assert record.updated == 1
    remote_working.pictures_fetch()
    assert RemotePicture.objects.get().code == "not_found"
    assert Product.objects.get().image == before.image
    assert ask(shop, host.give("/b.png", picture("#00aa00"))).status == "fetched"
    assert Product.objects.get().image != before.image


def test_the_same_feed_again_asks_for_nothing(shop, host):
    url = host.give("/a.png", picture())
    ask(shop, url)
    assert ask(shop, url).status == "fetched"
    assert len(host.seen) == 1


def test_a_picture_that_comes_as_a_file_takes_the_place_of_the_address(shop, host):
    ask(shop, host.give("/a.png", picture("#ff0000")))
    run(shop, feed(line()), PICTURES)
    assert not RemotePicture.objects.exists()
    assert Product.objects.get().image


def test_what_a_late_worker_brings_of_an_old_address_is_thrown_away(shop, host):
    run(shop, feed(line(image_link=host.give("/a.png", picture("#ff0000")))))
    new = host.give("/b.png", picture("#0000ff"))
    row = RemotePicture.objects.get()
    now = timezone.now()
    # The worker's own steps, with the import between its claim and its end.
    assert remote_working._claim(row, now)
    run(shop, feed(line(image_link=new)))
    remote_working._work(row, now)
    assert [path for path, _ in host.seen] == ["/a.png"]
    after = RemotePicture.objects.get()
    assert (after.url, after.status, Product.objects.get().image) == (new, "waiting", "")


def test_a_picture_that_ends_its_worker_is_given_up(shop, host):
    run(shop, feed(line(image_link=host.give("/a.png", picture()))))
    now = timezone.now()
    for _ in range(6):  # claimed, and never heard of again
        assert remote_working._claim(RemotePicture.objects.get(), now)
        now += timedelta(minutes=3)
    assert not remote_working._claim(RemotePicture.objects.get(), now)
    row = RemotePicture.objects.get()
    assert (row.status, row.code) == ("refused", "worker_lost")


def test_a_worker_that_died_leaves_its_picture_to_the_next(shop, host):
    run(shop, feed(line(image_link=host.give("/a.png", picture()))))
    now = timezone.now()
    assert remote_working._host_take(NAME, now)
    assert remote_working._claim(RemotePicture.objects.get(), now)
    remote_working.pictures_fetch(now=now + timedelta(minutes=1))
    assert not host.seen
    remote_working.pictures_fetch(now=now + remote_working.LEASE)
    assert RemotePicture.objects.get().status == "fetched"


def test_a_full_disk_uses_up_no_attempt(shop, host, monkeypatch):
    run(shop, feed(line(image_link=host.give("/a.png", picture()))))

    def full(picture):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(remote_working, "picture_store", full)
    with pytest.raises(OSError, match="No space"):
        remote_working.pictures_fetch()
    row = RemotePicture.objects.get()
    assert (row.status, row.attempts, row.available_at > timezone.now()) == ("waiting", 0, True)


def test_one_host_is_asked_for_one_picture_at_a_time_and_rests(shop, host, settings):
    settings.REMOTE_PICTURES_HOST_PAUSE_SECONDS = 0.3
    for name in "abc":
        host.give(f"/{name}.png", picture())
    run(shop, feed(*(line(name, image_link=host.url(f"/{name}.png")) for name in "abc")))
    began = time.monotonic()
    remote_working.pictures_fetch()
    assert time.monotonic() - began > 0.6
    assert RemotePicture.objects.filter(status="fetched").count() == 3
    assert not remote_working._host_take(NAME, timezone.now())


def test_a_shop_with_many_pictures_delays_another_by_one(shop, other_shop, host):
    for name in "abcdefgh":
        host.give(f"/{name}.png", picture())
    run(shop, feed(*(line(name, image_link=host.url(f"/{name}.png")) for name in "abcdefg")))
    run(other_shop, feed(line("h", image_link=host.url("/h.png"))))
    remote_working.pictures_fetch()
    assert "/h.png" in [path for path, _ in host.seen[:2]]


@pytest.mark.parametrize("headers", [{}, {"Retry_After": "21600"}])
def test_a_shop_in_trouble_with_a_shared_host_holds_up_no_other(shop, other_shop, host, headers):
    ask(shop, host.give("/x", b"", 503, **headers))
    for name in "ab":
        host.give(f"/{name}.png", picture())
    run(shop, feed(line("a", image_link=host.url("/a.png"))))
    run(other_shop, feed(line("b", image_link=host.url("/b.png"))))
    now = timezone.now() + timedelta(seconds=1)
    remote_working.pictures_fetch(now=now)
    assert [path for path, _ in host.seen] == ["/x", "/b.png"]
    remote_working.pictures_fetch(now=now + timedelta(hours=7))
    assert RemotePicture.objects.get(product__external_id="a").status == "fetched"


def test_every_reason_has_words():
    assert set(REASONS) == set(FetchCode)


def test_the_api_writes_a_product_and_says_what_became_of_its_picture(api, other_api, shop, host):
    body = {
        "id": "A1", "title": "Shoe", "link": "https://shop.example/a1", "price": "89.90 EUR",
        "image_link": host.give("/a.png", b"", 404),
    }  # fmt: skip
    answer = api.post("/api/v1/catalog/products", body, format="json")
    assert (answer.status_code, answer.json()["remote_picture"]["status"]) == (201, "waiting")
    assert api.post("/api/v1/catalog/products", body, format="json").status_code == 200
    remote_working.pictures_fetch()
    url = f"/api/v1/catalog/products/{answer.json()['id']}"
    found = api.get(url).json()["remote_picture"]
    assert (found["status"], found["code"]) == ("refused", "not_found")
    assert found["what_to_do"] == "Correct image_link in the feed."
    assert api.get("/api/v1/catalog/products?picture_status=refused").json()["count"] == 1
    host.give("/a.png", picture())
    assert other_api.post(f"{url}/picture/retry").status_code == 404
    assert other_api.post("/api/v1/catalog/pictures/retry").json() == {"asked": 0}
    assert api.post(f"{url}/picture/retry").status_code == 202
    remote_working.pictures_fetch()
    body = api.get(url).json()
    assert body["remote_picture"]["status"] == "fetched"
    assert api.get(body["cutout_url"]).status_code == 200


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"price": "free"}, "price"),
        ({"image_link": "images/a.png"}, "image_link"),
        ({"image_link": "javascript:alert(1)"}, "image_link"),
        ({"link": "javascript:alert(1)"}, "link"),
        ({"title": "\u0007"}, "title"),
    ],
)
def test_a_product_with_a_bad_field_is_refused_by_name(api, changes, field):
    body = {
        "id": "A1", "title": "Shoe", "link": "https://shop.example/a1", "price": "89.90 EUR",
        "image_link": "https://shop.example/a.png", **changes,
    }  # fmt: skip
    answer = api.post("/api/v1/catalog/products", body, format="json")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert list(answer.json()["errors"]) == [field]
    assert not Product.objects.exists()


def test_the_pages_show_the_state_and_ask_again(alice_client, rita_client, shop, host):
    ask(shop, host.give("/a.png", b"", 404))
    product = Product.objects.get()
    page = alice_client.get(f"/catalog/products/{product.pk}/").content.decode()
    assert "There is no picture at the address." in page
    assert "Try again" in page
    assert "Try again" not in rita_client.get(f"/catalog/products/{product.pk}/").content.decode()
    assert "1 refused" in alice_client.get("/catalog/").content.decode()
    assert "Shoe A1" in alice_client.get("/catalog/?picture=refused").content.decode()
    assert "Shoe A1" not in alice_client.get("/catalog/?picture=fetched").content.decode()
    host.give("/a.png", picture())
    assert rita_client.post("/catalog/pictures/retry/").status_code == 403
    alice_client.post("/catalog/pictures/retry/")
    remote_working.pictures_fetch()
    assert "Fetch again" in alice_client.get(f"/catalog/products/{product.pk}/").content.decode()


def test_a_product_is_added_and_edited_on_a_page(alice_client, shop, host):
    values = {
        "id": "N1", "title": "Mug", "link": "https://shop.example/n1", "price": "9.90 EUR",
        "image_link": host.give("/a.png", picture()), "availability": "in_stock",
    }  # fmt: skip
    alice_client.post("/catalog/products/new/", values)
    product = Product.objects.get()
    bad = alice_client.post("/catalog/products/new/", {**values, "id": "N2", "price": "x"})
    assert "field-error" in bad.content.decode()
    assert Product.objects.count() == 1
    page = alice_client.get(f"/catalog/products/{product.pk}/edit/").content.decode()
    assert 'value="9.90 EUR"' in page
    other = host.give("/b.png", picture("#ff0000"))
    alice_client.post(f"/catalog/products/{product.pk}/edit/", {**values, "id": "X", "image_link": other})
    assert (Product.objects.get().external_id, RemotePicture.objects.get().url) == ("N1", other)


def test_a_feed_may_call_the_column_image_url(shop, host):
    content = (
        b"id,title,link,image_url,price\nA1,Shoe,https://shop.example/a,%s,9.90 EUR"
        % host.give("/a.png", picture()).encode()
    )
    run(shop, content)
    assert RemotePicture.objects.get().url == host.url("/a.png")


def test_saving_a_product_again_keeps_what_became_of_its_picture(shop, host):
    values = {
        "id": "A1", "title": "Shoe", "link": "https://shop.example/a1", "price": "89.90 EUR",
        "image_link": host.give("/a.png", picture()),
    }  # fmt: skip
    product_save(advertiser=shop, values=values)
    remote_working.pictures_fetch()
    product, is_new = product_save(advertiser=shop, values={**values, "title": "Boot"})
    assert (is_new, product.title, bool(product.image)) == (False, "Boot", True)
    assert product.remote_picture.status == "fetched"


def test_a_picture_that_came_as_a_file_stays_and_another_file_is_refused(shop, alice_client):
    product = factories.make_product(shop, "A1", image_link="images/a.webp")
    page = reverse("product-edit", args=[product.pk])
    form = {"title": "Boot", "link": product.link, "price": "89.90 EUR", "image_link": "images/a.webp"}
    assert alice_client.post(page, form).status_code == 302
    saved = Product.objects.get()
    assert (saved.title, saved.image) == ("Boot", product.image)
    assert not RemotePicture.objects.exists()
    other = alice_client.post(page, {**form, "image_link": "images/b.webp"})
    assert "image_link must be a web address" in other.content.decode()


def test_many_wake_ups_keep_one_next_turn_in_the_queue(shop, host, monkeypatch):
    sent = []

    def on_publish(headers, **more):
        sent.append(headers["kwargsrepr"])

    run(shop, feed(line("A1", image_link=host.give("/a.png", picture()))))
    monkeypatch.setattr(remote_working, "BUDGET_SECONDS", 0.0)  # so that work is left
    monkeypatch.setattr(tasks, "_turn_until", 0.0)
    before_task_publish.connect(on_publish)
    try:
        for _ in range(3):  # the import, another, and the beat
            tasks.pictures_fetch()
        assert sent == ["{'is_turn': True}"]
        tasks.pictures_fetch(is_turn=True)
        assert len(sent) == 2, "the turn itself comes back while work is left"
        monkeypatch.setattr(remote_working, "BUDGET_SECONDS", 5.0)
        tasks.pictures_fetch(is_turn=True)
        assert (len(sent), len(host.seen)) == (2, 1)
    finally:
        before_task_publish.disconnect(on_publish)
