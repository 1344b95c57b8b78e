"""The detector, over the API: ours or not, touched or not, and a clear no to what is no picture."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from PIL import Image, ImageDraw

from adplatform.lib.files import content_read
from generation.audit import Finding, files_audit
from generation.composition import creatives_compose
from generation.composition.encode import encoded
from generation.models import Creative, RenderJob
from generation.services import render_request
from tests import factories
from tests.generation.composing import brief_for, motif

pytestmark = pytest.mark.django_db
URL = "/api/v1/creatives/verify"


@pytest.fixture
def creative(shop) -> Creative:
    """A real one, composed, marked and signed."""
    from adplatform.lib.files import content_store

    brief = brief_for(shop, sizes=((300, 250),))
    job = render_request(advertiser=shop, brief=brief)
    (made,) = creatives_compose(brief=brief, picture=motif())
    file, sha256 = content_store(made.content, folder="creatives", extension=made.extension)
    return Creative.objects.create(
        advertiser=shop,
        job=job,
        width=made.width,
        height=made.height,
        file=file,
        sha256=sha256,
        byte_count=len(made.content),
        pixels_sha256=made.pixels_sha256,
        inspection=made.inspection,
    )


def ask(client, content: bytes, status: int = 200):
    response = client.post(URL, {"file": SimpleUploadedFile("a", content)}, format="multipart")
    assert response.status_code == status, response.content
    return response.json()


def saved(picture: Image.Image, form: str, **options) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def test_the_stored_file_is_untouched(api, creative):
    answer = ask(api, content_read(creative.file))
    assert answer["verdict"] == "untouched"
    assert answer["creative_id"] == str(creative.pk)
    assert answer["is_stored_file"]
    assert answer["c2pa"] == {"state": "ours", "codes": []}
    assert (answer["seal"], answer["ai_label"]) == ("intact", "1")


def test_a_stripped_copy_is_still_known_by_its_pixels(api, creative):
    with Image.open(io.BytesIO(content_read(creative.file))) as picture:
        bare = saved(picture.convert("RGB"), "PNG")
    answer = ask(api, bare)
    assert (answer["verdict"], answer["creative_id"]) == ("remarked", str(creative.pk))
    assert (answer["c2pa"]["state"], answer["seal"], answer["ai_label"]) == ("absent", "absent", "")


def test_a_touched_up_copy_that_keeps_its_marking_is_altered(api, creative):
    with Image.open(io.BytesIO(content_read(creative.file))) as picture:
        xmp, canvas = picture.info["xmp"], picture.convert("RGB")
    ImageDraw.Draw(canvas).rectangle((20, 20, 90, 60), fill="#ff0000")  # somebody's own price
    answer = ask(api, saved(canvas, "WEBP", quality=90, xmp=xmp))
    assert (answer["verdict"], answer["creative_id"]) == ("altered", str(creative.pk))
    assert (answer["c2pa"]["state"], answer["seal"]) == ("absent", "broken")


def test_one_changed_byte_breaks_the_signature(api, creative):
    content = content_read(creative.file)
    at = content.index(b"TC260:AIGC>")
    answer = ask(api, content[:at] + b"X" + content[at + 1 :])
    assert answer["verdict"] == "remarked"
    assert answer["c2pa"]["state"] == "invalid"


@pytest.mark.parametrize("attack", ["jpeg 70", "half", "half, jpeg 70"])
def test_a_stripped_and_saved_again_copy_is_known_by_its_watermark(api, creative, attack):
    with Image.open(io.BytesIO(content_read(creative.file))) as picture:
        canvas = picture.convert("RGB")
    if "half" in attack:
        canvas = canvas.resize((150, 125), Image.Resampling.BICUBIC)
    answer = ask(api, saved(canvas, "JPEG", quality=70 if "70" in attack else 95))
    assert (answer["verdict"], answer["creative_id"]) == ("altered", str(creative.pk))
    assert answer["watermark"] == creative.job.fingerprint[:12]
    assert (answer["c2pa"]["state"], answer["seal"]) == ("absent", "absent")


def test_a_watermark_says_nothing_to_another_advertiser(other_api, creative):
    with Image.open(io.BytesIO(content_read(creative.file))) as picture:
        answer = ask(other_api, saved(picture.convert("RGB"), "JPEG", quality=90))
    assert (answer["verdict"], answer["watermark"], answer["creative_id"]) == ("unknown", "", None)


def test_any_other_picture_is_unknown(api, creative):
    answer = ask(api, saved(Image.new("RGB", (300, 250), "#abcdef"), "JPEG"))
    assert (answer["verdict"], answer["creative_id"], answer["job_id"]) == ("unknown", None, None)


def test_another_advertisers_creative_has_no_name_here(other_api, creative):
    """That this installation signed it may be said to whoever holds the file; whose row it is, may not."""
    answer = ask(other_api, content_read(creative.file))
    assert (answer["verdict"], answer["creative_id"], answer["job_id"]) == ("untouched", None, None)
    assert not answer["is_stored_file"]


FRAMES = [Image.new("RGB", (40, 40), colour) for colour in ("red", "blue")]


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"not a picture at all", 422, "not_a_picture"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 ", 422, "not_a_picture"),
        (saved(Image.new("RGB", (60, 60)), "GIF"), 422, "not_a_picture"),
        (saved(Image.new("L", (12000, 12000)), "PNG"), 422, "picture_too_large"),
        (saved(Image.effect_noise((400, 400), 60), "PNG")[:9000], 422, "picture_broken"),
        (saved(FRAMES[0], "WEBP", save_all=True, append_images=FRAMES[1:]), 422, "picture_animated"),
        (saved(FRAMES[0], "PNG", save_all=True, append_images=FRAMES[1:]), 422, "picture_animated"),
        (b"\x89PNG" + b"\x00" * 50_000_000, 413, "file_too_large"),
        (b"", 400, "invalid"),
    ],
    ids=["text", "half a header", "gif", "12000", "truncated", "webp 2", "apng", "50 MB", "empty"],
)
def test_what_cannot_be_looked_at_gets_a_code(api, content, status, code):
    assert ask(api, content, status)["code"] == code


def test_every_mode_and_a_lying_packet_get_an_answer(api, creative):
    for mode in ("1", "L", "LA", "P", "RGBA", "I;16", "CMYK", "F"):
        form = {"CMYK": "JPEG", "F": None}.get(mode, "PNG")
        if form:
            assert ask(api, saved(Image.new(mode, (33, 21)), form))["verdict"] == "unknown"
    lies = b"<Iptc4xmpExt:DigitalSourceType>x<TC260:AIGC>{&quot;ProduceID&quot;:7}<"
    assert ask(api, saved(FRAMES[0], "JPEG", xmp=lies))["verdict"] == "unknown"


# --- the audit


def codes(**fields) -> list[tuple[Finding, ...]]:
    return [file.findings for file in files_audit(**fields)]


def test_the_audit_passes_what_was_made_here(creative, capsys):
    assert codes() == [()]
    call_command("creatives_audit", advertiser="shop")
    assert "1 files, 0 with findings" in capsys.readouterr().out


def test_the_audit_finds_a_changed_a_missing_and_an_unmarked_file(creative, other_shop, capsys):
    path = Path(default_storage.path(creative.file))
    content = path.read_bytes()
    at = content.index(b"TC260:AIGC>")
    path.write_bytes(content[:at] + b"X" + content[at + 1 :])
    assert codes() == [(Finding.BYTES_CHANGED, Finding.MARKING_MISSING, Finding.C2PA_INVALID)]
    with pytest.raises(CommandError) as stopped:
        call_command("creatives_audit")
    assert stopped.value.returncode == 1
    assert creative.file in capsys.readouterr().out
    assert codes(advertiser_id=other_shop.pk) == []

    path.write_bytes(saved(Image.new("RGB", (320, 250)), "WEBP"))
    assert codes() == [
        (Finding.BYTES_CHANGED, Finding.SIZE_WRONG, Finding.MARKING_MISSING, Finding.C2PA_MISSING)
    ]
    path.write_bytes(content[:3000])
    assert codes()[0][:2] == (Finding.BYTES_CHANGED, Finding.UNREADABLE)
    path.unlink()
    assert codes() == [(Finding.FILE_MISSING,)]


def test_the_audit_weighs_and_measures(creative):
    noise = Image.effect_noise((300, 250), 90).convert("RGB")
    heavy = encoded(noise, "png", 10_000_000, content_id="x", producer="Shop").content + b" " * 200_000
    default_storage.save(creative.file, ContentFile(heavy))
    Creative.objects.filter(pk=creative.pk).update(inspection={"label_height": 12})
    found = codes()[0]
    assert Finding.OVER_WEIGHT in found
    assert Finding.LABEL_TOO_SMALL in found  # 12 of 250 is under five percent


def test_raw_renders_are_looked_at_too(shop):
    job = factories.make_render_job(shop)
    RenderJob.objects.filter(pk=job.pk).update(picture="renders/gone.png", picture_sha256="0" * 64)
    assert codes() == [(Finding.FILE_MISSING,)]
