"""Text that fits: cleaning, a font for every character, line breaking for Latin and Chinese, fitting.

Letters are shaped by HarfBuzz: Arabic joins and runs from right to left, also amid Latin and Chinese.

Widths are measured once at a reference size and scaled, because advances are linear in the size; the
chosen size is then measured as it will be drawn, so hinting cannot push a line over its edge.
"""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from PIL import Image, ImageDraw

from generation.composition.bidi import visual_runs
from generation.composition.fonts import FACES, font_file, font_open
from generation.renderers.base import RenderError

_SPACES = re.compile(r"[^\S\u2009]+")  # the thin space stays: wordmarks are spaced with it
REFERENCE = 100
SMALL = 24  # pixels; below it, text is oversampled
# Room above and below the baseline for our faces, as a share of the size.
LATIN, ACCENTED, HAN, ARABIC = (0.80, 0.26), (0.95, 0.26), (0.89, 0.23), (1.12, 0.32)
# Kinsoku: a line may not start with closing punctuation nor end with an opening bracket or currency sign.
NEVER_FIRST = frozenset("，。！？；：、）》」』】〉”’…—·%％℃°,.!?;:)]}")
NEVER_LAST = frozenset("（《「『【〈“‘([{¥￥$€£#")
SHARED_PUNCTUATION = frozenset("“”‘’…—·")  # drawn full width in Chinese, narrow in Latin text
PAUSES = frozenset("，。！？；：、")
CLAUSE_WORTH = 0.7  # Chinese clauses stay whole when that costs at most this share of the size
LINE_WORTH = 0.8  # of the size: what one line less may cost
JOINERS = frozenset("\u200c\u200d")
ORPHAN_SHARE = 0.25  # of the line: a last line shorter than this looks lost
ELLIPSIS = "…"


@dataclass(frozen=True)
class TextBlock:
    """Lines of one face and size, ready to draw; ``height`` runs from the top of the first line's
    ascenders to the bottom of the last line's descenders."""

    lines: tuple[str, ...]
    face: str
    size: int
    leading: float
    width: int
    height: int
    language: str
    is_truncated: bool = False

    @property
    def ascent(self) -> float:
        return room_of("".join(self.lines))[0] * self.size


def is_cjk(character: str) -> bool:
    """Han, kana, CJK punctuation and full-width forms: a line may break beside them."""
    code = ord(character)
    return 0x2E80 <= code <= 0x9FFF or 0xF900 <= code <= 0xFAFF or 0xFF00 <= code <= 0xFFEF or code >= 0x20000


def has_cjk(text: str) -> bool:
    return any(is_cjk(character) for character in text)


def is_arabic(character: str) -> bool:
    """The Arabic script: letters join and run from right to left."""
    code = ord(character)
    return 0x0600 <= code <= 0x06FF or 0x0750 <= code <= 0x077F or 0xFB50 <= code <= 0xFEFF


def room_of(text: str) -> tuple[float, float]:
    """Room above and below the baseline that the text's scripts need, as shares of the size."""
    scripts = [HAN] if has_cjk(text) else []
    scripts += [ARABIC] if any(is_arabic(character) for character in text) else []
    if not scripts or any(character.isalpha() and not is_cjk(character) for character in text):
        has_accents = any(c.isupper() and unicodedata.decomposition(c) for c in text)
        scripts.append(ACCENTED if has_accents else LATIN)
    return max(above for above, _ in scripts), max(below for _, below in scripts)


def clean(text: str) -> str:
    """NFC, one space between words, no control or invisible formatting characters."""
    text = unicodedata.normalize("NFC", _SPACES.sub(" ", text).strip())
    kept = (
        character
        for index, character in enumerate(text)
        if unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co") or _joins(text, index)
    )
    return "".join(kept)


def _joins(text: str, index: int) -> bool:
    """A zero-width joiner or non-joiner between Arabic letters is spelling, not formatting."""
    around = text[max(index - 1, 0) : index] + text[index + 1 : index + 2]
    return text[index] in JOINERS and len(around) == 2 and all(is_arabic(character) for character in around)


@dataclass(frozen=True)
class Run:
    """Characters of one font and one direction, in reading order."""

    font: str
    text: str
    is_rtl: bool = False

    def length(self, size: int) -> float:
        """The advance width at a size in pixels."""
        return font_open(self.font, size).getlength(self.text, **self.shaping)

    @property
    def shaping(self) -> dict[str, Any]:
        """What HarfBuzz has to be told."""
        return {"direction": "rtl", "language": "ar"} if self.is_rtl else {}


