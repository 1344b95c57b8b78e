"""Words that a person wrote stay when the picture or the price under them changes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.urls import reverse

from generation.briefs import Brief
from generation.copy_edits import copy_edit
from generation.kept_copy import kept_copy
from generation.models import RenderJob
from generation.services import render_check, render_request
from tests import factories
from tests.generation.motif_renderer import job_through


@pytest.fixture
def edited(shop, motif_model, alice) -> RenderJob:
    """A finished job whose headline somebody wrote."""
    brief = factories.make_brief(factories.make_product(shop), model=motif_model, sizes=((300, 250),))
    job = job_through(render_request(advertiser=shop, brief=brief))
    action = job.creatives.get().call_to_action
    copy_edit(
        advertiser=shop, job_id=job.pk, headline="Further than before", call_to_action=action, editor=alice
    )
    return job


def successor(shop, job: RenderJob, **changes) -> RenderJob:
    brief = Brief.from_dict(job.brief)
    product = {key[8:]: changes.pop(key) for key in list(changes) if key.startswith("product_")}
    brief = replace(brief, product=replace(brief.product, **product), **changes)
    return render_request(advertiser=shop, brief=brief, replaces=job)


def test_another_take_and_a_new_price_keep_the_headline_and_show_the_new_price(shop, edited, rita_client):
    dearer = job_through(successor(shop, edited, product_price_cents=9999, product_sale_price_cents=None))
    creative = dearer.creatives.get()
    assert (creative.headline, creative.version) == ("Further than before", 1)
    assert "99.99" in creative.price_text
    assert dearer.render_details["kept_copy"] == {"headline": "Further than before", "call_to_action": ""}
    page = rita_client.get(reverse("creative-review-job", args=[dearer.pk])).content.decode()
    assert "Kept from an edit" in page
    third = job_through(successor(shop, dearer, take=1))  # a take of a take
    assert third.creatives.get().headline == "Further than before"


def test_a_picture_with_kept_words_can_be_made_again(shop, edited):
    later = job_through(successor(shop, edited, take=1))
    check = job_through(render_check(advertiser=shop, job_id=later.pk))
    assert check.comparison["is_equal"]


def test_what_it_was_made_on_changed_so_the_edit_ends(shop, edited):
    assert kept_copy(successor(shop, edited, headline="The campaign's own")).headline == ""
    assert kept_copy(successor(shop, edited, language="zh", take=2)).headline == ""
    brand = replace(Brief.from_dict(edited.brief).brand, call_to_action="Buy")
    assert kept_copy(successor(shop, edited, brand=brand)).headline == "Further than before"
    assert kept_copy(edited).details() == {}


def test_a_take_that_was_replaced_before_it_was_made_hands_the_words_on(shop, edited):
    never_made = successor(shop, edited, take=1)
    assert kept_copy(successor(shop, never_made, take=2)).headline == "Further than before"
