"""The weights of a campaign's variants: how often each wins the draw, written by people or by learning."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts.models import Advertiser, User
from adplatform.lib.errors import DomainError
from campaigns.learning_models import AllocationPeriod, WeightRecord
from campaigns.models import Campaign, Placement, Variant
from campaigns.selectors import campaign_get
from campaigns.serving_version import serving_version_bump

WEIGHT_MAX = 1_000_000.0
COMMENT_LENGTH = 500


@transaction.atomic
def weights_write(
    *,
    advertiser: Advertiser,
    campaign_id: UUID,
    weights: Mapping[UUID, float],
    now: datetime,
    comment: str = "",
    user: User | None = None,
) -> int:
    """Set variants' weights, all or none; the number that changed. A variant not named keeps its own.

    0 takes a variant out of the draw. A change is recorded. Raises NotFound for the campaign, DomainError
    ``weights_invalid`` for a variant of another campaign or a number that is no weight.
    """
    campaign = campaign_get(advertiser_id=advertiser.pk, campaign_id=campaign_id)
    mine = {row.pk: row for row in Variant.objects.select_for_update().filter(campaign=campaign)}
    if unknown := sorted(map(str, weights.keys() - mine.keys())):
        raise DomainError("weights_invalid", f"Not variants of this campaign: {', '.join(unknown[:5])}.")
    if not all(math.isfinite(weight) and 0 <= weight <= WEIGHT_MAX for weight in weights.values()):
        raise DomainError("weights_invalid", f"A weight is a number from 0 to {WEIGHT_MAX:,.0f}.")
    changed = [mine[pk] for pk, weight in sorted(weights.items()) if mine[pk].weight != weight]
    old = {str(variant.pk): variant.weight for variant in changed}
    for variant in changed:
        variant.weight = weights[variant.pk]
    Variant.objects.bulk_update(changed, ["weight"])
    if changed:
        new = {str(variant.pk): variant.weight for variant in changed}
        _record(campaign, WeightRecord.Setting.WEIGHTS, old, new, now, comment, user)
        serving_version_bump(advertiser.pk)
    return len(changed)


@transaction.atomic
def learning_configure(
    *,
    advertiser: Advertiser,
    campaign_id: UUID,
    now: datetime,
    learns: bool | None = None,
    holdout_rate: float | None = None,
    dividend_rate: float | None = None,
    comment: str = "",
    user: User | None = None,
) -> Campaign:
    """Switch a campaign's learning and its standing split; what is None stays. A change is recorded.

    Raises NotFound, DomainError ``learning_invalid`` with a sentence a field. Switched off, the shares in
    force end at once and the weights that people set hold again.
    """
    campaign = campaign_get(advertiser_id=advertiser.pk, campaign_id=campaign_id)
    before = _settings(campaign)
    errors = {}
    if holdout_rate is not None and not 0.05 <= holdout_rate <= 0.5:
        errors["holdout_rate"] = [
            "Between 0.05 and 0.5: without it nobody could tell what learning is worth."
        ]
    if dividend_rate is not None and not 0 <= dividend_rate <= 0.3:
        errors["dividend_rate"] = ["Between 0 (no standing split) and 0.3 of the shoppers."]
    if errors:
        raise DomainError("learning_invalid", "The settings have invalid fields.", errors=errors)
    campaign.learns = campaign.learns if learns is None else learns
    campaign.learning_holdout_rate = campaign.learning_holdout_rate if holdout_rate is None else holdout_rate
    campaign.dividend_rate = campaign.dividend_rate if dividend_rate is None else dividend_rate
    campaign.save(update_fields=["learns", "learning_holdout_rate", "dividend_rate", "updated_at"])
    if not campaign.learns:
        AllocationPeriod.objects.filter(campaign=campaign, ended_at__isnull=True).update(ended_at=now)
    changed = {name: value for name, value in _settings(campaign).items() if value != before[name]}
    if changed:
        old = {name: before[name] for name in changed}
        _record(campaign, WeightRecord.Setting.LEARNING, old, changed, now, comment, user)
    serving_version_bump(advertiser.pk)
    return campaign


@transaction.atomic
def allocation_write(
    *,
    advertiser: Advertiser,
    campaign_id: UUID,
    placement_id: UUID,
    segment_id: UUID | None,
    shares: Mapping[UUID, float],
    reason: str,
    evidence: list[dict[str, Any]],
    now: datetime,
) -> AllocationPeriod | None:
    """New shares from ``now`` on; the period before is closed and kept. None where nothing changed.

    Raises NotFound, DomainError ``weights_invalid`` for shares that are none or of other variants.
    """
    campaign = campaign_get(advertiser_id=advertiser.pk, campaign_id=campaign_id)
    if not campaign.learns:
        raise DomainError("learning_off", "This campaign does not learn.", status=409)
    of_segment: dict[str, Any] = {"campaign": campaign, "segment_id": segment_id}
    mine = set(Variant.objects.filter(**of_segment).values_list("pk", flat=True))
    is_share = all(math.isfinite(share) and 0 <= share <= 1 for share in shares.values())
    if not shares.keys() <= mine or not is_share or abs(sum(shares.values()) - 1) > 1e-6:
        raise DomainError("weights_invalid", "Shares are of the campaign's variants and add up to 1.")
    if not Placement.objects.filter(advertiser=advertiser, pk=placement_id).exists():
        raise DomainError("weights_invalid", "There is no such placement.")
    written = {str(pk): round(share, 6) for pk, share in sorted(shares.items())}
    context = {**of_segment, "placement_id": placement_id}
    current = AllocationPeriod.objects.select_for_update().filter(**context, ended_at__isnull=True).first()
    held = campaign.learning_holdout_rate
    if current is not None and (current.shares, current.holdout_rate) == (written, held):
        return None
    if current is not None:
        current.ended_at = now
        current.save(update_fields=["ended_at"])
    period = AllocationPeriod.objects.create(
        advertiser=advertiser,
        **context,
        shares=written,
        evidence=evidence,
        reason=reason,
        holdout_rate=held,
        started_at=now,
    )
    serving_version_bump(advertiser.pk)
    return period


def _settings(campaign: Campaign) -> dict[str, Any]:
    return {
        "learns": campaign.learns,
        "holdout_rate": campaign.learning_holdout_rate,
        "dividend_rate": campaign.dividend_rate,
    }


def _record(
    campaign: Campaign,
    setting: str,
    old: dict[str, Any],
    new: dict[str, Any],
    now: datetime,
    comment: str,
    user: User | None,
) -> None:
    WeightRecord.objects.create(
        advertiser_id=campaign.advertiser_id,
        campaign=campaign,
        setting=setting,
        old=old,
        new=new,
        comment=comment.replace("\x00", "").strip()[:COMMENT_LENGTH],
        user=user,
        changed_at=now,
    )
