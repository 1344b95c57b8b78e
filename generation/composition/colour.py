"""Colour arithmetic: sRGB, OKLCH (even steps look even) and WCAG contrast. Pure, no pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass

RGB = tuple[int, int, int]


@dataclass(frozen=True)
class Oklch:
    """A colour as lightness 0..1, chroma (0 grey, about 0.3 vivid) and hue in degrees."""

    lightness: float
    chroma: float
    hue: float

    def with_(
        self, lightness: float | None = None, chroma: float | None = None, hue: float | None = None
    ) -> Oklch:
        """The same colour with some coordinates replaced."""
        return Oklch(
            self.lightness if lightness is None else lightness,
            self.chroma if chroma is None else chroma,
            self.hue if hue is None else hue % 360,
        )

    @property
    def lab(self) -> tuple[float, float, float]:
        angle = math.radians(self.hue)
        return self.lightness, self.chroma * math.cos(angle), self.chroma * math.sin(angle)


def rgb_of(text: str) -> RGB:
    """The channels of ``#rrggbb``."""
    value = int(text.lstrip("#"), 16)
    return value >> 16 & 255, value >> 8 & 255, value & 255


def _linear(channel: float) -> float:
    value = channel / 255
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def _encoded(value: float) -> float:
    return 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055


def luminance(rgb: RGB) -> float:
    """Relative luminance of WCAG 2."""
    red, green, blue = (_linear(channel) for channel in rgb)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast_ratio(one: RGB, other: RGB) -> float:
    """WCAG 2 contrast, 1 to 21."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def oklch_of(rgb: RGB) -> Oklch:
    """sRGB to OKLCH (Björn Ottosson's matrices)."""
    red, green, blue = (_linear(channel) for channel in rgb)
    long = math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    medium = math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    short = math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    lightness = 0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short
    a = 1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short
    b = 0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short
    return Oklch(lightness, math.hypot(a, b), math.degrees(math.atan2(b, a)) % 360)


def rgb_from(colour: Oklch) -> RGB:
    """OKLCH to sRGB; a colour outside the gamut loses chroma, never hue or lightness."""
    lightness = min(max(colour.lightness, 0.0), 1.0)
    low, high = 0.0, colour.chroma
    channels = _channels(Oklch(lightness, high, colour.hue))
    if not _in_gamut(channels):
        for _ in range(12):
            middle = (low + high) / 2
            if _in_gamut(_channels(Oklch(lightness, middle, colour.hue))):
                low = middle
            else:
                high = middle
        channels = _channels(Oklch(lightness, low, colour.hue))
    red, green, blue = (round(255 * _encoded(min(max(value, 0.0), 1.0))) for value in channels)
    return red, green, blue


def _in_gamut(channels: tuple[float, float, float]) -> bool:
    return all(-1e-4 <= value <= 1 + 1e-4 for value in channels)


def _channels(colour: Oklch) -> tuple[float, float, float]:
    lightness, a, b = colour.lab
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )


def distance(one: Oklch, other: Oklch) -> float:
    """How different two colours look: Euclidean distance in OKLab; 0.02 is just noticeable."""
    return math.dist(one.lab, other.lab)


def legible(colour: Oklch, ground: RGB, ratio: float) -> Oklch:
    """The colour nearest to ``colour`` in lightness that has ``ratio`` contrast on ``ground``."""
    for step in range(101):
        for sign in (-1, 1):
            lightness = colour.lightness + sign * step / 100
            if 0 <= lightness <= 1:
                candidate = colour.with_(lightness=lightness)
                if contrast_ratio(rgb_from(candidate), ground) >= ratio:
                    return candidate
    dark, light = Oklch(0, 0, 0), Oklch(1, 0, 0)
    return max((dark, light), key=lambda end: contrast_ratio(rgb_from(end), ground))
