"""Keep the product, paint the scene: on a real, tiny inpainting pipeline."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from generation import services
from generation.composition.around import keep_make, kept_box, scene_around
from generation.composition.compose import canvas_compose
from generation.composition.product import product_place
from generation.models import RenderJob
from generation.renderers import renderer_get
from generation.renderers.base import RenderError, RenderRequest
from generation.renderers.gan import GanRenderer
from generation.renderers.inpainting import keep_fitted
from tests.generation.composing import ALL_SIZES, brief_for, layout_of, motif


def no_step(step, steps):
    pass


@pytest.fixture
def keep():
    """A product of noisy pixels with a soft edge."""
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 4), dtype=np.uint8)
    pixels[..., 3] = 0
    pixels[10:26, 8:20, 3] = 255
    pixels[10:26, 20, 3] = 128
    return Image.fromarray(pixels, "RGBA")


def request_for(keep, seed=3):
    return RenderRequest(prompt="a cafe", motif="cup", seed=seed, width=32, height=32, steps=3, keep=keep)


def test_kept_pixels_are_the_sources_and_the_rest_is_painted(tiny_model, keep):
    renderer = renderer_get(tiny_model)
    steps = []
    result = renderer.render(request_for(keep), lambda step, total: steps.append(step))
    source, picture = np.asarray(keep), np.asarray(result.image)
    kept = source[..., 3] == 255
    assert np.array_equal(picture[kept], source[..., :3][kept])
    assert picture[~kept].std() > 5
    other = np.asarray(renderer.render(request_for(keep, seed=4), no_step).image)
    assert np.array_equal(other[kept], picture[kept])
    assert not np.array_equal(other[~kept], picture[~kept])
    assert steps == [1, 2, 3]
    assert result.details["pipeline"] == "StableDiffusionInpaintPipeline"
    assert renderer.render(dataclasses.replace(request_for(keep), keep=None), no_step).image.size == (32, 32)


def test_a_product_of_another_size_is_scaled_once_and_then_kept(tiny_model, keep):
    large = keep.resize((80, 80), Image.Resampling.NEAREST)
    scaled = np.asarray(keep_fitted(large, (32, 32)))
    result = np.asarray(renderer_get(tiny_model).render(request_for(large), no_step).image)
    kept = scaled[..., 3] == 255
    assert kept.sum() > 80
    assert np.array_equal(result[kept], scaled[..., :3][kept])


def test_a_model_that_cannot_inpaint_says_so(keep):
    with pytest.raises(RenderError) as refusal:
        GanRenderer().render(request_for(keep), no_step)
    assert (refusal.value.code, refusal.value.permanent) == ("inpainting_unsupported", True)


@pytest.fixture
def cutout():
    """Taller than wide, every pixel of its own colour."""
    return motif().resize((120, 240))


@pytest.mark.parametrize("size", ALL_SIZES)
def test_the_painted_square_lies_under_the_product_of_every_layout(cutout, size):
    """A square whose colour says where a pixel was: each one is found again where the layout's product is."""
    side = 512
    x, y = np.meshgrid(np.arange(side) / 2, np.arange(side) / 2)
    square = Image.fromarray(np.dstack([x, y, 0 * x]).astype(np.uint8), "RGB")
    placed = product_place(cutout, layout_of(size), is_card=False)
    scene = scene_around(size, square, kept_box(cutout), placed)
    assert scene.size == size
    left, top, right, bottom = kept_box(cutout)
    for across, down in ((0.5, 0.5), (0.1, 0.9), (0.9, 0.1)):
        at = (
            placed.left + across * placed.picture.width,
            placed.top + down * placed.picture.height,
        )
        found = scene.getpixel((round(at[0]), round(at[1])))
        wanted = (left + across * (right - left)) * side / 2, (top + down * (bottom - top)) * side / 2
        pixel = (right - left) * side / 2 / placed.picture.width  # what one pixel of the scene is worth
        assert np.abs(np.subtract(found[:2], wanted)).max() < 2 + 2 * pixel


def test_the_kept_square_holds_the_product_where_it_says(cutout):
    box = keep_make(cutout, 200).getchannel("A").point(lambda value: 255 * (value > 128)).getbbox()
    assert np.abs(np.subtract(box, [edge * 200 for edge in kept_box(cutout)])).max() <= 1.5


def test_the_products_pixels_are_in_the_creative_and_the_painting_around_it(shop, cutout):
    brief = brief_for(shop, cutout=cutout, keeps_product=True)
    painting = Image.new("RGB", (256, 256), "#b05020")
    canvas = canvas_compose(brief=brief, picture=painting, size=(300, 250))
    own = np.asarray(canvas.placed.picture)
    shown = np.asarray(canvas.picture.crop(canvas.placed.box))
    opaque = own[..., 3] == 255
    assert np.array_equal(shown[opaque], own[..., :3][opaque])
    scene = np.asarray(canvas.scene.crop(canvas.placed.box))
    beside = own[..., 3] == 0
    # The content id moves a pixel by 13 levels at most; a shadow would be a darker region of many.
    difference = shown[beside].astype(int) - scene[beside].astype(int)
    assert np.abs(difference).max() <= 13
    assert abs(difference.mean()) < 0.5, "no second shadow"


def test_a_job_that_keeps_its_product_is_painted_around_it(shop, tiny_model, settings):
    settings.GENERATION_PICTURE_SIZE = 32
    settings.GENERATION_REDRAWS_MAX = 0  # random weights draw what inspection may call blank
    brief = brief_for(shop, cutout=motif(), keeps_product=True, model=tiny_model, sizes=((300, 250),))
    job = services.render_request(advertiser=shop, brief=brief)
    assert services.render_execute("a")
    job.refresh_from_db()
    assert job.status == RenderJob.Status.SUCCEEDED, (job.error_code, job.error_message)
    assert job.render_details["pipeline"] == "StableDiffusionInpaintPipeline"
    assert job.render_details["seed"] == job.seed
