"""Templates: how a creative is laid out and what it looks like, as versioned JSON in ``generation/layouts``.

A template knows no pixels. For each shape of placement it holds a tree of rows and columns whose leaves
are stacks of text and the stage where the product stands; ``layouts.layout_solve`` turns that into boxes
for one size. Lengths are in units of ``sizes.Size.unit``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from adplatform.lib.errors import DomainError

FOLDER = Path(__file__).resolve().parent.parent / "layouts"
_STANDS_IN = {"billboard": "wide", "box": "wide", "sky": "tall"}  # where a template has no arrangement
SPACE = "space"  # in a stack: room that opens when there is some


@dataclass(frozen=True)
class Region:
    """How one kind of text is set."""

    face: str  # a key of fonts.FACES
    size: float  # units
    least: float  # pixels on the shopper's screen
    lines: int = 1
    leading: float = 1.12
    ink: str = "ink"  # a field of palette.Palette
    shape: str = ""  # of the call to action: pill, block, outline or link
    gap: float = 2.0  # units above it
    can_drop: bool = False  # left out where there is no room


DEFAULT_REGIONS = {
    "wordmark": Region("strong", 4.1, 8.5, ink="accent_ink", can_drop=True),
    "sign": Region("heavy", 20, 14, gap=1.6, ink="accent_ink", can_drop=True),
    "headline": Region("display", 11, 11, lines=5, leading=1.05, gap=2.2),
    "subline": Region("text", 4.5, 9.5, lines=2, leading=1.28, ink="ink_soft", gap=1.8, can_drop=True),
    "price": Region("strong", 8.4, 11, gap=2.8),
    "action": Region("strong", 4.9, 9.5, shape="pill", gap=3.2),
    "rule": Region("text", 0.3, 1, gap=2.6, ink="accent_ink"),
    "legal": Region("text", 2.7, 7.5, lines=4, leading=1.2, ink="ink_soft"),
}
DROP_ORDER = ("subline", "sign", "wordmark")


@dataclass(frozen=True)
class Needs:
    """When a part is used, by the placement's size on the screen in pixels."""

    min_width: int = 0
    min_height: int = 0
    max_width: int = 1 << 30
    max_height: int = 1 << 30

    def met(self, width: float, height: float) -> bool:
        return self.min_width <= width <= self.max_width and self.min_height <= height <= self.max_height


@dataclass(frozen=True)
class Item:
    """One entry of a stack: a region, the opening space, or a few regions side by side."""

    names: tuple[str, ...]
    needs: Needs = Needs()


@dataclass(frozen=True)
class Node:
    """A part of an arrangement: a row or column of parts, a stack of text, or the stage."""

    kind: str  # row, column, stack or stage
    children: tuple[Node, ...] = ()
    items: tuple[Item, ...] = ()
    grow: float = 1.0  # its share of the room
    length: float | None = None  # units, instead of a share
    align: str = "left"
    anchor: str = "middle"
    panel: str = ""  # a wall of its own, by its name in palette
    pad: float | None = None  # units between the part's edge and what is in it
    floats: bool = False  # a product in the middle of its stage, not on its floor
    sizes: dict[str, float] = field(default_factory=dict)  # region -> units, here only
    needs: Needs = Needs()


@dataclass(frozen=True)
class Badge:
    """The seal with the saving or the price."""

    shape: str = "disc"  # disc, burst or ticket
    content: str = "saving"  # saving or price
    size: float = 14  # units across
    corner: str = "top-right"


