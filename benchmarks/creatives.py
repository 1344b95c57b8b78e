"""What composition makes of a whole feed: overflow, contrast, seconds and memory, in a table.

    python benchmarks/creatives.py --feed FOLDER/feed.tsv [--pictures FOLDER] [--every 1] [--sheet sheet.webp]

Composes every product of a feed in Google Merchant Center's columns for two segments in the eleven
standard sizes, turning through all templates and both languages. ``--pictures`` are renders to build on
(RGBA motifs or RGB scenes); without them a leaf is drawn. One product is composed, signed and stored first
and on its own: its CPU seconds and memory are the bars. Seconds are of one process's CPU, because wall
clocks say nothing on a shared machine. Exits with 2 when a bar is missed.
"""

from __future__ import annotations

import argparse

# ruff: noqa: E402  (Django's settings have to be named before Django is imported)
import csv
import hashlib
import io
import os
import resource
import sys
import tempfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ["VAR_DIR"] = tempfile.mkdtemp(prefix="adplatform-benchmark-")
os.environ.setdefault("LOG_LEVEL", "ERROR")
os.environ["DJANGO_SETTINGS_MODULE"] = "adplatform.settings"

import django

django.setup()

from PIL import Image

from adplatform.lib.files import content_store
from campaigns.catalog_pictures import prepare_picture
from generation import preview
from generation.briefs import Brief, BriefBrand, BriefInterest, BriefProduct, BriefSegment
from generation.composition import creatives_compose
from generation.composition.compose import canvas_compose
from generation.composition.sizes import SIZES, STANDARD_SIZES
from generation.composition.templates import templates_read
from generation.styles import STYLES

SECONDS_MOST, MEGABYTES_MOST, CONTRAST_LEAST = 2.5, 400, 4.5
INTERESTS = (
    ("hikers", "Hikers", BriefInterest("outdoor_hiking", "Hiking", "徒步")),
    ("coffee", "Coffee lovers", BriefInterest("food_coffee", "Coffee", "咖啡")),
)
BRANDS = (
    ("Northwind", "#1f3a5f", "#e4572e", "#f5f1e8"),
    ("Greenmarket", "#14463a", "#d9822b", "#f3efe4"),
    ("云间集", "#3a2352", "#c8902a", "#f4f0f6"),
)
TILE = (300, 250)  # of the contact sheet


def product_of(row: dict[str, str], folder: Path) -> BriefProduct:
    """The row with its picture cut out and stored."""
    picture = prepare_picture((folder / row["image_link"]).read_bytes())
    name, digest = content_store(picture.cutout, folder="cutouts", extension="png")
    amount, _, currency = row["price"].partition(" ")
    cents = round(float(amount) * 100)
    on_sale = int(hashlib.sha256(row["id"].encode()).hexdigest(), 16) % 3 == 0
    return BriefProduct(
        external_id=row["id"],
        title=row["title"],
        product_type=row["product_type"],
        brand=row["brand"],
        price_cents=cents,
        sale_price_cents=round(cents * 0.78) if on_sale else None,
        currency=currency or "EUR",
        cutout=name,
        cutout_sha256=digest,
        cutout_kind=picture.cutout_kind,
        palette=picture.palette,
    )


def brief_of(product: BriefProduct, number: int, turn: int) -> Brief:
    """The brief of one segment; ``number`` and ``turn`` go through templates, styles, brands, languages."""
    slug, name, interest = INTERESTS[turn]
    language = "zh" if (number + turn) % 2 else "en"
    templates, styles = list(templates_read().values()), list(STYLES)
    brand = BRANDS[number % len(BRANDS)]
    return Brief(
        product=product,
        segment=BriefSegment(slug, name, (interest,)),
        brand=BriefBrand(*brand, "warm", "立即选购" if language == "zh" else "Shop now"),
        style=styles[(number + turn) % len(styles)],
        season="autumn",
        language=language,
        market="cn" if language == "zh" else "intl",
        sizes=STANDARD_SIZES,
        model="motif-gan",
        template=templates[(number + 3 * turn) % len(templates)].reference,
    )


def pictures_read(folder: Path | None) -> list[Image.Image]:
    """The renders to build on."""
    files = sorted(folder.iterdir()) if folder else []
    found = [Image.open(path) for path in files if path.suffix in (".png", ".webp")]
    return [image.convert("RGBA" if image.mode == "RGBA" else "RGB") for image in found] or [preview.leaf()]


