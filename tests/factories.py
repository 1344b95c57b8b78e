"""Plain functions that make rows with sensible defaults; a test names only what it is about."""

from __future__ import annotations

import io
import itertools
from typing import Any

from PIL import Image, ImageDraw

from accounts.models import Advertiser, ApiKey, Membership, User
from accounts.services import advertiser_create, api_key_create
from adplatform.lib.files import content_store
from campaigns.models import Placement, Product
from generation.models import BrandKit
from profiles.models import Segment

_numbers = itertools.count(1)


def make_user(username: str = "", **fields: Any) -> User:
    return User.objects.create_user(username or f"user{next(_numbers)}", password="pw", **fields)


def make_advertiser(slug: str = "", *, owner: User | None = None, **fields: Any) -> Advertiser:
    slug = slug or f"shop-{next(_numbers)}"
    fields = {"name": slug.title(), "shop_url": "https://shop.example", **fields}
    return advertiser_create(slug=slug, owner=owner, **fields)


def make_member(advertiser: Advertiser, role: str = Membership.Role.MANAGER, username: str = "") -> User:
    user = make_user(username)
    Membership.objects.create(advertiser=advertiser, user=user, role=role)
    return user


def make_key(advertiser: Advertiser, kind: str = ApiKey.Kind.SECRET) -> str:
    """The text of a new key."""
    return api_key_create(advertiser=advertiser, name="test", kind=kind)[1]


def png_bytes(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def product_cutout(colour: str = "#c2452d", size: tuple[int, int] = (320, 240)) -> Image.Image:
    """A rounded block on a transparent ground: a product with a known mask."""
    image = Image.new("RGBA", size)
    ImageDraw.Draw(image).rounded_rectangle((0, 0, size[0] - 1, size[1] - 1), 40, fill=colour)
    return image


def make_product(advertiser: Advertiser, external_id: str = "", **fields: Any) -> Product:
    external_id = external_id or f"P{next(_numbers)}"
    cutout, digest = content_store(png_bytes(product_cutout()), folder="cutouts", extension="png")
    defaults: dict[str, Any] = {
        "title": "Trail running shoe",
        "link": f"https://shop.example/p/{external_id}",
        "product_type": "Apparel & Accessories > Shoes",
        "price_cents": 8990,
        "currency": "EUR",
        "image": cutout,
        "image_sha256": digest,
        "cutout": cutout,
        "cutout_sha256": digest,
        "cutout_kind": Product.CutoutKind.ALPHA,
        "palette": ["#c2452d"],
    }
    return Product.objects.create(advertiser=advertiser, external_id=external_id, **{**defaults, **fields})


def make_segment(
    advertiser: Advertiser, slug: str = "", interests: tuple[str, ...] = (), **fields: Any
) -> Segment:
    slug = slug or f"segment-{next(_numbers)}"
    fields = {"name": slug.title(), "rule": {"any": [{"interest": i} for i in interests]}, **fields}
    return Segment.objects.create(advertiser=advertiser, slug=slug, interests=list(interests), **fields)


def make_placement(advertiser: Advertiser, code: str = "", width: int = 300, height: int = 250) -> Placement:
    code = code or f"slot-{next(_numbers)}"
    return Placement.objects.create(
        advertiser=advertiser, name=code.title(), code=code, width=width, height=height
    )


def make_brand_kit(advertiser: Advertiser, **fields: Any) -> BrandKit:
    return BrandKit.objects.create(advertiser=advertiser, **{"name": advertiser.name, **fields})


def make_campaign(advertiser: Advertiser, **fields: Any) -> Any:
    """A draft; ``products``, ``segments`` and ``placements`` take rows."""
    from campaigns.models import Campaign

    sets = {name: fields.pop(name, ()) for name in ("products", "segments", "placements")}
    defaults = {"name": f"Campaign {next(_numbers)}", "style": "soft_3d"}
    campaign = Campaign.objects.create(advertiser=advertiser, **{**defaults, **fields})
    for name, rows in sets.items():
        getattr(campaign, name).set(rows)
    return campaign


def make_creative(job: Any, width: int = 300, height: int = 250, *, status: str = "in_review") -> Any:
    """A stored creative of a job, as the worker would have left it; marks the job done."""
    from generation.models import Creative, RenderJob

    name, digest = content_store(
        png_bytes(Image.new("RGB", (width, height), "#ccddee")), folder="creatives", extension="png"
    )
    RenderJob.objects.filter(pk=job.pk).update(status=RenderJob.Status.SUCCEEDED, render_ms=2000)
    return Creative.objects.create(
        advertiser_id=job.advertiser_id,
        job=job,
        width=width,
        height=height,
        file=name,
        sha256=digest,
        byte_count=1000,
        alt_text="A creative",
        headline="Made for you",
        status=status,
        approved_sha256=digest if status == "approved" else "",
    )


def make_brief(product: Product, **fields: Any) -> Any:
    """A brief for hikers and coffee drinkers in two sizes."""
    from generation.briefs import Brief, BriefBrand, BriefInterest, BriefProduct, BriefSegment

    defaults: dict[str, Any] = {
        "product": BriefProduct(
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
        ),
        "segment": BriefSegment(
            slug="hikers",
            name="Hikers",
            interests=(
                BriefInterest(id="outdoor_hiking", label_en="Hiking and mountains", label_zh="徒步登山"),
                BriefInterest(id="food_coffee", label_en="Coffee", label_zh="咖啡"),
            ),
        ),
        "brand": BriefBrand(
            name="Shop",
            primary_colour="#1f3a5f",
            accent_colour="#e4572e",
            background_colour="#f5f1e8",
            tone="warm",
            call_to_action="Shop now",
        ),
        "style": "soft_3d",
        "season": "autumn",
        "language": "en",
        "market": "intl",
        "sizes": ((300, 250), (320, 50)),
        "model": "motif-gan",
    }
    return Brief(**{**defaults, **fields})


def make_render_job(advertiser: Advertiser, **fields: Any) -> Any:
    """A queued job; ``fields`` change its brief."""
    from generation.services import render_request

    fields.setdefault("product", None)
    product = fields.pop("product") or make_product(advertiser)
    return render_request(advertiser=advertiser, brief=make_brief(product, **fields))
