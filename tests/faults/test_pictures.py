"""Pictures that nobody should send, through both doors: the catalogue's and the detector's."""

from __future__ import annotations

import io
import struct
import time
import zlib

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image, PngImagePlugin

from campaigns.catalog_pictures import PictureError, prepare_picture

pytestmark = [pytest.mark.faults, pytest.mark.django_db]


def png(size: tuple[int, int] = (64, 64), **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, "#c2452d").save(buffer, "PNG", **options)
    return buffer.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def declared(width: int, height: int, body: bytes = b"") -> bytes:
    """A PNG whose header says its size, with as little behind it as is wanted."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", body or zlib.compress(b"")) + chunk(b"IEND", b"")


def text_bomb() -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_itxt("x", "a" * 20_000_000, zip=True)
    return png(pnginfo=info)


def animated(format: str) -> bytes:
    buffer = io.BytesIO()
    frames = [Image.new("RGB", (64, 64), (shade, 0, 0)) for shade in range(0, 200, 10)]
    frames[0].save(buffer, format, save_all=True, append_images=frames[1:])
    return buffer.getvalue()


CORPUS: dict[str, bytes] = {
    "nothing": b"",
    "a text": b"hello",
    "HTML as a picture": b"<html><script>alert(1)</script></html>",
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    "SVG after a PNG's first bytes": b"\x89PNG\r\n\x1a\n<svg onload='alert(1)'/>",
    "a polyglot": png() + b"<script>alert(1)</script>",
    "12000 x 12000 of nothing": png((12_000, 12_000)),
    "50000 x 50000 declared": declared(50_000, 50_000),
    "2^31 declared": declared(2**31 - 1, 2**31 - 1),
    "0 x 0": declared(0, 0),
    "cut in half": png((400, 400))[: len(png((400, 400))) // 2],
    "a wrong checksum": png()[:20] + b"\xff" + png()[21:],
    "a text of 20 MB in 20 kB": text_bomb(),
    "an animated GIF": animated("GIF"),
    "an animated WebP": animated("WEBP"),
    "a TIFF": b"II*\x00" + b"\xff" * 200,
    "an ICO": b"\x00\x00\x01\x00\xff\xff" + b"\xff" * 200,
    "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) run\n",
    "PDF": b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj",
    "a pickle": b"\x80\x04\x95\x1a\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94.",
    "noise behind a JPEG's first bytes": b"\xff\xd8\xff\xe0" + bytes(range(256)) * 40,
    "noise behind a WebP's first bytes": b"RIFF\x00\x01\x00\x00WEBPVP8 " + bytes(range(256)) * 4,
}


@pytest.mark.parametrize("name", CORPUS)
def test_the_catalogue_refuses_it_or_writes_it_anew(name):
    started = time.process_time()
    try:
        prepared = prepare_picture(CORPUS[name])
    except PictureError as error:
        assert error.code  # noqa: PT017
    else:
        assert b"script" not in prepared.image
        assert prepared.image[:4] in (b"RIFF", b"\x89PNG", b"\xff\xd8\xff\xe0")
    assert time.process_time() - started < 5.0, "seconds of processor"


def test_the_detector_answers_all_of_it(api):
    answers = {}
    for name, content in CORPUS.items():
        upload = SimpleUploadedFile(f"{name}.png", content, content_type="image/png")
        answers[name] = api.post("/api/v1/creatives/verify", {"file": upload}, format="multipart").status_code
    assert {name: status for name, status in answers.items() if status not in (200, 400, 413, 422)} == {}
