"""Keep the product, paint the scene: what an inpainting model is given, and the product put back exactly.

Inpainting models do not keep what lies outside their mask (its pixels pass through the VAE, and random
weights move them by 64 of 255), so the kept pixels are always laid over the picture once more.
"""

from __future__ import annotations

from PIL import Image

GROUND = (128, 128, 128)  # under what is to be painted; at full strength the model sees only noise there


def keep_fitted(keep: Image.Image, size: tuple[int, int]) -> Image.Image:
    """What is kept, in the size of the drawing. Scaled premultiplied, so that no dark rim appears."""
    rgba = keep.convert("RGBA")
    if rgba.size == size:
        return rgba
    return rgba.convert("RGBa").resize(size, Image.Resampling.LANCZOS).convert("RGBA")


def mask_of(keep: Image.Image) -> Image.Image:
    """White where the model paints: everywhere that is not quite opaque, so that soft edges get a ground."""
    return keep.getchannel("A").point([255] * 255 + [0])


def ground_of(keep: Image.Image) -> Image.Image:
    """The kept pixels on neutral grey: the picture that the model starts from."""
    ground = Image.new("RGB", keep.size, GROUND)
    ground.paste(keep, mask=keep.getchannel("A"))
    return ground


def kept_restored(painted: Image.Image, keep: Image.Image) -> Image.Image:
    """The painted scene with the kept pixels over it; where they are opaque they are equal to the source."""
    picture = painted.convert("RGB")
    if picture.size != keep.size:  # a model may answer in a size of its own
        picture = picture.resize(keep.size, Image.Resampling.LANCZOS)
    picture.paste(keep, mask=keep.getchannel("A"))
    return picture
