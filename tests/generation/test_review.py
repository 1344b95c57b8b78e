"""Nothing is served that a person has not approved, and every decision is on record."""

from __future__ import annotations

from contextlib import suppress

import pytest
from django.db import IntegrityError, transaction
from django.db.models import RestrictedError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Membership
from adplatform.lib.errors import DomainError, NotFound
from generation import review
from generation.creative_selectors import creative_list
from generation.models import Creative, ReviewRecord
from generation.review_selectors import review_progress, review_queue
from tests import factories
from tests.generation.composing import requested_job

Status = Creative.Status


@pytest.fixture
def job(shop, alice, rita):
    return requested_job(shop, alice)


@pytest.fixture
def creative(job):
    return factories.make_creative(job)


def refused(call, code: str, status: int = 409) -> None:
    with pytest.raises(DomainError) as caught:
        call()
    assert (caught.value.code, caught.value.status) == (code, status)


def approve(shop, creative, reviewer, **more):
    return review.creative_approve(advertiser=shop, creative_id=creative.pk, reviewer=reviewer, **more)


def test_an_approval_belongs_to_the_bytes_and_is_recorded(shop, creative, rita):
    assert not creative_list(advertiser_id=shop.pk, status=Status.APPROVED).exists()
    approved = approve(shop, creative, rita, comment="Lovely")
    assert approved.status == Status.APPROVED
    assert approved.approved_sha256 == creative.sha256
    assert creative_list(advertiser_id=shop.pk, status=Status.APPROVED).get() == creative
    record = ReviewRecord.objects.get(creative=creative)
    assert (record.from_status, record.to_status) == (Status.IN_REVIEW, Status.APPROVED)
    assert (record.reviewer, record.comment, record.sha256) == (rita, "Lovely", creative.sha256)


def test_the_database_refuses_an_approval_of_other_bytes(creative):
    with pytest.raises(IntegrityError), transaction.atomic():
        Creative.objects.filter(pk=creative.pk).update(status=Status.APPROVED, approved_sha256="0" * 64)


def test_bytes_that_the_reviewer_did_not_see_are_not_approved(shop, creative, rita):
    refused(lambda: approve(shop, creative, rita, sha256="0" * 64), "creative_changed")
    assert not ReviewRecord.objects.exists()


def test_who_comes_second_is_told_so(shop, creative, rita, monkeypatch):
    stale = Creative.objects.select_related("job").get(pk=creative.pk)
    approve(shop, creative, rita)
    monkeypatch.setattr(review, "_get", lambda advertiser, creative_id: stale)
    refused(lambda: approve(shop, creative, rita), "creative_changed")
    assert ReviewRecord.objects.count() == 1


def test_nobody_approves_what_they_asked_for_while_somebody_else_can(shop, creative, alice):
    refused(lambda: approve(shop, creative, alice), "self_approval", 403)
    shop.allows_self_approval = True
    shop.save()
    assert approve(shop, creative, alice).status == Status.APPROVED


def test_the_only_reviewer_may_approve_their_own(shop, alice):
    factories.make_member(shop, Membership.Role.REPORTER)  # may not review, so is no help
    own = factories.make_creative(requested_job(shop, alice))
    assert approve(shop, own, alice).status == Status.APPROVED


def test_a_creative_that_failed_its_inspection_cannot_be_approved(shop, creative, rita):
    creative.inspection = {"is_blocked": True, "codes": ["contrast_low"]}
    creative.save()
    refused(lambda: approve(shop, creative, rita), "inspection_failed")


def test_a_rejection_needs_a_reason_and_other_needs_words(shop, creative, rita):
    def reject(**more):
        return review.creative_reject(advertiser=shop, creative_id=creative.pk, reviewer=rita, **more)

    refused(lambda: reject(reason="ugly"), "reason_unknown", 400)
    refused(lambda: reject(reason="other", comment=" "), "comment_missing", 400)
    assert reject(reason="off_brand", comment="x" * 900).reject_reason == "off_brand"
    assert len(ReviewRecord.objects.get().comment) == 500


def test_withdrawn_creatives_stop_serving_and_come_back_only_through_review(shop, creative, rita):
    approve(shop, creative, rita)
    review.creative_withdraw(advertiser=shop, creative_id=creative.pk, reviewer=rita)
    assert not creative_list(advertiser_id=shop.pk, status=Status.APPROVED).exists()
    refused(lambda: approve(shop, creative, rita), "transition_refused")
    restored = review.creative_restore(advertiser=shop, creative_id=creative.pk, reviewer=rita)
    assert (restored.status, restored.approved_sha256) == (Status.IN_REVIEW, "")
    assert ReviewRecord.objects.count() == 3


