"""The public pictures, through HTTP."""

from __future__ import annotations

import uuid

import pytest
from django.test import Client

from campaigns.serving_version import serving_version_bump
from generation.models import Creative
from generation.review import creative_approve, creative_withdraw
from tests.campaigns.decision_cast import ask, first
from tests.campaigns.serving_cast import creative_in, make_variant


def path_of(creative, digest="", extension="png"):
    return f"/m/{creative.pk}/{digest or creative.sha256[:16]}.{extension}"


def test_an_approved_picture_is_public_and_may_be_kept_for_ever(live, pk):
    campaign, placement = live
    creative = creative_in(make_variant(campaign, placement))
    for _ in range(2):  # from the database, then from the snapshot
        response = Client().get(path_of(creative))
        assert response.status_code == 200
        assert response["Content-Type"] == "image/png"
        assert response["Cache-Control"] == "public, max-age=31536000, immutable"
        assert response["X-Content-Type-Options"] == "nosniff"
        assert response.content.startswith(b"\x89PNG")
        ask(pk)


@pytest.mark.parametrize("status", ["in_review", "rejected", "withdrawn"])
def test_a_picture_that_nobody_approved_is_not_there(live, status, alice_client, api):
    campaign, placement = live
    creative = creative_in(make_variant(campaign, placement, status=status))
    for client in (Client(), alice_client, api):
        assert client.get(path_of(creative)).status_code == 404


def test_a_picture_disappears_when_it_is_withdrawn(live, pk, settings):
    settings.SERVING_SNAPSHOT_SECONDS = 0
    campaign, placement = live
    creative = creative_in(make_variant(campaign, placement))
    ask(pk)
    assert Client().get(path_of(creative)).status_code == 200
    Creative.objects.filter(pk=creative.pk).update(status="withdrawn", approved_sha256="")
    serving_version_bump(creative.advertiser_id)
    assert Client().get(path_of(creative)).status_code == 404


def test_a_reviewers_word_starts_and_stops_it_everywhere(live, pk, shop, rita, settings):
    settings.SERVING_SNAPSHOT_SECONDS = 0
    campaign, placement = live
    creative = creative_in(make_variant(campaign, placement, status="in_review"))
    by = {"advertiser": shop, "creative_id": creative.pk, "reviewer": rita}
    assert first(ask(pk))["reason"] == "creative_not_approved"
    creative_approve(**by)
    assert first(ask(pk))["creative"]["id"] == str(creative.pk)
    assert Client().get(path_of(creative)).status_code == 200
    creative_withdraw(**by, comment="The boot is on the wrong foot.")
    assert first(ask(pk))["reason"] == "creative_not_approved"
    assert Client().get(path_of(creative)).status_code == 404


def test_a_wrong_hash_a_wrong_ending_and_changed_bytes_are_not_there(live, settings):
    campaign, placement = live
    creative = creative_in(make_variant(campaign, placement))
    assert Client().get(path_of(creative, "0" * 16)).status_code == 404
    assert Client().get(path_of(creative, extension="webp")).status_code == 404
    assert Client().get(f"/m/{uuid.uuid4()}/{creative.sha256[:16]}.png").status_code == 404
    (settings.MEDIA_ROOT / creative.file).write_bytes(b"something else")
    assert Client().get(path_of(creative)).status_code == 404
