"""The stored pictures that a creative is made from."""

from __future__ import annotations

import io

from PIL import Image, UnidentifiedImageError

from adplatform.lib.files import content_read
from generation.renderers.base import RenderError


def picture_read(name: str, noun: str) -> Image.Image:
    """A stored picture as RGBA. Raises RenderError ``<noun>_missing`` or ``<noun>_unreadable``."""
    try:
        with Image.open(io.BytesIO(content_read(name))) as image:
            return image.convert("RGBA")
    except FileNotFoundError:
        raise RenderError(f"{noun}_missing", f"The {noun}'s file is gone.", permanent=True) from None
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
        raise RenderError(
            f"{noun}_unreadable", f"The {noun} is not a readable picture.", permanent=True
        ) from None
