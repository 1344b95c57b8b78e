"""A text as its reader means it, however it is dressed up: what lists of words are compared with. Pure.

Compatibility forms, invisible characters, look-alike letters, digits for letters and letters spelled out with
dots are ways around a list, not other words.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import product

# Cyrillic and Greek letters that look Latin.
_LOOKALIKES = str.maketrans("аеорсухіјѕкмтвнαοερτυνικ", "aeopcyxijskmtbhaoeptuvik")
# "1" and "!" stand for two letters, so both readings are tried.
_LEET = str.maketrans("034578@$+", "oeastbast")
_LEET_ONE = "1!|"
_SPELLED = re.compile(r"(?<!\w)(?:[^\W\d_][\s.\-_*·]+){2,}[^\W\d_](?!\w)")
_SPACES = re.compile(r"[\W_]+")


def folded(text: str) -> str:
    """The text as a reader means it: compatibility forms, case, invisible marks and look-alikes gone."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    plain = "".join(
        character
        for character in unicodedata.normalize("NFD", plain)
        if unicodedata.category(character) not in ("Mn", "Cf", "Cs", "Co", "Cn", "Cc") or character.isspace()
    )
    return plain.translate(_LOOKALIKES)


def words_of(text: str) -> str:
    """A folded text as words between single spaces."""
    return _SPACES.sub(" ", text).strip()


def readings(text: str) -> set[str]:
    """Every way in which the text may be meant to be read, as words between single spaces."""
    plain = folded(text)
    joined = _SPELLED.sub(lambda found: re.sub(r"[\s.\-_*·]+", "", found[0]), plain)
    found = set()
    for one, base in product("il", {plain, joined}):
        leet = base.translate(_LEET).translate({ord(letter): one for letter in _LEET_ONE})
        found |= {words_of(base), words_of(leet)}
    return found
