"""A campaign whose pictures are made and approved."""

from __future__ import annotations

from datetime import UTC, datetime

from campaigns import services
from campaigns.models import ServingVersion, Variant
from tests import factories

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def generate(campaign, **changes):
    return services.campaign_generate(
        advertiser=campaign.advertiser, campaign_id=campaign.pk, **{"now": NOW, **changes}
    )


def approve_one(campaign) -> Variant:
    variant = campaign.variants.select_related("job").first()
    factories.make_creative(variant.job, status="approved")
    return variant


def version_of(advertiser) -> int:
    found = ServingVersion.objects.filter(advertiser=advertiser).first()
    return found.number if found else 0
