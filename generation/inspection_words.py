"""The inspection's codes and measured values in a reviewer's words."""

from __future__ import annotations

from typing import Any

INSPECTION_WORDS = {
    "contrast_low": "Text is hard to read on its ground (contrast below 4.5)",
    "text_overflow": "Text leaves its box",
    "text_over_product": "Text touches the product",
    "text_over_subject": "Text lies over what the scene shows",
    "text_overlap": "Two texts touch each other",
    "text_truncated": "A text was too long and was cut",
    "product_too_small": "The product is very small",
    "product_too_large": "The product fills the picture",
    "product_enlarged": "The product's photo is small and was enlarged more than twice",
    "product_cropped": "The product is cut off by the picture's edge",
    "size_mismatch": "The product is lost in its scene",
    "space_mismatch": "The product does not stand on anything",
    "indistinct_product": "The product hardly stands out from what is behind it",
    "blank_scene": "The scene is almost empty",
    "motif_empty": "The motif is hardly there",
    "near_duplicate": "The picture is nearly the same as another one of yours",
    "low_match": "The picture hardly shows what was asked for",
    "forbidden_word": "A text holds a forbidden word",
    "forbidden_colour": "A colour that the brand kit forbids takes a visible share",
    "label_missing": "There is no AI label",
    "label_too_small": "The AI label is smaller than the rule asks",
    "over_weight": "The file is heavier than the size allows",
}


def sentence_of(code: str, inspection: dict[str, Any]) -> str:
    """What a code means on this creative; a forbidden word is named, with who forbids it."""
    sentence = INSPECTION_WORDS.get(code, code)
    if code != "forbidden_word" or "forbidden_words" not in inspection:
        return sentence
    named = ", ".join(f"“{term}” ({_why(why)})" for term, why in inspection["forbidden_words"].items())
    return f"{sentence}: {named}"


def _why(why: str) -> str:
    return "by the brand kit" if why == "brand_kit" else f"not brand-safe: {why.replace('_', ' ')}"


def facts_of(inspection: dict[str, Any]) -> list[tuple[str, str]]:
    """(name, value) pairs for the detail page; values that are absent are left out."""
    names = (
        ("contrast", "Lowest contrast", "{} : 1"),
        ("product_coverage", "Product's share", "{:.1%}"),
        ("product_enlargement", "Enlarged", "{} ×"),
        ("product_rim", "Product's edge", "{}"),
        ("motif_visible", "Motif seen", "{:.0%}"),
        ("label_height", "AI label", "{} px"),
        ("kilobytes", "Weight", "{} kB"),
        ("quality", "Quality", "{}"),
        ("in_stead_of", "Format", "WebP: as {} it is over weight"),
    )
    return [(label, form.format(inspection[key])) for key, label, form in names if key in inspection]
