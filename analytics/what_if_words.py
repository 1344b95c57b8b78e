"""Why a what-if question gets no figure, in words; pure and free of numpy, so that pages may use it."""

from __future__ import annotations

REFUSALS = {
    "no_data": "Nothing of this was shown in the period.",
    "no_support": "The log never shows a part of what this policy would show, so nobody can know what "
    "it earns. Give those pictures a weight for a while, then ask again.",
    "too_little": "Too few decisions carry the answer (an effective sample below 100, or under 10 clicks).",
    "few_shoppers": "Too few shoppers saw it for its figures to be shown.",
    "no_split": "No shopper of a segment was shown the generic picture by chance. Switch on the standing "
    "split, or run an experiment with a generic arm.",
}


def refusal_words(code: str) -> str:
    """A sentence; empty for no refusal."""
    return REFUSALS.get(code, "")
