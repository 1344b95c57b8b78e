"""What shops upload and write: a clear code or a whole creative, nothing half, nothing of the camera."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageDraw

from adplatform.lib.files import content_read, content_store
from campaigns.catalog_pictures import PictureError, prepare_picture
from generation import execution, queue
from generation.composition import creatives_compose
from generation.models import Creative, RenderJob
from generation.services import render_request
from tests import factories
from tests.generation.composing import ALL_SIZES, brief_for, motif

MIXED = "قهوة Coffee 咖啡 ٢٠٪ off 限时"


def photo(mode: str = "RGB", size: tuple[int, int] = (120, 90)) -> Image.Image:
    image = Image.new("RGB", size, "#f4f4f2")
    ImageDraw.Draw(image).ellipse((30, 20, 90, 70), fill="#b03030")
    if mode == "I;16":
        return Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    return image.convert(mode)


def file_of(image: Image.Image, form: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def camera() -> bytes:
    """EXIF of a camera that was turned, with the place where it stood."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.Make] = "CAMERA-SECRET"
    gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
    gps[ExifTags.GPS.GPSLatitudeRef], gps[ExifTags.GPS.GPSLatitude] = "N", (52.0, 31.0, 12.0)
    return exif.tobytes()


def bomb() -> bytes:
    """12000 x 12000 pixels in a few kilobytes."""
    return file_of(Image.new("1", (12_000, 12_000)), "PNG")


def headed(width: int, height: int) -> bytes:
    """A PNG whose header says another size than it has."""
    import zlib

    content = bytearray(file_of(photo(), "PNG"))
    content[16:24] = width.to_bytes(4) + height.to_bytes(4)
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4)
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "image_broken"),
        (headed(0, 0), "image_broken"),
        (headed(12_000, 12_000), "image_too_large"),
        (bomb(), "image_too_large"),
        (file_of(photo(), "PNG")[:180], "image_broken"),
        (file_of(photo(), "JPEG")[:500], "image_broken"),
        (b"GIF89a" + b"\0" * 30, "image_broken"),
        (file_of(photo(size=(31, 90)), "PNG"), "image_too_small"),
    ],
    ids=["empty", "zero_size", "said_12000", "is_12000", "cut_png", "cut_jpeg", "cut_gif", "tiny"],
)
def test_a_picture_that_cannot_be_used_says_why(content, code):
    with pytest.raises(PictureError) as caught:
        prepare_picture(content)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("content", "is_turned"),
    [
        (file_of(photo("CMYK"), "JPEG"), False),
        (file_of(photo("I;16"), "PNG"), False),
        (file_of(photo(), "GIF", save_all=True, append_images=[photo("L").convert("RGB")]), False),
        (file_of(photo(), "JPEG", exif=camera()), True),
        (file_of(photo(), "WEBP", exif=camera()), True),
    ],
    ids=["cmyk", "16_bit", "animated", "turned_jpeg", "turned_webp"],
)
def test_a_strange_picture_becomes_a_whole_creative_with_nothing_of_the_camera(shop, content, is_turned):
    prepared = prepare_picture(content)
    with Image.open(io.BytesIO(prepared.image)) as stored:
        assert stored.size == ((90, 120) if is_turned else (120, 90))
    name, digest = content_store(prepared.cutout, folder="cutouts", extension="png")
    brief = brief_for(
        shop,
        product_cutout=name,
        product_cutout_sha256=digest,
        product_cutout_kind=prepared.cutout_kind,
        sizes=((300, 250),),
    )
    made = [
        creatives_compose(brief=brief, picture=motif(), extension=form)[0] for form in ("webp", "jpg", "avif")
    ]
    for content in (prepared.image, prepared.cutout, *(one.content for one in made)):
        assert b"CAMERA-SECRET" not in content
        with Image.open(io.BytesIO(content)) as image:
            assert not image.getexif()
            assert not image.getexif().get_ifd(ExifTags.IFD.GPSInfo)
            assert getattr(image, "n_frames", 1) == 1
    assert not any(one.inspection["is_blocked"] for one in made)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_arabic_latin_and_chinese_in_one_line_are_set_in_every_size(shop, language):
    brief = brief_for(shop, headline=MIXED, title=MIXED, language=language, sizes=ALL_SIZES)
    for made in creatives_compose(brief=brief, picture=motif()):
        assert not made.inspection["is_blocked"], (made.width, made.height, made.inspection["codes"])
        assert made.headline == MIXED


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"headline": "Run \U0001f680 now"}, "missing_glyph"),
        ({"brand_logo": "logos/gone.png"}, "logo_missing"),
        ({"product_cutout": "cutouts/gone.png"}, "cutout_missing"),
    ],
)
def test_a_job_that_cannot_be_composed_ends_with_its_code_and_leaves_no_creative(
    shop, motif_model, change, code
):
    brief = brief_for(shop, model=motif_model, **change)
    job = render_request(advertiser=shop, brief=brief)
    claimed = queue.job_claim(worker="w", now=queue.clock(), model="")
    assert claimed is not None
    assert execution.job_run(*claimed, execution.Watch(claimed[1])) == "rejected"
    job.refresh_from_db()
    assert (job.status, job.error_code, job.picture) == (RenderJob.Status.REJECTED, code, "")
    assert not Creative.objects.exists()


def test_the_raw_render_carries_no_exif_either(shop, motif_model):
    from tests.generation.motif_renderer import job_through

    brief = factories.make_brief(factories.make_product(shop), model=motif_model, sizes=((300, 250),))
    job = job_through(render_request(advertiser=shop, brief=brief))
    with Image.open(io.BytesIO(content_read(job.picture))) as image:
        assert not image.getexif()
