"""How far the difference hashes of equal and of different creatives lie apart: what NEAR_BITS is set by.

    python benchmarks/near_duplicates.py --feed FOLDER/feed.tsv [--pictures FOLDER] [--products 40]

Composes 300x250 creatives of a feed and prints the bits (of 64) between pairs that a reviewer would call the
same picture (saved again, half the size, another price, the motif a few degrees turned) and pairs that he
would not (another motif, another product, another template), and for each bar how many of both it would call
near duplicates.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))


from creatives import brief_of, pictures_read, product_of
from PIL import Image

from generation.briefs import Brief
from generation.composition import creatives_compose
from generation.composition.templates import templates_read
from generation.perceptual_hash import NEAR_BITS, difference_hash, nearest_bits

SIZE = (300, 250)


def creative_of(brief: Brief, picture: Image.Image) -> Image.Image:
    (made,) = creatives_compose(brief=replace(brief, sizes=(SIZE,)), picture=picture)
    return Image.open(io.BytesIO(made.content)).convert("RGB")


def saved(picture: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--feed", type=Path, required=True)
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--products", type=int, default=40)
    options = parser.parse_args()
    with open(options.feed, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    rows = rows[:: max(1, len(rows) // options.products)]
    motifs = [picture for found in pictures_read(options.pictures) for picture in found]
    templates = list(templates_read().values())
    bits: defaultdict[str, list[int]] = defaultdict(list)
    others: list[str] = []
    for number, row in enumerate(rows):
        brief = brief_of(product_of(row, options.feed.parent), number, 0)
        motif, other_motif = motifs[number % len(motifs)], motifs[(number + 3) % len(motifs)]
        shown = creative_of(brief, motif)
        mine = difference_hash(shown)

        def add(name: str, picture: Image.Image, mine: str = mine) -> None:
            bits[name].append(nearest_bits(mine, [difference_hash(picture)]))

        dearer = replace(brief, product=replace(brief.product, price_cents=brief.product.price_cents + 1234))
        add("same: JPEG 60", saved(shown, 60))
        add("same: half the size", shown.resize((150, 125)))
        add("same: another price", creative_of(dearer, motif))
        add("same: turned by 3 degrees", creative_of(brief, motif.rotate(3)))
        add("other: another motif", creative_of(brief, other_motif))
        add("other: another headline", creative_of(replace(brief, headline="Something else entirely"), motif))
        template = templates[(number + 2) % len(templates)].reference
        add("other: another template", creative_of(replace(brief, template=template), motif))
        bits["other: another product"] += [nearest_bits(mine, [other]) for other in others]
        others.append(mine)
    print(f"{'pairs':<28}{'count':>7}{'least':>7}{'5 %':>6}{'half':>6}{'95 %':>6}{'most':>6}")
    for name, found in bits.items():
        low, middle, high = np.percentile(found, (5, 50, 95))
        print(f"{name:<28}{len(found):>7}{min(found):>7}{low:>6.0f}{middle:>6.0f}{high:>6.0f}{max(found):>6}")
    print(f"\n{'bar':<5}" + "".join(f"{name.partition(': ')[2]:>20}" for name in bits))
    for bar in range(0, 9):
        mark = "*" if bar == NEAR_BITS else ""
        rates = [sum(one <= bar for one in found) / len(found) for found in bits.values()]
        print(f"{str(bar) + mark:<5}" + "".join(f"{rate:>20.1%}" for rate in rates))


if __name__ == "__main__":
    main()
