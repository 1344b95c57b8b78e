"""Composition: from a picture, a product and words to finished creatives in every placement size."""

from generation.composition.compose import ComposedCreative, creatives_compose

__all__ = ["ComposedCreative", "creatives_compose"]
