"""The judge that the settings name, loaded once a process, and its word on one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from django.conf import settings
from PIL import Image

from generation.chinese import to_english
from generation.matching.base import Match, MatchScorer, Wanted
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


def match_score(scorer: MatchScorer, picture: Image.Image, wanted: Wanted) -> Match | None:
    """How well the picture shows what was wanted; Chinese is put into English first, which judges know.

    None when no word of the motif is left.
    """
    if not any(character.isalnum() for character in to_english(wanted.motif[:MAX_TEXT])):
        return None
    shown, text = scorer.question(picture, replace(wanted, motif=wanted.motif[:MAX_TEXT]))
    text = text[:MAX_TEXT]
    score = round(max(-1.0, min(1.0, scorer.score(shown, text))), 4)
    low = scorer.low if settings.GENERATION_MATCH_LOW is None else settings.GENERATION_MATCH_LOW
    return Match(score, scorer.name, scorer.version, text, is_low=score < low)


def wanted_of(prompt: str, parts: Sequence[dict[str, str]], motif: str) -> Wanted:
    """What the picture of a prompt should show."""
    return Wanted(prompt, motif, next((part["text"] for part in parts if part["slot"] == "setting"), ""))
