import uuid

import pytest

from generation.models import RenderJob
from tests import factories

pytestmark = pytest.mark.django_db
URL = "/api/v1/render-jobs"


@pytest.fixture
def job(shop, brief) -> RenderJob:
    from generation.services import render_request

    return render_request(advertiser=shop, brief=brief)


def test_jobs_are_listed_by_status_newest_first(api, shop, job):
    newer = factories.make_render_job(shop, model="tiny", take=1)
    answer = api.get(URL).json()
    assert [row["id"] for row in answer["results"]] == [str(newer.pk), str(job.pk)]
    assert api.get(URL, {"status": "dead"}).json()["results"] == []
    assert api.get(URL, {"status": "sleeping"}).json()["code"] == "status_unknown"


def test_one_job_shows_its_prompt_and_where_each_word_came_from(api, job):
    answer = api.get(f"{URL}/{job.pk}").json()
    assert answer["prompt"] == ", ".join(part["text"] for part in answer["prompt_parts"])
    assert {"slot", "text", "from"} == set(answer["prompt_parts"][0])
    assert (answer["status"], answer["step"], answer["picture_url"]) == ("queued", 0, "")


def test_a_finished_job_links_its_picture_and_creatives(api, job):
    creative = factories.make_creative(job)
    RenderJob.objects.update(picture="renders/ab/x.png")
    answer = api.get(f"{URL}/{job.pk}").json()
    assert answer["creative_ids"] == [str(creative.pk)]
    assert "renders/ab/x.png?s=" in answer["picture_url"]


def test_cancel_then_retry(api, job):
    assert api.post(f"{URL}/{job.pk}/cancel").json()["status"] == "cancelled"
    assert api.post(f"{URL}/{job.pk}/retry").json()["status"] == "queued"


def test_a_finished_job_answers_409_with_a_code(api, job):
    factories.make_creative(job)
    for verb, code in (("cancel", "render_job_finished"), ("retry", "render_job_succeeded")):
        answer = api.post(f"{URL}/{job.pk}/{verb}")
        assert (answer.status_code, answer.json()["code"]) == (409, code)


@pytest.mark.parametrize(("method", "verb"), [("get", ""), ("post", "/cancel"), ("post", "/retry")])
def test_another_advertisers_job_answers_like_a_random_id(other_api, job, method, verb):
    answers = [getattr(other_api, method)(f"{URL}/{pk}{verb}") for pk in (job.pk, uuid.uuid4())]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json() == answers[1].json()
    assert other_api.get(URL).json()["results"] == []


def test_without_a_key_there_is_nothing_to_see(client, job):
    assert client.get(URL).status_code == 401
    assert client.post(f"{URL}/{job.pk}/cancel").status_code == 401