@dataclass(frozen=True)
class Template:
    """One look."""

    key: str
    version: int
    name_en: str
    name_zh: str
    about: str
    ground: str  # a key of grounds.GROUNDS, or "style": as the brief's style has it
    walls: tuple[str, ...]  # by their names in palette, most wanted first; empty: the style's
    motif: str  # beside: it stands with the product; haze: only its colours in the air
    picture: str  # where a whole scene goes: cover (all of the placement) or stage
    decor: tuple[str, ...]
    accent: str  # brand, or a colour of palette.ACCENTS
    label: str  # the AI label's corner
    sign: dict[str, str]  # language -> the event's name, drawn large
    badge: Badge
    regions: dict[str, Region]
    arrangements: dict[str, Node]

    @property
    def reference(self) -> str:
        """What a brief names and a creative records: a new version makes another brief of it."""
        return f"{self.key}@{self.version}"

    def panels(self) -> frozenset[str]:
        """The walls of its own that any part has."""
        waiting, found = list(self.arrangements.values()), set()
        while waiting:
            node = waiting.pop()
            waiting += node.children
            found.add(node.panel)
        return frozenset(found - {""})

    def arrangement(self, shape: str) -> Node:
        """The tree for a shape."""
        return self.arrangements.get(shape) or self.arrangements[_STANDS_IN[shape]]


def template_parse(data: dict[str, Any]) -> Template:
    """A template from its JSON. Raises DomainError ``template_invalid`` with the place of the fault."""
    error = next(iter(_validator().iter_errors(data)), None)
    if error is not None:
        place = "/".join(str(part) for part in error.absolute_path) or "the file"
        raise DomainError("template_invalid", f"{place}: {error.message[:200]}")
    regions = dict(DEFAULT_REGIONS)
    for name, changes in data.get("regions", {}).items():
        regions[name] = Region(**{**regions[name].__dict__, **changes})
    return Template(
        key=data["id"],
        version=data["version"],
        name_en=data["name"]["en"],
        name_zh=data["name"]["zh"],
        about=data["about"],
        ground=data["ground"],
        walls=tuple(data.get("walls", ())),
        motif=data["motif"],
        picture=data["picture"],
        decor=tuple(data.get("decor", ())),
        accent=data.get("accent", "brand"),
        label=data.get("label", "bottom-right"),
        sign=data.get("sign", {}),
        badge=Badge(**data.get("badge", {})),
        regions=regions,
        arrangements={shape: _node(tree) for shape, tree in data["arrangements"].items()},
    )


def _node(data: dict[str, Any]) -> Node:
    kind = next(kind for kind in ("row", "column", "stack", "stage") if kind in data)
    rest = {key: value for key, value in data.items() if key not in (kind, "needs")}
    content = data[kind]
    return Node(
        kind=kind,
        children=tuple(_node(child) for child in content) if kind in ("row", "column") else (),
        items=tuple(_item(item) for item in content) if kind == "stack" else (),
        needs=Needs(**data.get("needs", {})),
        **rest,
    )


def _item(data: str | dict[str, Any]) -> Item:
    if isinstance(data, str):
        return Item((data,))
    return Item(tuple(data["side"]) if "side" in data else (data["region"],), Needs(**data.get("needs", {})))


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(json.loads((FOLDER / "schema.json").read_text(encoding="utf-8")))


@cache
def templates_read() -> dict[str, Template]:
    """Every template by its id, in the order of their files."""
    files = sorted(path for path in FOLDER.glob("*.json") if path.name != "schema.json")
    found = (template_parse(json.loads(path.read_text(encoding="utf-8"))) for path in files)
    return {template.key: template for template in found}


def template_get(reference: str) -> Template:
    """The template of this ``id`` or ``id@version``, in the version that there is now.

    A brief of another version is composed by today's, so that its words can still be edited; what a creative
    was composed with stands in its inspection. Raises DomainError ``template_unknown``.
    """
    template = templates_read().get(reference.partition("@")[0])
    if template is None:
        known = ", ".join(templates_read())
        raise DomainError("template_unknown", f"There is no template {reference!r}; there are: {known}.")
    return template


# What "automatic" means: the look that goes with a style, and a louder one for a real saving.
AUTOMATIC = {
    "soft_3d": "lifestyle",
    "flat_illustration": "split",
    "studio": "packshot",
    "editorial": "editorial",
}
SAVING_LOUD = 0.2


def template_choose(style: str, saving: float) -> Template:
    """The template for a style when the campaign leaves the choice open; ``saving`` is a fraction."""
    key = "bold_offer" if saving >= SAVING_LOUD else AUTOMATIC.get(style, "lifestyle")
    return template_get(key)
