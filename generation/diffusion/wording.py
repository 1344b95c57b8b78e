"""Any prompt in the words that the scene model knows.

It was trained on captions like "tent in a forest green landscape with hills, soft 3D render". A brief's
prompt says more ("a forest clearing at dusk ... palette of deep green and orange"); what the model cannot
read would only pull its text vectors away from everything it has seen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from generation.chinese import to_english
from generation.diffusion.vocabulary import ARRANGEMENTS, PALETTES, SCENES, STYLE_WORDS

DEFAULT_PALETTE = "sky blue"
# What scenes are called in prompts; the first row with a word of the prompt wins.
_SCENE_WORDS = {
    "podium": "podium|pedestal|stage|plinth",
    "outdoor": "landscape|hills?|valley|meadow|forest|clearing|slope|lake|road|path|pitch|court|pool|"
    "mountains?|fields?|gardens?|park|beach|sea|sky|avenue|lookout|outdoors?|countryside|promenade|terrace|courtyard",
    "bokeh": "bokeh|lights|neon|glow(?:ing)?|night|dusk|evening|festival|party|fireworks",
    "studio": "studio|room|interior|table|shelf|desk|worktop|workbench|hall|kitchen|"
    "corner|wall|cafe|greenhouse",
}
_SCENES = {name: re.compile(rf"\b(?:{words})\b", re.IGNORECASE) for name, words in _SCENE_WORDS.items()}
# Colours as ``generation.prompts.colour_name`` and people say them, and the palette that comes nearest.
_COLOURS = {
    **{name: name for name in PALETTES},
    **dict.fromkeys(("deep blue", "deep violet", "deep teal", "navy", "indigo"), "midnight"),
    **dict.fromkeys(("violet", "purple", "pale violet", "lilac"), "lavender"),
    **dict.fromkeys(("turquoise", "cyan", "pale teal"), "teal"),
    **dict.fromkeys(("pale green", "deep mint"), "mint"),
    **dict.fromkeys(("green", "deep green", "olive"), "forest green"),
    **dict.fromkeys(("blue", "pale blue", "white", "light grey"), "sky blue"),
    **dict.fromkeys(("pink", "pale pink", "deep pink", "magenta"), "rose pink"),
    **dict.fromkeys(("red", "deep red", "gold"), "festive red"),
    **dict.fromkeys(("orange", "pale red", "peach", "salmon"), "coral"),
    **dict.fromkeys(("cream", "beige", "brown", "pale orange", "deep orange", "pale yellow"), "sand"),
    **dict.fromkeys(("yellow", "deep yellow"), "sunny yellow"),
    **dict.fromkeys(("black", "grey", "gray", "dark grey", "deep grey"), "charcoal"),
}
# Longer names first, so that "deep blue" is not "blue".
_COLOUR = re.compile(
    r"\b(?:" + "|".join(sorted(map(re.escape, _COLOURS), key=len, reverse=True)) + r")\b", re.IGNORECASE
)
_FLAT = re.compile(r"\bflat (?:illustration|design|style|vector)|\bvector\b|\b2d\b", re.IGNORECASE)
_STYLE = re.compile("|".join(words for words, _ in STYLE_WORDS.values()), re.IGNORECASE)
# "tent on the left in a teal studio": what stands before the place is the motif.
_PLACE = re.compile(r"[, ]+(?:on|in|before|at)\s+(?:a|an|the)?\s*(?:plain\s+)?\S.*$", re.IGNORECASE)
_FRAME = re.compile(
    r"^(?:(?:a|an|the|of|left|right|close-up|close-up of|picture of)\s+)+|\s+on the (?:left|right)$",
    re.IGNORECASE,
)
# A place without a motif, as Chinese captions have it: "teal studio".
_GROUND = re.compile(
    rf"^(?:{'|'.join(PALETTES)}) (?:plain )?(?:gradient|studio|podium|bokeh|landscape)\b.*$", re.IGNORECASE
)


@dataclass(frozen=True)
class Caption:
    """A prompt in the model's words, and the choices behind them (keys of the vocabulary)."""

    text: str
    motif: str
    style: str
    scene: str
    arrangement: str


def caption_of(prompt: str, motif: str = "") -> Caption:
    """The caption that says what ``prompt`` says, as far as the model has words for it."""
    said = " ".join(to_english(prompt).split())
    thing = " ".join(to_english(motif).split()) or motif_of(said)
    style = "flat" if _FLAT.search(said) else "volumetric"
    place = said.replace(thing, " ")  # a red apple does not ask for a red ground
    colour = _COLOUR.search(place)
    palette = _COLOURS[colour.group().lower()] if colour else DEFAULT_PALETTE
    place = _COLOUR.sub(" ", place)  # nor does sky blue ask for a sky
    scene = next((name for name, words in _SCENES.items() if words.search(place)), "gradient")
    arrangement = "close" if "close-up" in place else "centre"
    for name in ("left", "right"):
        if f"on the {name}" in place or place.rstrip().endswith(name):
            arrangement = name
    framed = ARRANGEMENTS[arrangement][0].format(motif=thing)
    text = f"{framed} {SCENES[scene][0].format(palette=palette)}, {STYLE_WORDS[style][0]}"
    return Caption(text, thing, style, scene, arrangement)


def motif_of(english: str) -> str:
    """What a prompt shows: its first phrase without style, place and frame; all of it where none is left."""
    for phrase in _STYLE.sub("", english).split(","):
        bare = _FRAME.sub("", _PLACE.sub("", phrase.strip())).strip()
        if bare and not _GROUND.match(bare) and not _GROUND.match(f"{DEFAULT_PALETTE} {bare}"):
            return bare
    return english
