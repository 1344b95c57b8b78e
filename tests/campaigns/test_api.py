"""Campaigns and placements through the API, from an empty draft to the air."""

from __future__ import annotations

import uuid

import pytest

from campaigns.models import Campaign, Placement
from generation.models import RenderJob
from tests import factories


@pytest.fixture
def ready(shop) -> dict[str, list[str]]:
    """Ids of a product, a segment and a placement."""
    return {
        "products": [str(factories.make_product(shop).pk)],
        "segments": [str(factories.make_segment(shop, "hikers", ("outdoor_hiking",)).pk)],
        "placements": [str(factories.make_placement(shop).pk)],
    }


def test_a_campaign_goes_from_draft_to_the_air_and_off_it(api, ready):
    created = api.post("/api/v1/campaigns", {"name": "Spring", "style": "studio"})
    assert created.status_code == 201
    url = f"/api/v1/campaigns/{created.data['id']}"
    assert api.patch(url, ready).data["products"] == [uuid.UUID(ready["products"][0])]

    plan = api.post(f"{url}/plan").json()
    assert (plan["pictures"], plan["new_pictures"], plan["creatives"]) == (2, 2, 2)
    assert plan["sizes"] == ["300x250"]
    assert plan["seconds_estimated"] is None
    assert plan["variants"][0]["segment"] is None
    assert plan["variants"][1]["segment_name"] == "Hikers"
    assert all(part["source"] and part["text"] for part in plan["variants"][1]["prompt_parts"])
    assert RenderJob.objects.count() == 0

    generated = api.post(f"{url}/generate", {})
    assert generated.status_code == 202
    counts = generated.json()
    batch = api.get(f"/api/v1/render-batches/{counts.pop('batch_id')}").json()
    assert (batch["asked"], batch["waiting"]) == (2, 2)
    assert counts == {"variants": 2, "created": 2, "requested": 2, "current": 0, "outdated": 0}
    assert api.post(f"{url}/generate", {}).json()["requested"] == 0

    refused = api.post(f"{url}/launch")
    assert (refused.status_code, refused.json()["code"]) == (409, "nothing_approved")
    assert refused.headers["Content-Type"] == "application/problem+json"
    for job in RenderJob.objects.all():
        factories.make_creative(job, status="approved")
    assert api.post(f"{url}/launch").json()["status"] == "live"
    assert api.post(f"{url}/pause").json()["status"] == "paused"
    assert api.post(f"{url}/launch").json()["status"] == "live"
    ended = api.post(f"{url}/end").json()
    assert ended["status"] == "ended"
    assert ended["progress"]["creatives"] == {"approved": 2}
    assert api.patch(url, {"name": "Again"}).json()["code"] == "campaign_ended"


def test_a_plan_comes_in_pages(api, shop, ready):
    campaign = factories.make_campaign(
        shop,
        products=[factories.make_product(shop) for _ in range(3)],
        placements=Placement.objects.all(),
    )
    url = f"/api/v1/campaigns/{campaign.pk}/plan"
    assert len(api.post(f"{url}?limit=2").json()["variants"]) == 2
    assert len(api.post(f"{url}?limit=2&offset=2").json()["variants"]) == 1
    assert len(api.post(f"{url}?limit=nonsense&offset=-1").json()["variants"]) == 3


def test_lists_are_filtered_searched_and_paged(api, shop):
    for name in ("Spring hiking", "Summer", "Autumn"):
        factories.make_campaign(shop, name=name)
    found = api.get("/api/v1/campaigns", {"search": "hiking"}).json()
    assert [row["name"] for row in found["results"]] == ["Spring hiking"]
    assert api.get("/api/v1/campaigns", {"status": "live"}).json()["count"] == 0
    assert len(api.get("/api/v1/campaigns", {"page_size": 2}).json()["results"]) == 2


def test_a_long_list_costs_no_more_queries_than_a_short_one(api, shop, django_assert_max_num_queries):
    for _ in range(6):
        factories.make_campaign(shop, products=[factories.make_product(shop)])
    api.get("/api/v1/campaigns")
    with django_assert_max_num_queries(12):
        assert api.get("/api/v1/campaigns").json()["count"] == 6


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "a\x00b"},
        {"name": "ok", "language": "fr"},
        {"name": "ok", "style": "nonsense"},
        {"name": "ok", "products": ["not-an-id"]},
        {"name": "ok", "products": "x"},
        {"name": "ok", "products": [str(uuid.uuid4())]},
        {"name": "ok", "priority": 0},
        {"name": "ok", "starts_at": "yesterday"},
        {"name": "ok", "starts_at": "2026-12-02T00:00:00Z", "ends_at": "2026-12-01T00:00:00Z"},
        ["not", "an", "object"],
    ],
)
def test_bad_input_is_refused_with_a_reason(api, body):
    response = api.post("/api/v1/campaigns", body)
    assert response.status_code == 400
    assert response.json()["errors"]
    assert Campaign.objects.count() == 0


