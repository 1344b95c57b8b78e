"""Unsafe words however they are written, and no alarm at what a shop really sells."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.brand_safety import has_prompt_syntax, terms_found, unsafe_found, unsafe_terms
from generation.prompts import literal
from generation.scenes import SCENES


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("Casino-Royale poster", "casino"),
        ("p0rn", "porn"),
        ("P.O.R.N poster", "porn"),
        ("ｐｏｒｎ", "porn"),
        ("po\u200brn", "porn"),
        ("pо\u0301rn", "porn"),  # a Cyrillic o with an accent
        ("c4s1n0 night", "casino"),
        ("sl0t mach1ne", "slot machine"),
        ("h3r0!n", "heroin"),
        ("赌 场", "赌场"),
        ("网上赌\u200b博", "赌博"),
    ],
)
def test_a_disguised_word_is_still_that_word(text, term):
    assert term in unsafe_found(text)


@pytest.mark.parametrize(
    "text",
    [
        "massage gun",
        "nude lipstick",
        "Scunthorpe mug",
        "glue gun",
        "K5 750 ml",
        "大理石纹杯",
        "H&M",
        "",
        "💯",
    ],
)
def test_a_harmless_text_passes(text):
    assert unsafe_found(text) == {}


def test_no_headline_and_no_scene_of_ours_is_unsafe():
    path = Path(__file__).resolve().parents[2] / "generation" / "data" / "headlines.tsv"
    with open(path, encoding="utf-8", newline="") as file:
        texts = [row["headline"] for row in csv.DictReader(file, delimiter="\t")]
    texts += [" ".join((*scene.motifs, scene.setting, scene.mood)) for scene in SCENES.values()]
    assert len(texts) > 100
    assert {text: found for text in texts if (found := unsafe_found(text))} == {}


@given(st.sampled_from(sorted(unsafe_terms())), st.sampled_from(["{}", "a {} b", "x, {}!", "「{}」"]))
def test_every_term_of_the_list_is_found_in_any_case(term, frame):
    assert term in unsafe_found(frame.format(term.upper()))
    assert term in unsafe_found(frame.format("\u200d".join(term)))


@given(st.text(max_size=80))
def test_any_text_gets_an_answer_and_a_literal_holds_no_syntax(text):
    unsafe_found(text)
    assert terms_found(text, ["", " ", "\u200b"]) == []
    assert not has_prompt_syntax(literal(text))


@pytest.mark.parametrize(
    "prompt",
    ["(word:1.3)", "((word:1.2))", "<lora:x:1>", "（word：1.3）", "word++", "[a:b:0.5]", "< LoRA :x>"],
)
def test_weights_and_lora_tags_are_seen(prompt):
    assert has_prompt_syntax(f"a mug, {prompt}, soft light")


def test_a_scale_is_no_weight():
    assert not has_prompt_syntax("a plain prompt, 1:2 scale (white), C++ mug"[:36])


def test_a_brands_own_words_match_whole_words_and_chinese_anywhere():
    assert terms_found("The best shoe, cheapest ever", ["cheap", "best"]) == ["best"]
    assert terms_found("全网最便宜的鞋", ["便宜", "最好"]) == ["便宜"]
