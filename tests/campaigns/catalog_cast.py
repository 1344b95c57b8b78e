"""Feeds, pictures and zips for the tests of the catalogue."""

from __future__ import annotations

import io
import zipfile

from PIL import Image, ImageDraw

from accounts.models import Advertiser
from campaigns.catalog_images import ZipImages
from campaigns.catalog_services import (
    catalog_apply,
    catalog_preview,
)
from campaigns.models import CatalogImport

HEADER = "id\ttitle\tlink\timage_link\tprice\tavailability\tbrand\tproduct_type"


def line(id: str = "A1", **values: str) -> str:
    row = {
        "title": f"Shoe {id}",
        "link": f"https://shop.example/{id}",
        "image_link": "images/a.png",
        "price": "89.90 EUR",
        "availability": "in stock",
        "brand": "Acme",
        "product_type": "Shoes > Trail",
        **values,
    }
    return "\t".join([id, *row.values()])


def feed(*lines: str) -> bytes:
    return "\n".join([HEADER, *lines]).encode()


def picture(
    colour: str = "#2d7fc2", size: tuple[int, int] = (120, 90), format: str = "PNG", **options
) -> bytes:
    image = Image.new("RGB", size, "#ffffff")
    ImageDraw.Draw(image).ellipse(
        (size[0] // 4, size[1] // 4, size[0] * 3 // 4, size[1] * 3 // 4), fill=colour
    )
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def run(shop: Advertiser, content: bytes, files: dict[str, bytes] | None = None) -> CatalogImport:
    images = ZipImages(zipped(files)) if files is not None else None
    record = catalog_preview(advertiser=shop, source_name="feed.tsv", content=content, images=images)
    return catalog_apply(catalog_import=record)


def counts(record: CatalogImport) -> tuple[int, int, int, int]:
    return record.created, record.updated, record.unchanged, record.failed


def codes(record: CatalogImport) -> list[str]:
    return [problem["code"] for problem in record.problems]


PICTURES = {"images/a.png": picture()}
