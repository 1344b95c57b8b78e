"""What a composed training picture shows, and what is said of it in English and Chinese.

A recipe names one or two objects, a style, a palette, a scene and an arrangement; the caption is made
from the same words, so text and picture cannot disagree. Pure: the random source is an argument.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass

from generation.diffusion.vocabulary import ARRANGEMENTS, PALETTES, SCENES, STYLE_WORDS
from generation.training.pictures import STYLES, PictureObject

HELD_OUT_COMBINATION_RATE = 0.10
PAIR_RATE = 0.12


@dataclass(frozen=True)
class Recipe:
    """One composed picture. ``objects`` are indices into the list of objects, one or two."""

    objects: tuple[int, ...]
    style: str
    palette: str
    scene: str
    arrangement: str
    seed: int  # of the painting: exact places, sizes, mirrors

    def held_out(self, objects: Sequence[PictureObject]) -> bool:
        """Whether one of its (object, palette, scene) combinations is never trained on; by hash, so that
        it depends on nothing but the words."""
        return any(
            combination_held_out(objects[index].id, self.palette, self.scene) for index in self.objects
        )


def combination_held_out(object_id: str, palette: str, scene: str) -> bool:
    """One combination in ten, whatever the style, the arrangement and the seed."""
    digest = hashlib.sha256(f"combination:{object_id}:{palette}:{scene}".encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32 < HELD_OUT_COMBINATION_RATE


def recipe_draw(objects: Sequence[PictureObject], source: random.Random) -> Recipe:
    """A recipe drawn evenly over objects, styles, palettes and scenes."""
    style = source.choice(STYLES)
    drawable = [index for index, item in enumerate(objects) if style in item.files]
    if not drawable:
        style = STYLES[1 - STYLES.index(style)]
        drawable = [index for index, item in enumerate(objects) if style in item.files]
    count = 2 if source.random() < PAIR_RATE and len(drawable) > 1 else 1
    return Recipe(
        objects=tuple(source.sample(drawable, count)),
        style=style,
        palette=source.choice(tuple(PALETTES)),
        scene=source.choice(tuple(SCENES)),
        # Two objects fill the picture side by side; most single ones stand in the middle.
        arrangement="centre" if count == 2 else source.choice(("centre", "centre", "left", "right", "close")),
        seed=source.getrandbits(32),
    )


def motif_words(recipe: Recipe, objects: Sequence[PictureObject]) -> str:
    """The objects alone: "running shoe", or "cat and dog"."""
    return " and ".join(objects[index].name for index in recipe.objects)


def motif_words_zh(recipe: Recipe, objects: Sequence[PictureObject]) -> str:
    """The objects in Chinese; the English name where the annotations have none."""
    return "和".join(objects[index].name_zh or objects[index].name for index in recipe.objects)


def caption_en(recipe: Recipe, objects: Sequence[PictureObject], form: int = 0) -> str:
    """The English caption in one of three forms."""
    motif = ARRANGEMENTS[recipe.arrangement][0].format(motif=motif_words(recipe, objects))
    place = SCENES[recipe.scene][0].format(palette=recipe.palette)
    style = STYLE_WORDS[recipe.style][0]
    if form % 3 == 0:
        return f"{motif} {place}, {style}"
    if form % 3 == 1:
        return f"{style}, {motif} {place}"
    return f"a {style} of {motif}, {place}"


def caption_zh(recipe: Recipe, objects: Sequence[PictureObject]) -> str:
    """The Chinese caption."""
    motif = ARRANGEMENTS[recipe.arrangement][1].format(motif=motif_words_zh(recipe, objects))
    place = SCENES[recipe.scene][1].format(palette=PALETTES[recipe.palette].name_zh)
    return f"{STYLE_WORDS[recipe.style][1]}，{place}，{motif}"
