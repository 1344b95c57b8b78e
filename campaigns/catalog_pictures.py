"""A product's picture as received -> the files the product keeps. Pure: Pillow, no storage, no database.

Whatever arrives is decoded within limits and written anew, so nothing of the original file survives but
its pixels: no metadata, no hidden payload, no second frame.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from dataclasses import dataclass

from PIL import Image

from adplatform.lib.pictures import picture_plain
from campaigns import cutout

MAX_BYTES = 10 * 1024 * 1024
MAX_PIXELS = 16_000_000
MIN_SIDE = 32
STORED_SIDE = 2048
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF")
VERSION = "1"

warnings.simplefilter("error", Image.DecompressionBombWarning)  # Pillow only warns of what took 700 MB


class PictureError(Exception):
    """The picture cannot be used; ``code`` is a RowCode value."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class PreparedPicture:
    """What is stored of a picture."""

    image: bytes  # WebP, upright, at most 2048 pixels a side
    cutout: bytes  # PNG with transparency, trimmed, at most 1024 pixels a side
    cutout_kind: str
    palette: tuple[str, ...]


def fingerprint(content: bytes) -> str:
    """Equal for pictures that would be prepared alike: the bytes and the version of this code."""
    version = f"{VERSION}.{cutout.VERSION}".encode()
    return hashlib.sha256(version + hashlib.sha256(content).digest()).hexdigest()


def check_picture(content: bytes) -> None:
    """Refuse by size, format and header, without decoding. Raises PictureError."""
    _opened(content)


def prepare_picture(content: bytes) -> PreparedPicture:
    """Decode, turn upright, clean, cut out. Raises PictureError."""
    image = _opened(content)
    try:
        image.load()
        if image.width * image.height > MAX_PIXELS:  # a later frame may be larger than its header said
            raise PictureError("image_too_large", "The picture has more than 16 megapixels.")
        clean = picture_plain(image)
    except PictureError:
        raise
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error and more
        raise _broken(error) from None
    stored = clean.copy()
    stored.thumbnail((STORED_SIDE, STORED_SIDE), Image.Resampling.LANCZOS)
    cut = cutout.cut_out(clean)
    return PreparedPicture(
        image=_encoded(stored, "WEBP", quality=88, method=2),
        cutout=_encoded(cut.image, "PNG"),
        cutout_kind=cut.kind,
        palette=cut.palette,
    )


def _opened(content: bytes) -> Image.Image:
    if not content:
        raise PictureError("image_broken", "The picture file is empty.")
    if len(content) > MAX_BYTES:
        raise PictureError("image_too_large", "The picture has more than 10 MB.")
    try:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise PictureError("image_too_large", "The picture has more than 16 megapixels.") from None
    except Exception as error:
        raise _broken(error) from None
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise PictureError(
            "image_too_large", f"The picture has {width} x {height} pixels; 16 megapixels fit."
        )
    if min(width, height) < MIN_SIDE:
        raise PictureError("image_too_small", f"The picture has only {width} x {height} pixels.")
    return image


def _broken(error: Exception) -> PictureError:
    return PictureError("image_broken", f"The picture cannot be decoded ({type(error).__name__}).")


def _encoded(image: Image.Image, format: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()
