"""The brief: everything one creative is made from, frozen, and the only way into generation.

It holds words about a group of shoppers (taxonomy labels) and never anything about one shopper.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class BriefProduct:
    """The product as the catalogue had it when the brief was made. Prices are integer minor units."""

    external_id: str
    title: str
    product_type: str
    brand: str
    price_cents: int
    sale_price_cents: int | None
    currency: str
    cutout: str  # storage name of an RGBA PNG, trimmed to the product
    cutout_sha256: str
    cutout_kind: str  # alpha, flood_fill or card
    palette: tuple[str, ...] = ()  # "#rrggbb", strongest first


@dataclass(frozen=True)
class BriefInterest:
    """A taxonomy entry in words."""

    id: str
    label_en: str
    label_zh: str


@dataclass(frozen=True)
class BriefSegment:
    """The group the creative is for, with its interests strongest first."""

    slug: str
    name: str
    interests: tuple[BriefInterest, ...]


@dataclass(frozen=True)
class BriefBrand:
    """The advertiser's brand kit; colours as "#rrggbb"."""

    name: str
    primary_colour: str
    accent_colour: str
    background_colour: str
    tone: str
    call_to_action: str
    logo: str = ""  # storage name of an RGBA PNG, for light grounds
    logo_dark: str = ""  # the same for dark grounds
    clear_space: float = 0.5  # around the logo, as a share of its height
    headline_font: str = ""  # a key of composition.fonts.FACES; blank: the template's own
    text_font: str = ""
    forbidden_words: tuple[str, ...] = ()
    forbidden_colours: tuple[str, ...] = ()  # "#rrggbb"
    legal_line: str = ""  # the mandatory line of the brief's market
    lora: str = ""  # a folder of settings.GENERATION_LORA_DIR


@dataclass(frozen=True)
class Brief:
    """One creative to make, in all its sizes. ``segment`` None asks for the generic creative."""

    product: BriefProduct
    segment: BriefSegment | None
    brand: BriefBrand
    style: str  # a key of generation.styles.STYLES
    season: str  # spring, summer, autumn or winter
    language: str  # en or zh: of headline, call to action and label
    market: str  # an accounts.Advertiser.Market value: decides the label's wording
    sizes: tuple[tuple[int, int], ...]  # (width, height) in pixels
    model: str  # a key of settings.GENERATION_MODELS
    headline: str = ""  # blank: from the segment's copy template
    template: str = ""  # "id@version" of composition.templates; blank: chosen when it is composed
    take: int = 0  # another take of the same brief gets another seed
    keeps_product: bool = False  # the model paints the scene around the product

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the canonical JSON: equal briefs are one job."""
        # vars and not asdict: a plan of a thousand briefs hashes each, and asdict copies ten times as long.
        parts = {name: value for name, value in vars(self).items() if name != "fingerprint"}
        canonical = json.dumps(parts, default=vars, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    @property
    def scene_seed(self) -> int:
        """Decides the ground's shapes; free of the words, so that edited copy stands on the same ground."""
        group = self.segment.slug if self.segment else ""
        scene = (self.product.external_id, group, self.style, self.season, self.take)
        return int(hashlib.sha256(json.dumps(scene).encode()).hexdigest()[:8], 16)

    def with_copy(self, *, headline: str, call_to_action: str) -> Brief:
        """The same brief in other words."""
        return replace(self, headline=headline, brand=replace(self.brand, call_to_action=call_to_action))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; ``from_dict`` reads it back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Brief:
        """The brief stored in a render job."""
        segment = data["segment"]
        return cls(
            **{
                **data,
                "product": BriefProduct(**{**data["product"], "palette": tuple(data["product"]["palette"])}),
                "segment": segment
                and BriefSegment(
                    slug=segment["slug"],
                    name=segment["name"],
                    interests=tuple(BriefInterest(**interest) for interest in segment["interests"]),
                ),
                "brand": _brand(data["brand"]),
                "sizes": tuple((width, height) for width, height in data["sizes"]),
            }
        )


def _brand(data: dict[str, Any]) -> BriefBrand:
    lists = {name: tuple(data.get(name, ())) for name in ("forbidden_words", "forbidden_colours")}
    return BriefBrand(**{**data, **lists})
