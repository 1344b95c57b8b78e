"""Keeps what the daily look at creatives found, tells whom it concerns, and asks for replacements."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, F

from accounts.models import Advertiser, User, WebhookEndpoint
from accounts.webhooks import webhook_emit
from adplatform.lib.errors import DomainError
from analytics.models import CreativeFatigue, FatigueRecord
from analytics.stats.fatigue_states import State
from campaigns.models import Campaign
from campaigns.selectors import campaign_get
from campaigns.variant_services import picture_regenerate
from generation.models import Creative, RenderJob

SHOWN_CHANGES = 50


@transaction.atomic
def fatigue_write(*, campaign: Campaign, content: Mapping[str, Any], now: datetime) -> int:
    """Keep the states of a report's lines; how many changed. A creative that wears out is told by webhook."""
    lines = {UUID(line["creative_id"]): line for line in content.get("lines", [])}
    known = set(
        Creative.objects.filter(advertiser_id=campaign.advertiser_id, pk__in=list(lines)).values_list(
            "pk", flat=True
        )
    )
    rows = {
        row.creative_id: row for row in CreativeFatigue.objects.select_for_update().filter(campaign=campaign)
    }
    changed = 0
    for creative_id in sorted(known):
        line, row = lines[creative_id], rows.get(creative_id)
        before = row.state if row is not None else ""
        if row is None:
            row = CreativeFatigue(
                advertiser_id=campaign.advertiser_id, campaign=campaign, creative_id=creative_id
            )
        row.variant_id, row.looked_at = UUID(line["variant_id"]), now
        if before != line["state"]:
            row.state, row.since = line["state"], now
        row.save()
        # Nobody is told that of a new picture nothing is known yet.
        if before != line["state"] and (before or line["state"] != State.UNKNOWN):
            _change_tell(campaign, creative_id, line, before, now)
            changed += 1
    return changed


def _change_tell(
    campaign: Campaign, creative_id: UUID, line: Mapping[str, Any], before: str, now: datetime
) -> None:
    was_told = _was_told(campaign, creative_id)
    FatigueRecord.objects.create(
        advertiser_id=campaign.advertiser_id,
        campaign=campaign,
        creative_id=creative_id,
        before=before,
        state=line["state"],
        reason=line["reason"][:300],
        change=line["change"],
        low=line["low"],
        high=line["high"],
        changed_at=now,
    )
    if line["state"] == State.FATIGUED and not was_told:
        webhook_emit(
            advertiser_id=campaign.advertiser_id,
            kind=WebhookEndpoint.Kind.CREATIVE_FATIGUED,
            data={
                "creative_id": creative_id,
                "campaign_id": campaign.pk,
                "variant_id": line["variant_id"],
                "change": line["change"],
                "low": line["low"],
                "high": line["high"],
                "reason": line["reason"],
                "found_at": now,
            },
        )


def _was_told(campaign: Campaign, creative_id: UUID) -> bool:
    """Whether it was found worn out and never healthy since: limited or unknown in between is no recovery."""
    telling = FatigueRecord.objects.filter(
        campaign=campaign, creative_id=creative_id, state__in=[State.FATIGUED.value, State.HEALTHY.value]
    )
    return telling.order_by("-changed_at", "-id").values_list("state", flat=True).first() == State.FATIGUED


def fatigued_counts(*, advertiser_id: UUID) -> dict[UUID, int]:
    """Worn-out creatives by live campaign, without those whose replacement was asked for."""
    rows = (
        _worn(advertiser_id)
        .filter(campaign__status=Campaign.Status.LIVE)
        .order_by()
        .values_list("campaign_id")
        .annotate(Count("creative_id", distinct=True))
    )
    return dict(rows)


def _worn(advertiser_id: UUID) -> Any:
    return CreativeFatigue.objects.filter(
        advertiser_id=advertiser_id,
        state=State.FATIGUED.value,
        creative__status=Creative.Status.APPROVED,
        creative__job__variants__campaign=F("campaign"),
    )


def fatigued_replace(
    *, advertiser: Advertiser, campaign_id: UUID, requested_by: User | None = None
) -> list[RenderJob]:
    """Another take for every worn-out picture of a campaign; the old ones stay on the air until then.

    Raises DomainError ``nothing_fatigued`` (409), NotFound.
    """
    campaign = campaign_get(advertiser_id=advertiser.pk, campaign_id=campaign_id)
    worn = _worn(advertiser.pk).filter(campaign=campaign)
    jobs = sorted(set(worn.values_list("creative__job_id", flat=True)))
    if not jobs:
        raise DomainError(
            "nothing_fatigued", "No creative of this campaign is fatigued and waits for a replacement.",
            status=409,
        )  # fmt: skip
    with transaction.atomic():
        return [
            take
            for job_id in jobs
            for take in picture_regenerate(advertiser=advertiser, job_id=job_id, requested_by=requested_by)
        ]


def fatigue_changes(*, campaign: Campaign) -> list[FatigueRecord]:
    """The newest changes of a campaign's creatives."""
    rows = FatigueRecord.objects.filter(advertiser_id=campaign.advertiser_id, campaign=campaign)
    return list(rows.select_related("creative")[:SHOWN_CHANGES])
