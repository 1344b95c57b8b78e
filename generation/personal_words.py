"""Words that a picture for a group of shoppers says or is made from, looked through for what is too personal.

Pure. The generic picture of a prayer mat may speak of prayer, for it says nothing of who sees it; the one for
a segment may not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adplatform.lib.sensitive import sensitive_found


def personal_words(brief: Mapping[str, Any] | None, *more: str) -> dict[str, str]:
    """The sensitive terms, with their categories, of a stored brief that names a segment and of ``more``
    words that belong to it (prompt, motif, copy); none of a generic one.

    Of the brief: the segment, the product and its kind, and the headline. Brands are names of firms and of
    people, which mean nothing by themselves.
    """
    segment = (brief or {}).get("segment")
    if not brief or not segment:
        return {}
    product = brief.get("product") or {}
    texts = [
        segment.get("name", ""),
        str(segment.get("slug", "")).replace("-", " "),
        product.get("title", ""),
        product.get("product_type", ""),
        brief.get("headline", ""),
        *(f"{i.get('label_en', '')} | {i.get('label_zh', '')}" for i in segment.get("interests") or ()),
        *more,
    ]
    found: dict[str, str] = {}
    for text in texts:  # one by one: a call looks at the beginning of its text only
        found |= sensitive_found(text)
    return found
