"""The demo storefront: a small shop that uses the real API, tag and publishable key.

Public without a login and therefore only there while ``DEMO_STOREFRONT`` is on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.models import Advertiser
from campaigns import storefront
from campaigns.media_views import picture_response
from campaigns.models import Placement, Product
from campaigns.storefront_services import storefront_key_ensure, storefront_shoppers_ensure
from campaigns.storefront_words import WORDS

PAGE_SIZE = 24
View = Callable[..., HttpResponse]


def demo_only(view: View) -> View:
    """404 unless the demo storefront is switched on."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not settings.DEMO_STOREFRONT:
            raise Http404
        return view(request, *args, **kwargs)

    return wrapped


@require_safe
@demo_only
def storefront_demo(request: HttpRequest, slug: str) -> HttpResponse:
    """The shop's front page: hero, shelves, side placements, and a choice of shoppers."""
    advertiser = get_object_or_404(Advertiser, slug=slug)
    words = request.GET.get("q", "")[:100].replace("\x00", "").strip()
    category = request.GET.get("category", "")[:100].replace("\x00", "")
    found = storefront.products_search(advertiser, words=words, category=category)
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    context = _shared(request, advertiser)
    context |= {
        "page_obj": page,
        "products": _shelf(page.object_list, context),
        "words_searched": words,
        "category": category,
        "categories": storefront.categories_list(advertiser),
    }
    return render(request, "storefront/shop_home.html", context)


@require_safe
@demo_only
def storefront_product(request: HttpRequest, slug: str, external_id: str) -> HttpResponse:
    """A product's page: where a click on a creative can land."""
    advertiser = get_object_or_404(Advertiser, slug=slug)
    product = get_object_or_404(Product, advertiser=advertiser, external_id=external_id, is_active=True)
    context = _shared(request, advertiser)
    context |= {"item": _shelf([product], context)[0], "product": product}
    return render(request, "storefront/product_detail.html", context)


@require_safe
@demo_only
def product_photo(request: HttpRequest, product_id: UUID, digest: str, extension: str) -> HttpResponse:
    """The photo of a product that is on sale; 404 for every other picture."""
    row = (
        Product.objects.filter(pk=product_id, is_active=True, image_sha256__startswith=digest)
        .exclude(image="")
        .values_list("image", "image_sha256")
        .first()
    )
    if row is None or row[0].rpartition(".")[2] != extension:
        raise Http404
    return picture_response(*row)


def _shared(request: HttpRequest, advertiser: Advertiser) -> dict[str, Any]:
    """What both pages show: the shopper, the language, the placements and the key."""
    personas = storefront.personas_list(advertiser)
    storefront_shoppers_ensure(advertiser=advertiser, personas=personas, now=timezone.now())
    asked = request.GET.get("as", "")
    persona = next((p for p in personas if p.slug == asked), personas[0])
    language = request.GET.get("lang", "")
    if language not in WORDS:
        language = "zh" if advertiser.market == Advertiser.Market.CHINA else "en"
    agreed = storefront.agreed_list(advertiser, [persona])
    placements = list(Placement.objects.filter(advertiser=advertiser, is_active=True))
    return {
        "shop": advertiser,
        "personas": [
            {"slug": p.slug, "name": p.name(language), "likes": p.likes(language)} for p in personas
        ],
        "persona": {
            "slug": persona.slug,
            "name": persona.name(language),
            "likes": persona.likes(language),
            "key": persona.shopper_key,
            "is_known": bool(persona.shopper_key),
            "has_consented": persona.slug in agreed,
        },
        "language": language,
        "other_language": "en" if language == "zh" else "zh",
        "w": WORDS[language],
        "all_words": WORDS[language],
        "keep": f"as={persona.slug}&lang={language}",
        "key": storefront_key_ensure(advertiser=advertiser),
        "rooms": storefront.placements_arrange(placements),
        "has_placements": bool(placements),
        "api_base": request.build_absolute_uri("/").rstrip("/"),
        "colours": storefront.colours_get(advertiser),
    }


def _shelf(products: Iterable[Product], shared: dict[str, Any]) -> list[dict[str, Any]]:
    """Products with the addresses of their photo and page."""
    return [
        {
            "product": product,
            "photo": _photo_url(product),
            "url": reverse("storefront-product", args=[shared["shop"].slug, product.external_id])
            + f"?{shared['keep']}",
            "is_buyable": product.availability != Product.Availability.OUT_OF_STOCK,
            **_price(product, shared["language"]),
            "kind": product.product_type.rpartition(">")[2].strip(),
        }
        for product in products
    ]


def _price(product: Product, language: str) -> dict[str, Any]:
    """The price to pay, in words and minor units, and the one before the sale."""
    # The package brings Pillow and NumPy along, which a process that only decides never needs.
    from generation.composition.price import amount_text

    sale = product.sale_price_cents
    if sale is None or sale >= product.price_cents:
        return {
            "price": amount_text(product.price_cents, product.currency, language),
            "cents": product.price_cents,
        }
    return {
        "price": amount_text(sale, product.currency, language),
        "cents": sale,
        "was": amount_text(product.price_cents, product.currency, language),
        # Rounded down, as on the creatives: never promise more.
        "saving": (product.price_cents - sale) * 100 // product.price_cents,
    }


def _photo_url(product: Product) -> str:
    extension = product.image.rpartition(".")[2]
    if not product.image or extension not in ("webp", "jpg", "png"):
        return ""
    return reverse("product-photo", args=[product.pk, product.image_sha256[:16], extension])
