"""The words that the scene model was trained with: palettes, scenes, arrangements and styles.

Training pictures are painted and captioned from these tables, and a brief's prompt is put into them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Palette:
    """Named colours as 0xRRGGBB: far ground, near ground, accent."""

    name: str
    name_zh: str
    far: int
    near: int
    accent: int


PALETTES: dict[str, Palette] = {
    palette.name: palette
    for palette in (
        Palette("teal", "青色", 0x7FD1C7, 0x2A9D8F, 0xE9C46A),
        Palette("coral", "珊瑚色", 0xFFB4A2, 0xF4796B, 0xFFE8D6),
        Palette("sand", "沙色", 0xF3E3C3, 0xD9B98A, 0x9C6B3C),
        Palette("lavender", "薰衣草紫", 0xDCCBF5, 0xA07BD6, 0xF7D6E0),
        Palette("mint", "薄荷绿", 0xD3F5E2, 0x86D8AE, 0xFFFFFF),
        Palette("midnight", "午夜蓝", 0x33416B, 0x151B3A, 0x8EA6FF),
        Palette("sunny yellow", "明黄色", 0xFFF0A8, 0xFFC93C, 0xFF7A3D),
        Palette("rose pink", "玫瑰粉", 0xFFD9E6, 0xF28DB2, 0xB23A6B),
        Palette("sky blue", "天蓝色", 0xCBEBFF, 0x6DB9F2, 0xFFFFFF),
        Palette("charcoal", "炭灰色", 0x6B6F78, 0x2B2E36, 0xC8CCD4),
        Palette("forest green", "森林绿", 0x9CC49A, 0x2F6B45, 0xE8D9A0),
        Palette("festive red", "喜庆红", 0xF0625A, 0xA5151F, 0xFFD166),
    )
}

# scene: (English place, Chinese place); the object's words go before the English and after the Chinese one.
SCENES: dict[str, tuple[str, str]] = {
    "gradient": ("on a plain {palette} gradient", "{palette}渐变背景"),
    "studio": ("in a {palette} studio", "{palette}影棚"),
    "podium": ("on a {palette} podium", "{palette}展台"),
    "bokeh": ("before {palette} bokeh lights", "{palette}光斑背景"),
    "outdoor": ("in a {palette} landscape with hills", "{palette}山野风景"),
}
# arrangement: (English words around the object, Chinese words before it)
ARRANGEMENTS: dict[str, tuple[str, str]] = {
    "centre": ("{motif}", "{motif}"),
    "left": ("{motif} on the left", "左侧{motif}"),
    "right": ("{motif} on the right", "右侧{motif}"),
    "close": ("close-up of {motif}", "特写{motif}"),
}
STYLE_WORDS = {
    "volumetric": ("soft 3D render", "柔和立体渲染"),
    "flat": ("flat illustration", "扁平插画"),
}
