"""Creatives over the API."""

from __future__ import annotations

from uuid import uuid4

import pytest

from generation.models import Creative, ReviewRecord
from tests import factories
from tests.generation.composing import requested_job

URL = "/api/v1/creatives"


@pytest.fixture
def creative(shop, alice, rita):
    return factories.make_creative(requested_job(shop, alice))


def test_the_list_is_filtered_paged_and_the_shops_own(api, other_api, creative):
    factories.make_creative(creative.job, 320, 50, status="rejected")
    assert api.get(URL).json()["count"] == 2
    assert api.get(URL, {"status": "in_review"}).json()["results"][0]["id"] == str(creative.pk)
    assert api.get(URL, {"size": "320x50"}).json()["count"] == 1
    assert api.get(URL, {"size": "junk"}).json()["count"] == 0
    assert api.get(URL, {"job": str(creative.job_id)}).json()["count"] == 2
    assert api.get(URL, {"status": "nope"}).json()["code"] == "status_unknown"
    assert api.get(URL, {"job": "nope"}).status_code == 400
    assert other_api.get(URL).json()["count"] == 0


def test_one_creative_has_a_link_to_its_picture(api, creative):
    body = api.get(f"{URL}/{creative.pk}").json()
    assert body["image_url"].startswith("/media/")
    assert body["sha256"] == creative.sha256
    assert body["reviewed_by"] is None


def test_a_key_can_reject_and_withdraw_but_only_a_person_approves(api, rita_client, creative):
    answer = api.post(f"{URL}/{creative.pk}/approve")
    assert (answer.status_code, answer.json()["code"]) == (403, "person_required")
    approved = rita_client.post(
        f"{URL}/{creative.pk}/approve", {"sha256": creative.sha256}, content_type="application/json"
    )
    assert (approved.status_code, approved.json()["status"]) == (200, "approved")
    assert approved.json()["reviewed_by"] == "rita"
    withdrawn = api.post(f"{URL}/{creative.pk}/withdraw", {"comment": "recalled"})
    assert (withdrawn.status_code, withdrawn.json()["status"]) == (200, "withdrawn")
    assert ReviewRecord.objects.get(to_status="withdrawn").reviewer is None


def test_reject_wants_a_known_reason(api, creative):
    assert api.post(f"{URL}/{creative.pk}/reject", {"reason": "ugly"}).json()["code"] == "invalid"
    answer = api.post(f"{URL}/{creative.pk}/reject", {"reason": "off_brand", "comment": "too loud"})
    assert answer.json()["reject_reason"] == "off_brand"
    again = api.post(f"{URL}/{creative.pk}/reject", {"reason": "off_brand"})
    assert (again.status_code, again.json()["code"]) == (409, "transition_refused")


@pytest.mark.parametrize("verb", ["", "/approve", "/reject", "/withdraw"])
def test_a_foreign_id_and_a_random_one_look_the_same(api, mallory_client, other_api, creative, verb):
    def ask(client, pk):
        body = {"reason": "off_brand"}
        url = f"{URL}/{pk}{verb}"
        return client.get(url) if not verb else client.post(url, body, content_type="application/json")

    foreign, random = ask(mallory_client, creative.pk), ask(mallory_client, uuid4())
    assert foreign.status_code == random.status_code == 404
    assert foreign.json() == random.json()
    creative.refresh_from_db()
    assert creative.status == Creative.Status.IN_REVIEW


def test_a_reporter_reads_but_does_not_decide(client, shop, creative):
    client.force_login(factories.make_member(shop, "reporter"))
    assert client.get(f"{URL}/{creative.pk}").status_code == 200
    answer = client.post(
        f"{URL}/{creative.pk}/reject", {"reason": "off_brand"}, content_type="application/json"
    )
    assert answer.status_code == 403
