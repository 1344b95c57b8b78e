"""The review: one table of allowed moves, one guarded UPDATE a move, one record that is never changed.

An approval belongs to the bytes that were looked at: the update asks for the status and the SHA-256 that
the reviewer saw, so a creative that changed in between is not approved by accident.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import OuterRef, Subquery
from django.utils import timezone

from accounts.models import Advertiser, Membership, User, WebhookEndpoint
from accounts.permissions import REVIEWING_ROLES
from accounts.webhooks import webhook_emit
from adplatform.lib.errors import DomainError, NotFound
from generation.inspection_words import sentence_of
from generation.models import Creative, ReviewRecord

Status = Creative.Status
COMMENT_LENGTH = ReviewRecord._meta.get_field("comment").max_length or 0

# verb -> (from, to). What is not here cannot happen.
MOVES: dict[str, tuple[frozenset[str], str]] = {
    "approve": (frozenset({Status.IN_REVIEW}), Status.APPROVED),
    "reject": (frozenset({Status.IN_REVIEW}), Status.REJECTED),
    "withdraw": (frozenset({Status.APPROVED}), Status.WITHDRAWN),
    "restore": (frozenset({Status.REJECTED, Status.WITHDRAWN}), Status.IN_REVIEW),
    "edit": (frozenset({Status.IN_REVIEW, Status.APPROVED, Status.REJECTED}), Status.IN_REVIEW),
    "replace": (frozenset({Status.IN_REVIEW}), Status.WITHDRAWN),
}


@dataclass(frozen=True)
class Refusal:
    """Why one creative of many stayed as it was."""

    creative_id: UUID
    code: str
    message: str


@dataclass(frozen=True)
class BulkResult:
    """What a decision about many creatives did."""

    decided: list[Creative]
    refused: list[Refusal]


def creative_approve(
    *, advertiser: Advertiser, creative_id: UUID | str, reviewer: User, comment: str = "", sha256: str = ""
) -> Creative:
    """Approve the bytes for serving. ``sha256`` names the bytes the reviewer saw; empty: those stored now.

    Raises DomainError ``self_approval`` (403), ``inspection_failed``, ``transition_refused``,
    ``creative_changed`` (409), or NotFound.
    """
    creative = _get(advertiser, creative_id)
    return _approve(
        creative, reviewer, comment=comment, sha256=sha256, is_free=own_approval_is_free(advertiser, reviewer)
    )


def creatives_approve(
    *,
    advertiser: Advertiser,
    creative_ids: Sequence[UUID | str],
    reviewer: User,
    comment: str = "",
    seen: Mapping[str, str] | None = None,
) -> BulkResult:
    """Approve each on its own: one that may not be approved does not hold up the others.

    ``seen`` maps an id to the SHA-256 that the reviewer looked at.
    """
    is_free = own_approval_is_free(advertiser, reviewer)
    return _each(
        advertiser,
        creative_ids,
        lambda creative: _approve(
            creative,
            reviewer,
            comment=comment,
            sha256=(seen or {}).get(str(creative.pk), ""),
            is_free=is_free,
        ),
    )


def creative_reject(
    *,
    advertiser: Advertiser,
    creative_id: UUID | str,
    reviewer: User | None,
    reason: str,
    comment: str = "",
) -> Creative:
    """Refuse a creative for good or until restored. Raises DomainError ``reason_unknown``,
    ``comment_missing`` (the reason ``other`` needs one), ``transition_refused``, or NotFound."""
    _reason_check(reason, comment)
    return _move(_get(advertiser, creative_id), "reject", reviewer, reason=reason, comment=comment)


def creatives_reject(
    *,
    advertiser: Advertiser,
    creative_ids: Sequence[UUID | str],
    reviewer: User | None,
    reason: str,
    comment: str = "",
    seen: Mapping[str, str] | None = None,
) -> BulkResult:
    """Reject each on its own. Raises DomainError ``reason_unknown`` or ``comment_missing``."""
    _reason_check(reason, comment)

    def reject(creative: Creative) -> Creative:
        if (seen or {}).get(str(creative.pk), creative.sha256) != creative.sha256:
            raise changed()
        return _move(creative, "reject", reviewer, reason=reason, comment=comment)

    return _each(advertiser, creative_ids, reject)


def creative_comment(
    *, advertiser: Advertiser, creative_id: UUID | str, reviewer: User | None, comment: str
) -> ReviewRecord:
    """Say something about a creative without deciding. Raises DomainError ``comment_missing`` or NotFound."""
    if not comment.strip():
        raise DomainError("comment_missing", "An empty comment says nothing.")
    creative = _get(advertiser, creative_id)
    return record_make(creative, "comment", reviewer, before=creative.status, comment=comment)


def creative_withdraw(
    *, advertiser: Advertiser, creative_id: UUID | str, reviewer: User | None, comment: str = ""
) -> Creative:
    """Stop showing an approved creative. Raises DomainError ``transition_refused`` or NotFound."""
    return _move(_get(advertiser, creative_id), "withdraw", reviewer, comment=comment)


def creative_restore(
    *, advertiser: Advertiser, creative_id: UUID | str, reviewer: User | None, comment: str = ""
) -> Creative:
    """Put a rejected or withdrawn creative back into review. Raises like ``creative_withdraw``."""
    return _move(_get(advertiser, creative_id), "restore", reviewer, comment=comment)


def creatives_replace(*, advertiser: Advertiser, job_ids: Iterable[UUID], by: User | None) -> int:
    """Take what still waits for review out of it, because a newer picture takes its place; how many."""
    waiting = Creative.objects.filter(
        advertiser=advertiser, job_id__in=list(job_ids), status=Status.IN_REVIEW
    )
    return len(
        _each(advertiser, waiting.values_list("pk", flat=True), lambda c: _move(c, "replace", by)).decided
    )


def creatives_recall(*, advertiser: Advertiser, job_ids: Iterable[UUID], by: User | None) -> int:
    """Put back into review what was replaced, because it is wanted again after all; how many."""
    newest = ReviewRecord.objects.filter(creative=OuterRef("pk")).exclude(action="comment")
    replaced = (
        Creative.objects.filter(advertiser=advertiser, job_id__in=list(job_ids), status=Status.WITHDRAWN)
        .annotate(last_action=Subquery(newest.order_by("-created_at", "-id").values("action")[:1]))
        .filter(last_action="replace")
    )
    ids = replaced.values_list("pk", flat=True)
    again = "Wanted again."
    return len(_each(advertiser, ids, lambda c: _move(c, "restore", by, comment=again)).decided)


def may_approve(*, advertiser: Advertiser, creative: Creative, reviewer: User) -> bool:
    """False for one's own, unless the advertiser allows it or nobody else there may review."""
    return not is_own(creative, reviewer) or own_approval_is_free(advertiser, reviewer)


