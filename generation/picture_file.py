"""A raw render as a file that may leave the house: on a ground, with the AI label to see and to read."""

from __future__ import annotations

import io

from PIL import Image, ImageDraw, ImageOps

from generation import provenance
from generation.c2pa_signing import signed
from generation.composition.encode import encoded
from generation.composition.typography import text_fit, text_mask

_NO_LIMIT = 1 << 40  # bytes: a placement has a weight limit, a file of one's own has none
MOTIF_SHARE = 0.8
LABEL_INK, LABEL_PLATE = (44, 48, 54), (250, 250, 250)


def on_ground(motif: Image.Image, colour: str) -> Image.Image:
    """A motif in the middle of a plain ground, with room around it for the label; RGB stays as it is."""
    if motif.mode != "RGBA":
        return motif
    width, height = (round(side * MOTIF_SHARE) for side in motif.size)
    ground = Image.new("RGBA", motif.size, colour)
    ground.alpha_composite(
        motif.resize((width, height), Image.Resampling.LANCZOS),
        ((motif.width - width) // 2, (motif.height - height) * 2 // 5),
    )
    return ground.convert("RGB")


def fitted(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The picture in another size, cropped at its edges where the shape differs."""
    return ImageOps.fit(picture, size, Image.Resampling.LANCZOS)


def label_draw(picture: Image.Image, text: str, language: str) -> Image.Image:
    """The picture with the visible label in its lower right corner, as tall as the rule asks."""
    needed = size = provenance.label_height(picture.size)
    while True:
        block = text_fit(
            text,
            "text",
            *(4 * side for side in picture.size),
            max_size=size,
            min_size=size,
            language=language,
        )
        canvas = (round(block.width) + 2 * size, 3 * size)
        mask = text_mask(block, canvas, size / 2, size / 2, canvas[0], "left")
        box = mask.getbbox() or (0, 0, 0, 0)
        if box[3] - box[1] >= needed:
            break
        size += 1
    pad = max(2, round(needed * 0.4))
    ink = mask.crop(box)
    labelled = picture.convert("RGB")
    left, top = labelled.width - ink.width - 2 * pad, labelled.height - ink.height - 2 * pad
    ImageDraw.Draw(labelled).rectangle((left, top, labelled.width, labelled.height), fill=LABEL_PLATE)
    labelled.paste(LABEL_INK, (left + pad, top + pad), ink)
    return labelled


def file_make(picture: Image.Image, extension: str, *, content_id: str, producer: str) -> bytes:
    """The marked file; a transparent motif stays transparent, WebP and PNG lose nothing of it."""
    if picture.mode != "RGBA":
        return encoded(picture, extension, _NO_LIMIT, content_id=content_id, producer=producer).content
    # Both formats keep RGB exactly, so the seal is known beforehand.
    seal = provenance.content_seal(content_id, provenance.pixels_sha256(picture))
    packet = provenance.packet_make(content_id=content_id, producer=producer, seal=seal)
    options = provenance.packet_save_options(packet, extension)
    buffer = io.BytesIO()
    if extension == "webp":
        options |= {"lossless": True, "exact": True}
    picture.save(buffer, extension.upper(), **options)
    return signed(buffer.getvalue(), extension, content_id=content_id)