@lru_cache(maxsize=4096)
def runs_of(text: str, face: str, language: str = "en") -> tuple[Run, ...]:
    """The text's runs from left to right. Raises RenderError ``missing_glyph``."""
    runs: list[Run] = []
    for piece, is_rtl in visual_runs(text):
        inner: list[Run] = []
        for index, character in enumerate(piece):
            beside = piece[max(index - 1, 0) : index + 2]
            joins = inner and (character == " " or unicodedata.combining(character) or character in JOINERS)
            if joins and (character in " \u200c\u200d" or _has(inner[-1].font, character)):
                name = inner[-1].font
            else:
                name = _font_for(character, face, language == "zh" and has_cjk(beside))
            if inner and inner[-1].font == name:
                inner[-1] = replace(inner[-1], text=inner[-1].text + character)
            else:
                inner.append(Run(name, character, is_rtl))
        runs += inner[::-1] if is_rtl else inner
    return tuple(runs)


def undrawable(text: str) -> str:
    """Why no font here can draw the text, with the character's name; empty when all of it can be drawn."""
    try:
        runs_of(clean(text), "strong")
    except RenderError as error:
        return str(error)
    return ""


def _has(font: str, character: str) -> bool:
    return ord(character) in font_file(font).code_points


def _font_for(character: str, face: str, chinese: bool) -> str:
    chain = FACES[face]
    if chinese and character in SHARED_PUNCTUATION:
        chain = chain[::-1]
    for name in chain:
        if _has(name, character):
            return name
    label = unicodedata.name(character, "unnamed")
    raise RenderError(
        "missing_glyph",
        f"No font here can draw {character!r} (U+{ord(character):04X} {label}); change the text.",
        permanent=True,
    )


@lru_cache(maxsize=8192)
def _reference_width(text: str, face: str, language: str) -> float:
    return sum(run.length(REFERENCE) for run in runs_of(text, face, language))


def measured_width(text: str, face: str, size: int, language: str = "en") -> float:
    """The advance width of a line as it will be drawn."""
    scale = _oversampling(size)
    return sum(run.length(size * scale) for run in runs_of(text, face, language)) / scale


def _oversampling(size: int) -> int:
    """Small text is drawn larger and averaged down: whole-pixel advances would space it unevenly."""
    return 4 if size < SMALL else 1


def pieces_of(text: str) -> list[str]:
    """The smallest pieces a line may be broken between; a piece carries its trailing space."""
    pieces: list[str] = []
    for index, character in enumerate(text):
        before = text[index - 1] if index else ""
        if not before:
            pieces.append(character)
            continue
        may_break = (before == " " or is_cjk(before) or is_cjk(character)) and character != " "
        if character in NEVER_FIRST or before in NEVER_LAST:
            may_break = False
        if may_break:
            pieces.append(character)
        else:
            pieces[-1] += character
    return pieces


def lines_break(
    pieces: list[str], face: str, limit: float, max_lines: int, language: str
) -> list[str] | None:
    """Break into the fewest lines of at most ``limit`` (reference pixels), evened out; None if impossible.

    The cost of a line is the square of the room it leaves; a last line with next to nothing on it costs
    as much as an empty one.
    """
    widths = [_reference_width(piece, face, language) for piece in pieces]
    trimmed = [_reference_width(piece.rstrip(), face, language) for piece in pieces]
    if any(width > limit for width in trimmed):
        return None
    count = len(pieces)
    chinese = language == "zh"
    for lines in range(1, max_lines + 1):
        best: dict[tuple[int, int], tuple[float, int]] = {(0, 0): (0.0, 0)}
        for used in range(1, lines + 1):
            for end in range(1, count + 1):
                width = trimmed[end - 1]
                for start in range(end - 1, -1, -1):
                    if start < end - 1:
                        width += widths[start]
                    if width > limit:
                        break
                    before = best.get((used - 1, start))
                    if before is not None:
                        cost = before[0] + (limit - width) ** 2
                        if chinese and end < count and pieces[end - 1][-1] not in PAUSES:
                            cost += (0.3 * limit) ** 2  # a clause stays on one line when it can
                        if end == count and used > 1 and width < ORPHAN_SHARE * limit:
                            cost += limit**2
                        if (used, end) not in best or cost < best[used, end][0]:
                            best[used, end] = (cost, start)
        if (lines, count) in best:
            broken, end = [], count
            for used in range(lines, 0, -1):
                start = best[used, end][1]
                broken.append("".join(pieces[start:end]).rstrip())
                end = start
            return broken[::-1]
    return None


def text_fit(
    text: str,
    face: str,
    width: float,
    height: float,
    *,
    max_size: int,
    min_size: int,
    max_lines: int = 1,
    leading: float = 1.12,
    language: str = "en",
) -> TextBlock:
    """The largest size at which the text fits the box; cut with an ellipsis when even the smallest does not.

    The result never overflows the box. Raises RenderError ``missing_glyph`` or ``box_too_small``.
    """
    text = clean(text)
    runs_of(text, face, language)  # a missing glyph is named before anything is measured
    box = _Box(face, width, height, max_lines, leading, language)
    pieces = pieces_of(text)
    block = _largest(pieces, box, max_size, min_size)
    if block is not None:
        block = _calmer(pieces, box, block, min_size)
    if block is not None and len(block.lines) > 1 and language == "zh":
        by_clause = _largest(_clauses(pieces), box, max_size, min_size)
        if by_clause is not None and by_clause.size >= CLAUSE_WORTH * block.size:
            return by_clause
    return block or _cut(pieces, box, min_size)


