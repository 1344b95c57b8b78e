"""What composition makes of a whole feed: what overflows, how legible it is, how heavy, in a table.

    python benchmarks/creatives.py --feed FOLDER/feed.tsv [--pictures FOLDER] [--every 1] [--processes 2]
                                   [--sheets FOLDER]

Composes, labels and signs every product of a feed in Google Merchant Center's columns for two segments in
the eleven standard sizes, turning through all templates and both languages; nothing touches a database.
``--pictures`` are renders to build on (RGBA motifs or RGB scenes), those whose names begin with a segment's
slug for that segment; without them a leaf is drawn. ``--sheets`` writes one contact sheet a template.

Every creative is counted once a row: texts out of their box, letters over the product, products cut by the
edge, files over the size's weight, and the lowest WCAG contrast of any text, by size and template. Exits with
2 when one of them is not as it should be.
"""

from __future__ import annotations

import argparse

# ruff: noqa: E402  (Django's settings have to be named before Django is imported)
import csv
import hashlib
import io
import multiprocessing
import os
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
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
from generation.composition.contrast import MINIMUM
from generation.composition.inspection import BLOCKING
from generation.composition.sizes import SIZES, STANDARD_SIZES
from generation.composition.templates import templates_read
from generation.renderers.base import RenderError
from generation.styles import STYLES

Size = tuple[int, int]

SEGMENTS = (
    BriefSegment("hikers", "Hikers", (BriefInterest("outdoor_hiking", "Hiking", "徒步"),)),
    BriefSegment("coffee", "Coffee lovers", (BriefInterest("food_coffee", "Coffee", "咖啡"),)),
)
BRANDS = (
    ("Northwind", "#1f3a5f", "#e4572e", "#f5f1e8"),
    ("Greenmarket", "#14463a", "#d9822b", "#f3efe4"),
    ("云间集", "#3a2352", "#c8902a", "#f4f0f6"),
)
# Code of the inspection -> its column.
COUNTED = {
    "text_overflow": "overflows",
    "text_over_product": "over product",
    "text_overlap": "overlaps",
    "product_cropped": "cropped",
    "over_weight": "over weight",
}
SHEET_SIZES: tuple[Size, ...] = ((300, 250), (728, 90), (320, 50), (160, 600), (300, 600), (970, 250))


@dataclass(frozen=True)
class Measured:
    """One creative; without ``contrast`` where composition refused it."""

    product: str
    template: str
    size: Size
    codes: tuple[str, ...]
    contrast: float
    cpu_seconds: float
    content: bytes  # empty where no sheet is wanted


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
    language = "zh" if (number + turn) % 2 else "en"
    templates, styles = list(templates_read().values()), list(STYLES)
    brand = BRANDS[number % len(BRANDS)]
    return Brief(
        product=product,
        segment=SEGMENTS[turn],
        brand=BriefBrand(*brand, "warm", "立即选购" if language == "zh" else "Shop now"),
        style=styles[(number + turn) % len(styles)],
        season="autumn",
        language=language,
        market="cn" if language == "zh" else "intl",
        sizes=STANDARD_SIZES,
        model="motif-gan",
        template=templates[(number + 3 * turn) % len(templates)].reference,
    )


def pictures_read(folder: Path | None) -> list[list[Image.Image]]:
    """The renders to build on, for each segment."""
    files = sorted(folder.iterdir()) if folder else []
    found = []
    for segment in SEGMENTS:
        own = [path for path in files if path.name.startswith(f"{segment.slug}-")] or files
        images = [Image.open(path) for path in own if path.suffix in (".png", ".webp")]
        found.append([image.convert("RGBA" if image.mode == "RGBA" else "RGB") for image in images])
    return [images or [preview.leaf()] for images in found]


def _moment_note(moments: list[float], done: int, count: int) -> None:
    moments.append(time.process_time())