def one_whole(brief: Brief, picture: Image.Image) -> tuple[float, float]:
    """CPU seconds and megabytes for one brief in all sizes: composed, labelled, signed, stored."""
    creatives_compose(brief=replace(brief, sizes=STANDARD_SIZES[:1]), picture=picture)  # fonts, keys: idle
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()
    for creative in creatives_compose(brief=brief, picture=picture):
        content_store(creative.content, folder="creatives", extension=creative.extension)
    seconds = time.process_time() - started
    return seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--feed", type=Path, required=True)
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--every", type=int, default=1, help="take every n-th product")
    parser.add_argument("--sheet", type=Path, help="where to write a contact sheet in 300x250")
    options = parser.parse_args()
    with open(options.feed, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))[:: options.every]
    pictures = pictures_read(options.pictures)
    whole, megabytes = one_whole(brief_of(product_of(rows[0], options.feed.parent), 0, 0), pictures[0])

    troubles: Counter[str] = Counter()
    lowest: dict[tuple[int, int], float] = dict.fromkeys(STANDARD_SIZES, 21.0)
    spent: dict[tuple[int, int], float] = dict.fromkeys(STANDARD_SIZES, 0.0)
    overflows: Counter[tuple[int, int]] = Counter()
    tiles = []
    for number, row in enumerate(rows):
        product = product_of(row, options.feed.parent)
        for turn in range(len(INTERESTS)):
            brief = brief_of(product, number, turn)
            picture = pictures[(number + turn) % len(pictures)]
            for size in STANDARD_SIZES:
                started = time.process_time()
                canvas = canvas_compose(brief=brief, picture=picture, size=size)
                spent[size] += time.process_time() - started
                for text in canvas.lettering.measures:
                    lowest[size] = min(lowest[size], text.contrast)
                    overflows[size] += not text.fits
                    if not text.fits or text.contrast < CONTRAST_LEAST:
                        troubles[f"{row['id']} {brief.template} {size} {text.role} {text.contrast:.2f}"] += 1
                if size == TILE and options.sheet:
                    tiles.append(canvas.picture)
    count = len(rows) * len(INTERESTS)
    print(f"{'size':<12}{'creatives':>10}{'overflows':>11}{'lowest contrast':>17}{'CPU s each':>12}")
    for size in STANDARD_SIZES:
        name = f"{SIZES[size].width}x{SIZES[size].height}"
        print(f"{name:<12}{count:>10}{overflows[size]:>11}{lowest[size]:>17.2f}{spent[size] / count:>12.3f}")
    print(
        f"{'all':<12}{count * len(STANDARD_SIZES):>10}{overflows.total():>11}{min(lowest.values()):>17.2f}"
        f"{sum(spent.values()) / count / len(STANDARD_SIZES):>12.3f}"
    )
    print(f"one brief, eleven sizes, composed, signed and stored: {whole:.2f} CPU s, {megabytes:.0f} MB more")
    for line in list(troubles)[:20]:
        print("  ", line)
    if options.sheet:
        sheet_write(tiles, options.sheet)
    fine = not troubles and whole <= SECONDS_MOST and megabytes <= MEGABYTES_MOST
    return 0 if fine else 2


def sheet_write(tiles: list[Image.Image], target: Path, columns: int = 8) -> None:
    """Evenly chosen tiles beside each other."""
    step = max(1, len(tiles) // (columns * 8))
    shown = tiles[::step][: columns * 8]
    lines = -(-len(shown) // columns)
    sheet = Image.new("RGB", (columns * (TILE[0] + 8) + 8, lines * (TILE[1] + 8) + 8), "#e9e8e4")
    for index, tile in enumerate(shown):
        sheet.paste(tile, (8 + index % columns * (TILE[0] + 8), 8 + index // columns * (TILE[1] + 8)))
    sheet.thumbnail((1600, 1600 * sheet.height // sheet.width))
    buffer = io.BytesIO()
    sheet.save(buffer, "WEBP", quality=78, method=4)
    target.write_bytes(buffer.getvalue())


if __name__ == "__main__":
    sys.exit(main())
