"""A picture's gist in 64 bits: near-equal pictures have near-equal hashes. Pure.

The difference hash of N. Krawetz ("Kind of like that", hackerfactor.com, 2013): whether each of 8 x 8 coarse
grey cells is clearly brighter than its left-hand neighbour.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from PIL import Image

NEAR_BITS = 3  # of 64, between creatives of one size
LEAST_STEP = 2  # grey levels: less is film grain, which would set bits at random where a picture is flat


def difference_hash(picture: Image.Image) -> str:
    """16 hexadecimal digits."""
    cells = np.asarray(picture.convert("L").resize((9, 8), Image.Resampling.BOX), np.int16)
    return np.packbits(cells[:, 1:] > cells[:, :-1] + LEAST_STEP).tobytes().hex()


def nearest_bits(mine: str, others: Iterable[str]) -> int:
    """The smallest number of differing bits to any of the others; 64 when there are none."""
    value = int(mine, 16)
    return min(((value ^ int(other, 16)).bit_count() for other in others if other), default=64)
