"""The signature over a whole file: made here, checked here, broken by one byte, dropped by a save."""

from __future__ import annotations

import io
import os
import stat

import pytest
from django.core.exceptions import ImproperlyConfigured
from PIL import Image

from generation import c2pa_credential
from generation.c2pa_credential import credential_get
from generation.c2pa_signing import ManifestState, manifest_read
from generation.composition.encode import EXTENSIONS, encoded


@pytest.fixture
def picture() -> Image.Image:
    return Image.linear_gradient("L").convert("RGB").resize((300, 250))


def file_of(picture: Image.Image, extension: str) -> bytes:
    return encoded(picture, extension, 200_000, content_id="abc-300x250", producer="Shop").content


@pytest.mark.parametrize("extension", list(EXTENSIONS))
def test_every_format_is_signed_last_and_one_byte_breaks_it(picture, extension):
    content = file_of(picture, extension)
    manifest = manifest_read(content, extension)
    assert (manifest.state, manifest.title, manifest.codes) == (ManifestState.OURS, "abc-300x250", ())
    at = content.index(b"TC260:AIGC>")  # a byte that no decoder looks at, and the signature does
    touched = content[:at] + b"X" + content[at + 1 :]
    found = manifest_read(touched, extension)
    assert found.state == ManifestState.INVALID
    assert any(code.endswith("Hash.mismatch") for code in found.codes)


def test_saving_again_drops_the_manifest(picture):
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(file_of(picture, "webp"))) as opened:
        opened.save(buffer, "WEBP")
    assert manifest_read(buffer.getvalue(), "webp").state == ManifestState.ABSENT


def test_the_manifest_costs_a_few_kilobytes(picture):
    signed = file_of(picture, "webp")
    with Image.open(io.BytesIO(signed)) as opened:
        buffer = io.BytesIO()
        opened.save(buffer, "WEBP", quality=92, method=2, xmp=opened.info["xmp"])
    assert len(signed) - len(buffer.getvalue()) < 4500


def test_another_installations_signature_is_valid_and_not_ours(picture, settings, tmp_path):
    content = file_of(picture, "png")
    settings.VAR_DIR = tmp_path
    assert manifest_read(content, "png").state == ManifestState.FOREIGN


def test_the_certificate_is_made_once_and_its_key_is_private(settings, tmp_path):
    settings.VAR_DIR = tmp_path
    first = credential_get()
    c2pa_credential._read.cache_clear()
    assert credential_get() == first
    assert stat.S_IMODE(os.stat(tmp_path / "c2pa" / "key.pem").st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["c2pa"]  # nothing temporary is left


def test_a_configured_certificate_is_used_and_half_a_pair_is_refused(settings, tmp_path):
    settings.VAR_DIR = tmp_path
    made = credential_get()
    settings.C2PA_CERTIFICATES = str(tmp_path / "c2pa" / "chain.pem")
    with pytest.raises(ImproperlyConfigured):
        credential_get()
    settings.C2PA_PRIVATE_KEY = str(tmp_path / "c2pa" / "key.pem")
    settings.VAR_DIR = tmp_path / "elsewhere"
    assert credential_get() == made
    settings.C2PA_PRIVATE_KEY = str(tmp_path / "gone.pem")
    with pytest.raises(ImproperlyConfigured):
        credential_get()
