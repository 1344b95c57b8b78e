"""What an interest looks like: motifs the built-in model can draw, a setting, a mood and colours.

Keys are the ids of the interest taxonomy as plain strings (generation knows nothing of profiles), and
the four seasons, which stand in where a brief has no segment.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

SCENES_FILE = Path(__file__).resolve().parent / "data" / "scenes.tsv"
SEASONS = ("spring", "summer", "autumn", "winter")


@dataclass(frozen=True)
class Scene:
    """One row of the table.

    ``motifs`` are names of objects from the built-in model's training set, best first; ``words`` are
    what free text says, in English or Chinese, to mean this interest.
    """

    id: str
    motifs: tuple[str, ...]
    setting: str
    mood: str
    palette: tuple[str, ...]  # "#rrggbb", strongest first
    words: tuple[str, ...]

    def motif_at(self, number: int) -> str:
        """A motif picked by any whole number, so that different seeds and takes vary the scene."""
        return self.motifs[number % len(self.motifs)]


def _read() -> dict[str, Scene]:
    with open(SCENES_FILE, encoding="utf-8", newline="") as file:
        lines = [line for line in file if line.strip() and not line.startswith("#")]
    rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    return {
        row["id"]: Scene(
            id=row["id"],
            motifs=tuple(row["motifs"].split("|")),
            setting=row["setting"],
            mood=row["mood"],
            palette=tuple(row["palette"].split("|")),
            words=tuple(row["words"].split("|")),
        )
        for row in rows
    }


_ALL = _read()
SEASON_SCENES: dict[str, Scene] = {season: _ALL[season] for season in SEASONS}
SCENES: dict[str, Scene] = {key: scene for key, scene in _ALL.items() if key not in SEASON_SCENES}


def scene_of(interest_id: str) -> Scene | None:
    """The scene of an interest, or that of its group ("outdoor" for an unknown "outdoor_kites")."""
    return SCENES.get(interest_id) or SCENES.get(interest_id.partition("_")[0])


def _is_latin(word: str) -> bool:
    return word.isascii() or "’" in word


def says(text: str, word: str) -> bool:
    """Whether lower-case ``text`` holds ``word``: whole words in English, anywhere in Chinese."""
    if _is_latin(word):
        return re.search(rf"(?<![\w-]){re.escape(word.lower())}(?![\w-])", text) is not None
    return word.lower() in text


def scene_find(text: str) -> tuple[Scene, str] | None:
    """The scene that free text means, with the motif it names ("" when it only names the interest).

    The longest matching word wins: "board games" is not "games", and a motif named outright beats the
    name of an interest of the same length.
    """
    lowered = text.lower()
    best: tuple[int, int, Scene, str] | None = None
    for scene in _ALL.values():
        for is_motif, candidates in ((1, scene.motifs), (0, scene.words)):
            for word in candidates:
                if not says(lowered, word):
                    continue
                # A Chinese character says about as much as three Latin letters.
                weight = len(word) if _is_latin(word) else 3 * len(word)
                if best is None or (weight, is_motif) > best[:2]:
                    best = (weight, is_motif, scene, word if is_motif else "")
    return None if best is None else (best[2], best[3])
