"""From a report's filters to a condition on rows with a roll-up's ids: roll-ups and events alike."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q

from analytics.report_query import GENERIC, Filters
from campaigns.models import Variant
from generation.models import Creative


def condition(filters: Filters, advertiser_id: UUID) -> Q:
    """What the advertiser's rows must fulfil."""
    wanted = Q()
    if campaigns := filters.get("campaigns"):
        wanted &= Q(campaign_id__in=campaigns)
    if placements := filters.get("placements"):
        wanted &= Q(placement_id__in=placements)
    if devices := filters.get("devices"):
        wanted &= Q(device__in=devices)
    if segments := filters.get("segments"):
        named = Q(segment_id__in=[segment for segment in segments if segment != GENERIC])
        generic = Q(segment_id__isnull=True, campaign_id__isnull=False)
        wanted &= named | generic if GENERIC in segments else named
    if "is_simulated" in filters:
        wanted &= Q(is_simulated=filters["is_simulated"])
    return wanted & _by_creative(filters, advertiser_id)


def _by_creative(filters: Filters, advertiser_id: UUID) -> Q:
    """Product, style and prompt template are not in a roll-up's key; its variant and creative tell them."""
    wanted = Q()
    if chosen := filters.get("creatives"):
        wanted &= Q(creative_id__in=chosen)
    if products := filters.get("products"):
        variants = Variant.objects.filter(advertiser_id=advertiser_id, product_id__in=products)
        wanted &= Q(variant_id__in=variants.order_by().values("pk"))
    creatives = Creative.objects.filter(advertiser_id=advertiser_id)
    if styles := filters.get("styles"):
        creatives = creatives.filter(job__brief__style__in=styles)
    if templates := filters.get("templates"):
        creatives = creatives.filter(job__prompt_template__in=templates)
    if styles or templates:
        wanted &= Q(creative_id__in=creatives.order_by().values("pk"))
    return wanted
