"""The brand kit: how an advertiser's creatives look and talk."""

from __future__ import annotations

import io
import re

from PIL import Image, UnidentifiedImageError

from accounts.models import Advertiser
from adplatform.lib.errors import DomainError
from adplatform.lib.files import content_store
from generation.models import BrandKit
from generation.renderers.lora import lora_names

COLOUR_FIELDS = ("primary_colour", "accent_colour", "background_colour")
TEXT_FIELDS = ("name", "tone", "call_to_action_en", "call_to_action_zh")
MAX_LOGO_BYTES = 2 * 1024 * 1024
MAX_LOGO_PIXELS = 4_000_000
LOGO_BOX = (600, 240)  # the largest a logo is ever drawn


def brand_kit_get(*, advertiser: Advertiser) -> BrandKit:
    """The advertiser's kit, or an unsaved one with the defaults."""
    kit = BrandKit.objects.filter(advertiser=advertiser).first()
    return kit or BrandKit(advertiser=advertiser, name=advertiser.name)


def brand_kit_set(*, advertiser: Advertiser, fields: dict[str, str], logo: bytes | None = None) -> BrandKit:
    """Change the kit; creatives made from now on use it.

    Raises DomainError ``invalid`` with one message a field.
    """
    kit = brand_kit_get(advertiser=advertiser)
    errors = {}
    for name in COLOUR_FIELDS:
        value = fields.get(name, getattr(kit, name)).lower()
        if not re.fullmatch(r"#[0-9a-f]{6}", value):
            errors[name] = "Give the colour as #rrggbb."
        setattr(kit, name, value)
    for name in TEXT_FIELDS:
        value = fields.get(name, getattr(kit, name)).strip()
        limit = BrandKit._meta.get_field(name).max_length or 0  # type: ignore[union-attr]
        if not value or len(value) > limit:
            errors[name] = f"Between 1 and {limit} characters."
        setattr(kit, name, value)
    kit.lora = fields.get("lora", kit.lora)
    if kit.lora and kit.lora not in lora_names():
        errors["lora"] = f"There is no LoRA {kit.lora!r}."
    if logo:
        try:
            kit.logo = _logo_store(logo)
        except DomainError as error:
            errors["logo"] = error.message
    if errors:
        raise DomainError("invalid", "Some fields need a change.", errors=errors)
    kit.save()
    return kit


def _logo_store(content: bytes) -> str:
    """Re-encode a PNG, WebP or JPEG logo, so that nothing but its pixels is kept."""
    if len(content) > MAX_LOGO_BYTES:
        raise DomainError("logo_too_large", "The logo file is over 2 MB.")
    try:
        with Image.open(io.BytesIO(content), formats=("PNG", "WEBP", "JPEG")) as image:
            if image.width * image.height > MAX_LOGO_PIXELS:
                raise DomainError("logo_too_large", "The logo has over 4 million pixels.")
            logo = image.convert("RGBA")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        raise DomainError("logo_broken", "The logo must be a PNG, WebP or JPEG picture.") from None
    logo = logo.crop(logo.getbbox() or (0, 0, *logo.size))
    logo.thumbnail(LOGO_BOX)
    buffer = io.BytesIO()
    logo.save(buffer, "PNG")
    return content_store(buffer.getvalue(), folder="logos", extension="png")[0]
