"""What is said of a picture in training: its name, names with keywords, and rare keywords alone.

Captions are embedded once before training; the loop only draws among the finished vectors.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from generation.training.pictures import PictureObject

STYLE_WORDS = {"volumetric": "soft 3D render", "flat": "flat illustration"}
# A keyword that at most so many objects share names a thing ("sneaker"); one that more share names a
# field ("animal") and as a caption would only teach the average of its pictures.
RARE_KEYWORD_OBJECTS = 3
MAX_KEYWORD_CAPTIONS = 6


def keyword_counts(objects: Sequence[PictureObject]) -> Counter[str]:
    """How many objects carry each keyword."""
    return Counter(word for item in objects for word in set(item.keywords))


def captions_of(item: PictureObject, counts: Counter[str]) -> list[str]:
    """Captions of one object, the bare name first; without duplicates, in a fixed order."""
    name = item.name
    others = [word for word in item.keywords if word.lower() != name.lower()]
    rare_first = sorted(others, key=lambda word: (counts[word], word))
    captions = [
        name,
        f"a {name}",
        f"a picture of a {name}",
        f"a soft 3D render of a {name}",
        f"a flat illustration of a {name}",
        f"new {name} on sale",
        f"{name}, studio light, plain background",
    ]
    for word in rare_first[:MAX_KEYWORD_CAPTIONS]:
        captions.append(f"{name}, {word}")
        if counts[word] <= RARE_KEYWORD_OBJECTS:
            captions.append(word)
    if len(rare_first) >= 2:
        captions.append(f"{name}, {rare_first[0]}, {rare_first[1]}")
        captions.append(", ".join(rare_first[:3]))
    return list(dict.fromkeys(captions))
