"""A picture of each fault that the inspection knows, provoked with the product's own code.

    python scripts/inspection_pictures.py docs/images/inspection

Where input alone brings a fault about, it is given that input. Most faults the engine does not let happen:
there one guard is switched off, and everything else, the inspection above all, is as it always is. Stops with
an error when a code is not found in the creative that should have it.
"""

from __future__ import annotations

# ruff: noqa: E402  (Django's settings have to be named before Django is imported)
import io
import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ["VAR_DIR"] = tempfile.mkdtemp(prefix="adplatform-pictures-")
os.environ.setdefault("LOG_LEVEL", "ERROR")
os.environ["DJANGO_SETTINGS_MODULE"] = "adplatform.settings"

import django

django.setup()

import numpy as np
from PIL import Image, ImageDraw

from adplatform.lib.files import content_store
from generation import preview
from generation.briefs import Brief
from generation.composition import compose, encode, labels, lettering, scene
from generation.composition.inspection import Code
from generation.composition.lettering import Lettering
from generation.composition.product import Placed, product_place
from generation.composition.saliency import Frame
from generation.composition.stacks import Setting
from generation.matching.base import Wanted
from generation.matching.scoring import match_score, scorer_get
from generation.perceptual_hash import NEAR_BITS, difference_hash, nearest_bits
from generation.renderers.base import RenderError

SIZE = (300, 250)
Guard = AbstractContextManager[Any]


def brief_of(**changes: Any) -> Brief:
    """The sample jar in 300x250; ``product_`` and ``brand_`` fields by prefix."""
    sample, _ = preview.sample_make()
    product = {key[8:]: changes.pop(key) for key in list(changes) if key.startswith("product_")}
    brand = {key[6:]: changes.pop(key) for key in list(changes) if key.startswith("brand_")}
    given: dict[str, Any] = {
        "sizes": (SIZE,),
        "template": "lifestyle",
        "headline": "Made for every day",
    } | changes
    return replace(
        sample,
        product=replace(sample.product, **product),
        brand=replace(sample.brand, name="Northwind", **brand),
        **given,
    )


def cutout_of(picture: Image.Image) -> dict[str, Any]:
    """The fields of a brief whose product looks like that."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    name, digest = content_store(buffer.getvalue(), folder="cutouts", extension="png")
    return {"product_cutout": name, "product_cutout_sha256": digest}


# --- input that brings a fault about


def needle() -> Image.Image:
    picture = Image.new("RGBA", (12, 400))
    ImageDraw.Draw(picture).rectangle((3, 0, 8, 399), fill="#35504a")
    return picture


def stamp() -> Image.Image:
    return preview._jar().resize((48, 64), Image.Resampling.LANCZOS)


def meadow(colour: str = "#7fae6a") -> Image.Image:
    """A scene with a red tent where words would like to stand."""
    picture = Image.new("RGB", (256, 256), "#cfe3f2")
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, 170, 256, 256), fill=colour)
    pen.polygon([(10, 200), (64, 96), (118, 200)], fill="#d2452f")
    return picture


def crowd() -> Image.Image:
    """Confetti: no two pixels alike."""
    return Image.fromarray(np.random.default_rng(7).integers(0, 256, (970, 970, 3), dtype=np.uint8))


def clay() -> Image.Image:
    """A jar of clay before a wall of the same clay."""
    jar = Image.new("RGBA", (300, 400))
    ImageDraw.Draw(jar).rounded_rectangle((20, 20, 280, 390), 60, fill="#b99a7c")
    return jar


def clay_wall() -> Image.Image:
    light = Image.linear_gradient("L").resize((256, 256)).point([110 + v // 8 for v in range(256)])
    return Image.merge(
        "RGB",
        (
            light.point([min(v + 70, 255) for v in range(256)]),
            light.point([v + 32 for v in range(256)]),
            light,
        ),
    )


# --- guards that are switched off


def settings_moved(move: Callable[[list[Setting], Any], list[Setting]]) -> Guard:
    """The stacks' texts elsewhere than they were solved for."""
    real = compose.stack_solve
    return patch.object(
        compose, "stack_solve", lambda layout, stack, texts: move(real(layout, stack, texts), layout)
    )


