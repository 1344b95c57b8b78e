"""Brief -> prompt: pure, versioned, and able to say where each of its words came from.

Words from a catalogue are somebody else's text: they enter a prompt only as one short quoted literal
with every bit of prompt syntax taken out.
"""

from __future__ import annotations

import colorsys
import hashlib
import re
import unicodedata
import zlib
from dataclasses import dataclass

from generation.briefs import Brief
from generation.chinese import to_english
from generation.scenes import SEASON_SCENES, Scene, scene_find, scene_of
from generation.styles import NEGATIVE_ALWAYS, style_get

SCENE_TEMPLATE = "scene@1"  # prompt_build: give a new number to every change of its wording
TEXT_TEMPLATE = "text@1"  # text_prompt
MAX_LITERAL = 60  # characters of a product title in a prompt
MAX_TEXT = 300  # characters of free text in a prompt

_LORA = re.compile(r"<\s*(?:lora|lyco|lycoris|hypernet|embedding|ti)\s*:[^<>]*>?", re.IGNORECASE)
_WEIGHT = re.compile(r":\s*[+-]?\d*\.?\d+")  # the number in "(word:1.9)"
_SYNTAX = re.compile(r"[(){}\[\]<>|\\\"`*#_~^@$]+")
_KEYWORD = re.compile(r"\b(?:BREAK|AND)\b|(?<!\w)-{2,}\w*|\+{2,}")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True)
class PromptPart:
    """One piece of a prompt: what it is for, its words, and where they came from."""

    slot: str  # style, motif, setting, mood, season, subject, palette, composition
    text: str
    source: str  # "interest:food_coffee", "product:title", "brand", "style:studio", "template", ...

    def to_dict(self) -> dict[str, str]:
        return {"slot": self.slot, "text": self.text, "from": self.source}


@dataclass(frozen=True)
class Prompt:
    """What a renderer is told, and why."""

    text: str
    motif: str
    negative: str
    seed: int
    parts: tuple[PromptPart, ...]
    template: str


def literal(text: str, limit: int = MAX_LITERAL) -> str:
    """Untrusted text as harmless words: no weights, no LoRA tags, no control or invisible characters.

    Compatibility forms are folded first (full-width brackets are brackets), so nothing slips past the
    patterns in disguise.
    """
    folded = unicodedata.normalize("NFKC", text[: limit * 20])
    # Cc control, Cf zero-width and direction marks, Cs lone surrogates, Co private use, Cn unassigned.
    visible = "".join(
        " " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c
        for c in folded
        if c.isspace() or unicodedata.category(c) not in ("Cf", "Cs", "Co", "Cn")
    )
    plain = _LORA.sub(" ", visible)
    plain = _WEIGHT.sub(" ", plain)
    plain = _KEYWORD.sub(" ", _SYNTAX.sub(" ", plain))
    plain = plain.replace(":", " ").replace(";", ",")
    plain = _SPACE.sub(" ", plain).strip(" ,.")
    if len(plain) <= limit:
        return plain
    # Between words where there are any; Chinese has none to cut between.
    end = plain.rfind(" ", 0, limit + 1)
    return plain[: end if end > limit // 2 else limit].rstrip(" ,.")


def seed_of(fingerprint: str) -> int:
    """A positive seed: equal briefs draw equal pictures. 53 bits, so that JSON clients keep it exact."""
    return int.from_bytes(hashlib.sha256(fingerprint.encode()).digest()[:8]) >> 11 or 1


def colour_name(colour: str) -> str:
    """A "#rrggbb" in the words a text encoder knows: "deep blue", "pale orange", "light grey"."""
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    hue, lightness, saturation = colorsys.rgb_to_hls(red, green, blue)
    if lightness > 0.95:
        return "white"
    if lightness < 0.07:
        return "black"
    tone = "deep " if lightness < 0.33 else "pale " if lightness > 0.78 else ""
    if saturation < 0.12:
        return {"deep ": "dark ", "pale ": "light "}.get(tone, "") + "grey"
    degrees = hue * 360
    bands = (
        (15, "red"),
        (43, "orange"),
        (68, "yellow"),
        (160, "green"),
        (195, "teal"),
        (255, "blue"),
        (290, "violet"),
        (345, "pink"),
        (361, "red"),
    )
    name = next(name for limit, name in bands if degrees < limit)
    if name == "orange" and lightness < 0.4:
        return "brown"
    if name in ("orange", "yellow") and lightness > 0.85:
        return "cream"
    return tone + name


def palette_words(colours: tuple[str, ...], limit: int = 3) -> str:
    """ "deep blue, cream and orange": distinct names, first come first."""
    names = list(dict.fromkeys(colour_name(c) for c in colours if re.fullmatch(r"#[0-9a-fA-F]{6}", c)))[
        :limit
    ]
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1] if names else ""


