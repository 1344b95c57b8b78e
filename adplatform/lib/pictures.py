"""Uploaded pictures made plain: upright, eight bits, sRGB, nothing left of the file but its pixels."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageCms, ImageOps


def picture_plain(image: Image.Image) -> Image.Image:
    """A decoded picture, turned upright as its EXIF says, as RGB or, where there is transparency, RGBA.

    16-bit grey, palettes, CMYK and colour profiles are converted; of an animation the first frame counts.
    Raises whatever Pillow raises on a broken file.
    """
    image = ImageOps.exif_transpose(image)
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I"):  # Pillow's own conversion clips 16-bit grey instead of scaling it
        values = np.asarray(image).astype(np.float64)
        image = Image.fromarray(np.clip(values / 257, 0, 255).astype(np.uint8))
    has_alpha = image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info
    alpha = image.convert("RGBA").getchannel("A") if has_alpha else None
    colour = (
        _converted(image, profile) if image.mode in ("RGB", "CMYK") else image.convert("RGBA").convert("RGB")
    )
    if alpha is not None:
        colour.putalpha(alpha)
    colour.info.clear()
    return colour


def _converted(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Colours as the camera's or printer's profile means them; without a usable one, as they are."""
    if profile and len(profile) < 2**20:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            moved = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
            if moved is not None:
                return moved
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            pass
    return image.convert("RGB")
