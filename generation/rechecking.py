"""Whether a render comes out again as it did: the picture and every creative, in bytes and in pixels.

A creative's file carries a signature with a random part, so its bytes are new each time; its pixels must
not be. The raw render has no signature: there the bytes themselves are compared.
"""

from __future__ import annotations

import io
from collections import defaultdict
from dataclasses import replace
from typing import Any

from PIL import Image, ImageChops

from adplatform.lib.files import content_read
from generation.briefs import Brief
from generation.drawing import Drawn
from generation.kept_copy import kept_from
from generation.models import Creative, RenderJob
from generation.renderers.base import OnStep

# Told by other words (weights), following from the picture, or of no effect on it.
_INCIDENTAL = frozenset({"files", "device", "speed", "match", "first_seed", "gist", "discarded", "kept_copy"})


def render_compare(original: RenderJob, drawn: Drawn, sha256: str, on_step: OnStep) -> dict[str, Any]:
    """What the second render shares with the first, ready for a JSON field.

    ``is_equal`` is the whole answer; ``picture`` and ``creatives`` say where it differs and by how much,
    ``causes`` what else was different: weights, scheduler, library, the version of the template.
    """
    creatives, templates = _creatives_compare(original, drawn.image, on_step)
    picture = {
        "before": original.picture_sha256,
        "after": sha256,
        "is_equal": sha256 == original.picture_sha256,
        "difference": None
        if sha256 == original.picture_sha256
        else pixels_difference(_opened(original.picture), drawn.image),
    }
    return {
        "is_equal": picture["is_equal"] and all(row["is_equal"] for row in creatives),
        "picture": picture,
        "creatives": creatives,
        "causes": [*_causes(original, drawn), *templates],
    }


def pixels_difference(before: Image.Image | None, after: Image.Image) -> dict[str, Any] | None:
    """``changed_rate`` of the pixels and the ``largest`` step of any channel, 0-255; None: not comparable."""
    if before is None or before.size != after.size:
        return None
    difference = ImageChops.difference(before.convert("RGBA"), after.convert("RGBA"))
    extrema = [highest for _, highest in difference.getextrema()]  # type: ignore[misc]
    strongest = difference.getchannel(0)
    for channel in (1, 2, 3):
        strongest = ImageChops.lighter(strongest, difference.getchannel(channel))
    changed = sum(strongest.histogram()[1:])
    return {"changed_rate": round(changed / (after.width * after.height), 6), "largest": max(extrema)}


def _creatives_compare(
    original: RenderJob, picture: Image.Image, on_step: OnStep
) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Each creative composed again in the words that it has now, and the templates that are not the same."""
    from generation.composition import creatives_compose

    brief = Brief.from_dict(original.brief)
    kept = kept_from(original.render_details)
    by_words: defaultdict[tuple[str, str, str], list[Creative]] = defaultdict(list)
    creatives = list(original.creatives.order_by("width", "height"))
    for creative in creatives:
        edited = (creative.headline, creative.call_to_action) if creative.version > 1 else ("", "")
        by_words[*edited, creative.file.rpartition(".")[2]].append(creative)
    rows: list[dict[str, Any]] = []
    templates: list[dict[str, str]] = []
    for (headline, action, extension), same in by_words.items():
        worded = brief.with_copy(headline=headline, call_to_action=action) if headline else kept.on(brief)
        sizes = tuple((creative.width, creative.height) for creative in same)
        made = creatives_compose(brief=replace(worded, sizes=sizes), picture=picture, extension=extension)
        for creative, composed in zip(same, made, strict=True):
            after = Image.open(io.BytesIO(composed.content))
            is_equal = composed.pixels_sha256 == creative.pixels_sha256
            rows.append(
                {
                    "size": creative.size,
                    "before": creative.pixels_sha256,
                    "after": composed.pixels_sha256,
                    "is_equal": is_equal,
                    "difference": None if is_equal else pixels_difference(_opened(creative.file), after),
                }
            )
            template = _cause("template", creative.template, composed.inspection["template"])
            if template["before"] != template["after"] and template not in templates:
                templates.append(template)
            on_step(len(rows), len(creatives))
    return rows, templates


def _causes(original: RenderJob, drawn: Drawn) -> list[dict[str, str]]:
    """What the two renders were told or made with that is not the same."""
    before = {**original.render_details, "weights": original.model_hash}
    after = {**drawn.details, "weights": drawn.model_hash}
    return [
        _cause(name, before.get(name, ""), after.get(name, ""))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name) and name not in _INCIDENTAL
    ]


def _cause(what: str, before: Any, after: Any) -> dict[str, str]:
    return {"what": what, "before": str(before), "after": str(after)}


def _opened(name: str) -> Image.Image | None:
    try:
        with Image.open(io.BytesIO(content_read(name))) as image:
            image.load()
            return image
    except OSError:
        return None
