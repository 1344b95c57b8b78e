"""The placement sizes that a creative can be made in, each with IAB's limit for its file.

A new size is a row here; every template solves its regions for it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt


@dataclass(frozen=True)
class Size:
    """One size. ``scale``: pixels of the file per pixel on the shopper's screen, so that the smallest
    legible text stays legible; ``shape`` names the arrangement of a template that is meant for it."""

    width: int
    height: int
    kilobytes: int
    scale: int
    shape: str  # strip, billboard, wide, box, square, tall or sky
    name: str

    @property
    def size(self) -> tuple[int, int]:
        return self.width, self.height

    @property
    def screen(self) -> tuple[int, int]:
        """Its size on the shopper's screen in pixels."""
        return self.width // self.scale, self.height // self.scale

    @property
    def unit(self) -> float:
        """Templates measure in hundredths of the square root of the area: 2.7 px in 300x250, 10.8 in
        1080x1080, the same share of the eye's attention in both."""
        return sqrt(self.width * self.height) / 100


_ROWS = (
    Size(300, 250, 150, 1, "box", "Medium rectangle"),
    Size(728, 90, 150, 1, "strip", "Leaderboard"),
    Size(970, 250, 250, 1, "billboard", "Billboard"),
    Size(160, 600, 150, 1, "sky", "Wide skyscraper"),
    Size(300, 600, 200, 1, "tall", "Half page"),
    Size(320, 50, 50, 1, "strip", "Mobile leaderboard"),
    Size(320, 100, 100, 1, "strip", "Large mobile banner"),
    # Shown about 360 and 600 pixels wide: in feeds and full screen on phones.
    Size(1080, 1080, 300, 3, "square", "Square"),
    Size(1080, 1920, 300, 3, "tall", "Full-screen portrait"),
    Size(1200, 628, 300, 2, "wide", "Landscape"),
)
_DOUBLED = tuple(
    replace(row, width=2 * row.width, height=2 * row.height, scale=2, name=f"{row.name} @2x")
    for row in _ROWS
    if row.scale == 1
)

SIZES: dict[tuple[int, int], Size] = {row.size: row for row in (*_ROWS, *_DOUBLED)}
# What a shop usually needs: each size once, and the most used one for sharp screens.
STANDARD_SIZES: tuple[tuple[int, int], ...] = (*(row.size for row in _ROWS), (600, 500))
