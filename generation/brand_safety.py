"""Words that must not reach an image model or a creative, however they are dressed up; pure.

Lists are data (``generation/data/unsafe_terms.tsv``, English and Chinese). A text is folded before it is
compared (``adplatform.lib.text_folding``). English terms match whole words, so that a massage gun and
Scunthorpe pass; Chinese has no spaces and matches anywhere.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from adplatform.lib.text_folding import folded, readings, words_of

_TABLE = Path(__file__).resolve().parent / "data" / "unsafe_terms.tsv"
_HAN = re.compile(r"[\u3400-\u9fff]")
_SYNTAX = re.compile(
    r"<\s*(?:lora|lyco|lycoris|hypernet|embedding|ti)\s*:"  # <lora:name:1>
    r"|\(+[^()]*:\s*[+-]?\d*\.?\d+\s*\)"  # (word:1.3)
    r"|[\w)]\+{2,}|\[[^\[\]]*:[^\[\]]*:[^\[\]]*\]",  # word++, [from:to:0.5]
    re.IGNORECASE,
)


def terms_found(text: str, terms: Iterable[str]) -> list[str]:
    """Those of ``terms`` that the text holds, in their own order."""
    texts = readings(text)
    padded = [f" {reading} " for reading in texts]
    squeezed = [reading.replace(" ", "") for reading in texts]
    found = []
    for term in terms:
        wanted = words_of(folded(term))
        if not wanted:
            continue
        if _HAN.search(wanted):
            is_there = any(wanted.replace(" ", "") in reading for reading in squeezed)
        else:
            is_there = any(f" {wanted} " in reading for reading in padded)
        if is_there:
            found.append(term)
    return found


@lru_cache(maxsize=1)
def unsafe_terms() -> dict[str, str]:
    """Term -> category."""
    with open(_TABLE, encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {row["term"]: row["category"] for row in rows}


def unsafe_found(text: str) -> dict[str, str]:
    """The unsafe terms in a text with their categories; empty when it is fit to be drawn."""
    terms = unsafe_terms()
    return {term: terms[term] for term in terms_found(text, terms)}


def has_prompt_syntax(prompt: str) -> bool:
    """True when a prompt holds weights or LoRA tags, which can only have come in with somebody's data."""
    return _SYNTAX.search(unicodedata.normalize("NFKC", prompt)) is not None