def test_another_advertisers_creative_looks_like_none_at_all(shop, creative, rita, other_shop, mallory):
    for verb in (review.creative_approve, review.creative_withdraw, review.creative_restore):
        with pytest.raises(NotFound):
            verb(advertiser=other_shop, creative_id=creative.pk, reviewer=mallory)
    with pytest.raises(NotFound):
        review.creative_approve(advertiser=shop, creative_id="not-a-uuid", reviewer=rita)
    result = review.creatives_approve(advertiser=other_shop, creative_ids=[creative.pk], reviewer=mallory)
    assert (result.decided, result.refused) == ([], [])
    assert creative_list(advertiser_id=other_shop.pk).count() == 0


def test_one_refusal_does_not_hold_up_the_others(shop, job, rita):
    good, bad = factories.make_creative(job), factories.make_creative(job, 320, 50, status=Status.REJECTED)
    result = review.creatives_approve(advertiser=shop, creative_ids=[bad.pk, good.pk], reviewer=rita)
    assert [creative.pk for creative in result.decided] == [good.pk]
    assert [(refusal.creative_id, refusal.code) for refusal in result.refused] == [
        (bad.pk, "transition_refused")
    ]


def test_who_decided_outlives_their_account_and_no_decided_creative_can_be_deleted(shop, creative, rita):
    approve(shop, creative, rita)
    rita.delete()
    record = ReviewRecord.objects.get()
    assert (record.reviewer, record.who) == (None, "rita")
    with pytest.raises(RestrictedError):
        creative.job.delete()
    shop.delete()  # but the advertiser as a whole may go
    assert not ReviewRecord.objects.exists()


def test_what_is_replaced_leaves_the_queue_on_record_and_comes_back_when_wanted_again(shop, job, alice, rita):
    waiting, approved, rejected = (
        factories.make_creative(job, *size, status=status)
        for size, status in (((300, 250), "in_review"), ((320, 50), "approved"), ((728, 90), "rejected"))
    )
    assert review.creatives_replace(advertiser=shop, job_ids=[job.pk], by=alice) == 1
    assert not review_queue(advertiser_id=shop.pk).exists()
    record = ReviewRecord.objects.get(creative=waiting)
    assert (record.action, record.who, record.to_status) == ("replace", "alice", "withdrawn")
    review.creative_withdraw(advertiser=shop, creative_id=approved.pk, reviewer=rita)
    assert review.creatives_recall(advertiser=shop, job_ids=[job.pk], by=alice) == 1
    states = [Creative.objects.get(pk=c.pk).status for c in (waiting, approved, rejected)]
    assert states == ["in_review", "withdrawn", "rejected"]  # what a person withdrew stays withdrawn


def test_the_queue_holds_briefs_with_something_left_to_review(shop, alice, rita):
    jobs = [requested_job(shop, alice) for _ in range(2)]
    for job in jobs:
        for size in ((300, 250), (320, 50)):
            factories.make_creative(job, *size)
    assert list(review_queue(advertiser_id=shop.pk)) == jobs
    for creative in jobs[0].creatives.all():
        approve(shop, creative, rita)
    assert list(review_queue(advertiser_id=shop.pk)) == jobs[1:]
    progress = review_progress(advertiser_id=shop.pk)
    assert (progress.briefs_waiting, progress.waiting, progress.approved) == (1, 2, 2)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["approve", "reject", "withdraw", "restore"]), max_size=8))
def test_whatever_is_tried_the_record_tells_how_the_creative_came_to_its_state(shop, job, rita, verbs):
    creative = factories.make_creative(job)
    for verb in verbs:
        more = {"reason": "bad_copy"} if verb == "reject" else {}
        move = getattr(review, f"creative_{verb}")
        with suppress(DomainError):
            move(advertiser=shop, creative_id=creative.pk, reviewer=rita, **more)
    creative.refresh_from_db()
    status = Status.IN_REVIEW
    records = ReviewRecord.objects.filter(creative=creative)
    for record in records.order_by("created_at", "pk"):
        assert record.from_status == status
        assert review.MOVES[record.action] == (review.MOVES[record.action][0] | {status}, record.to_status)
        status = record.to_status
    assert creative.status == status
    assert (creative.status == Status.APPROVED) == bool(creative.approved_sha256)
    records.delete()
    creative.delete()