def moved(name: str, box: Callable[[Setting, Any], tuple[int, int, int, int]]) -> Guard:
    return settings_moved(
        lambda settings, layout: [
            replace(one, box=box(one, layout)) if one.name == name else one for one in settings
        ]
    )


def sublines_up(settings: list[Setting], layout: Any) -> list[Setting]:
    top = next(one for one in settings if one.name == "headline").box[1] if len(settings) > 1 else 0
    return [
        replace(one, box=(one.box[0], top + 6, *one.box[2:])) if one.name == "subline" else one
        for one in settings
    ]


def placed_as(place: Callable[[Image.Image, Any], Placed]) -> Guard:
    """The product elsewhere, or in another size, than it should be."""
    return patch.object(
        compose,
        "product_place_with_seal",
        lambda cutout, layout, *, is_card, has_seal: (place(cutout, layout), None),
    )


def shifted(cutout: Image.Image, layout: Any, left: int = 0, top: int = 0) -> Placed:
    placed = product_place(cutout, layout, is_card=False)
    return replace(placed, left=placed.left + left, top=placed.top + top)


def filling(cutout: Image.Image, layout: Any) -> Placed:
    picture = cutout.convert("RGBA").crop((40, 70, 280, 330)).resize((290, 215))
    return Placed(picture, 5, 20, 1.2, False)


def inks_alike() -> Guard:
    """Ink near its ground, and nothing that mends it."""

    def pale(canvas: Image.Image, ink: tuple[int, int, int], mask: Image.Image) -> tuple[int, ...]:
        ground = np.asarray(canvas.convert("RGB")).reshape(-1, 3).mean(0)
        return tuple(round(0.55 * g + 0.45 * i) for g, i in zip(ground, ink, strict=True))

    return patch.multiple(lettering, ink_adapted=pale, plate_add=lambda canvas, ink, mask, wall: (0.0, 0.0))


FAULTS: dict[str, tuple[dict[str, Any], Image.Image | None, Callable[[], Guard]]] = {
    Code.CONTRAST_LOW: ({}, None, inks_alike),
    Code.TEXT_OVERFLOW: (
        {},
        None,
        lambda: moved("headline", lambda s, _: (s.box[0], s.box[1], 70, s.box[3])),
    ),
    Code.TEXT_OVER_PRODUCT: (
        {},
        None,
        lambda: moved(
            "headline", lambda s, layout: (layout.product[0] - 20, layout.product[1] + 60, *s.box[2:])
        ),
    ),
    Code.TEXT_OVERLAP: ({}, None, lambda: settings_moved(sublines_up)),
    Code.TEXT_OVER_SUBJECT: (
        {},
        meadow(),
        lambda: patch.object(
            scene,
            "frame_choose",
            lambda size, saliency, region, *_: Frame(0, -30, region[0] / size[0], 0.6, 0.1, 0.0),
        ),
    ),
    Code.TEXT_TRUNCATED: (
        {"headline": "Everything you need for a very long weekend far away from the city " * 3},
        None,
        nullcontext,
    ),
    Code.PRODUCT_CROPPED: (
        {},
        meadow("#cfe3f2"),
        lambda: placed_as(lambda c, layout: shifted(c, layout, left=75)),
    ),
    Code.PRODUCT_TOO_SMALL: (cutout_of(needle()), None, nullcontext),
    Code.PRODUCT_TOO_LARGE: ({}, None, lambda: placed_as(filling)),
    Code.PRODUCT_ENLARGED: (cutout_of(stamp()), None, nullcontext),
    Code.SIZE_MISMATCH: (
        {},
        None,
        lambda: placed_as(lambda c, layout: product_place(c, layout, is_card=False, share=0.22)),
    ),
    Code.SPACE_MISMATCH: ({}, None, lambda: placed_as(lambda c, layout: shifted(c, layout, top=-28))),
    Code.INDISTINCT_PRODUCT: (cutout_of(clay()), clay_wall(), nullcontext),
    Code.BLANK_SCENE: ({}, Image.new("RGB", (256, 256), "#eef0f2"), nullcontext),
    Code.MOTIF_EMPTY: ({}, Image.new("RGBA", (256, 256)), nullcontext),
    Code.FORBIDDEN_WORD: (
        {"brand_forbidden_words": ("free",), "headline": "Fr33 delivery today"},
        None,
        nullcontext,
    ),
    Code.FORBIDDEN_COLOUR: ({"brand_forbidden_colours": ("#cfe3f2",)}, meadow(), nullcontext),
    Code.LABEL_MISSING: ({}, None, lambda: patch.object(Lettering, "label", lambda self, tab: None)),
    Code.LABEL_TOO_SMALL: ({}, None, lambda: patch.object(labels, "label_height", lambda size: 7)),
}


