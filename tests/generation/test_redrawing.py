"""A picture that fails is drawn again with another seed, within one lease, and the reasons are kept."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.utils import timezone
from PIL import Image, ImageDraw

from generation import drawing, queue, redrawing, renderers, services
from generation.execution import Watch, job_run
from generation.models import RenderJob
from generation.renderers.base import RenderResult
from tests import factories

Status = RenderJob.Status
pytestmark = pytest.mark.django_db


def disc(colour: str = "#3f7f73") -> Image.Image:
    image = Image.new("RGBA", (96, 96), (0, 0, 0, 0))
    ImageDraw.Draw(image).ellipse((8, 8, 88, 88), fill=colour)
    return image


def speck() -> Image.Image:
    """There, and next to nothing."""
    image = Image.new("RGBA", (96, 96), (0, 0, 0, 0))
    image.putpixel((40, 40), (200, 30, 30, 255))
    return image


def empty() -> Image.Image:
    return Image.new("RGBA", (96, 96), (0, 0, 0, 0))


class Scripted:
    """Answers with the given pictures, one a call."""

    def __init__(self, *pictures: Image.Image) -> None:
        self.pictures = list(pictures)
        self.seeds: list[int] = []

    def render(self, request, on_step):
        self.seeds.append(request.seed)
        on_step(1, 1)
        return RenderResult(image=self.pictures.pop(0), model="tiny", model_hash="f" * 64, steps=1)


@pytest.fixture
def run(shop, brief, settings, monkeypatch):
    """Render the job's pictures with a scripted model and no judge; the job as it is afterwards."""
    monkeypatch.setattr(drawing, "scorer_get", lambda: None)

    def go(*pictures: Image.Image, wanted=None) -> tuple[RenderJob, Scripted]:
        renderer = Scripted(*pictures)
        key = ("tiny", str(settings.GENERATION_MODELS["tiny"]))
        monkeypatch.setattr(renderers, "_loaded", {key: renderer})
        services.render_request(advertiser=shop, brief=wanted or brief)
        job, lease = queue.job_claim(worker="a", now=timezone.now())
        job_run(job, lease, Watch(lease, write_seconds=0))
        return RenderJob.objects.get(pk=job.pk), renderer

    return go


def test_a_good_picture_is_drawn_once(run):
    job, renderer = run(disc())
    assert job.status == Status.SUCCEEDED, (job.error_code, job.error_message)
    assert job.render_details["discarded"] == []
    assert renderer.seeds == [job.seed]


def test_a_failed_picture_is_drawn_again_with_another_seed_and_its_reason_is_kept(run):
    job, renderer = run(speck(), empty(), disc())
    assert job.status == Status.SUCCEEDED, (job.error_code, job.error_message)
    assert len(set(renderer.seeds)) == 3
    assert renderer.seeds[0] == job.seed  # the row keeps the brief's own
    assert job.render_details["seed"] == renderer.seeds[2]
    assert job.render_details["discarded"] == [
        {"seed": renderer.seeds[0], "codes": ["motif_empty"], "match_score": None},
        {"seed": renderer.seeds[1], "codes": ["blank_picture"], "match_score": None},
    ]
    assert job.attempts == 0, "a picture that is not liked is no error"
    assert all("motif_empty" not in creative.inspection["codes"] for creative in job.creatives.all())


def test_when_the_tries_are_used_up_the_best_is_kept_for_a_person_to_judge(run, settings):
    settings.GENERATION_REDRAWS_MAX = 1
    job, renderer = run(speck(), empty())
    assert job.status == Status.SUCCEEDED
    assert job.render_details["seed"] == renderer.seeds[0]
    assert [row["codes"] for row in job.render_details["discarded"]] == [["blank_picture"]]
    assert all("motif_empty" in creative.inspection["codes"] for creative in job.creatives.all())


def test_nothing_but_empty_pictures_is_a_refused_job(run, settings):
    settings.GENERATION_REDRAWS_MAX = 1
    job, renderer = run(empty(), empty(), disc())
    assert (job.status, job.error_code) == (Status.REJECTED, "blank_picture")
    assert len(renderer.seeds) == 2
    assert not job.creatives.exists()


def test_no_time_left_is_no_time_to_draw_again(run, settings):
    settings.CELERY_TASK_SOFT_TIME_LIMIT = 0
    job, renderer = run(speck(), disc())
    assert len(renderer.seeds) == 1
    assert job.status == Status.SUCCEEDED


def test_the_judges_score_counts(run, settings, monkeypatch):
    draw, found = redrawing.picture_draw, iter([(0.1, True), (0.3, False)])

    def judged(*args):
        score, is_low = next(found)
        return replace(draw(*args), match_score=score, is_low_match=is_low)

    monkeypatch.setattr(redrawing, "picture_draw", judged)
    job, renderer = run(disc(), disc())
    assert (job.match_score, len(renderer.seeds)) == (0.3, 2)
    assert job.render_details["discarded"] == [
        {"seed": renderer.seeds[0], "codes": ["low_match"], "match_score": 0.1}
    ]


def test_the_same_creative_of_another_brief_is_named(run, brief, shop):
    brief = replace(brief, headline="Made for your mornings")
    job, _ = run(disc(), wanted=brief)
    assert all("near_duplicate" not in creative.inspection["codes"] for creative in job.creatives.all())
    twin, renderer = run(disc(), wanted=replace(brief, take=1))
    assert all("near_duplicate" in creative.inspection["codes"] for creative in twin.creatives.all())
    assert len(renderer.seeds) == 1, "a motif's model draws the same again"


def test_another_advertisers_pictures_are_not_looked_at(run, brief, shop, other_shop):
    brief = replace(brief, headline="Made for your mornings")
    mine, _ = run(disc(), wanted=brief)
    RenderJob.objects.filter(pk=mine.pk).update(advertiser=other_shop)
    twin, _ = run(disc(), wanted=replace(brief, take=1))
    assert all("near_duplicate" not in creative.inspection["codes"] for creative in twin.creatives.all())


@pytest.mark.parametrize("title", ["Casino night mug", "赌场之夜 马克杯"])
def test_an_unsafe_prompt_draws_nothing(run, brief, title):
    job, renderer = run(disc(), wanted=replace(brief, product=replace(brief.product, title=title)))
    assert (job.status, job.error_code) == (Status.REJECTED, "prompt_unsafe")
    assert "gambling" in job.error_message
    assert renderer.seeds == []


def test_prompt_syntax_that_got_past_the_builder_is_refused(shop, brief, settings, monkeypatch):
    job = services.render_request(advertiser=shop, brief=brief)
    job.prompt += ", (mug:1.9)"
    with pytest.raises(redrawing.RenderError) as caught:
        redrawing.prompt_refuse_unsafe(job)
    assert caught.value.code == "prompt_syntax"


def test_a_shops_own_data_brings_no_syntax_into_a_prompt(shop):
    product = factories.make_product(shop, title="Mug <lora:nude:1> (huge:1.9) ++ [a:b:1]")
    job = factories.make_render_job(shop, product=product)
    redrawing.prompt_refuse_unsafe(job)