def prompt_build(brief: Brief) -> Prompt:
    """The prompt of a brief. Raises DomainError ``style_unknown``."""
    style = style_get(brief.style)
    seed = seed_of(brief.fingerprint)
    season = SEASON_SCENES[brief.season]
    scene, scene_source = _scene_of(brief, season)
    # Products of one segment get different motifs, and another take of a product the next one.
    number = zlib.crc32(brief.product.external_id.encode()) + brief.take
    motif = scene.motif_at(number)
    parts = [
        PromptPart("style", style.words, f"style:{style.key}"),
        PromptPart("motif", motif, scene_source),
        PromptPart("setting", f"in {scene.setting}", scene_source),
        PromptPart("mood", f"{scene.mood} mood", scene_source),
    ]
    second = _second_interest(brief, scene)
    if second is not None:
        parts.append(
            PromptPart("accent", f"with a hint of {second.motif_at(number)}", f"interest:{second.id}")
        )
    if brief.segment is not None and scene is not season:
        parts.append(PromptPart("season", f"{brief.season} light", "season"))
    subject, subject_source = _subject(brief)
    parts.append(PromptPart("composition", "clear empty space in front for the product", "template"))
    if subject:
        parts.append(PromptPart("subject", f'to advertise "{subject}"', subject_source))
    brand_colours = palette_words((brief.brand.primary_colour, brief.brand.accent_colour), 2)
    product_colours = palette_words(brief.product.palette, 1)
    if brand_colours:
        parts.append(PromptPart("palette", f"palette of {brand_colours}", "brand"))
    if product_colours and product_colours not in brand_colours:
        parts.append(PromptPart("palette", f"matching {product_colours}", "product:palette"))
    tone = literal(brief.brand.tone, 40)
    if tone:
        parts.append(PromptPart("tone", f"{tone} tone", "brand"))
    return Prompt(
        text=", ".join(part.text for part in parts),
        motif=motif,
        negative=f"{style.negative}, {NEGATIVE_ALWAYS}",
        seed=seed,
        parts=tuple(parts),
        template=SCENE_TEMPLATE,
    )


def text_prompt(text: str, style: str, seed: int | None = None) -> Prompt:
    """The prompt of free interest text, English or Chinese, without product or brand.

    ``seed`` None takes one from the text and the style. Raises DomainError ``style_unknown``; the prompt
    of text without a single drawable word has an empty motif.
    """
    preset = style_get(style)
    said = literal(text, MAX_TEXT)
    english = literal(to_english(said), MAX_TEXT)
    if seed is None:
        seed = seed_of(f"{style}\n{said}")
    found = scene_find(said) or scene_find(english)
    motif, source = english, "text"
    if found is not None:
        scene, named = found
        # "a green apple" is drawable as it stands; "hiking" and long sentences need a concrete object.
        if not named or len(english.split()) > 4:
            motif, source = named or scene.motif_at(seed), f"interest:{scene.id}"
    parts = [
        PromptPart("style", preset.words, f"style:{preset.key}"),
        PromptPart("motif", motif, source),
    ]
    if found is not None:
        parts.append(PromptPart("setting", f"in {scene.setting}", f"interest:{scene.id}"))
        parts.append(PromptPart("mood", f"{scene.mood} mood", f"interest:{scene.id}"))
    return Prompt(
        text=", ".join(part.text for part in parts if part.text),
        motif=motif,
        negative=f"{preset.negative}, {NEGATIVE_ALWAYS}",
        seed=seed,
        parts=tuple(parts),
        template=TEXT_TEMPLATE,
    )


def _scene_of(brief: Brief, season: Scene) -> tuple[Scene, str]:
    """The scene of the segment's strongest interest that has one, else the season's."""
    for interest in brief.segment.interests if brief.segment else ():
        scene = scene_of(interest.id)
        if scene is not None:
            return scene, f"interest:{interest.id}"
    return season, "season"


def _second_interest(brief: Brief, first: Scene) -> Scene | None:
    """The scene of the next interest that is about something else."""
    for interest in brief.segment.interests[1:3] if brief.segment else ():
        scene = scene_of(interest.id)
        if scene is not None and scene.id.partition("_")[0] != first.id.partition("_")[0]:
            return scene
    return None


def _subject(brief: Brief) -> tuple[str, str]:
    """What is advertised, in words: the product's title, or its type where the title says nothing."""
    title = literal(to_english(brief.product.title))
    if title:
        return title, "product:title"
    return literal(to_english(brief.product.product_type.rpartition(">")[2])), "product:type"
