"""New words on a made picture: composed anew, a version more, the approval gone, nothing half written."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from django.db.models import F
from django.urls import reverse
from hypothesis import given, settings
from hypothesis import strategies as st

from adplatform.lib.errors import DomainError
from adplatform.lib.files import content_read
from generation import review
from generation.audit import Finding, files_audit
from generation.briefs import Brief
from generation.composition import creatives_compose
from generation.composition.templates import template_get
from generation.copy_edits import copy_edit
from generation.creative_files import creative_store
from generation.creative_views import warnings_of
from generation.media_sweep import media_sweep
from generation.models import Creative, CreativeVersion, RenderJob, ReviewRecord
from generation.review_selectors import comparisons_get
from generation.version_diff import changes_between, words_diff
from tests import factories
from tests.generation.composing import motif, picture_store, requested_job


@pytest.fixture
def job(shop, alice, rita) -> RenderJob:
    """A rendered and composed brief in two sizes."""
    job = requested_job(shop, alice)
    job.picture, job.picture_sha256 = picture_store(motif(), "renders")
    job.status = RenderJob.Status.SUCCEEDED
    job.save()
    brief = Brief.from_dict(job.brief)
    for made in creatives_compose(brief=brief, picture=motif()):
        Creative.objects.create(
            advertiser=shop, job=job, width=made.width, height=made.height, **creative_store(made, brief)
        )
    return job


def edit(shop, job, editor, headline="Further than the last bend", call_to_action="See it", **more):
    return copy_edit(
        advertiser=shop,
        job_id=job.pk,
        headline=headline,
        call_to_action=call_to_action,
        editor=editor,
        **more,
    )


def test_an_edit_makes_a_version_and_takes_the_approval_back(shop, job, rita, alice):
    first = job.creatives.first()
    review.creative_approve(advertiser=shop, creative_id=first.pk, reviewer=rita)
    old = {creative.pk: (creative.sha256, creative.headline) for creative in job.creatives.all()}
    edit(shop, job, alice)
    for creative in job.creatives.all():
        assert (creative.status, creative.approved_sha256, creative.version) == ("in_review", "", 2)
        assert (creative.headline, creative.call_to_action) == ("Further than the last bend", "See it")
        assert creative.alt_text.endswith("Further than the last bend")
        version = CreativeVersion.objects.get(creative=creative)
        assert (version.number, version.sha256, version.headline) == (1, *old[creative.pk])
        assert content_read(version.file) != content_read(creative.file)
    approval, change = ReviewRecord.objects.filter(creative=first).order_by("created_at", "id")
    assert (approval.action, approval.sha256) == ("approve", old[first.pk][0])
    assert (change.action, change.from_status, change.who) == ("edit", "approved", "alice")


def test_what_a_version_was_is_kept_and_audited(shop, job, alice, settings):
    before = {creative.file for creative in job.creatives.all()}
    edit(shop, job, alice)
    for path in Path(settings.MEDIA_ROOT).rglob("*.*"):
        os.utime(path, (1, 1))
    assert media_sweep(now=time.time()) == {"temporary": 0, "orphans": 0}
    assert all(content_read(name) for name in before)
    audited = {file.name: file.findings for file in files_audit()}
    assert before <= set(audited)
    lost = before.pop()
    (Path(settings.MEDIA_ROOT) / lost).unlink()
    found = [file for file in files_audit() if file.findings and file.name.startswith("creatives/")]
    assert [(file.name, file.findings) for file in found] == [(lost, (Finding.FILE_MISSING,))]
    assert found[0].owner.startswith("version 1 of creative ")


def test_the_scene_stays_where_the_words_are_not(shop, job, alice):
    from io import BytesIO

    from PIL import Image, ImageChops

    creative = job.creatives.get(width=300)
    before = Image.open(BytesIO(content_read(creative.file))).convert("RGB")
    (edited,) = [made for made in edit(shop, job, alice, call_to_action="Shop now") if made.width == 300]
    after = Image.open(BytesIO(content_read(edited.file))).convert("RGB")
    changed = ImageChops.difference(before, after).convert("L").point(lambda value: 255 * (value > 40))
    share = sum(changed.histogram()[255:]) / (300 * 250)
    assert 0 < share < 0.2  # letters only; a scene drawn anew differs nearly everywhere


def test_words_of_a_creative_made_with_an_older_template_are_set_with_todays(shop, job, alice):
    today = template_get("lifestyle").reference
    job.brief["template"] = "lifestyle@1"
    job.save()
    for creative in job.creatives.all():  # as the release before this one left them
        creative.inspection.pop("template")
        creative.save()
    first, *others = edit(shop, job, alice)
    assert {creative.template for creative in (first, *others)} == {today} != {"lifestyle@1"}
    assert first.versions.get().template == "lifestyle@1"
    assert first.reviews.get().comment.endswith(f"template lifestyle@1 → {today}")
    changes = comparisons_get(job=job, creatives=[first])[first.pk].changes
    assert [change.label for change in changes] == ["Headline", "Call to action", "Template"]
    again, *_ = edit(shop, job, alice, headline="Once more")
    assert "template" not in again.reviews.order_by("-created_at", "-id").first().comment


def test_unsafe_words_are_shown_to_a_reviewer_and_cannot_be_approved(shop, job, alice, rita):
    made = edit(shop, job, alice, headline="Your c4s1n0 night")
    assert all(one.inspection["forbidden_words"] == {"casino": "gambling"} for one in made)
    ((code, sentence, sizes),) = warnings_of(made)
    assert (code, sizes) == ("forbidden_word", ", ".join(one.size for one in made))
    with pytest.raises(DomainError) as caught:
        review.creative_approve(advertiser=shop, creative_id=made[0].pk, reviewer=rita)
    assert caught.value.code == "inspection_failed"
    assert sentence in caught.value.message
    assert "“casino” (not brand-safe: gambling)" in sentence
    edit(shop, job, alice, headline="Your night in")
    review.creative_approve(advertiser=shop, creative_id=made[0].pk, reviewer=rita)


def test_who_wrote_the_words_does_not_approve_them(shop, job, rita):
    made = edit(shop, job, rita)
    with pytest.raises(DomainError) as caught:
        review.creative_approve(advertiser=shop, creative_id=made[0].pk, reviewer=rita)
    assert caught.value.code == "self_approval"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ({"headline": "  "}, "copy_missing"),
        ({"call_to_action": "x" * 25}, "copy_too_long"),
        ({"headline": "Hello \U0001f9be"}, "missing_glyph"),
        ({"seen": "stale"}, "creative_changed"),
    ],
)
def test_what_cannot_be_set_is_refused_whole(shop, job, alice, words, code):
    if words.get("seen"):
        words = {"seen": {str(job.creatives.last().pk): "0" * 64}}
    with pytest.raises(DomainError) as caught:
        edit(shop, job, alice, **words)
    assert caught.value.code == code
    assert not CreativeVersion.objects.exists()
    assert set(job.creatives.values_list("version", flat=True)) == {1}


def test_a_withdrawn_size_keeps_its_words_and_a_lost_picture_is_said(shop, job, alice):
    gone = job.creatives.get(width=320)
    Creative.objects.filter(pk=gone.pk).update(status="withdrawn")
    assert [made.width for made in edit(shop, job, alice)] == [300]
    RenderJob.objects.filter(pk=job.pk).update(picture="renders/none.png")
    with pytest.raises(DomainError, match="another take") as caught:
        edit(shop, job, alice, headline="Once more")
    assert caught.value.code == "picture_missing"


def test_one_who_edits_what_another_just_edited_is_told(shop, job, alice, monkeypatch):
    from generation import copy_edits

    def meanwhile(*arguments):
        Creative.objects.filter(job=job).update(sha256="f" * 64, version=F("version") + 1)
        return made

    made = copy_edits._composed(job, list(job.creatives.all()), "Mine now", "Look")
    monkeypatch.setattr(copy_edits, "_composed", meanwhile)
    with pytest.raises(DomainError) as caught:
        edit(shop, job, alice, headline="Mine now")
    assert caught.value.code == "creative_changed"
    assert not CreativeVersion.objects.exists()


def test_the_page_shows_what_changed_and_the_api_says_the_same(rita_client, api, shop, job, alice):
    url = reverse("creative-review-edit", args=[job.pk])
    page = rita_client.post(url, {"headline": "Slow mornings", "call_to_action": "Look"}, follow=True)
    assert b"2 sizes have the new words" in page.content
    page = rita_client.get(reverse("creative-review-job", args=[job.pk]))
    before = page.context["before"]
    assert before.origin == "version 1"
    assert {change.label for change in before.changes} == {"Headline", "Call to action"}
    assert b"<ins>" in page.content
    body = {"headline": "Over the API", "call_to_action": "Look"}
    answer = api.post(f"/api/v1/render-jobs/{job.pk}/copy", body, format="json")
    assert [(row["version"], row["headline"]) for row in answer.json()] == [(3, "Over the API")] * 2
    trail = api.get(f"/api/v1/creatives/{answer.json()[0]['id']}/records").json()["results"]
    assert [line["action"] for line in trail] == ["edit", "edit"]


def test_a_newer_picture_is_compared_with_the_one_whose_place_it_takes(shop, job):
    newer = factories.make_render_job(shop, take=1)
    newer.replaces = job
    factories.make_creative(newer, 300, 250)
    (only,) = comparisons_get(job=newer, creatives=list(newer.creatives.all())).values()
    assert only.sha256 == job.creatives.get(width=300).sha256
    assert only.origin == "the picture before"
    assert "Headline" in {change.label for change in only.changes}


@settings(max_examples=40)
@given(st.text(max_size=40), st.text(max_size=40))
def test_the_pieces_of_a_difference_make_up_both_texts(before, after):
    pieces = words_diff(before, after)
    assert "".join(piece.text for piece in pieces if piece.kind != "in") == before
    assert "".join(piece.text for piece in pieces if piece.kind != "out") == after


def test_words_and_chinese_characters_are_compared_one_by_one():
    english = [(piece.kind, piece.text) for piece in words_diff("Warm in winter", "Warm in autumn")]
    assert english == [("same", "Warm in "), ("out", "winter"), ("in", "autumn")]
    chinese = [(piece.kind, piece.text) for piece in words_diff("冬天好茶", "秋天好茶")]
    assert chinese == [("out", "冬"), ("in", "秋"), ("same", "天好茶")]
    whole = [(piece.kind, piece.text) for piece in words_diff("A small joy for today", "Further than ever")]
    assert whole == [("out", "A small joy for today"), ("in", "Further than ever")]
    assert changes_between({"a": "1"}, {"a": "1"}) == []
