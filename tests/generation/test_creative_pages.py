"""The gallery and the review pages."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.urls import reverse

from generation.models import Creative, ReviewRecord
from tests import factories
from tests.generation.composing import requested_job


@pytest.fixture
def job(shop, alice, rita):
    job = requested_job(shop, alice)
    for size in ((300, 250), (160, 600), (728, 90)):
        factories.make_creative(job, *size)
    return job


def seen(job) -> list[str]:
    return [f"{creative.pk}:{creative.sha256}" for creative in job.creatives.all()]


def test_the_gallery_says_what_to_do_when_it_is_empty(alice_client):
    assert b"No creatives yet" in alice_client.get(reverse("creative-list")).content


def test_the_gallery_filters(alice_client, job):
    def shown(**query) -> int:
        return len(alice_client.get(reverse("creative-list"), query).context["cards"])

    assert shown() == 3
    assert shown(size="160x600") == 1
    assert shown(status="approved") == 0
    assert shown(segment="hikers") == 3
    assert shown(segment="-") == 0
    assert shown(product="RUNNING") == 3
    assert shown(product="sofa") == 0
    assert shown(page="999", size="0x0") == 0


def test_review_starts_with_the_oldest_brief_and_goes_on(rita_client, shop, alice, job):
    later = requested_job(shop, alice)
    factories.make_creative(later)
    start = rita_client.get(reverse("creative-review"))
    assert start.url == reverse("creative-review-job", args=[job.pk])
    page = rita_client.get(start.url)
    assert len(page.context["creatives"]) == 3
    assert page.context["next"] == later.pk
    answer = rita_client.post(
        reverse("creative-review-decide", args=[job.pk]), {"decision": "approve", "seen": seen(job)}
    )
    assert answer.url == reverse("creative-review-job", args=[later.pk])
    assert set(job.creatives.values_list("status", flat=True)) == {"approved"}
    done = rita_client.post(
        reverse("creative-review-decide", args=[later.pk]),
        {"decision": "reject", "reason": "bad_copy", "comment": "typo", "seen": seen(later)},
    )
    assert done.url == reverse("creative-review")
    assert b"Nothing waits for review" in rita_client.get(done.url).content
    assert ReviewRecord.objects.count() == 4


def test_only_what_was_on_the_page_is_approved(rita_client, job):
    first = seen(job)[0]
    rita_client.post(reverse("creative-review-decide", args=[job.pk]), {"decision": "approve", "seen": first})
    assert Creative.objects.filter(status="approved").count() == 1
    wrong = f"{seen(job)[1].partition(':')[0]}:{'0' * 64}"
    answer = rita_client.post(
        reverse("creative-review-decide", args=[job.pk]), {"decision": "approve", "seen": wrong}, follow=True
    )
    assert b"has changed" in answer.content
    assert Creative.objects.filter(status="approved").count() == 1


def test_a_rejection_without_a_reason_stays_on_the_page(rita_client, job):
    answer = rita_client.post(
        reverse("creative-review-decide", args=[job.pk]), {"decision": "reject", "seen": seen(job)}
    )
    assert answer.url == reverse("creative-review-job", args=[job.pk])
    assert not Creative.objects.exclude(status="in_review").exists()


def test_the_author_sees_why_they_cannot_approve(alice_client, job):
    page = alice_client.get(reverse("creative-review-job", args=[job.pk]))
    assert b"somebody else has to approve it" in page.content
    alice_client.post(
        reverse("creative-review-decide", args=[job.pk]), {"decision": "approve", "seen": seen(job)}
    )
    assert not Creative.objects.filter(status="approved").exists()


def test_bulk_approval_from_the_gallery(rita_client, job):
    ids = [str(creative.pk) for creative in job.creatives.all()[:2]]
    form = {"creative": [*ids, "junk"], "seen": seen(job), "next": "https://evil.example/"}
    answer = rita_client.post(reverse("creatives-decide"), form)
    assert answer.url == reverse("creative-list")
    assert Creative.objects.filter(status="approved").count() == 2
    assert rita_client.post(reverse("creatives-decide"), {}, follow=True).status_code == 200


def test_the_grid_shows_briefs_with_their_waiting_sizes_and_decides_about_whole_ones(
    rita_client, shop, alice, job
):
    other = factories.make_creative(requested_job(shop, alice)).job
    Creative.objects.filter(job=job, width=728).update(status="rejected")
    page = rita_client.get(reverse("creative-review-grid"))
    tiles = [tile for tile, _ in page.context["tiles"]]
    assert [(tile.job.pk, len(tile.waiting)) for tile in tiles] == [(job.pk, 2), (other.pk, 1)]
    assert tiles[0].first.size == "300x250"
    form = {"job": [str(job.pk)], "seen": seen(job) + seen(other), "decision": "reject", "reason": "bad_copy"}
    rita_client.post(reverse("creatives-decide"), form)
    assert set(job.creatives.values_list("status", flat=True)) == {"rejected"}
    assert other.creatives.get().status == "in_review"
    form = {"job": [str(other.pk)], "seen": f"{other.creatives.get().pk}:{'0' * 64}", "decision": "approve"}
    assert b"has changed" in rita_client.post(reverse("creatives-decide"), form, follow=True).content


def test_a_comment_decides_nothing_and_stands_in_the_trail(rita_client, job):
    creative = job.creatives.first()
    url = reverse("creative-comment", args=[creative.pk])
    back = reverse("creative-review-job", args=[job.pk])
    page = rita_client.post(url, {"comment": "Could be warmer", "next": back}, follow=True)
    assert b"Could be warmer" in page.content
    record = ReviewRecord.objects.get()
    assert (record.action, record.who, record.to_status) == ("comment", "rita", "in_review")
    rita_client.post(url, {"comment": " "})
    assert ReviewRecord.objects.count() == 1


@pytest.mark.parametrize(
    ("verb", "before", "after"),
    [
        ("approve", "in_review", "approved"),
        ("restore", "rejected", "in_review"),
        ("reject", "in_review", "rejected"),
    ],
)
def test_the_detail_page_offers_the_moves_that_are_open(rita_client, job, verb, before, after):
    creative = job.creatives.first()
    Creative.objects.filter(pk=creative.pk).update(status=before)
    page = rita_client.get(reverse("creative-detail", args=[creative.pk]))
    assert reverse("creative-move", args=[creative.pk, verb]).encode() in page.content
    rita_client.post(reverse("creative-move", args=[creative.pk, verb]), {"reason": "off_brand"})
    creative.refresh_from_db()
    assert creative.status == after


def test_strangers_and_random_ids_get_the_same_404(mallory_client, job):
    creative = job.creatives.first()
    for name, pk in (("creative-detail", creative.pk), ("creative-review-job", job.pk)):
        assert mallory_client.get(reverse(name, args=[pk])).status_code == 404
        assert mallory_client.get(reverse(name, args=[uuid4()])).status_code == 404
    assert mallory_client.post(reverse("creative-move", args=[creative.pk, "approve"])).status_code == 404
    assert mallory_client.post(reverse("creative-move", args=[creative.pk, "explode"])).status_code == 404


def test_pages_need_a_person_with_the_right_role(client, shop, job):
    assert client.get(reverse("creative-list")).status_code == 302
    client.force_login(factories.make_member(shop, "reporter"))
    assert client.get(reverse("creative-list")).status_code == 200
    assert client.get(reverse("creative-review")).status_code == 403