def is_own(creative: Creative, reviewer: User) -> bool:
    """Whoever asked for the picture or wrote its words is its author."""
    return reviewer.pk in (creative.job.requested_by_id, creative.edited_by_id)


def own_approval_is_free(advertiser: Advertiser, reviewer: User) -> bool:
    """Whether the reviewer may approve their own: allowed by the advertiser, or nobody else could."""
    if advertiser.allows_self_approval:
        return True
    others = Membership.objects.filter(advertiser=advertiser, role__in=REVIEWING_ROLES)
    return not others.exclude(user=reviewer).exists()


def moves_open(creative: Creative) -> list[str]:
    """The verbs that the creative's status allows."""
    return [verb for verb, (sources, _) in MOVES.items() if creative.status in sources]


def _get(advertiser: Advertiser, creative_id: UUID | str) -> Creative:
    try:
        return Creative.objects.select_related("job").get(advertiser=advertiser, pk=creative_id)
    except (Creative.DoesNotExist, ValidationError, ValueError):
        raise NotFound("creative") from None


def changed() -> DomainError:
    """The refusal of whoever decided about bytes that are no longer there."""
    return DomainError("creative_changed", "The creative has changed; look at it again.", status=409)


def _reason_check(reason: str, comment: str) -> None:
    if reason not in Creative.RejectReason.values:
        known = ", ".join(Creative.RejectReason.values)
        raise DomainError("reason_unknown", f"The reason must be one of: {known}.")
    if reason == Creative.RejectReason.OTHER and not comment.strip():
        raise DomainError("comment_missing", "Say in a comment what is wrong.")


