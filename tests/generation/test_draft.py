"""The fine detail of the GAN's motifs over what the denoiser painted."""

from __future__ import annotations

import random

import torch
from PIL import Image

from generation.diffusion.draft import (
    DETAIL_SIGMA,
    PICTURE_SIDE,
    detail_canvas,
    draft_canvas,
    places_of,
    with_detail,
)


def stripes() -> torch.Tensor:
    """A striped square of 128 pixels in the middle, opaque, (1, 4, 256, 256)."""
    detail = torch.zeros(1, 4, PICTURE_SIDE, PICTURE_SIDE)
    detail[:, :3, :, ::8] = 1.0
    detail[:, 3, 64:192, 64:192] = 1.0
    return detail


def test_detail_is_the_motifs_and_light_is_the_pictures():
    picture = torch.full((1, 3, PICTURE_SIDE, PICTURE_SIDE), -0.5)
    made = with_detail(picture, stripes())
    inside = made[:, :, 112:144, 112:144]
    assert inside.std() > 0.25, "the stripes are there"
    assert abs(inside.mean() - picture.mean()) < 0.05, "as dark as the picture was painted"
    far = round(3 * DETAIL_SIGMA)
    assert torch.allclose(made[..., : 64 - far, :], picture[..., : 64 - far, :], atol=1e-6)


def test_without_a_motif_nothing_changes():
    picture = torch.rand(2, 3, 64, 64) * 2 - 1
    nothing = torch.zeros(2, 4, PICTURE_SIDE, PICTURE_SIDE)
    assert torch.allclose(with_detail(picture, nothing), picture, atol=1e-6)


def test_draft_and_detail_stand_in_the_same_place():
    small = Image.new("RGBA", (20, 30), "red")
    for seed in range(20):
        places = places_of("left", 0.8, [small.size, (40, 10)], random.Random(seed))
        draft = draft_canvas([small, Image.new("RGBA", (40, 10), "blue")], places)
        detail = detail_canvas([small.resize((80, 120)), Image.new("RGBA", (160, 40), "blue")], places)
        coarse = torch.nn.functional.avg_pool2d(torch.from_numpy(detail[3:] / 255.0), 4)[0]
        assert (coarse - torch.from_numpy(draft[3] / 255.0)).abs().mean() < 0.02
