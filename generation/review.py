"""The review: one table of allowed moves, one guarded UPDATE a move, one record that is never changed.

An approval belongs to the bytes that were looked at: the update asks for the status and the SHA-256 that
the reviewer saw, so a creative that changed in between is not approved by accident.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from accounts.models import Advertiser, Membership, User, WebhookEndpoint
from accounts.permissions import REVIEWING_ROLES
from accounts.webhooks import webhook_emit
from adplatform.lib.errors import DomainError, NotFound
from generation.models import Creative, ReviewRecord

Status = Creative.Status
COMMENT_LENGTH = ReviewRecord._meta.get_field("comment").max_length or 0

# verb -> (from, to). What is not here cannot happen.
MOVES: dict[str, tuple[frozenset[str], str]] = {
    "approve": (frozenset({Status.IN_REVIEW}), Status.APPROVED),
    "reject": (frozenset({Status.IN_REVIEW}), Status.REJECTED),
    "withdraw": (frozenset({Status.APPROVED}), Status.WITHDRAWN),
    "restore": (frozenset({Status.REJECTED, Status.WITHDRAWN}), Status.IN_REVIEW),
}


@dataclass(frozen=True)
class Refusal:
    """Why one creative of many was not approved."""

    creative_id: UUID
    code: str
    message: str


@dataclass(frozen=True)
class BulkResult:
    """What a bulk approval did."""

    approved: list[Creative]
    refused: list[Refusal]


def creative_approve(
    *, advertiser: Advertiser, creative_id: UUID | str, reviewer: User, comment: str = "", sha256: str = ""
) -> Creative:
    """Approve the bytes for serving. ``sha256`` names the bytes the reviewer saw; empty: those stored now.

    Raises DomainError ``self_approval`` (403), ``inspection_failed``, ``transition_refused``,
    ``creative_changed`` (409), or NotFound.
    """
    creative = _get(advertiser, creative_id)
    if not may_approve(advertiser=advertiser, creative=creative, reviewer=reviewer):
        raise DomainError(
            "self_approval", "Somebody else has to approve a creative that you asked for.", status=403
        )
    if creative.inspection.get("is_blocked"):
        raise DomainError(
            "inspection_failed",
            "The automatic inspection found faults that may not be shown: "
            + ", ".join(creative.inspection.get("codes", []))
            + ".",
            status=409,
        )
    if sha256 and sha256 != creative.sha256:
        raise _changed()
    return _move(creative, "approve", reviewer, comment=comment)


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
    result = BulkResult([], [])
    for creative_id in creative_ids:
        try:
            result.approved.append(
                creative_approve(
                    advertiser=advertiser,
                    creative_id=creative_id,
                    reviewer=reviewer,
                    comment=comment,
                    sha256=(seen or {}).get(str(creative_id), ""),
                )
            )
        except NotFound:
            continue  # another advertiser's id and a random one look the same: like nothing
        except DomainError as error:
            result.refused.append(Refusal(UUID(str(creative_id)), error.code, error.message))
    return result


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
    if reason not in Creative.RejectReason.values:
        known = ", ".join(Creative.RejectReason.values)
        raise DomainError("reason_unknown", f"The reason must be one of: {known}.")
    if reason == Creative.RejectReason.OTHER and not comment.strip():
        raise DomainError("comment_missing", "Say in a comment what is wrong.")
    return _move(_get(advertiser, creative_id), "reject", reviewer, reason=reason, comment=comment)


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


def may_approve(*, advertiser: Advertiser, creative: Creative, reviewer: User) -> bool:
    """False for one's own, unless the advertiser allows it or nobody else there may review."""
    if creative.job.requested_by_id != reviewer.pk or advertiser.allows_self_approval:
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


def _changed() -> DomainError:
    return DomainError("creative_changed", "The creative has changed; look at it again.", status=409)


@transaction.atomic
def _move(
    creative: Creative, verb: str, reviewer: User | None, *, reason: str = "", comment: str = ""
) -> Creative:
    """One guarded UPDATE; who comes second is told that the creative has changed."""
    sources, target = MOVES[verb]
    before = creative.status
    if before not in sources:
        raise DomainError(
            "transition_refused",
            f"This creative is {creative.get_status_display().lower()}: there is no way to {verb} it.",
            status=409,
        )
    now = timezone.now()
    changed = Creative.objects.filter(pk=creative.pk, status=before, sha256=creative.sha256).update(
        status=target,
        approved_sha256=creative.sha256 if target == Status.APPROVED else "",
        reject_reason=reason,
        reviewed_by=reviewer,
        reviewed_at=now,
    )
    if not changed:
        raise _changed()
    ReviewRecord.objects.create(
        advertiser_id=creative.advertiser_id,
        creative=creative,
        reviewer=reviewer,
        from_status=before,
        to_status=target,
        reason=reason,
        comment=comment.strip()[:COMMENT_LENGTH],
        sha256=creative.sha256,
    )
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
                "approved_at": now,
            },
        )
    creative.refresh_from_db(
        fields=["status", "approved_sha256", "reject_reason", "reviewed_by", "reviewed_at"]
    )
    return creative
