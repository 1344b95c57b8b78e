"""Text fits, breaks by the rules of its script, and never shows a box in place of a character."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.composition.bidi import visual_runs
from generation.composition.fonts import FACES, font_file, font_open
from generation.composition.typography import (
    NEVER_FIRST,
    NEVER_LAST,
    clean,
    measured_width,
    pieces_of,
    runs_of,
    text_fit,
    text_mask,
)
from generation.renderers.base import RenderError

CHINESE = "山野之间，自在徒步。轻装上阵，每一步都算数！“出发”去（云上）看日出"
MIXED = "iPhone 15 手机壳，限时 ¥99.00 起！Free shipping 全国包邮"


@pytest.mark.parametrize("name", sorted({name for chain in FACES.values() for name in chain}))
def test_the_character_list_of_each_font_is_what_freetype_draws(name):
    code_points = font_file(name).code_points
    font = font_open(name, 32)
    missing = font.getmask(chr(0x10FFFE)).getbbox(), bytes(font.getmask(chr(0x10FFFE)))
    probe = [code for code in (0x41, 0xE9, 0x20AC, 0x141, 0x4E2D, 0x3002, 0x410, 0x1F600) if code > 0x40]
    for code in probe:
        mask = font.getmask(chr(code))
        assert (code in code_points) == ((mask.getbbox(), bytes(mask)) != missing), hex(code)


def test_a_missing_glyph_names_the_character():
    with pytest.raises(RenderError) as caught:
        text_fit("Summer sale 🙂", "display", 300, 100, max_size=30, min_size=10)
    assert caught.value.code == "missing_glyph"
    assert caught.value.permanent
    assert "U+1F642" in str(caught.value)
    assert "SLIGHTLY SMILING FACE" in str(caught.value)


@pytest.mark.parametrize(
    "text", ["word " * 40, "unbreakable" * 19, CHINESE * 6, MIXED * 5, "x", "中", "A" * 200]
)
@pytest.mark.parametrize("box", [(132, 92), (122, 38), (880, 200), (40, 30)])
@pytest.mark.parametrize("face", ["display", "serif"])
def test_the_ink_never_leaves_the_box(text, box, face):
    width, height = box
    language = "zh" if text[0] >= "一" else "en"
    block = text_fit(text, face, width, height, max_size=60, min_size=8, max_lines=5, language=language)
    ink = text_mask(block, (width + 200, height + 200), 100, 100, width, "left").getbbox()
    assert ink is not None
    assert ink[0] >= 98
    assert ink[1] >= 98
    assert ink[2] <= 102 + width
    assert ink[3] <= 102 + height


def test_what_does_not_fit_is_cut_with_an_ellipsis_and_says_so():
    block = text_fit("one two three four five six seven", "text", 60, 14, max_size=12, min_size=12)
    assert block.is_truncated
    assert block.lines[-1].endswith("…")


def test_a_short_text_takes_the_largest_size():
    block = text_fit("Hi", "display", 400, 100, max_size=40, min_size=10)
    assert block.size == 40
    assert not block.is_truncated


def test_no_line_starts_with_closing_punctuation_or_ends_with_an_opening_bracket():
    for width in range(50, 400, 7):
        block = text_fit(CHINESE, "strong", width, 400, max_size=30, min_size=9, max_lines=30, language="zh")
        for line in block.lines:
            assert line[0] not in NEVER_FIRST
            assert line[-1] not in NEVER_LAST


def test_chinese_breaks_between_clauses_when_that_costs_little():
    block = text_fit(
        "星空之下，自在露营", "display", 134, 130, max_size=32, min_size=12, max_lines=5, language="zh"
    )
    assert block.lines == ("星空之下，", "自在露营")


def test_lines_are_even_so_that_no_word_is_left_alone():
    block = text_fit("Find your own pace today", "text", 150, 60, max_size=18, min_size=18, max_lines=2)
    assert len(block.lines) == 2
    assert all(len(line.split()) >= 2 for line in block.lines)


def test_latin_letters_in_a_chinese_line_keep_their_own_face():
    names = [run.font for run in runs_of("手机 iPhone", "display", "zh")]
    assert names == ["noto-sans-sc-700", "bricolage-grotesque-latin-700"]


def test_invisible_characters_and_double_spaces_are_removed():
    assert clean("  Two\u200b  words\u00a0\n here\u202e ") == "Two words here"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Shop now 立即", [("Shop now 立即", False)]),
        ("سعر", [("سعر", True)]),
        # The price stays readable inside Arabic, and Arabic inside Latin; spaces keep their side.
        (
            "now سعر 50 ريال ok",
            [("now ", False), (" ريال", True), ("50", False), ("سعر ", True), (" ok", False)],
        ),
        ("سعر iPhone 15 جديد", [(" جديد", True), ("iPhone 15", False), ("سعر ", True)]),
        ("خصم 20%", [("20", False), ("خصم ", True)]),
    ],
)
def test_mixed_scripts_are_drawn_in_the_order_of_the_bidirectional_algorithm(text, shown):
    runs = [run for run in visual_runs(text) if run[0] != "%"]
    assert list(runs) == shown


def test_arabic_letters_join():
    word = "مرحبا"
    apart = sum(measured_width(letter, "strong", 40) for letter in word)
    assert measured_width(word, "strong", 40) < 0.8 * apart
    (run,) = runs_of(word, "strong")
    assert (run.font, run.is_rtl) == ("noto-sans-arabic-700", True)


@pytest.mark.parametrize("text", ["عرض خاص iPhone 15 手机 ¥99", "Étoile ÅÄÖ مرحبا 你好", "سلام‌علیکم"])
@pytest.mark.parametrize("face", sorted(FACES))
def test_arabic_latin_and_chinese_in_one_line_stay_in_the_box(text, face):
    block = text_fit(text, face, 260, 120, max_size=44, min_size=8, max_lines=3)
    ink = text_mask(block, (460, 320), 100, 100, 260, "left").getbbox()
    assert not block.is_truncated
    assert ink is not None
    assert ink[0] >= 98
    assert ink[1] >= 98
    assert ink[2] <= 362
    assert ink[3] <= 222


@given(st.text(alphabet="春夏秋冬茶咖啡跑步山水", min_size=4, max_size=40), st.integers(60, 300))
def test_no_chinese_character_is_left_alone_on_the_last_line(text, width):
    block = text_fit(text, "strong", width, 2000, max_size=24, min_size=24, max_lines=40, language="zh")
    if len(block.lines) > 1 and len(block.lines[0]) > 3:
        assert len(block.lines[-1]) > 1, block.lines


def test_every_line_of_a_headline_starts_on_the_same_edge():
    block = text_fit("Highland Hillside", "serif", 420, 400, max_size=90, min_size=90, max_lines=4)
    assert len(block.lines) == 2
    mask = text_mask(block, (700, 500), 50, 50, 400, "left")
    step = block.leading * block.size
    starts = []
    for line in range(len(block.lines)):
        middle = 50 + block.ascent + line * step
        starts.append(mask.crop((0, round(middle - 0.45 * block.size), 700, round(middle))).getbbox()[0])
    assert max(starts) - min(starts) <= 3


@given(st.text(alphabet=st.sampled_from("ab ，。（“手机¥9€.,!"), min_size=1, max_size=40))
def test_pieces_put_together_are_the_text(text):
    pieces = pieces_of(text)
    assert "".join(pieces) == text
    assert all(piece[0] not in NEVER_FIRST for piece in pieces[1:])


@given(st.text(alphabet=st.sampled_from(CHINESE + "春夏秋冬茶咖啡跑步"), min_size=1, max_size=60))
def test_measured_lines_are_never_wider_than_the_box(text):
    block = text_fit(text, "text", 120, 50, max_size=24, min_size=8, max_lines=4, language="zh")
    assert max(measured_width(line, "text", block.size, "zh") for line in block.lines) <= 120
