"""The judge that the settings name, loaded once a process, and its word on one picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from django.conf import settings
from PIL import Image

from generation.chinese import to_english
from generation.matching.base import Match, MatchScorer, picture_flat
from generation.matching.encoder import BUILT_IN_FOLDER, EncoderScorer

MAX_TEXT = 300  # characters; the judges read about a sentence

_loaded: dict[str, MatchScorer] = {}


def scorer_get() -> MatchScorer | None:
    """CLIP where ``GENERATION_CLIP`` names a folder, else the built-in encoder; None where that is not there.

    Raises RenderError ``scorer_missing``, ``scorer_broken`` or ``encoder_missing``.
    """
    location = settings.GENERATION_CLIP
    if not location and not (BUILT_IN_FOLDER / "config.json").is_file():
        return None
    key = location or str(BUILT_IN_FOLDER)
    if key not in _loaded:
        _loaded.clear()
        if location:
            from generation.matching.clip import ClipScorer

            _loaded[key] = ClipScorer(Path(location).expanduser())
        else:
            _loaded[key] = EncoderScorer(BUILT_IN_FOLDER)
    return _loaded[key]


def match_score(scorer: MatchScorer, picture: Image.Image, text: str) -> Match | None:
    """How well picture and text agree; Chinese is put into English first, which the judges know.

    None when no word of the text is left.
    """
    english = to_english(text[: 4 * MAX_TEXT])[:MAX_TEXT]
    if not any(character.isalnum() for character in english):
        return None
    score = scorer.score(picture_flat(picture), english)
    return Match(round(max(-1.0, min(1.0, score)), 4), scorer.name, scorer.version, english)


def words_of(parts: Sequence[dict[str, str]], motif: str, *, is_scene: bool) -> str:
    """What a picture of a prompt should show: the motif, and for a whole scene where it stands.

    The prompt's other words (season, palette, the product's title, room for text) are wishes about how,
    which blur a sentence vector more than they say.
    """
    setting = next((part["text"] for part in parts if part["slot"] == "setting"), "") if is_scene else ""
    return f"{motif} {setting}".strip()
