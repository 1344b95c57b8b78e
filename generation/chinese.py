"""Chinese words to English ones, for a text encoder that knows no Chinese.

A dictionary, not a translator: the longest known word at each place is replaced, what is not known is
dropped. ``data/motifs_zh.json`` holds the names and rare keywords of the training pictures (Unicode
CLDR) and some six hundred shop words added by hand.
"""

from __future__ import annotations

import functools
import json
import unicodedata
from pathlib import Path

_DICTIONARY = Path(__file__).resolve().parent / "data" / "motifs_zh.json"
_PUNCTUATION = str.maketrans("，、。；：！？（）【】《》“”‘’·—…", ",,,;:!?()[]<>\"\"''---")


@functools.cache
def dictionary() -> dict[str, str]:
    """Chinese word (NFKC, lower case) -> English words."""
    words: dict[str, str] = json.loads(_DICTIONARY.read_text(encoding="utf-8"))["words"]
    return words


@functools.cache
def _longest_word() -> int:
    return max(map(len, dictionary()))


def is_han(character: str) -> bool:
    """A Chinese character of the basic block or extension A."""
    return "\u3400" <= character <= "\u9fff"


def _match(text: str, start: int) -> str | None:
    """The longest dictionary word at ``start`` that holds a Chinese character."""
    words = dictionary()
    for length in range(min(_longest_word(), len(text) - start), 0, -1):
        candidate = text[start : start + length]
        if candidate in words and any(map(is_han, candidate)):
            return candidate
    return None


def to_english(text: str) -> str:
    """Mixed text in ASCII: English stays, known Chinese words become English, the rest is dropped."""
    plain = unicodedata.normalize("NFKC", text.translate(_PUNCTUATION))
    if plain.isascii():
        return " ".join(plain.split())
    # Character by character, so that both strings keep the same length ("İ".lower() has two).
    lower = "".join(low if len(low := character.lower()) == 1 else character for character in plain)
    pieces: list[str] = []
    position = 0
    while position < len(plain):
        character = plain[position]
        # A word like "T恤" starts with a letter; inside an English word nothing can start.
        starts_here = is_han(character) or (
            character.isalnum()
            and (position == 0 or not (plain[position - 1].isascii() and plain[position - 1].isalnum()))
        )
        word = _match(lower, position) if starts_here else None
        if word is not None:
            pieces.append(f" {dictionary()[word]} ")
            position += len(word)
            continue
        if character.isascii():
            pieces.append(character)
        elif is_han(character):
            pieces.append(" ")
        else:  # "é" -> "e"; other scripts leave nothing
            pieces.append(unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode())
        position += 1
    return " ".join("".join(pieces).split())