def _calmer(pieces: list[str], box: _Box, block: TextBlock, min_size: int) -> TextBlock:
    """The same text in fewer lines where that costs little size: short ragged lines read badly."""
    best = block
    for lines in range(len(block.lines) - 1, 1, -1):
        fewer = _largest(pieces, replace(box, max_lines=lines), block.size, min_size)
        if fewer is None or fewer.size < LINE_WORTH * block.size:
            break
        best = fewer
    return best


@dataclass(frozen=True)
class _Box:
    """What a text has to fit into."""

    face: str
    width: float
    height: float
    max_lines: int
    leading: float
    language: str


def _clauses(pieces: list[str]) -> list[str]:
    """The pieces joined up to each pause."""
    clauses = [""]
    for piece in pieces:
        clauses[-1] += piece
        if piece[-1] in PAUSES:
            clauses.append("")
    return [clause for clause in clauses if clause]


def _largest(pieces: list[str], box: _Box, max_size: int, min_size: int) -> TextBlock | None:
    """Binary search on the size."""
    low, high, found = min_size, max_size, None
    while low <= high:
        size = (low + high) // 2
        block = _fit_at(pieces, box, size)
        if block is None:
            high = size - 1
        else:
            found, low = block, size + 1
    return found


def _cut(pieces: list[str], box: _Box, size: int) -> TextBlock:
    """The longest beginning that fits at the smallest size, ended by an ellipsis."""
    whole = len(pieces) > 1
    units = pieces if whole else list("".join(pieces))  # one endless word is cut between characters
    for keep in range(min(len(units) - 1, 80), 0, -1):
        kept = [*units[: keep - 1], units[keep - 1].rstrip(" ,.;:，。；：、") + ELLIPSIS]
        block = _fit_at(kept if whole else ["".join(kept)], box, size)
        if block is not None:
            return replace(block, is_truncated=True)
    if whole:  # the first word alone is too wide
        return _cut(["".join(pieces)], box, size)
    raise RenderError(
        "box_too_small", "A layout has a text box too small for its smallest size.", permanent=True
    )


def _fit_at(pieces: list[str], box: _Box, size: int) -> TextBlock | None:
    line_height = sum(room_of("".join(pieces))) * size
    step = box.leading * size
    room = int((box.height - line_height) / step) + 1 if box.height >= line_height else 0
    if room < 1:
        return None
    limit = box.width * REFERENCE / size
    lines = lines_break(pieces, box.face, limit, min(room, box.max_lines), box.language)
    if lines is None:
        return None
    drawn = max(measured_width(line, box.face, size, box.language) for line in lines)
    if drawn > box.width:
        return None
    height = math.ceil(line_height + (len(lines) - 1) * step)
    return TextBlock(tuple(lines), box.face, size, box.leading, math.ceil(drawn), height, box.language)


def text_mask(
    block: TextBlock, canvas: tuple[int, int], x: float, y: float, width: float, align: str
) -> Image.Image:
    """The block's ink as a mask of the canvas: its top left at (x, y), aligned within ``width``."""
    scale = _oversampling(block.size)
    margin = block.size  # ink may stand a little outside its advance and its line
    left, top = round(x) - margin, round(y) - margin
    size = round(width) + 2 * margin, block.height + 2 * margin
    ink = Image.new("L", (size[0] * scale, size[1] * scale), 0)
    draw = ImageDraw.Draw(ink)
    for index, line in enumerate(block.lines):
        length = measured_width(line, block.face, block.size, block.language)
        slack = {"left": 0.0, "centre": (width - length) / 2, "right": width - length}[align]
        if align == "left":  # optical margin: the ink of every line starts on the same edge
            slack = -_bearing(line, block, scale)
        pen: float = round((margin + slack) * scale)
        baseline = (round(y + block.ascent + index * block.leading * block.size) - top) * scale
        for run in runs_of(line, block.face, block.language):
            font = font_open(run.font, block.size * scale)
            draw.text((pen, baseline), run.text, fill=255, font=font, anchor="ls", **run.shaping)
            pen += run.length(block.size * scale)
    mask = Image.new("L", canvas, 0)
    mask.paste(ink.reduce(scale) if scale > 1 else ink, (left, top))
    return mask


def _bearing(line: str, block: TextBlock, scale: int) -> float:
    """The empty space before the first letter's ink; opening punctuation of Chinese has half a square."""
    first = runs_of(line, block.face, block.language)[0]
    if first.is_rtl:
        return 0.0
    left = font_open(first.font, block.size * scale).getbbox(first.text[:1], anchor="ls")[0] / scale
    return min(max(left, -0.1 * block.size), 0.5 * block.size)
