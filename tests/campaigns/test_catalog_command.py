"""``manage.py catalog_import``, and the service on a folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from campaigns.catalog_services import (
    catalog_apply,
    catalog_preview_file,
)
from campaigns.models import Product
from tests.campaigns.catalog_cast import counts, feed, line, picture

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_bytes(picture())
    (tmp_path / "feed.tsv").write_bytes(feed(line(), line("A2", price="")))
    return tmp_path


def test_a_feed_with_pictures_beside_it_is_imported_by_the_service(shop, folder):
    preview, images = catalog_preview_file(advertiser=shop, path=folder / "feed.tsv")
    record = catalog_apply(catalog_import=preview, images=images)
    assert counts(record) == (1, 0, 0, 1)
    assert Product.objects.get().cutout


def test_the_command_imports_and_lists_bad_rows_by_line(shop, folder, capsys):
    call_command("catalog_import", str(folder / "feed.tsv"), advertiser="shop")
    said = capsys.readouterr()
    assert "2 rows: 1 created, 0 updated, 0 unchanged, 1 failed" in said.out
    assert "line 3 A2: error: price is missing. (missing)" in said.err


def test_the_command_previews_without_changing_anything(shop, folder, capsys):
    call_command("catalog_import", str(folder / "feed.tsv"), advertiser="shop", preview=True)
    assert "nothing was changed" in capsys.readouterr().out
    assert not Product.objects.exists()


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("feed.tsv", {"advertiser": "nobody"}, "no advertiser"),
        ("gone.tsv", {"advertiser": "shop"}, "cannot be read"),
        ("images", {"advertiser": "shop"}, "cannot be read"),
        ("images/a.png", {"advertiser": "shop"}, "unknown_format"),
        ("feed.tsv", {"advertiser": "shop", "images": Path("/nowhere")}, "not a folder"),
    ],
)
def test_the_command_fails_with_one_sentence(shop, folder, name, options, sentence):
    with pytest.raises(CommandError, match=sentence):  # exit code 1
        call_command("catalog_import", str(folder / name), **options)
