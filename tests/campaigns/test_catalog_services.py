"""Imports of feeds: preview, apply, again, with pictures good and bad."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from PIL import Image

from adplatform.lib.errors import DomainError, NotFound
from adplatform.lib.files import content_read
from campaigns.catalog_images import ZipImages
from campaigns.catalog_selectors import product_get, product_list, product_type_list
from campaigns.catalog_services import (
    catalog_apply,
    catalog_preview,
)
from campaigns.models import CatalogImport, Product, ServingVersion
from tests import factories
from tests.campaigns.catalog_cast import HEADER, PICTURES, codes, counts, feed, line, picture, run, zipped

pytestmark = pytest.mark.django_db


# --- preview and apply


def test_a_preview_says_what_would_happen_and_changes_nothing(shop):
    record = catalog_preview(
        advertiser=shop, source_name="feed.tsv", content=feed(line(), line("A2", price="x"))
    )
    assert record.status == CatalogImport.Status.PREVIEW
    assert counts(record) == (1, 0, 0, 1)
    assert not Product.objects.exists()
    assert not ServingVersion.objects.exists()


def test_applying_writes_the_products_and_asks_serving_to_reload(shop):
    record = run(shop, feed(line(), line("A2")), PICTURES)
    assert record.status == CatalogImport.Status.APPLIED
    assert counts(record) == (2, 0, 0, 0)
    product = Product.objects.get(advertiser=shop, external_id="A1")
    assert (product.title, product.price_cents, product.brand) == ("Shoe A1", 8990, "Acme")
    assert product.cutout_kind == Product.CutoutKind.FLOOD_FILL
    assert product.palette
    assert Image.open(io.BytesIO(content_read(product.cutout))).mode == "RGBA"
    assert Image.open(io.BytesIO(content_read(product.image))).format == "WEBP"
    assert ServingVersion.objects.get(advertiser=shop).number == 1


def test_the_same_feed_again_changes_nothing_and_does_not_disturb_serving(
    shop, django_assert_max_num_queries
):
    run(shop, feed(line(), line("A2")), PICTURES)
    before = list(Product.objects.values_list("updated_at", flat=True))
    with django_assert_max_num_queries(13):
        record = run(shop, feed(line(), line("A2")), PICTURES)
    assert counts(record) == (0, 0, 2, 0)
    assert record.pictures_total == 0
    assert list(Product.objects.values_list("updated_at", flat=True)) == before
    assert ServingVersion.objects.get(advertiser=shop).number == 1


def test_the_same_feed_without_its_zip_keeps_the_pictures(shop):
    run(shop, feed(line()), PICTURES)
    record = run(shop, feed(line(price="79.90 EUR")))
    assert counts(record) == (0, 1, 0, 0)
    product = Product.objects.get()
    assert product.price_cents == 7990
    assert product.cutout


def test_only_changed_rows_are_updated_and_absent_products_stay(shop):
    run(shop, feed(line(), line("A2"), line("A3")), PICTURES)
    ids = dict(Product.objects.values_list("external_id", "id"))
    record = run(shop, feed(line(), line("A2", title="Other")), PICTURES)
    assert counts(record) == (0, 1, 1, 0)
    assert dict(Product.objects.values_list("external_id", "id")) == ids
    assert Product.objects.get(external_id="A2").title == "Other"


def test_a_new_picture_under_the_same_name_replaces_the_old_one(shop):
    run(shop, feed(line()), PICTURES)
    before = Product.objects.get().cutout
    record = run(shop, feed(line()), {"images/a.png": picture("#c2452d")})
    assert counts(record) == (0, 1, 0, 0)
    assert Product.objects.get().cutout != before


def test_applying_an_import_twice_is_harmless(shop):
    record = run(shop, feed(line()), PICTURES)
    run(shop, feed(line(title="Newer")), PICTURES)
    again = catalog_apply(catalog_import=record)
    assert counts(again) == (1, 0, 0, 0)
    assert Product.objects.get().title == "Newer"  # an old import never comes back


def test_two_previews_of_one_feed_applied_one_after_the_other_make_each_product_once(shop):
    first = catalog_preview(advertiser=shop, source_name="f.tsv", content=feed(line()))
    second = catalog_preview(advertiser=shop, source_name="f.tsv", content=feed(line()))
    assert counts(catalog_apply(catalog_import=first)) == (1, 0, 0, 0)
    assert counts(catalog_apply(catalog_import=second)) == (0, 0, 1, 0)
    assert Product.objects.count() == 1


def test_a_refused_import_cannot_be_applied(shop):
    record = catalog_preview(advertiser=shop, source_name="f.tsv", content=b"")
    with pytest.raises(DomainError) as caught:
        catalog_apply(catalog_import=record)
    assert caught.value.code == "import_refused"


def test_pictures_are_worked_on_in_several_calls_when_time_is_short(shop):
    files = {f"images/{i}.png": picture(f"#{i:02x}40{i * 9:02x}") for i in range(20)}
    files |= {f"images/{i}.png": picture(size=(90 + i, 90))[:-30] for i in range(9)}  # broken ones as well
    rows = [line(f"A{i}", image_link=f"images/{i}.png") for i in range(20)]
    record = catalog_preview(
        advertiser=shop, source_name="f.tsv", content=feed(*rows), images=ZipImages(zipped(files))
    )
    seen = []
    while record.status == CatalogImport.Status.PREVIEW:
        record = catalog_apply(catalog_import=record, seconds=0)
        seen.append(record.pictures_done)
        assert len(seen) < 10
    assert seen == sorted(seen)
    assert len(seen) > 1
    assert Product.objects.exclude(cutout="").count() == 11


def test_an_interrupted_import_does_no_picture_twice(shop, monkeypatch):
    record = catalog_preview(
        advertiser=shop, source_name="f.tsv", content=feed(line()), images=ZipImages(zipped(PICTURES))
    )
    monkeypatch.setattr("campaigns.catalog_services._write", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        catalog_apply(catalog_import=record)
    monkeypatch.undo()
    monkeypatch.setattr("campaigns.catalog_services.prepare_picture", lambda content: 1 / 0)
    assert counts(catalog_apply(catalog_import=record)) == (1, 0, 0, 0)
    assert Product.objects.get().cutout


def test_fifty_thousand_rows_would_take_few_statements(shop, django_assert_max_num_queries):
    rows = [line(f"A{i}", image_link="https://cdn.example/a.png") for i in range(2_000)]
    record = catalog_preview(advertiser=shop, source_name="f.tsv", content=feed(*rows))
    assert record.problems == []
    with django_assert_max_num_queries(110):
        record = catalog_apply(catalog_import=record)
    assert counts(record) == (2_000, 0, 0, 0)


# --- problems


def test_bad_rows_are_listed_by_line_and_the_good_ones_come_in(shop):
    record = run(
        shop, feed(line(), line("A2", price=""), line("A1"), line("A4", link="javascript:x")), PICTURES
    )
    assert counts(record) == (1, 0, 0, 3)
    assert [(p["line"], p["external_id"], p["field"], p["code"]) for p in record.problems] == [
        (3, "A2", "price", "missing"),
        (4, "A1", "id", "duplicate_id"),
        (5, "A4", "link", "link_invalid"),
    ]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty_feed"),
        (HEADER.encode(), "empty_feed"),
        (b"id\ttitle\nA1\tx", "missing_columns"),
        (b"%PDF-1.7", "unknown_format"),
        (b"<rss><item>", "unreadable_xml"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><rss/>', "unsafe_xml"),
    ],
)
def test_a_feed_refused_as_a_whole_is_recorded_with_its_reason(shop, content, code):
    record = catalog_preview(advertiser=shop, source_name="feed.tsv", content=content)
    assert (record.status, record.error_code) == (CatalogImport.Status.FAILED, code)
    assert record.error_message.endswith(".")
    assert CatalogImport.objects.get().error_code == code


def test_too_many_rows_are_refused(shop, monkeypatch):
    monkeypatch.setattr("campaigns.catalog_plan.MAX_ROWS", 2)
    record = catalog_preview(
        advertiser=shop, source_name="f.tsv", content=feed(line("1"), line("2"), line("3"))
    )
    assert record.error_code == "too_many_rows"


# --- pictures


def png_with_header(width: int, height: int) -> bytes:
    """A PNG that says it is huge; a decoder that believed it would take gigabytes."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 99))
        + chunk(b"IEND", b"")
    )