@transaction.atomic
def _each(
    advertiser: Advertiser, creative_ids: Iterable[UUID | str], decide: Callable[[Creative], Creative]
) -> BulkResult:
    """Decide about each; one commit for all, because a commit a creative is what takes time."""
    result = BulkResult([], [])
    # Another advertiser's id and a random one look the same: like nothing.
    rows = Creative.objects.select_related("job").filter(advertiser=advertiser)
    found = {creative.pk: creative for creative in rows.filter(pk__in=[UUID(str(pk)) for pk in creative_ids])}
    for creative in found.values():
        try:
            result.decided.append(decide(creative))
        except DomainError as error:
            result.refused.append(Refusal(creative.pk, error.code, error.message))
    return result


def _approve(creative: Creative, reviewer: User, *, comment: str, sha256: str, is_free: bool) -> Creative:
    if is_own(creative, reviewer) and not is_free:
        raise DomainError(
            "self_approval", "Somebody else has to approve a creative that you asked for.", status=403
        )
    if creative.inspection.get("is_blocked"):
        raise DomainError(
            "inspection_failed",
            "The automatic inspection found faults that may not be shown: "
            + "; ".join(
                sentence_of(code, creative.inspection) for code in creative.inspection.get("codes", [])
            )
            + ".",
            status=409,
        )
    if sha256 and sha256 != creative.sha256:
        raise changed()
    return _move(creative, "approve", reviewer, comment=comment)


@transaction.atomic
def _move(
    creative: Creative, verb: str, reviewer: User | None, *, reason: str = "", comment: str = ""
) -> Creative:
    """One guarded UPDATE; who comes second is told that the creative has changed."""
    before, target = move_check(creative, verb)
    changes: dict[str, Any] = {
        "status": target,
        "approved_sha256": creative.sha256 if target == Status.APPROVED else "",
        "reject_reason": reason,
        "reviewed_by": reviewer,
        "reviewed_at": timezone.now(),
    }
    if not Creative.objects.filter(pk=creative.pk, status=before, sha256=creative.sha256).update(**changes):
        raise changed()
    for name, value in changes.items():
        setattr(creative, name, value)
    record_make(creative, verb, reviewer, before=before, reason=reason, comment=comment)
    if target == Status.APPROVED:
        webhook_emit(
            advertiser_id=creative.advertiser_id,
            kind=WebhookEndpoint.Kind.CREATIVE_APPROVED,
            data={
                "creative_id": creative.pk,
                "sha256": creative.sha256,
                "width": creative.width,
                "height": creative.height,
                "headline": creative.headline,
                "approved_at": changes["reviewed_at"],
            },
        )
    return creative


def move_check(creative: Creative, verb: str) -> tuple[str, str]:
    """(status now, status after) of a move. Raises DomainError ``transition_refused``."""
    sources, target = MOVES[verb]
    if creative.status not in sources:
        raise DomainError(
            "transition_refused",
            f"This creative is {creative.get_status_display().lower()}: there is no way to {verb} it.",
            status=409,
        )
    return creative.status, target


def record_make(
    creative: Creative, action: str, by: User | None, *, before: str, reason: str = "", comment: str = ""
) -> ReviewRecord:
    """Write one line of the trail; the creative already has its new status."""
    return ReviewRecord.objects.create(
        advertiser_id=creative.advertiser_id,
        creative=creative,
        action=action,
        reviewer=by,
        reviewer_name=by.username if by else "",
        from_status=before,
        to_status=creative.status,
        reason=reason,
        comment=comment.strip()[:COMMENT_LENGTH],
        sha256=creative.sha256,
    )
