"""The brand kit: how an advertiser's creatives look and talk, and what they must and must not hold."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping

from PIL import Image

from accounts.models import Advertiser
from adplatform.lib.errors import DomainError
from adplatform.lib.files import content_store
from adplatform.lib.pictures import picture_plain
from generation.briefs import BriefBrand
from generation.composition.fonts import FACES
from generation.composition.typography import clean, undrawable
from generation.models import BrandKit
from generation.renderers.lora import lora_names

COLOUR_FIELDS = ("primary_colour", "accent_colour", "background_colour")
TEXT_FIELDS = ("name", "tone", "call_to_action_en", "call_to_action_zh")
DRAWN_FIELDS = ("name", "call_to_action_en", "call_to_action_zh")
FONT_FIELDS = {"headline_font": "headlines", "text_font": "the line under them"}
LIST_FIELDS = {"forbidden_words": (200, 40), "forbidden_colours": (12, 7)}  # (entries, characters each)
LOGO_FIELDS = ("logo", "logo_dark")
LEGAL_PREFIX = "legal_line_"  # + a market
LEGAL_MOST = 120  # characters: what the narrowest placement can carry
CLEAR_SPACE_MOST = 2.0  # of the logo's height
FIELDS = (
    *COLOUR_FIELDS,
    *TEXT_FIELDS,
    *FONT_FIELDS,
    *LIST_FIELDS,
    "clear_space",
    "lora",
    *(LEGAL_PREFIX + market for market in Advertiser.Market.values),
)
MAX_LOGO_BYTES = 2 * 1024 * 1024
MAX_LOGO_PIXELS = 4_000_000
MIN_LOGO_SIDE = 8
LOGO_BOX = (600, 240)  # the largest a logo is ever drawn
_COLOUR = re.compile(r"#[0-9a-f]{6}")


def brand_kit_get(*, advertiser: Advertiser) -> BrandKit:
    """The advertiser's kit, or an unsaved one with the defaults."""
    kit = BrandKit.objects.filter(advertiser=advertiser).first()
    return kit or BrandKit(advertiser=advertiser, name=advertiser.name)


def brief_brand(kit: BrandKit, *, language: str, market: str) -> BriefBrand:
    """The kit as a brief carries it."""
    return BriefBrand(
        name=kit.name,
        primary_colour=kit.primary_colour,
        accent_colour=kit.accent_colour,
        background_colour=kit.background_colour,
        tone=kit.tone,
        call_to_action=kit.call_to_action_zh if language.startswith("zh") else kit.call_to_action_en,
        logo=kit.logo,
        logo_dark=kit.logo_dark,
        clear_space=kit.clear_space,
        headline_font=kit.headline_font,
        text_font=kit.text_font,
        forbidden_words=tuple(kit.forbidden_words),
        forbidden_colours=tuple(kit.forbidden_colours),
        legal_line=kit.legal_lines.get(market, ""),
        lora=kit.lora,
    )


def brand_kit_set(
    *, advertiser: Advertiser, fields: Mapping[str, str], logos: Mapping[str, bytes] | None = None
) -> BrandKit:
    """Change the kit; creatives made from now on use it. ``logos`` are uploaded files by LOGO_FIELDS.

    Raises DomainError ``invalid`` with one message a field.
    """
    kit = brand_kit_get(advertiser=advertiser)
    errors = brand_kit_fill(kit, fields)
    stored = {}
    for name, content in (logos or {}).items():
        try:
            stored[name] = _logo_make(content)
        except DomainError as error:
            errors[name] = error.message
    if errors:
        raise DomainError("invalid", "Some fields need a change.", errors=errors)
    for name, png in stored.items():
        setattr(kit, name, content_store(png, folder="logos", extension="png")[0])
    kit.save()
    return kit