BAD_PICTURES = {
    "empty": (b"", "image_broken"),
    "text": (b"<html><script>alert(1)</script>", "image_broken"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image_broken"),
    "truncated": (picture()[:200], "image_broken"),
    "bad_crc": (picture().replace(b"IDAT", b"IDAX"), "image_broken"),
    "huge": (png_with_header(12_000, 12_000), "image_too_large"),
    "gigantic": (png_with_header(50_000, 50_000), "image_too_large"),
    "tiny": (picture(size=(8, 8)), "image_too_small"),
    "heavy": (b"\x89PNG" + b"x" * (10 * 1024 * 1024), "image_too_large"),
    "jpeg_cut": (picture(size=(400, 400), format="JPEG")[:900], "image_broken"),
}


@pytest.mark.parametrize("name", BAD_PICTURES)
def test_a_bad_picture_is_a_notice_and_the_product_comes_in_without_one(shop, name):
    content, code = BAD_PICTURES[name]
    for created, unchanged in ((1, 0), (0, 1)):  # and again: told again, but nothing changes
        record = run(shop, feed(line()), {"images/a.png": content})
        assert counts(record) == (created, 0, unchanged, 0)
        assert codes(record) in ([code], ["image_broken"])
        assert record.problems[0]["severity"] == "notice"
    assert Product.objects.get().image == ""


def test_a_broken_new_picture_leaves_the_old_one(shop):
    run(shop, feed(line()), PICTURES)
    before = Product.objects.get().cutout
    record = run(shop, feed(line()), {"images/a.png": BAD_PICTURES["jpeg_cut"][0]})
    assert codes(record) == ["image_broken"]
    assert Product.objects.get().cutout == before


def test_a_missing_picture_is_a_notice(shop):
    assert codes(run(shop, feed(line()), {"images/b.png": picture()})) == ["image_not_found"]


# --- tenants and reads


def test_two_shops_may_use_the_same_ids_and_never_meet(shop, other_shop):
    run(shop, feed(line()), PICTURES)
    record = run(other_shop, feed(line(title="Theirs")), PICTURES)
    assert counts(record) == (1, 0, 0, 0)
    assert Product.objects.get(advertiser=shop).title == "Shoe A1"
    theirs = Product.objects.get(advertiser=other_shop)
    with pytest.raises(NotFound):
        product_get(advertiser_id=shop.pk, product_id=theirs.pk)
    assert theirs not in product_list(advertiser_id=shop.pk)


def test_products_are_found_by_word_kind_stock_and_picture(shop):
    factories.make_product(shop, "A1", title="Red trail shoe", brand="Acme", product_type="Shoes > Trail")
    factories.make_product(
        shop, "A2", title="Red hat", product_type="Shoestrings", availability="out_of_stock"
    )
    factories.make_product(shop, "A3", title="100% wool_sock", image="", product_type="Shoes")

    def found(**filters) -> list[str]:
        return [product.external_id for product in product_list(advertiser_id=shop.pk, **filters)]

    assert found(search="red") == ["A1", "A2"]
    assert found(search="shoe acme") == ["A1"]
    assert found(search="a3") == ["A3"]
    assert found(search="%") == ["A3"]
    assert found(search="\0") == ["A1", "A2", "A3"]
    assert found(product_type="Shoes") == ["A1", "A3"]
    assert found(availability="out_of_stock") == ["A2"]
    assert found(has_picture=False) == ["A3"]
    assert product_type_list(advertiser_id=shop.pk) == ["Shoes", "Shoes > Trail", "Shoestrings"]