def composed(
    changes: dict[str, Any], picture: Image.Image | None, guard: Callable[[], Guard]
) -> tuple[set[str], Image.Image]:
    """(codes, picture) of a creative."""
    with guard():
        (made,) = compose.creatives_compose(brief=brief_of(**changes), picture=picture or preview.leaf())
    return set(made.inspection["codes"]), Image.open(io.BytesIO(made.content)).convert("RGB")


def told(is_found: bool, code: str) -> None:
    """Stop where the inspection did not tell the fault."""
    if not is_found:
        raise SystemExit(f"{code} was not provoked")


def over_weight() -> Image.Image:
    """Refused where the quality may not give way."""
    brief = brief_of(sizes=((1200, 628),))
    try:
        with patch.object(encode, "WORST", encode.BEST):
            compose.creatives_compose(brief=brief, picture=crowd())
    except RenderError as error:
        told(error.code == Code.OVER_WEIGHT, Code.OVER_WEIGHT)
        print(f"{Code.OVER_WEIGHT:<20} {error}")
        picture = compose.canvas_compose(brief=brief, picture=crowd(), size=(1200, 628)).picture
        picture.thumbnail((478, 250))
        return picture
    raise SystemExit("over_weight was not provoked")


def near_duplicate() -> Image.Image:
    """Two takes that differ by a shade."""
    pictures = [composed({"take": take}, preview.leaf().rotate(2 * take), nullcontext)[1] for take in (0, 1)]
    bits = nearest_bits(*(difference_hash(pictures[0]), [difference_hash(pictures[1])]))
    told(bits <= NEAR_BITS, Code.NEAR_DUPLICATE)
    pair = Image.new("RGB", (2 * SIZE[0] + 10, SIZE[1]), "#ffffff")
    for index, picture in enumerate(pictures):
        pair.paste(picture, (index * (SIZE[0] + 10), 0))
    return pair


def low_match() -> Image.Image:
    """A leaf where a cup of coffee was asked for."""
    scorer = scorer_get()
    wanted = Wanted("soft 3D render of a hot beverage", "hot beverage")
    match = match_score(scorer, preview.leaf(), wanted) if scorer is not None else None
    told(match is not None and match.is_low, Code.LOW_MATCH)
    print(f"{Code.LOW_MATCH:<20} {match.score if match else 0:.2f} for a leaf where coffee was asked for")
    return composed({"headline": "First, coffee"}, None, nullcontext)[1]


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    pictures: dict[str, Image.Image] = {}
    for code, fault in FAULTS.items():
        codes, picture = composed(*fault)
        print(f"{code:<20} {', '.join(sorted(codes))}")
        told(code in codes, code)
        pictures[code] = picture
    pictures[Code.OVER_WEIGHT] = over_weight()
    pictures[Code.NEAR_DUPLICATE] = near_duplicate()
    pictures[Code.LOW_MATCH] = low_match()
    for code in Code:
        told(code in pictures, code)
    for code, picture in pictures.items():
        picture.save(folder / f"{code}.webp", "WEBP", quality=72, method=6)


if __name__ == "__main__":
    main()
