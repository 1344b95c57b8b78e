"""Where everything goes, as data: one row per size, in the size's own pixels.

A row is a layout of its own, not a scaled copy: the leaderboard reads left to right, the skyscraper top
to bottom, and the phone strip drops what would not be legible. A new size is a new row.
"""

from __future__ import annotations

from dataclasses import dataclass

Box = tuple[int, int, int, int]  # left, top, width, height


@dataclass(frozen=True)
class TextSlot:
    """A box for one text with its type scale; ``anchor`` is where the block sits in a taller box."""

    box: Box
    max_size: int
    min_size: int
    max_lines: int = 1
    align: str = "left"  # left, centre, right
    anchor: str = "top"  # top, middle, bottom


@dataclass(frozen=True)
class Layout:
    """One placement size. A slot of None is left out on purpose."""

    width: int
    height: int
    kilobytes: int  # IAB's limit for the file
    stage: Box  # the part of the picture where product and motif stand
    floor: float  # where the product stands, in pixels from the top
    horizon: float  # where wall meets floor
    product: Box
    motif: Box  # where the motif may be
    headline: TextSlot
    subline: TextSlot | None
    price: TextSlot | None
    action: Box  # the room for the call to action; the pill hugs its words
    action_size: int
    action_align: str  # left, centre or fill
    wordmark: TextSlot | None
    badge: Box | None
    label: str  # corner of the AI label: "bottom-right", "bottom-left" or "top-right"

    @property
    def size(self) -> tuple[int, int]:
        return self.width, self.height


_ROWS = (
    Layout(
        width=300,
        height=250,
        kilobytes=150,
        stage=(148, 0, 152, 250),
        floor=206,
        horizon=176,
        product=(153, 84, 132, 122),
        motif=(146, 22, 152, 186),
        wordmark=TextSlot((18, 16, 120, 18), 13, 10),
        headline=TextSlot((18, 40, 132, 92), 26, 12, 6),
        subline=TextSlot((18, 138, 126, 30), 12, 10, 2),
        price=TextSlot((18, 172, 120, 24), 20, 12),
        action=(18, 204, 132, 30),
        action_size=13,
        action_align="left",
        badge=(252, 14, 36, 36),
        label="bottom-right",
    ),
    Layout(
        width=728,
        height=90,
        kilobytes=150,
        stage=(0, 0, 184, 90),
        floor=81,
        horizon=64,
        product=(22, 9, 92, 72),
        motif=(12, 4, 168, 80),
        wordmark=TextSlot((198, 11, 190, 14), 11, 9),
        headline=TextSlot((198, 27, 276, 34), 23, 13, 2, anchor="middle"),
        subline=TextSlot((198, 64, 276, 16), 12, 10),
        price=TextSlot((482, 24, 96, 42), 21, 12, anchor="middle", align="centre"),
        action=(586, 25, 130, 36),
        action_size=14,
        action_align="centre",
        badge=None,
        label="bottom-right",
    ),
    Layout(
        width=160,
        height=600,
        kilobytes=150,
        stage=(0, 200, 160, 240),
        floor=410,
        horizon=368,
        product=(16, 290, 128, 120),
        motif=(4, 196, 152, 216),
        wordmark=TextSlot((14, 22, 132, 18), 14, 10),
        headline=TextSlot((14, 54, 134, 130), 32, 13, 8),
        subline=TextSlot((14, 446, 132, 32), 12, 10, 2),
        price=TextSlot((14, 472, 132, 30), 22, 13),
        action=(14, 518, 132, 40),
        action_size=15,
        action_align="fill",
        badge=(108, 226, 42, 42),
        label="bottom-right",
    ),
    Layout(
        width=320,
        height=50,
        kilobytes=50,
        stage=(0, 0, 92, 50),
        floor=46,
        horizon=36,
        product=(8, 4, 48, 42),
        motif=(34, 2, 56, 44),
        wordmark=None,
        headline=TextSlot((96, 6, 122, 38), 17, 10, 2, anchor="middle"),
        subline=None,
        price=None,
        action=(222, 6, 92, 26),
        action_size=12,
        action_align="centre",
        badge=None,
        label="bottom-right",
    ),
    Layout(
        width=970,
        height=250,
        kilobytes=250,
        stage=(430, 0, 540, 250),
        floor=218,
        horizon=180,
        product=(470, 34, 220, 184),
        motif=(440, 14, 344, 206),
        wordmark=TextSlot((40, 30, 320, 24), 18, 12),
        headline=TextSlot((40, 60, 390, 108), 46, 18, 4),
        subline=TextSlot((40, 176, 390, 42), 17, 12, 2),
        price=TextSlot((772, 68, 186, 58), 32, 16, anchor="middle", align="centre"),
        action=(772, 136, 186, 48),
        action_size=18,
        action_align="centre",
        badge=(690, 22, 62, 62),
        label="bottom-right",
    ),
    Layout(
        width=1080,
        height=1080,
        kilobytes=300,
        stage=(0, 380, 1080, 700),
        floor=880,
        horizon=760,
        product=(230, 420, 470, 460),
        motif=(90, 330, 960, 560),
        wordmark=TextSlot((72, 66, 600, 50), 38, 24),
        headline=TextSlot((72, 132, 770, 210), 96, 34, 4),
        subline=TextSlot((72, 350, 700, 44), 34, 24),
        price=TextSlot((72, 930, 330, 92), 62, 32, anchor="middle"),
        action=(410, 934, 280, 84),
        action_size=33,
        action_align="left",
        badge=(856, 96, 152, 152),
        label="bottom-right",
    ),
)

LAYOUTS: dict[tuple[int, int], Layout] = {row.size: row for row in _ROWS}
