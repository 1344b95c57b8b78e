"""A product's own words to interests. Pure.

Profiles know no catalogue: the storefront sends the title and the category beside the behaviour.
"""

from __future__ import annotations

from profiles.text_mapping import TextMapper, shares

TITLE_WORTH = 0.6  # a category is chosen from a list, a title is advertising
TYPE_WORTH = 1.0


def product_interests(mapper: TextMapper, *, title: str = "", product_type: str = "") -> dict[str, float]:
    """Shares of interests of a product by its title and its category ("Apparel > Shoes")."""
    scores: dict[str, float] = {}
    for text, worth in ((title, TITLE_WORTH), (product_type, TYPE_WORTH)):
        for interest, share in mapper.map(text).items() if text else ():
            scores[interest] = scores.get(interest, 0.0) + worth * share
    return shares(scores)