def product_measure(
    number: int, row: dict[str, str], folder: Path, pictures: list[list[Image.Image]], has_sheets: bool
) -> list[Measured]:
    """All creatives of one product."""
    product = product_of(row, folder)
    found = []
    for turn in range(len(SEGMENTS)):
        brief = brief_of(product, number, turn)
        picture = pictures[turn][number // len(templates_read()) % len(pictures[turn])]
        key = brief.template.partition("@")[0]
        moments = [time.process_time()]
        try:
            made = creatives_compose(brief=brief, picture=picture, on_size=partial(_moment_note, moments))
        except RenderError as error:
            size = STANDARD_SIZES[len(moments) - 1]
            found.append(Measured(product.external_id, key, size, (error.code,), 0.0, 0.0, b""))
            continue
        for creative, before, after in zip(made, moments, moments[1:], strict=False):
            size = creative.width, creative.height
            content = creative.content if has_sheets and size in SHEET_SIZES else b""
            codes = tuple(creative.inspection["codes"])
            contrast = creative.inspection["contrast"]
            found.append(Measured(product.external_id, key, size, codes, contrast, after - before, content))
    return found


_shared: tuple[list[dict[str, str]], Path, list[list[Image.Image]], bool] | None = None


def _measure_numbered(number: int) -> list[Measured]:
    assert _shared is not None  # set before the processes are forked
    rows, folder, pictures, has_sheets = _shared
    return product_measure(number, rows[number], folder, pictures, has_sheets)


def feed_measure(
    rows: list[dict[str, str]],
    folder: Path,
    pictures: list[list[Image.Image]],
    *,
    processes: int,
    has_sheets: bool,
) -> Iterator[Measured]:
    """Every creative of the feed, product after product."""
    global _shared
    _shared = rows, folder, pictures, has_sheets
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        for number, measured in enumerate(pool.imap(_measure_numbered, range(len(rows)))):
            if number % 20 == 19:
                print(f"  {number + 1} of {len(rows)} products", file=sys.stderr, flush=True)
            yield from measured


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--feed", type=Path, required=True)
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--every", type=int, default=1, help="take every n-th product")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--sheets", type=Path, help="a folder for one contact sheet a template")
    options = parser.parse_args()
    with open(options.feed, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))[:: options.every]
    tiles: defaultdict[tuple[str, Size], list[bytes]] = defaultdict(list)
    measured = []
    for one in feed_measure(
        rows,
        options.feed.parent,
        pictures_read(options.pictures),
        processes=options.processes,
        has_sheets=bool(options.sheets),
    ):
        measured.append(one)
        if one.content:
            tiles[one.template, one.size].append(one.content)
    table_print(measured)
    if options.sheets:
        options.sheets.mkdir(parents=True, exist_ok=True)
        for template in templates_read():
            sheet_write(
                {size: tiles[template, size] for size in SHEET_SIZES}, options.sheets / f"{template}.webp"
            )
    is_fine = all(
        one.contrast >= MINIMUM and not set(one.codes) & (BLOCKING | set(COUNTED)) for one in measured
    )
    return 0 if is_fine else 2


def table_print(measured: list[Measured]) -> None:
    """Counts by size, lowest contrast by size and template, and what was found."""
    columns = "".join(f"{name:>14}" for name in COUNTED.values())
    print(f"{'size':<11}{'creatives':>10}{columns}{'lowest contrast':>17}{'CPU s each':>12}")
    by_size = {size: [one for one in measured if one.size == size] for size in STANDARD_SIZES}
    for size, own in by_size.items():
        print(_row(_name(size), own))
    print(_row("all", measured))
    keys = list(templates_read())
    print("\nlowest contrast" + "".join(f"{key:>12}" for key in keys))
    for size, own in by_size.items():
        lowest = {key: min((one.contrast for one in own if one.template == key), default=0.0) for key in keys}
        print(f"{_name(size):<15}" + "".join(f"{lowest[key]:>12.2f}" for key in keys))
    codes = Counter((code, one.template, _name(one.size)) for one in measured for code in one.codes)
    totals = Counter(code for one in measured for code in one.codes)
    print("\ncodes: " + (", ".join(f"{code} {count}" for code, count in totals.most_common()) or "none"))
    for (code, template, size), count in sorted(codes.items()):
        example = next(
            one.product
            for one in measured
            if code in one.codes and one.template == template and _name(one.size) == size
        )
        print(f"  {code:<20}{template:<14}{size:<11}{count:>5}  such as {example}")


def _row(name: str, own: list[Measured]) -> str:
    counts = "".join(f"{sum(code in one.codes for one in own):>14}" for code in COUNTED)
    lowest = min((one.contrast for one in own), default=0.0)
    seconds = sum(one.cpu_seconds for one in own) / max(len(own), 1)
    return f"{name:<11}{len(own):>10}{counts}{lowest:>17.2f}{seconds:>12.3f}"


def _name(size: Size) -> str:
    return f"{SIZES[size].width}x{SIZES[size].height}"


def sheet_write(tiles: dict[Size, list[bytes]], target: Path, width: int = 1600, count: int = 8) -> None:
    """Evenly chosen creatives of a template, a band for each size."""
    bands = [_band([*_evenly(contents, count)], width) for contents in tiles.values() if contents]
    sheet = Image.new("RGB", (width, sum(band.height for band in bands)), "#e9e8e4")
    top = 0
    for band in bands:
        sheet.paste(band, (0, top))
        top += band.height
    buffer = io.BytesIO()
    sheet.save(buffer, "WEBP", quality=78, method=4)
    target.write_bytes(buffer.getvalue())


def _evenly(contents: list[bytes], count: int) -> Iterable[Image.Image]:
    for content in contents[:: max(1, len(contents) // count)][:count]:
        yield Image.open(io.BytesIO(content)).convert("RGB")


def _band(images: list[Image.Image], width: int, gap: int = 8) -> Image.Image:
    """As many lines of the images as they need."""
    columns = max(1, min(len(images), (width - gap) // (images[0].width + gap)))
    lines = -(-len(images) // columns)
    tall = images[0].height + gap
    band = Image.new("RGB", (width, lines * tall + gap), "#e9e8e4")
    for index, image in enumerate(images):
        band.paste(image, (gap + index % columns * (image.width + gap), gap + index // columns * tall))
    return band


if __name__ == "__main__":
    sys.exit(main())
