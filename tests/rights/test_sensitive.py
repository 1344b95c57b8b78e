"""The four places where sensitive words are refused: taxonomy, rule, prompt, and what is stored already."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from adplatform.lib.errors import DomainError
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
