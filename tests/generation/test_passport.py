"""The passport: what a creative was made from, and whether it comes out again."""

from __future__ import annotations

import pytest
from django.urls import reverse
from PIL import Image, ImageDraw

from adplatform.lib.errors import DomainError
from generation import renderers, services
from generation.composition.templates import template_get
from generation.copy_edits import copy_edit
from generation.models import Creative, RenderJob
from generation.rechecking import pixels_difference
from generation.renderers.base import RenderResult


class Painter:
    """Draws the same disc each time, unless its weights or its colour are changed."""

    colour, weights = "#3f7f73", "a" * 64

    def render(self, request, on_step):
        image = Image.new("RGBA", (64, 64))
        ImageDraw.Draw(image).ellipse((8, 8, 56, 56), fill=self.colour)
        details = {"scheduler": "DDIM", "files": {"unet.safetensors": self.weights}}
        return RenderResult(image, "tiny", self.weights, 4, details)


@pytest.fixture
def painter(brief, settings, monkeypatch) -> Painter:
    painter = Painter()
    key = ("tiny", str(settings.GENERATION_MODELS["tiny"]))
    monkeypatch.setattr(renderers, "_loaded", {key: painter})
    return painter


@pytest.fixture
def job(shop, brief, painter, alice) -> RenderJob:
    job = services.render_request(advertiser=shop, brief=brief, requested_by=alice)
    assert services.render_execute("a")
    job.refresh_from_db()
    return job


def checked(shop, job) -> dict:
    check = services.render_check(advertiser=shop, job_id=job.pk)
    assert services.render_execute("a")
    check.refresh_from_db()
    assert (check.status, check.creatives.count()) == ("succeeded", 0)
    return check.comparison


def test_a_second_render_is_equal_in_bytes_and_its_creatives_in_pixels(shop, job, alice):
    found = checked(shop, job)
    assert found["is_equal"]
    assert found["picture"]["before"] == found["picture"]["after"] == job.picture_sha256
    assert [row["size"] for row in found["creatives"]] == ["300x250", "320x50"]
    assert found["causes"] == []
    copy_edit(advertiser=shop, job_id=job.pk, headline="New words", call_to_action="Look", editor=alice)
    assert checked(shop, job)["is_equal"]  # in the words that they have now


def test_what_differs_is_named_and_measured(shop, job, painter):
    painter.colour, painter.weights = "#3f7f70", "b" * 64
    found = checked(shop, job)
    assert not found["is_equal"]
    assert found["picture"]["difference"]["largest"] == 3
    assert 0.3 < found["picture"]["difference"]["changed_rate"] < 0.6
    assert [cause["what"] for cause in found["causes"]] == ["weights"]
    assert all(row["difference"] for row in found["creatives"] if not row["is_equal"])


def test_a_new_version_of_the_template_is_named(shop, job, alice):
    for creative in job.creatives.all():
        creative.inspection["template"] = "lifestyle@1"
        creative.pixels_sha256 = "0" * 64  # that version looked otherwise
        creative.save()
    found = checked(shop, job)
    assert (found["picture"]["is_equal"], found["is_equal"]) == (True, False)
    (cause,) = found["causes"]
    assert (cause["what"], cause["before"]) == ("template", "lifestyle@1")
    assert cause["after"] == template_get("lifestyle").reference


def test_a_check_is_asked_for_once_and_only_of_a_finished_picture(shop, other_shop, job, brief):
    check = services.render_check(advertiser=shop, job_id=job.pk)
    assert services.render_check(advertiser=shop, job_id=job.pk) == check
    for advertiser, job_id, code in (
        (shop, check.pk, "render_job_is_check"),
        (other_shop, job.pk, "not_found"),
    ):
        with pytest.raises(DomainError) as caught:
            services.render_check(advertiser=advertiser, job_id=job_id)
        assert caught.value.code == code
    RenderJob.objects.filter(pk=check.pk).update(status="dead")
    services.render_check(advertiser=shop, job_id=job.pk)
    with pytest.raises(DomainError) as caught:
        services.render_retry(advertiser=shop, job_id=check.pk)
    assert caught.value.code == "render_job_running"
    RenderJob.objects.filter(pk=job.pk).update(status="dead")
    with pytest.raises(DomainError) as caught:
        services.render_check(advertiser=shop, job_id=job.pk)
    assert caught.value.code == "render_job_unfinished"


def test_the_page_tells_it_all_and_checks_at_a_click(alice_client, api, shop, job):
    creative = Creative.objects.filter(job=job).first()
    page = reverse("creative-passport", args=[creative.pk])
    text = alice_client.get(page).content.decode()
    for fact in ("unet.safetensors", "a" * 64, job.fingerprint, "DDIM", str(job.seed), "scene@", "alice"):
        assert fact in text, fact
    assert "Not tried yet" in text
    assert (
        "Not shown to anybody in the last 90 days"
        in alice_client.get(reverse("creative-serves", args=[creative.pk])).content.decode()
    )
    assert alice_client.post(reverse("creative-check", args=[creative.pk])).url == page
    live = reverse("creative-check-live", args=[creative.pk])
    assert "Waits for a worker" in alice_client.get(live).content.decode()
    services.render_execute("a")
    assert "byte for byte" in alice_client.get(live).content.decode()
    answer = api.post(f"/api/v1/render-jobs/{job.pk}/check")
    assert (answer.status_code, answer.json()["checks_id"]) == (202, str(job.pk))


def test_pictures_of_two_sizes_cannot_be_compared():
    assert pixels_difference(Image.new("RGB", (2, 2)), Image.new("RGB", (3, 3))) is None
    one = Image.new("RGB", (2, 2))
    two = one.copy()
    two.putpixel((0, 0), (0, 0, 9))
    assert pixels_difference(one, two) == {"changed_rate": 0.25, "largest": 9}
