"""Where a group's interests meet a product: the only file in which profile words enter a brief.

What it takes from ``profiles`` is a segment's name and the labels of its interests, words about a group. The
words of an automatic segment were learnt from shoppers: they enter only while enough of those agree to it.
It never sees a shopper, a behaviour or a consent, so nothing personal can reach a prompt.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings

from accounts.models import Advertiser
from adplatform.lib.errors import DomainError
from campaigns.models import Campaign, Placement, Product
from generation.brand import brand_kit_get, brief_brand
from generation.briefs import Brief, BriefBrand, BriefInterest, BriefProduct, BriefSegment
from generation.composition.price import saving_rate
from generation.composition.templates import Template, template_choose, template_get
from generation.renderers import can_inpaint
from profiles.models import Segment
from profiles.selectors import segment_may_brief
from profiles.taxonomy import INTERESTS

MARKET_TIME_ZONES = {Advertiser.Market.CHINA: "Asia/Shanghai"}  # others: settings.TIME_ZONE
LOOKS = ("style", "template", "model")  # what a variant may have in place of its campaign's
_SEASONS = ("winter", "spring", "summer", "autumn")


def season_of(now: datetime, market: str) -> str:
    """The meteorological season of the northern hemisphere, on the market's own calendar day."""
    zone = ZoneInfo(MARKET_TIME_ZONES.get(Advertiser.Market(market), settings.TIME_ZONE))
    return _SEASONS[now.astimezone(zone).month % 12 // 3]


def sizes_of(placements: Iterable[Placement]) -> tuple[tuple[int, int], ...]:
    """The distinct sizes of the active placements, sorted: two placements of one size share a creative."""
    return tuple(sorted({(p.width, p.height) for p in placements if p.is_active}))


def brand_make(advertiser: Advertiser, language: str) -> BriefBrand:
    """The advertiser's brand kit, or the neutral default under the advertiser's name."""
    return brief_brand(brand_kit_get(advertiser=advertiser), language=language, market=advertiser.market)


def brief_make(
    *,
    campaign: Campaign,
    product: Product,
    segment: Segment | None,
    sizes: Iterable[tuple[int, int]],
    now: datetime,
    take: int = 0,
    brand: BriefBrand | None = None,
    look: Mapping[str, str] | None = None,
) -> Brief:
    """The brief of one variant; ``segment`` None asks for the generic creative.

    ``look`` names a style, template or model (LOOKS) in place of the campaign's.

    ``brand`` saves a query when many briefs of one campaign are made at once. Raises DomainError
    ``product_without_picture``, ``segment_too_small`` or ``template_unknown``.
    """
    market = campaign.advertiser.market
    look = look or {}
    style = look.get("style", campaign.style)
    model = look.get("model") or campaign.model or settings.GENERATION_DEFAULT_MODEL
    return Brief(
        product=_product(product),
        segment=_segment(segment) if segment is not None else None,
        brand=brand or brand_make(campaign.advertiser, campaign.language),
        style=style,
        season=season_of(now, market),
        language=campaign.language,
        market=market,
        sizes=tuple(sorted(set(sizes))),
        model=model,
        headline=campaign.headline,
        template=_template(look.get("template") or campaign.template, style, product).reference,
        take=take,
        keeps_product=campaign.keeps_product and ("model" not in look or can_inpaint(model)),
    )


def _template(name: str, style: str, product: Product) -> Template:
    """The template of this name, or the one that goes with the style and the product's saving."""
    if name:
        return template_get(name)
    return template_choose(style, saving_rate(product.price_cents, product.sale_price_cents))


def _product(product: Product) -> BriefProduct:
    if not product.cutout:
        raise DomainError("product_without_picture", f"{product.title} has no picture to build on.")
    return BriefProduct(
        external_id=product.external_id,
        title=product.title,
        product_type=product.product_type,
        brand=product.brand,
        price_cents=product.price_cents,
        sale_price_cents=product.sale_price_cents,
        currency=product.currency,
        cutout=product.cutout,
        cutout_sha256=product.cutout_sha256,
        cutout_kind=product.cutout_kind,
        palette=tuple(product.palette),
    )


def _segment(segment: Segment) -> BriefSegment:
    if not segment_may_brief(segment):
        raise DomainError(
            "segment_too_small",
            f"{segment.name}: too few shoppers who agree to personal adverts have this as their favourite.",
            status=409,
        )
    # Only ids of the shipped taxonomy, an allow-list, become words; anything else is dropped here.
    known = (INTERESTS[interest_id] for interest_id in segment.interests if interest_id in INTERESTS)
    return BriefSegment(
        slug=segment.slug,
        name=segment.name,
        interests=tuple(BriefInterest(id=i.id, label_en=i.label_en, label_zh=i.label_zh) for i in known),
    )
