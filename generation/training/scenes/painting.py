"""Painting a recipe: 256 x 256 RGB from object pictures, gradients and a few shapes.

Flat recipes get hard shapes and no shadow, soft ones gradients, a horizon without an edge and a contact
shadow, so that the style is told by the whole picture and not by the object alone.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from generation.diffusion.draft import PICTURE_SIDE as SIZE
from generation.diffusion.draft import Place, places_of, trimmed
from generation.diffusion.vocabulary import PALETTES
from generation.training.pictures import DatasetError, PictureObject
from generation.training.scenes.recipes import Recipe

_ROW = np.linspace(0.0, 1.0, SIZE, dtype=np.float32)[:, None]
_COLUMN = _ROW.T


def rgb(colour: int) -> np.ndarray:
    """0xRRGGBB -> float32 (3,) in 0-255."""
    return np.array([colour >> 16, colour >> 8 & 255, colour & 255], dtype=np.float32)


def mix(a: np.ndarray, b: np.ndarray, share: float | np.ndarray) -> np.ndarray:
    """a at share 0, b at share 1."""
    return a + (b - a) * share


def _image(array: np.ndarray) -> Image.Image:
    return Image.fromarray(np.clip(array, 0, 255).astype(np.uint8))


def _colour(array: np.ndarray) -> tuple[int, int, int]:
    red, green, blue = np.clip(array, 0, 255).astype(int).tolist()
    return red, green, blue


def _ramp(far: np.ndarray, near: np.ndarray, share: np.ndarray) -> np.ndarray:
    return far + (near - far) * np.broadcast_to(share, (SIZE, SIZE))[..., None]


def _vignette(source: random.Random) -> np.ndarray:
    """Light falling off from a point above the middle: 1 there, about 0.85 in the corners."""
    x, y = source.uniform(0.35, 0.65), source.uniform(0.2, 0.45)
    return (1.06 - 0.3 * ((_COLUMN - x) ** 2 + (_ROW - y) ** 2))[..., None]


def paint_ground(recipe: Recipe, source: random.Random) -> tuple[Image.Image, float]:
    """The scene without objects, and the line (share of the height) on which objects stand."""
    palette = PALETTES[recipe.palette]
    far, near, accent = rgb(palette.far), rgb(palette.near), rgb(palette.accent)
    flat = recipe.style == "flat"
    if recipe.scene == "gradient":
        if flat:  # two fields, split by a slant
            ground = _image(np.broadcast_to(far, (SIZE, SIZE, 3)))
            slant = source.uniform(-40, 40)
            middle = source.uniform(0.45, 0.6) * SIZE
            ImageDraw.Draw(ground).polygon(
                [(0, middle + slant), (SIZE, middle - slant), (SIZE, SIZE), (0, SIZE)],
                fill=_colour(mix(far, near, 0.55)),
            )
            return ground, source.uniform(0.78, 0.84)
        angle = source.uniform(-0.5, 0.5)
        share = np.clip(_ROW * (1 - abs(angle)) + (_COLUMN if angle > 0 else 1 - _COLUMN) * abs(angle), 0, 1)
        return _image(_ramp(far, near, share) * _vignette(source)), source.uniform(0.78, 0.84)
    if recipe.scene == "studio":
        horizon = source.uniform(0.58, 0.68)
        wall, floor = mix(far, near, 0.25), mix(far, np.float32(255.0), 0.35)
        if flat:
            ground = _image(np.broadcast_to(wall, (SIZE, SIZE, 3)))
            ImageDraw.Draw(ground).rectangle((0, horizon * SIZE, SIZE, SIZE), fill=_colour(floor))
            return ground, source.uniform(0.8, 0.86)
        share = 1 / (1 + np.exp(-(_ROW - horizon) / 0.025))
        shade = mix(near, wall, np.clip(_ROW / horizon, 0, 1)[..., None])
        return _image((shade + (floor - shade) * share[..., None]) * _vignette(source)), source.uniform(
            0.8, 0.86
        )
    if recipe.scene == "podium":
        return _podium(far, near, accent, flat, source)
    if recipe.scene == "bokeh":
        return _bokeh(far, near, accent, flat, source)
    return _landscape(far, near, accent, flat, source)


def _podium(
    far: np.ndarray, near: np.ndarray, accent: np.ndarray, flat: bool, source: random.Random
) -> tuple[Image.Image, float]:
    wall = mix(far, np.float32(255.0), 0.15)
    array = np.broadcast_to(wall, (SIZE, SIZE, 3)) if flat else _ramp(wall, mix(far, near, 0.35), _ROW)
    ground = _image(array * (1 if flat else _vignette(source)))
    draw = ImageDraw.Draw(ground)
    top = source.uniform(0.72, 0.78) * SIZE
    wide, tall = source.uniform(0.34, 0.42) * SIZE, 16
    middle = SIZE / 2
    # A round of accent behind it, as shops like it.
    radius = source.uniform(0.3, 0.38) * SIZE
    halo = mix(far, accent, 0.45)
    draw.ellipse(
        (middle - radius, top - 1.9 * radius, middle + radius, top + 0.1 * radius), fill=_colour(halo)
    )
    side, lid = mix(near, np.float32(0.0), 0.12), mix(near, np.float32(255.0), 0.25)
    draw.rectangle((middle - wide, top, middle + wide, SIZE), fill=_colour(near if flat else side))
    if not flat:  # light along the round side
        body = np.asarray(ground, dtype=np.float32).copy()
        left, right = int(middle - wide), int(middle + wide)
        light = 1 + 0.3 * np.sin(np.linspace(0.3, 2.6, right - left, dtype=np.float32)) - 0.1
        body[int(top) :, left:right] *= light[None, :, None]
        ground = _image(body)
        draw = ImageDraw.Draw(ground)
    draw.ellipse((middle - wide, top - tall, middle + wide, top + tall), fill=_colour(lid))
    return ground, (top + 2) / SIZE


def _bokeh(
    far: np.ndarray, near: np.ndarray, accent: np.ndarray, flat: bool, source: random.Random
) -> tuple[Image.Image, float]:
    dark = mix(near, np.float32(0.0), 0.25)
    ground = _image(_ramp(mix(near, far, 0.3), dark, _ROW))
    lights = Image.new("RGBA", (SIZE, SIZE))
    draw = ImageDraw.Draw(lights)
    for _ in range(source.randint(14, 22)):
        x, y, radius = source.uniform(0, SIZE), source.uniform(0, SIZE), source.uniform(8, 26)
        colour = _colour(mix(far, accent, source.random()))
        strength = 150 if flat else source.randint(60, 150)
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(*colour, strength))
    if not flat:
        lights = lights.filter(ImageFilter.GaussianBlur(source.uniform(1.5, 4.0)))
    ground.paste(lights, (0, 0), lights)
    return ground, source.uniform(0.78, 0.84)


def _landscape(
    far: np.ndarray, near: np.ndarray, accent: np.ndarray, flat: bool, source: random.Random
) -> tuple[Image.Image, float]:
    sky = mix(far, np.float32(255.0), 0.35)
    array = np.broadcast_to(sky, (SIZE, SIZE, 3)) if flat else _ramp(far, mix(sky, accent, 0.25), _ROW / 0.7)
    ground = _image(array)
    draw = ImageDraw.Draw(ground)
    x, y, radius = source.uniform(0.15, 0.85) * SIZE, source.uniform(0.12, 0.3) * SIZE, source.uniform(14, 24)
    draw.ellipse(
        (x - radius, y - radius, x + radius, y + radius), fill=_colour(mix(accent, np.float32(255.0), 0.4))
    )
    across = np.arange(SIZE)
    for layer, depth in enumerate((0.25, 0.6, 1.0)):
        base = (0.52 + 0.12 * layer + source.uniform(-0.03, 0.03)) * SIZE
        height = (26 - 7 * layer) * np.sin(across / source.uniform(26, 60) + source.uniform(0, 6))
        line = base + height * (0.6 if layer else 1.0)
        points = [(0, SIZE), *zip(across.tolist(), line.tolist(), strict=True), (SIZE, SIZE)]
        draw.polygon(points, fill=_colour(mix(far, near, depth)))
    return ground, source.uniform(0.82, 0.88)


@functools.lru_cache(maxsize=4096)
def object_picture(path: Path) -> Image.Image:
    """The trimmed RGBA picture of an object, kept in memory (4,096 of about 100 kB)."""
    try:
        with Image.open(path) as source:
            image = source.convert("RGBA")
    except (OSError, ValueError) as error:
        raise DatasetError(f"cannot read the picture {path}: {error}") from error
    return trimmed(image)


def paint_recipe(recipe: Recipe, objects: Sequence[PictureObject]) -> Image.Image:
    """The recipe's picture with the objects' own pictures."""
    return paint(recipe, [object_picture(objects[index].files[recipe.style]) for index in recipe.objects])


def paint_with_places(recipe: Recipe, objects: Sequence[Image.Image]) -> tuple[Image.Image, list[Place]]:
    """The finished RGB picture of SIZE x SIZE with RGBA pictures of the recipe's objects, and their places.

    The same recipe gives the same scene.
    """
    source = random.Random(recipe.seed)
    canvas, line = paint_ground(recipe, source)
    places = places_of(recipe.arrangement, line, [image.size for image in objects], source)
    for image, place in zip(objects, places, strict=True):
        # Premultiplied while scaling, so that the colour of invisible pixels cannot bleed into the rim.
        small = image.convert("RGBa").resize((place.width, place.height), Image.Resampling.LANCZOS)
        small = small.convert("RGBA")
        if place.mirrored:
            small = small.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        if recipe.style != "flat":
            _shade(canvas, place)
        canvas.paste(small, (place.left, place.top), small)
    return canvas, places


def _shade(canvas: Image.Image, place: Place) -> None:
    """A soft contact shadow under a place's foot."""
    layer = Image.new("L", (place.width + 40, 40))
    ImageDraw.Draw(layer).ellipse((20 + place.width * 0.06, 12, 20 + place.width * 0.94, 28), fill=115)
    layer = layer.filter(ImageFilter.GaussianBlur(5))
    canvas.paste((20, 20, 30), (place.left - 20, place.top + place.height - 22), layer)


def paint(recipe: Recipe, objects: Sequence[Image.Image]) -> Image.Image:
    """The picture alone."""
    return paint_with_places(recipe, objects)[0]
