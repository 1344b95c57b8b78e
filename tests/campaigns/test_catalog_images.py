"""Pictures of the catalogue: how they are read, and where they come from."""

from __future__ import annotations

import io

import numpy as np
import pytest
from django.core.files.base import ContentFile
from PIL import Image, ImageDraw

from campaigns.catalog_images import FolderImages, ZipImages
from campaigns.catalog_pictures import PictureError, prepare_picture
from campaigns.catalog_services import (
    catalog_preview_upload,
)
from campaigns.feeds.base import FeedError
from campaigns.models import CatalogImport
from tests.campaigns.catalog_cast import PICTURES, feed, line, picture, zipped

pytestmark = pytest.mark.django_db


def test_a_picture_is_written_anew_so_nothing_hides_in_it():
    secret = picture() + b"<script>alert('polyglot')</script>"
    exif = Image.Exif()
    exif[0x010F] = "CAMERA-SECRET"
    with_exif = picture(format="JPEG", exif=exif.tobytes())
    for content in (secret, with_exif):
        prepared = prepare_picture(content)
        for stored in (prepared.image, prepared.cutout):
            assert b"script" not in stored
            assert b"CAMERA-SECRET" not in stored


def test_a_picture_is_turned_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    prepared = prepare_picture(picture(size=(120, 60), format="JPEG", exif=exif.tobytes()))
    assert Image.open(io.BytesIO(prepared.image)).size == (60, 120)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "CMYK", "I;16", "RGBA"])
def test_every_kind_of_pixel_becomes_rgb(mode):
    image = Image.new("L", (80, 80), 255)
    ImageDraw.Draw(image).rectangle((20, 20, 60, 60), fill=60)
    if mode == "I;16":
        converted = Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    else:
        converted = image.convert(mode)
    buffer = io.BytesIO()
    converted.save(buffer, "JPEG" if mode == "CMYK" else "PNG")
    stored = Image.open(io.BytesIO(prepare_picture(buffer.getvalue()).image)).convert("RGB")
    assert stored.getpixel((40, 40))[0] < 90
    assert stored.getpixel((5, 5))[0] > 240


def test_an_animation_becomes_its_first_frame():
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("#ff0000", "#0000ff")]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    stored = Image.open(io.BytesIO(prepare_picture(buffer.getvalue()).image))
    assert getattr(stored, "n_frames", 1) == 1
    assert stored.convert("RGB").getpixel((32, 32))[0] > 200


# --- where pictures come from


def test_a_folder_gives_only_what_lies_in_it(tmp_path):
    (tmp_path / "feed").mkdir()
    (tmp_path / "feed" / "a.png").write_bytes(b"inside")
    (tmp_path / "secret.png").write_bytes(b"outside")
    (tmp_path / "feed" / "link.png").symlink_to(tmp_path / "secret.png")
    images = FolderImages(tmp_path / "feed")
    assert images.read("./a.png") == b"inside"
    for path, code in {
        "../secret.png": "image_unsafe_path",
        "link.png": "image_unsafe_path",
        str(tmp_path / "secret.png"): "image_unsafe_path",
        "b.png": "image_not_found",
        ".": "image_unsafe_path",
        "x" * 5000: "image_not_found",
        "a.png/b": "image_not_found",
        "a\0.png": "image_unsafe_path",
    }.items():
        with pytest.raises(PictureError) as caught:
            images.read(path)
        assert caught.value.code == code, path


def test_a_zip_gives_files_by_path_with_or_without_its_top_folder():
    assert ZipImages(zipped({"images/a.png": b"x"})).read("images/a.png") == b"x"
    assert ZipImages(zipped({"shop/images/a.png": b"x", "shop/feed.tsv": b""})).read("images\\a.png") == b"x"


def test_names_of_a_zip_from_chinese_windows_are_understood():
    content = zipped({"XXXX.png": b"x"}).replace(b"XXXX.png", "登山".encode("gbk") + b".png")
    assert ZipImages(content).read("登山.png") == b"x"


def test_a_zip_entry_that_climbs_out_is_never_offered():
    images = ZipImages(zipped({"../../evil.png": b"x", "/abs.png": b"x", "ok/a.png": b"x"}))
    for path in ("../../evil.png", "/abs.png", "evil.png", "abs.png"):
        with pytest.raises(PictureError):
            images.read(path)


def test_a_zip_bomb_is_refused_by_ratio_and_by_what_really_comes_out():
    bomb = zipped({"images/a.png": b"\0" * (9 * 1024 * 1024)})
    assert len(bomb) < 20_000
    with pytest.raises(PictureError) as caught:
        ZipImages(bomb).read("images/a.png")
    assert caught.value.code == "image_too_large"


def test_a_file_that_is_no_zip_is_refused(shop):
    for content in (b"", b"hello", zipped(PICTURES)[:60]):
        with pytest.raises(FeedError):
            ZipImages(content)
    upload = ContentFile(feed(line()), name="feed.tsv")
    record = catalog_preview_upload(advertiser=shop, feed=upload, images=ContentFile(b"no", name="i.zip"))
    assert (record.status, record.error_code) == (CatalogImport.Status.FAILED, "images_unreadable")
