"""The brand kit's page with its live preview, and the page of templates."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from accounts.models import Advertiser
from accounts.permissions import WRITING_ROLES, MemberRequest, member_required
from adplatform.lib.errors import DomainError
from generation import brand
from generation.composition.fonts import FACES
from generation.composition.sizes import SIZES, STANDARD_SIZES
from generation.composition.templates import FOLDER, templates_read
from generation.preview import preview_make
from generation.renderers.base import RenderError
from generation.renderers.lora import lora_names

# What the brand kit's page shows: every template once, and one of them in other shapes.
PREVIEWS = (
    ("lifestyle", (300, 250)),
    ("editorial", (300, 250)),
    ("bold_offer", (300, 250)),
    ("split", (300, 250)),
    ("noir", (300, 250)),
    ("packshot", (300, 250)),
    ("badge", (300, 250)),
    ("singles_day", (300, 250)),
    ("editorial", (160, 600)),
    ("lifestyle", (728, 90)),
)
FONT_LABELS = {
    "display": "Bricolage Grotesque",
    "serif": "Fraunces, Noto Serif SC",
    "heavy": "Archivo Black",
    "strong": "Noto Sans, bold",
    "text": "Noto Sans",
}


@member_required(roles=WRITING_ROLES)
def brand_kit(request: MemberRequest) -> HttpResponse:
    """Show and change the brand kit."""
    errors: dict[str, Any] = {}
    if request.method == "POST":
        files: dict[str, Any] = {
            name: request.FILES[name] for name in brand.LOGO_FIELDS if name in request.FILES
        }
        try:
            brand.brand_kit_set(
                advertiser=request.advertiser,
                fields=_fields(request.POST),
                logos={name: file.read(brand.MAX_LOGO_BYTES + 1) for name, file in files.items()},
            )
            messages.success(request, "Saved. Creatives made from now on use it.")
            return redirect("brand-kit")
        except DomainError as error:
            errors = error.errors
    kit = brand.brand_kit_get(advertiser=request.advertiser)
    if errors:
        brand.brand_kit_fill(kit, _fields(request.POST))  # as typed, not saved
    context = {
        "kit": kit,
        "errors": errors,
        "fonts": [(face, FONT_LABELS[face]) for face in FACES],
        "legal": [
            (
                brand.LEGAL_PREFIX + value,
                label,
                kit.legal_lines.get(value, ""),
                errors.get(brand.LEGAL_PREFIX + value),
            )
            for value, label in Advertiser.Market.choices
        ],
        "loras": lora_names(),
        "previews": _previews({}),
    }
    return render(request, "generation/brand_kit.html", context)


def _fields(given: QueryDict) -> dict[str, str]:
    return {name: str(given[name]) for name in brand.FIELDS if name in given}


def _previews(fields: dict[str, str]) -> list[dict[str, Any]]:
    """The pictures of the preview, each a link that carries what is in the form."""
    found = []
    for template, (width, height) in PREVIEWS:
        query = urlencode({**fields, "template": template, "size": f"{width}x{height}"})
        name = templates_read()[template].name_en
        found.append({"query": query, "width": width, "height": height, "name": name})
    return found


@require_GET
@member_required(roles=WRITING_ROLES)
def brand_preview(request: MemberRequest) -> HttpResponse:
    """The preview's fragment for what is typed, or what is wrong with it."""
    fields = _fields(request.GET)
    kit = brand.brand_kit_get(advertiser=request.advertiser)
    errors = brand.brand_kit_fill(kit, fields)
    context = {"previews": _previews(fields), "problems": list(errors.values())}
    return render(request, "generation/_brand_preview.html", context)


@require_GET
@member_required()
def brand_preview_picture(request: MemberRequest) -> HttpResponse:
    """One creative as the given brand kit fields would make it."""
    kit = brand.brand_kit_get(advertiser=request.advertiser)
    errors = brand.brand_kit_fill(kit, _fields(request.GET))
    if errors:
        return _refused("; ".join(errors.values()))
    width, _, height = request.GET.get("size", "300x250").partition("x")
    size = (int(width), int(height)) if _is_number(width) and _is_number(height) else (0, 0)
    if size not in SIZES:
        return _refused("There is no such size.")
    language = "zh" if request.advertiser.market == Advertiser.Market.CHINA else "en"
    try:
        content = preview_make(
            kit=kit,
            template=request.GET.get("template", "lifestyle"),
            size=size,
            language=request.GET.get("language", language)[:2],
        )
    except (DomainError, RenderError) as error:
        return _refused(str(error))
    response = HttpResponse(content, content_type="image/webp")
    response["Cache-Control"] = "private, max-age=60"
    return response


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 4


def _refused(sentence: str) -> HttpResponse:
    return HttpResponse(sentence[:500], status=400, content_type="text/plain; charset=utf-8")


@require_GET
@member_required()
def template_list(request: MemberRequest) -> HttpResponse:
    """Every template; the chosen one in every size, with its data."""
    templates = templates_read()
    chosen = templates.get(request.GET.get("template", ""))
    context: dict[str, Any] = {"templates": templates.values(), "chosen": chosen}
    if chosen is not None:
        data = json.loads((FOLDER / f"{chosen.key}.json").read_text(encoding="utf-8"))
        context |= {
            "sizes": [SIZES[size] for size in STANDARD_SIZES],
            "data": json.dumps(data, ensure_ascii=False, indent=2),
        }
    return render(request, "generation/template_list.html", context)
