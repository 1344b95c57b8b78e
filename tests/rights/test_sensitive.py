"""The four places where sensitive words are refused: taxonomy, rule, prompt, and what is stored already."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from adplatform.lib.errors import DomainError
from campaigns.models import Variant
from generation.copy_edits import copy_edit
from generation.models import RenderJob
from generation.redrawing import prompt_refuse_unsafe
from generation.renderers.base import RenderError
from profiles import services, taxonomy
from profiles.models import Behaviour, InterestProfile, Segment, Shopper
from profiles.selectors import audience_get
from profiles.snapshots import BehaviourInput
from rights.models import SensitiveFinding
from rights.scan import sensitive_scan
from tests import factories
from tests.rights.cast import KEY, agree, like

HIKERS = {"any": [{"interest": "outdoor_hiking", "min_weight": 0.1}]}


def test_a_taxonomy_with_a_sensitive_interest_does_not_load(monkeypatch):
    row = {"id": "x", "parent": "", "iab_id": "", "label_en": "Diabetes", "label_zh": "户外"}
    monkeypatch.setattr(taxonomy, "rows_read", lambda name: [row])
    with pytest.raises(ValueError, match="diabetes"):
        taxonomy.taxonomy_read()


@pytest.mark.parametrize("part", ["any", "all", "none"])
@pytest.mark.parametrize("interest", ["pregnant", "穆斯林", "Gewerkschafter", "g.a.y"])
def test_a_rule_neither_includes_nor_excludes_by_it(shop, api, part, interest):
    rule = HIKERS | {part: [{"interest": interest}]}
    answer = api.post("/api/v1/segments", {"name": "Hikers", "rule": rule})
    assert (answer.status_code, answer.json()["code"]) == (400, "interest_sensitive")
    assert not Segment.objects.exists()


@pytest.mark.parametrize("name", ["Diabetics", "怀孕的妈妈", "Syndiqués", "mus\u200blims"])
def test_a_segment_is_not_named_so_either(shop, name):
    with pytest.raises(DomainError) as refused:
        services.segment_create(advertiser=shop, name=name, rule=HIKERS)
    assert refused.value.code == "name_sensitive"


@pytest.mark.parametrize(
    "text", ["Schwangerschaft Kissen", "g.a.y hiking", "ｍｕｓｌｉｍ prayer", "癌 症 徒步"]
)
def test_an_interest_in_it_is_not_stored_in_any_language(shop, text):
    agree(shop)
    item = BehaviourInput("1", KEY, "interest", timezone.now(), text=text)
    services.behaviours_record(advertiser=shop, items=[item], now=timezone.now())
    row = Behaviour.objects.get()
    assert (row.text, row.interests) == ("", {})
    assert InterestProfile.objects.get().weights == {}


def test_a_prompt_for_a_segment_may_not_speak_of_it_but_a_generic_one_may(shop):
    job = factories.make_render_job(shop)
    segment = {"slug": "s", "name": "Hikers", "interests": []}
    job.prompt = "a prayer corner of a mosque"
    job.brief = {**job.brief, "segment": segment}
    with pytest.raises(RenderError) as refused:
        prompt_refuse_unsafe(job)
    assert refused.value.code == "prompt_sensitive"
    job.prompt, job.brief = "a tent", {**job.brief, "segment": {**segment, "name": "Diabetics"}}
    with pytest.raises(RenderError, match="diabetics"):
        prompt_refuse_unsafe(job)
    job.prompt, job.brief = "a prayer corner of a mosque", {**job.brief, "segment": None}
    prompt_refuse_unsafe(job)
    assert isinstance(job, RenderJob)


def test_the_scan_switches_off_and_empties_what_came_in_before_and_tells_of_it(
    shop, other_shop, alice_client
):
    bad = factories.make_segment(shop, slug="cancer-survivors", name="Cancer survivors", interests=())
    good = factories.make_segment(shop, slug="hikers", name="Hikers", interests=("outdoor_hiking",))
    agree(shop)
    like(shop)
    Behaviour.objects.update(text="Krebspatient")
    out = io.StringIO()
    call_command("sensitive_scan", stdout=out)
    assert out.getvalue() == "2 finding(s).\n"
    bad.refresh_from_db()
    good.refresh_from_db()
    assert (bad.is_active, good.is_active) == (False, True)
    row = Behaviour.objects.get()
    assert (row.text, row.interests) == ("", {})
    assert Shopper.objects.get().stale_since is not None
    assert set(SensitiveFinding.objects.values_list("kind", "category")) == {
        ("segment", "health"),
        ("behaviour", "health"),
    }
    page = alice_client.get("/privacy/").content.decode()
    assert "Segment switched off" in page
    assert "Krebspatient" not in page
    assert sensitive_scan(now=timezone.now()) == 0
    with pytest.raises(DomainError) as refused:
        services.segment_update(advertiser=shop, segment_id=bad.pk, is_active=True)
    assert refused.value.code == "name_sensitive"


def test_a_crowd_that_left_a_month_ago_is_none_to_hide_in(shop, settings):
    settings.PROFILES_SEGMENT_MIN_SHOPPERS = 2
    for key in (KEY, "bob"):
        agree(shop, key)
        like(shop, key)
    segment = services.segment_create(advertiser=shop, name="Hikers", rule=HIKERS)
    assert audience_get(advertiser_id=shop.pk, shopper_key=KEY).segment_ids == (segment.pk,)
    last = Shopper.objects.order_by("pk").last()
    Shopper.objects.filter(pk=last.pk).update(last_seen_at=timezone.now() - timedelta(days=31))
    Segment.objects.update(refreshed_at=None)
    services.segments_refresh(advertiser=shop, now=timezone.now())
    segment.refresh_from_db()
    assert segment.size == 1
    assert audience_get(advertiser_id=shop.pk, shopper_key=KEY).segment_ids == ()


def _job(shop, **brief):
    job = factories.make_render_job(shop)
    segment = {"slug": "hikers", "name": "Hikers", "interests": []}
    job.brief = {**job.brief, "segment": segment, **brief}
    job.save(update_fields=["brief"])
    return job


def test_what_was_made_for_a_segment_in_such_words_is_taken_out_and_the_generic_one_stays(shop, alice):
    approved = factories.make_creative(_job(shop))
    type(approved).objects.filter(pk=approved.pk).update(
        headline="Für Schwangere", status="approved", approved_sha256=approved.sha256
    )
    waiting = factories.make_creative(_job(shop, headline="给孕妇的礼物"))
    title = {**_job(shop).brief["product"], "title": "Fertility test for diabetics"}
    of_product = factories.make_creative(_job(shop, product=title))
    job = _job(shop)
    type(job).objects.filter(pk=job.pk).update(brief={**job.brief, "segment": None})
    generic = factories.make_creative(job)
    type(generic).objects.filter(pk=generic.pk).update(headline="Für Schwangere")
    harmless = factories.make_creative(_job(shop))
    RenderJob.objects.update(status="succeeded")
    assert sensitive_scan(now=timezone.now()) == 3
    for creative, status in (
        (approved, "withdrawn"),
        (waiting, "rejected"),
        (of_product, "rejected"),
        (generic, "in_review"),
        (harmless, "in_review"),
    ):
        creative.refresh_from_db()
        assert creative.status == status
    assert set(SensitiveFinding.objects.values_list("kind", "category", "place")) == {
        ("creative", "health", "creative")
    }
    assert sensitive_scan(now=timezone.now()) == 0


def test_a_waiting_picture_for_a_segment_is_refused_before_it_is_drawn(shop):
    bad, good = _job(shop, headline="For muslims"), _job(shop)
    assert sensitive_scan(now=timezone.now()) == 1
    bad.refresh_from_db()
    good.refresh_from_db()
    assert (bad.status, bad.error_code, good.status) == ("rejected", "prompt_sensitive", "queued")


def test_the_worker_reads_headline_and_product_too(shop):
    job = _job(shop, headline="For muslims")
    with pytest.raises(RenderError, match="muslims"):
        prompt_refuse_unsafe(job)


def test_edited_words_for_a_segment_may_not_speak_of_it(shop, alice):
    job = _job(shop)
    factories.make_creative(job)
    with pytest.raises(DomainError) as refused:
        copy_edit(
            advertiser=shop, job_id=job.pk, headline="Gifts for diabetics", call_to_action="Buy", editor=alice
        )
    assert refused.value.code == "copy_sensitive"


def test_words_that_may_be_harmless_are_told_of_once_with_a_link(shop, alice_client):
    segment = factories.make_segment(shop, slug="hikers", name="Hikers")
    product = factories.make_product(shop, "P1", title="Diabetes shoe")
    factories.make_product(shop, "P2", title="Diabetes book for everybody")
    campaign = factories.make_campaign(shop, name="Gifts", headline="For pregnant hikers")
    Variant.objects.create(
        advertiser=shop,
        campaign=campaign,
        product=product,
        segment=segment,
        job=factories.make_render_job(shop),
    )
    RenderJob.objects.update(status="succeeded")
    kit = factories.make_brand_kit(shop, name="Union of Methodists")
    assert sensitive_scan(now=timezone.now()) >= 2
    told = dict(SensitiveFinding.objects.values_list("place", "subject_id"))
    assert told["campaign"] == campaign.pk
    assert told["product"] == product.pk
    assert set(told) <= {"campaign", "product", "brand"}
    assert kit.name
    page = alice_client.get("/privacy/").content.decode()
    assert f"/campaigns/{campaign.pk}/" in page
    assert "pregnant" not in page
    assert sensitive_scan(now=timezone.now()) == 0
    campaign.refresh_from_db()
    assert campaign.headline == "For pregnant hikers"


def test_a_rule_that_was_stored_with_such_an_interest_is_found_whatever_its_shape(shop):
    segment = factories.make_segment(shop, slug="odd", name="Odd")
    Segment.objects.filter(pk=segment.pk).update(rule={"none": [{"interest": "health_pregnancy"}]})
    assert sensitive_scan(now=timezone.now()) == 1
    segment.refresh_from_db()
    assert not segment.is_active