def test_fields_nobody_may_set_change_nothing(api, shop, other_shop):
    campaign = factories.make_campaign(shop)
    answer = api.patch(
        f"/api/v1/campaigns/{campaign.pk}",
        {"name": "New", "status": "live", "advertiser": str(other_shop.pk), "id": str(uuid.uuid4())},
    )
    campaign.refresh_from_db()
    assert answer.status_code == 200
    assert (campaign.name, campaign.status, campaign.advertiser) == ("New", "draft", shop)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", ""),
        ("patch", ""),
        ("post", "/plan"),
        ("post", "/generate"),
        ("post", "/launch"),
        ("post", "/pause"),
        ("post", "/end"),
    ],
)
def test_another_advertisers_campaign_answers_like_none_at_all(api, other_shop, method, path):
    foreign = factories.make_campaign(other_shop).pk
    answers = [getattr(api, method)(f"/api/v1/campaigns/{pk}{path}", {}) for pk in (foreign, uuid.uuid4())]
    assert {answer.status_code for answer in answers} == {404}
    assert answers[0].content == answers[1].content


def test_another_advertisers_rows_cannot_be_put_into_a_campaign(api, shop, other_shop):
    campaign = factories.make_campaign(shop)
    for noun, row in (
        ("products", factories.make_product(other_shop)),
        ("segments", factories.make_segment(other_shop)),
        ("placements", factories.make_placement(other_shop)),
    ):
        answer = api.patch(f"/api/v1/campaigns/{campaign.pk}", {noun: [str(row.pk)]})
        assert answer.status_code == 400
        assert getattr(campaign, noun).count() == 0


def test_lists_hold_nothing_of_another_advertiser(api, other_shop):
    factories.make_campaign(other_shop)
    factories.make_placement(other_shop)
    assert api.get("/api/v1/campaigns").json()["count"] == 0
    assert api.get("/api/v1/placements").json()["count"] == 0


def test_a_publishable_key_can_neither_read_nor_write(shop, client):
    key = factories.make_key(shop, "publishable")
    for method, path in (("get", "campaigns"), ("post", "campaigns"), ("get", "placements")):
        answer = getattr(client, method)(f"/api/v1/{path}", headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == 403


def test_a_reporter_may_plan_but_not_generate(shop, client):
    client.force_login(factories.make_member(shop, "reporter"))
    campaign = factories.make_campaign(
        shop, products=[factories.make_product(shop)], placements=[factories.make_placement(shop)]
    )
    assert client.post(f"/api/v1/campaigns/{campaign.pk}/plan").status_code == 200
    assert client.post(f"/api/v1/campaigns/{campaign.pk}/generate").status_code == 403


def test_placements_are_made_renamed_closed_and_opened(api):
    created = api.post("/api/v1/placements", {"name": "Top", "code": "top", "width": 300, "height": 250})
    assert created.status_code == 201
    url = f"/api/v1/placements/{created.data['id']}"
    assert api.patch(url, {"name": "Home, top", "width": 728}).json()["width"] == 300
    assert api.delete(url).status_code == 204
    assert api.get(url).json()["is_active"] is False
    assert api.patch(url, {"is_active": True}).json()["is_active"] is True
    again = api.post("/api/v1/placements", {"name": "Top", "code": "top", "width": 300, "height": 250})
    assert (again.status_code, again.json()["code"]) == (409, "placement_code_taken")
    odd = api.post("/api/v1/placements", {"name": "Odd", "code": "odd", "width": 301, "height": 250})
    assert odd.status_code == 400
    assert "no layout for 301x250" in odd.json()["errors"]["size"][0]


@pytest.mark.parametrize("method", ["get", "patch", "delete"])
def test_another_advertisers_placement_answers_like_none_at_all(api, other_shop, method):
    foreign = factories.make_placement(other_shop)
    answers = [getattr(api, method)(f"/api/v1/placements/{pk}", {}) for pk in (foreign.pk, uuid.uuid4())]
    assert {answer.status_code for answer in answers} == {404}
    assert answers[0].content == answers[1].content
