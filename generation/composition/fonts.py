"""The vendored fonts: read once, opened cheaply at any size, with an exact list of what they can draw.

Pillow opens a ``.woff`` by unpacking it every time (15 ms for the Chinese one, and a creative needs a
dozen sizes). Unpacking it once here makes every further size cost 2 ms and lets all sizes share one
copy in memory; it also puts the ``cmap`` table in reach, so a missing glyph is known, not guessed.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from django.conf import settings
from PIL import ImageFont

FONTS_DIR = Path(settings.BASE_DIR) / "static" / "fonts"

# A face is a chain: each character is drawn by the first file that has it.
_TEXT = ("noto-sans-latin-400", "noto-sans-latin-ext-400", "noto-sans-sc-400", "noto-sans-arabic-400")
_STRONG = ("noto-sans-latin-700", "noto-sans-latin-ext-700", "noto-sans-sc-700", "noto-sans-arabic-700")
_SERIF_REST = ("noto-sans-latin-ext-700", "noto-serif-sc-700", "noto-sans-sc-700", "noto-sans-arabic-700")
FACES: dict[str, tuple[str, ...]] = {
    "text": _TEXT,
    "strong": _STRONG,
    "display": ("bricolage-grotesque-latin-700", "bricolage-grotesque-latin-ext-700", *_STRONG[1:]),
    "serif": ("fraunces-latin-600", "fraunces-latin-ext-600", *_SERIF_REST),
    "heavy": ("archivo-black-latin-400", "archivo-black-latin-ext-400", *_STRONG[1:]),
}


@dataclass(frozen=True)
class FontFile:
    """An unpacked font: the sfnt bytes and every code point it has a glyph for."""

    data: bytes
    code_points: frozenset[int]


@cache  # fifteen files at the most
def font_file(name: str) -> FontFile:
    """Unpack ``static/fonts/<name>.woff``."""
    tables = _tables((FONTS_DIR / f"{name}.woff").read_bytes())
    return FontFile(_sfnt(tables), frozenset(_cmap(tables[b"cmap"])))


@lru_cache(maxsize=192)
def font_open(name: str, size: int) -> ImageFont.FreeTypeFont:
    """The font at a size in pixels, shaped by HarfBuzz."""
    return ImageFont.truetype(io.BytesIO(font_file(name).data), size, layout_engine=ImageFont.Layout.RAQM)


def _tables(woff: bytes) -> dict[bytes, bytes]:
    """The tables of a WOFF 1 file (W3C WOFF 1.0, sections 3 to 5)."""
    signature, count = struct.unpack_from(">4s8xH", woff)
    if signature != b"wOFF":
        raise ValueError("not a WOFF 1 file")
    tables = {}
    for index in range(count):
        tag, offset, packed, length, _ = struct.unpack_from(">4s4I", woff, 44 + 20 * index)
        data = woff[offset : offset + packed]
        tables[tag] = zlib.decompress(data) if packed < length else data
    return tables


def _sfnt(tables: dict[bytes, bytes]) -> bytes:
    """The same tables as a plain OpenType file; FreeType needs no checksums."""
    flavour = b"OTTO" if b"CFF " in tables else b"\0\1\0\0"
    directory, body, start = [], [], 12 + 16 * len(tables)
    for tag, data in tables.items():
        directory.append(struct.pack(">4sIII", tag, 0, start, len(data)))
        padded = data + b"\0" * (-len(data) % 4)
        body.append(padded)
        start += len(padded)
    return flavour + struct.pack(">4H", len(tables), 0, 0, 0) + b"".join(directory + body)


def _cmap(table: bytes) -> set[int]:
    """Every code point of the Unicode sub-tables in formats 4 and 12."""
    found: set[int] = set()
    for index in range(struct.unpack_from(">2xH", table)[0]):
        platform, _, offset = struct.unpack_from(">HHI", table, 4 + 8 * index)
        kind = struct.unpack_from(">H", table, offset)[0]
        if platform in (0, 3) and kind == 4:
            found |= _cmap_segments(table, offset)
        elif platform in (0, 3) and kind == 12:
            for group in range(struct.unpack_from(">I", table, offset + 12)[0]):
                first, last, glyph = struct.unpack_from(">3I", table, offset + 16 + 12 * group)
                found.update(range(first + (glyph == 0), last + 1))
    return found


def _cmap_segments(table: bytes, offset: int) -> set[int]:
    count = struct.unpack_from(">H", table, offset + 6)[0] // 2
    ends = struct.unpack_from(f">{count}H", table, offset + 14)
    starts = struct.unpack_from(f">{count}H", table, offset + 16 + 2 * count)
    deltas = struct.unpack_from(f">{count}H", table, offset + 16 + 4 * count)
    ranges_at = offset + 16 + 6 * count
    found = set()
    for index, (first, last, delta) in enumerate(zip(starts, ends, deltas, strict=True)):
        shift = struct.unpack_from(">H", table, ranges_at + 2 * index)[0]
        for code in range(first, last + 1):
            glyph = code
            if shift:
                at = ranges_at + 2 * index + shift + 2 * (code - first)
                glyph = struct.unpack_from(">H", table, at)[0]
                if glyph == 0:
                    continue
            if (glyph + delta) & 0xFFFF and code != 0xFFFF:
                found.add(code)
    return found
