"""The shipped interests: an allow-list of retail subjects, bilingual, aligned to the IAB's where one fits.

Nothing outside this list can become an interest of anybody. It holds no health, belief, politics,
orientation, age, origin or money trouble, and nothing that may not be sold to everyone. ``iab_id`` is the
row of IAB Tech Lab's Audience Taxonomy 1.1 (https://github.com/InteractiveAdvertisingBureau/Taxonomies,
CC BY 3.0) that means the same, empty where none does.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from adplatform.lib.sensitive import sensitive_found

DATA_DIR = Path(__file__).resolve().parent / "data"


@dataclass(frozen=True)
class Interest:
    """One subject a shopper may like. ``parent`` is the id of its group, empty for a group."""

    id: str
    parent: str
    iab_id: str
    label_en: str
    label_zh: str

    def label(self, language: str) -> str:
        """The label in Chinese for any ``zh`` language code, else in English."""
        return self.label_zh if language.startswith("zh") else self.label_en


def rows_read(name: str) -> list[dict[str, str]]:
    """The rows of a tab-separated data file of this app; lines that start with ``#`` are comments."""
    with open(DATA_DIR / name, encoding="utf-8", newline="") as file:
        lines = [line for line in file if line.strip() and not line.startswith("#")]
    return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def taxonomy_read() -> dict[str, Interest]:
    """The shipped interests by id. Raises ValueError for one that is too personal to group people by."""
    found = {row["id"]: Interest(**row) for row in rows_read("taxonomy.tsv")}
    for interest in found.values():
        if words := sensitive_found(f"{interest.id} | {interest.label_en} | {interest.label_zh}"):
            raise ValueError(f"taxonomy.tsv: {interest.id} is sensitive: {', '.join(words)}")
    return found


INTERESTS: dict[str, Interest] = taxonomy_read()
GROUPS: tuple[str, ...] = tuple(interest.id for interest in INTERESTS.values() if not interest.parent)
CHILDREN: dict[str, tuple[str, ...]] = {
    group: tuple(interest.id for interest in INTERESTS.values() if interest.parent == group)
    for group in GROUPS
}


def family_of(interest_id: str) -> tuple[str, ...]:
    """The interest and, for a group, its children: what counts when a rule names it."""
    return (interest_id, *CHILDREN.get(interest_id, ()))
