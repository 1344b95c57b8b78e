"""What a judge of picture and text looks like, and what every judge is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from PIL import Image

# Under a motif on a transparent ground, light and neutral.
GROUND = (236, 238, 240)


@dataclass(frozen=True)
class Wanted:
    """What a picture should show: the whole prompt, and of it the thing and where it stands."""

    prompt: str
    motif: str
    setting: str = ""


class MatchScorer(Protocol):
    """Loads once, scores often. ``version`` is the SHA-256 of the weights: those of two never compare."""

    name: str
    version: str
    low: float  # a score under this says that the picture hardly shows what was asked for

    def question(self, picture: Image.Image, wanted: Wanted) -> tuple[Image.Image, str]:
        """An RGB picture and an English text as this judge was trained to read them."""
        ...

    def score(self, picture: Image.Image, text: str) -> float:
        """How well an RGB picture and an English text agree, from -1 to 1."""
        ...


@dataclass(frozen=True)
class Match:
    """A score, and who gave it for which words."""

    score: float
    scorer: str
    version: str
    text: str
    is_low: bool  # hardly what was asked for


def picture_flat(picture: Image.Image) -> Image.Image:
    """RGB; a transparent ground becomes the neutral one."""
    if picture.mode != "RGBA":
        return picture.convert("RGB")
    flat = Image.new("RGB", picture.size, GROUND)
    flat.paste(picture, mask=picture.getchannel("A"))
    return flat
