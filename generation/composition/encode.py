"""Bytes within a weight limit: the best quality that fits, with the provenance packet inside."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

from generation.provenance import packet_make, packet_save_options
from generation.renderers.base import RenderError

EXTENSIONS = {"webp": "WEBP", "jpg": "JPEG", "png": "PNG"}
BEST, WORST = 92, 40


def encoded(
    canvas: Image.Image, extension: str, limit_bytes: int, *, content_id: str, producer: str
) -> tuple[bytes, int]:
    """The labelled file and the quality used (100 for PNG). Raises RenderError ``over_weight``.

    The packet signs the pixels as a reader decodes them, so the picture is encoded, decoded, and then
    written again with the packet; both writes give the same pixels (tested).
    """
    low, high = (100, 100) if extension == "png" else (WORST, BEST)
    quality = high
    while low <= high:
        bare = _write(canvas, extension, quality, {})
        with Image.open(io.BytesIO(bare)) as decoded:
            packet = packet_make(decoded.convert("RGB"), content_id=content_id, producer=producer)
        if len(bare) + len(packet) + 256 <= limit_bytes:
            content = _write(canvas, extension, quality, packet_save_options(packet, extension))
            if len(content) <= limit_bytes:
                return content, quality
        high = quality - 1
        quality = max(low, high - max(0, (high - low) // 3))
    raise RenderError(
        "over_weight",
        f"The picture does not fit into {limit_bytes // 1000} kB as {extension}.",
        permanent=True,
    )


def _write(canvas: Image.Image, extension: str, quality: int, options: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    if extension == "png":
        canvas.save(buffer, "PNG", optimize=True, **options)
    elif extension == "jpg":
        canvas.save(buffer, "JPEG", quality=quality, subsampling=0, **options)
    else:
        canvas.save(buffer, "WEBP", quality=quality, method=2, **options)
    return buffer.getvalue()
