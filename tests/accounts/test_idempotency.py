"""Idempotency-Key on every POST that changes something."""

from __future__ import annotations

import hashlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, connections
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from accounts.idempotency import HEADER
from accounts.models import IdempotentRequest
from campaigns.models import Campaign, CatalogImport
from generation.models import RenderJob
from profiles.models import ConsentRecord
from tests import factories

CAMPAIGN = {"name": "Autumn", "style": "soft_3d"}
# POSTs without the header: operation -> why sending one twice does nothing, or nothing more.
WITHOUT = {
    "decisions_decide": "changes nothing, and is asked thousands of times a second",
    "events_record": "each event has its own id",
    "behaviours_record": "each behaviour has its own id",
    "interests_map": "stores nothing",
    "segment_preview": "stores nothing",
    "plan_campaign": "stores nothing",
    "verify_creative_file": "stores nothing",
    "shopper_lookup": "stores nothing",
    "shopper_export": "stores nothing; a kept answer would be a second copy of the shopper's data",
    "shopper_erasure_create": "a second erasure finds nothing left; a kept request would name the shopper",
}


def send(api, path, body=None, key="k1", **extra):
    return api.post(f"/api/v1/{path}", body, HTTP_IDEMPOTENCY_KEY=key, **extra)


def test_every_post_takes_the_header_or_says_why_not() -> None:
    schema = SchemaGenerator().get_schema(request=None, public=True)
    posts = [item["post"] for item in schema["paths"].values() if "post" in item]
    without = {
        post["operationId"]
        for post in posts
        if not any(p["name"] == HEADER for p in post.get("parameters", ()))
    }
    assert without == set(WITHOUT)
    assert len(posts) > 30


def test_a_record_is_made_once_and_its_answer_comes_back_whole(api) -> None:
    first, again = send(api, "campaigns", CAMPAIGN), send(api, "campaigns", CAMPAIGN)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert (first.get("Idempotent-Replayed"), again["Idempotent-Replayed"]) == (None, "true")
    assert Campaign.objects.count() == 1
    assert send(api, "campaigns", {**CAMPAIGN, "name": "Winter"}).json()["code"] == "idempotency_key_reused"


def test_a_key_belongs_to_one_advertiser_and_one_operation(api, other_api, shop) -> None:
    placement = {"name": "Top", "code": "top", "width": 300, "height": 250}
    answers = [send(api, "campaigns", CAMPAIGN), send(api, "placements", placement)]
    answers.append(send(other_api, "campaigns", CAMPAIGN))
    assert [answer.status_code for answer in answers] == [201, 201, 201]
    job = factories.make_render_job(shop)
    other = factories.make_render_job(shop, season="winter")
    assert send(api, f"render-jobs/{job.pk}/cancel").status_code == 200
    refused = send(api, f"render-jobs/{other.pk}/cancel")  # the same operation on another record
    assert refused.json()["code"] == "idempotency_key_reused"
    other.refresh_from_db()
    assert other.status == RenderJob.Status.QUEUED


def test_a_replay_does_nothing_to_the_record(api, shop) -> None:
    job = factories.make_render_job(shop)
    assert send(api, f"render-jobs/{job.pk}/cancel", key="c").json()["status"] == "cancelled"
    job.refresh_from_db()
    RenderJob.objects.filter(pk=job.pk).update(status=RenderJob.Status.QUEUED)
    again = send(api, f"render-jobs/{job.pk}/cancel", key="c")
    job.refresh_from_db()
    assert (again.json()["status"], job.status) == ("cancelled", "queued"), "answered, not done again"


def test_files_count_by_their_content(api) -> None:
    def upload(title):
        row = f"A1\t{title}\thttps://shop.example/a1\thttps://shop.example/a1.png\t9.90 EUR"
        feed = f"id\ttitle\tlink\timage_link\tprice\n{row}\n".encode()
        return send(
            api,
            "catalog/imports",
            {"feed": SimpleUploadedFile("feed.tsv", feed), "preview": "true"},
            format="multipart",
        )

    first = upload("Mug")
    assert first.status_code == 201, first.content
    assert upload("Mug").json()["id"] == first.json()["id"]
    assert upload("Cup").json()["code"] == "idempotency_key_reused"
    assert CatalogImport.objects.count() == 1


def test_a_refusal_is_not_kept(api) -> None:
    assert send(api, "campaigns", {"name": ""}).status_code == 400
    assert send(api, "campaigns", {"name": ""}).status_code == 400
    assert not IdempotentRequest.objects.exists()
    assert send(api, "campaigns", CAMPAIGN).status_code == 201


def test_a_crash_after_the_work_leaves_neither_work_nor_answer(api, monkeypatch) -> None:
    def die(*args):
        raise KeyboardInterrupt  # nothing of ours runs after it, as after a kill

    with monkeypatch.context() as patched:
        patched.setattr("accounts.idempotency._plain", die)
        with pytest.raises(KeyboardInterrupt):
            send(api, "campaigns", CAMPAIGN)
    assert not Campaign.objects.exists()
    assert IdempotentRequest.objects.get().status is None, "its lock is left to expire"


def test_what_is_kept_names_no_shopper_and_can_be_guessed_by_nobody_without_the_key(api, settings) -> None:
    body = {"shopper": "customer-4711", "personalisation": True, "text_version": "1"}
    assert send(api, "consents", body, key="consent:customer-4711").status_code == 201
    (kept,) = IdempotentRequest.objects.all()
    assert "4711" not in str(vars(kept))
    guess = json.dumps(["POST", "/api/v1/consents", body], sort_keys=True)
    assert kept.fingerprint != hashlib.sha256(guess.encode()).hexdigest()
    assert send(api, "consents", body, key="consent:customer-4711")["Idempotent-Replayed"] == "true"
    settings.RIGHTS_TOMBSTONE_KEY = "another"
    assert "Idempotent-Replayed" not in send(api, "consents", body, key="consent:customer-4711")


def test_a_page_may_send_the_key_too(shop, page_key) -> None:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {page_key}")
    answer = {"shopper": "s", "personalisation": True, "text_version": "1"}
    assert [send(client, "consents", answer).status_code for _ in range(2)] == [201, 201]
    assert ConsentRecord.objects.count() == 1


@pytest.fixture
def page_key(shop) -> str:
    return factories.make_key(shop, "publishable")


@pytest.mark.django_db(transaction=True)
def test_twenty_at_once_make_one(shop) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite in memory shares one cache between threads, which locks instead of waiting")
    key, ready = factories.make_key(shop), threading.Barrier(20)

    def one(_number):
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
        ready.wait()
        try:
            answer = send(client, "campaigns", CAMPAIGN)
            return answer.status_code, answer.json().get("id", answer.json().get("code"))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(one, range(20)))
    made = {answer for answer in answers if answer[0] == 201}
    assert len(made) == 1, "whoever got a record got the same one"
    assert {answer for answer in answers if answer[0] != 201} <= {(409, "idempotency_in_flight")}
    assert Campaign.objects.count() == 1
