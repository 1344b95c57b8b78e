"""Style presets: what a manager picks once and every prompt and every built scene then follows."""

from __future__ import annotations

from dataclasses import dataclass

from adplatform.lib.errors import DomainError

DEFAULT_STYLE = "soft_3d"


@dataclass(frozen=True)
class Style:
    """One preset.

    ``words`` open the prompt. The built-in motif model was trained on two ways of drawing and knows them
    by "soft 3D render" and "flat illustration", so each preset names one of them. ``ground`` says how
    composition paints the scene behind a motif; ``saturation`` and ``lightness`` pull the brand's and the
    scene's colours towards the style (1.0 and 0.0 leave them as they are).
    """

    key: str
    label_en: str
    label_zh: str
    words: str
    negative: str
    ground: str  # gradient, blocks, spotlight or paper
    saturation: float = 1.0
    lightness: float = 0.0

    def label(self, language: str) -> str:
        """The label in Chinese for any ``zh`` language code, else in English."""
        return self.label_zh if language.startswith("zh") else self.label_en


# What no advertising picture should hold, whatever its style: the code draws all writing itself.
NEGATIVE_ALWAYS = (
    "text, letters, watermark, logo, people, faces, hands, deformed, blurry, low quality, cropped"
)

STYLES: dict[str, Style] = {
    style.key: style
    for style in (
        Style(
            key="soft_3d",
            label_en="Soft 3D",
            label_zh="柔和立体",
            words="soft 3D render, rounded shapes, gentle studio light",
            negative="photograph, line drawing, harsh shadows, clutter",
            ground="gradient",
            lightness=0.12,
        ),
        Style(
            key="flat_illustration",
            label_en="Flat illustration",
            label_zh="扁平插画",
            words="flat illustration, clean vector shapes, bold colour fields",
            negative="photograph, 3D, gradients, texture, noise, clutter",
            ground="blocks",
            saturation=1.1,
        ),
        Style(
            key="studio",
            label_en="Studio",
            label_zh="影棚质感",
            words="studio product photograph, soft 3D render, softbox light, seamless backdrop",
            negative="drawing, cartoon, busy background, harsh flash",
            ground="spotlight",
            saturation=0.8,
            lightness=0.18,
        ),
        Style(
            key="editorial",
            label_en="Editorial",
            label_zh="杂志大片",
            words="editorial magazine picture, flat illustration on textured paper, generous empty space",
            negative="cartoon, neon, clutter, stock photograph look",
            ground="paper",
            saturation=0.7,
            lightness=0.05,
        ),
    )
}


def style_get(key: str) -> Style:
    """The preset. Raises DomainError ``style_unknown``."""
    try:
        return STYLES[key]
    except KeyError:
        known = ", ".join(STYLES)
        raise DomainError("style_unknown", f"There is no style {key!r}; there are: {known}.") from None
