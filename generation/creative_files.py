"""From a composed creative to a stored file and its row's columns, for first versions and for edits."""

from __future__ import annotations

from typing import Any

from adplatform.lib.files import content_store
from generation.briefs import Brief
from generation.composition import ComposedCreative


def creative_store(composed: ComposedCreative, brief: Brief) -> dict[str, Any]:
    """Store the file; the fields of a ``Creative`` that say what it is."""
    file, sha256 = content_store(composed.content, folder="creatives", extension=composed.extension)
    return {
        "file": file,
        "sha256": sha256,
        "byte_count": len(composed.content),
        "pixels_sha256": composed.pixels_sha256,
        "alt_text": composed.alt_text[:200],
        "headline": composed.headline[:200],
        "call_to_action": brief.brand.call_to_action[:40],
        "price_text": composed.price_text[:40],
        "inspection": composed.inspection,
    }