def brand_kit_fill(kit: BrandKit, fields: Mapping[str, str]) -> dict[str, str]:
    """Put the given FIELDS into the kit without saving it; one message for each that will not do."""
    errors: dict[str, str] = {}
    for name in COLOUR_FIELDS:
        value = fields.get(name, getattr(kit, name)).lower()
        if not _COLOUR.fullmatch(value):
            errors[name] = "Give the colour as #rrggbb."
        setattr(kit, name, value)
    for name in TEXT_FIELDS:
        value = fields.get(name, getattr(kit, name)).strip()
        limit = BrandKit._meta.get_field(name).max_length or 0  # type: ignore[union-attr]
        if not value or len(value) > limit:
            errors[name] = f"Between 1 and {limit} characters."
        elif name in DRAWN_FIELDS and (refusal := undrawable(value)):
            errors[name] = refusal
        setattr(kit, name, value)
    for name in FONT_FIELDS:
        value = fields.get(name, getattr(kit, name))
        if value and value not in FACES:
            errors[name] = f"There is no font {value[:40]!r}."
        setattr(kit, name, value)
    for name, (most, longest) in LIST_FIELDS.items():
        if name in fields:
            given = (clean(entry) for entry in re.split(r"[,，;；\n]", fields[name]))
            entries = list(dict.fromkeys(entry for entry in given if entry))
            if name == "forbidden_colours":
                entries = [entry.lower() for entry in entries]
                if not all(_COLOUR.fullmatch(entry) for entry in entries):
                    errors[name] = "Give each colour as #rrggbb, with commas between."
            if len(entries) > most or any(len(entry) > longest for entry in entries):
                errors.setdefault(name, f"At most {most} entries of {longest} characters.")
            setattr(kit, name, entries)
    if "clear_space" in fields:
        kit.clear_space, errors = _clear_space(fields["clear_space"], kit.clear_space, errors)
    for market in Advertiser.Market.values:
        name = LEGAL_PREFIX + market
        if name in fields:
            line = clean(fields[name])
            if len(line) > LEGAL_MOST:
                errors[name] = f"At most {LEGAL_MOST} characters: it stands on the smallest creative too."
            elif refusal := undrawable(line):
                errors[name] = refusal
            kit.legal_lines = {**kit.legal_lines, market: line}
    kit.lora = fields.get("lora", kit.lora)
    if kit.lora and kit.lora not in lora_names():
        errors["lora"] = f"There is no LoRA {kit.lora!r}."
    return errors


def _clear_space(text: str, now: float, errors: dict[str, str]) -> tuple[float, dict[str, str]]:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= CLEAR_SPACE_MOST:
        return now, {**errors, "clear_space": f"A number from 0 to {CLEAR_SPACE_MOST:.0f}."}
    return value, errors


def _logo_make(content: bytes) -> bytes:
    """A PNG of a PNG, WebP or JPEG logo, so that nothing but its pixels is kept.

    Raises DomainError ``logo_too_large`` or ``logo_broken``.
    """
    if len(content) > MAX_LOGO_BYTES:
        raise DomainError("logo_too_large", "The logo file is over 2 MB.")
    try:
        with Image.open(io.BytesIO(content), formats=("PNG", "WEBP", "JPEG")) as image:
            if image.width * image.height > MAX_LOGO_PIXELS:
                raise DomainError("logo_too_large", "The logo has over 4 million pixels.")
            logo = picture_plain(image).convert("RGBA")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise DomainError("logo_too_large", "The logo has over 4 million pixels.") from None
    except DomainError:
        raise
    except Exception:  # decoders raise OSError, SyntaxError, ValueError, struct.error and more
        raise DomainError("logo_broken", "The logo must be a PNG, WebP or JPEG picture.") from None
    box = logo.getchannel("A").getbbox()
    if box is None:
        raise DomainError("logo_broken", "There is nothing to be seen on the logo.")
    logo = logo.crop(box)
    if min(logo.size) < MIN_LOGO_SIDE:
        raise DomainError("logo_broken", f"The logo is only {logo.width} x {logo.height} pixels.")
    logo.thumbnail(LOGO_BOX)
    buffer = io.BytesIO()
    logo.save(buffer, "PNG")
    return buffer.getvalue()
