"""The real diffusers classes at tiny size."""

import dataclasses
import shutil

import pytest
from PIL import ImageChops

from generation.renderers import renderer_get, renderer_load
from generation.renderers.base import RenderCancelled, RenderError, RenderRequest
from generation.renderers.diffusion import fitted_size

REQUEST = RenderRequest(
    prompt="a mountain, soft 3D render",
    motif="mountain",
    seed=2**62 + 1,
    width=1024,
    height=1024,
    negative_prompt="text",
    steps=4,
)


def no_step(step: int, steps: int) -> None:
    pass


@pytest.mark.parametrize(
    ("wanted", "native", "fitted"),
    [
        ((512, 512), None, (512, 512)),
        ((500, 333), None, (496, 336)),
        ((1024, 1024), 512, (512, 512)),
        ((1200, 600), 512, (512, 256)),
        ((64, 64), 512, (64, 64)),
        ((3, 3), None, (8, 8)),
    ],
)
def test_sizes_fit_what_the_model_can_draw(wanted, native, fitted):
    assert fitted_size(*wanted, native) == fitted


def test_a_folder_is_loaded_once_and_draws(tiny_model):
    renderer = renderer_get(tiny_model)
    assert renderer_get(tiny_model) is renderer
    steps = []
    result = renderer.render(REQUEST, lambda step, total: steps.append((step, total)))
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert (result.image.mode, result.image.size) == ("RGB", (32, 32)), "its own size, not 1024"
    assert (result.model, result.steps, len(result.model_hash)) == ("tiny", 4, 64)
    assert result.details["pipeline"] == "StableDiffusionPipeline"


def test_a_seed_is_a_picture(tiny_model):
    renderer = renderer_get(tiny_model)
    one, two = (renderer.render(REQUEST, no_step).image for _ in range(2))
    other = renderer.render(dataclasses.replace(REQUEST, seed=5), no_step).image
    assert max(high for _, high in ImageChops.difference(one, two).getextrema()) <= 1
    assert ImageChops.difference(one, other).getbbox() is not None


def test_a_cancel_stops_between_steps_and_leaves_the_pipeline_usable(tiny_model):
    renderer = renderer_get(tiny_model)
    seen = []

    def stop_at_two(step: int, steps: int) -> None:
        seen.append(step)
        if step == 2:
            raise RenderCancelled

    with pytest.raises(RenderCancelled):
        renderer.render(REQUEST, stop_at_two)
    assert seen == [1, 2]
    assert renderer.render(REQUEST, no_step).image.size == (32, 32)


def test_an_empty_prompt_is_refused(tiny_model):
    with pytest.raises(RenderError, match="empty"):
        renderer_get(tiny_model).render(dataclasses.replace(REQUEST, prompt=" "), no_step)


def test_weights_that_are_cut_short_are_a_clear_error(tiny_sd, tmp_path):
    folder = shutil.copytree(tiny_sd, tmp_path / "broken")
    weights = next((folder / "unet").glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(RenderError) as refusal:
        renderer_load("broken", str(folder))
    assert (refusal.value.code, refusal.value.permanent) == ("model_broken", True)
    assert str(folder) in str(refusal.value)


def test_a_wrong_dtype_setting_is_named(tiny_model, settings):
    settings.GENERATION_DTYPE = "int3"
    with pytest.raises(RenderError, match="GENERATION_DTYPE"):
        renderer_get(tiny_model)


def test_a_pickle_beside_the_weights_is_refused_before_anything_is_loaded(tiny_sd, tmp_path):
    folder = shutil.copytree(tiny_sd, tmp_path / "unsafe")
    (folder / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"\x80\x04")
    with pytest.raises(RenderError) as refusal:
        renderer_load("unsafe", str(folder))
    assert refusal.value.code == "model_unsafe"
