"""The real diffusers classes at tiny size."""

import dataclasses
import shutil

import pytest
import torch
from diffusers import StableDiffusionPipeline
from PIL import ImageChops
from safetensors.torch import load_file, save_file

from generation import renderers
from generation.renderers import renderer_get, renderer_load
from generation.renderers.base import RenderCancelled, RenderError, RenderRequest
from generation.renderers.fitting import fitted_size

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


def test_a_model_is_compiled_while_it_loads(tiny_model, settings):
    plain = renderer_get(tiny_model).render(REQUEST, no_step)
    settings.GENERATION_COMPILE = True
    renderers._loaded.clear()
    torch.compiler.reset()
    with torch.compiler.set_stance("force_eager"):  # all but the compiler, which takes half a minute
        renderer = renderer_get(tiny_model)
        compiled = renderer.render(REQUEST, no_step)
    assert compiled.details["speed"] == "float32,compiled"
    assert ImageChops.difference(plain.image, compiled.image).getbbox() is None
    renderers._loaded.clear()
    with torch.compiler.set_stance("fail_on_recompile"), pytest.raises(RenderError) as refusal:
        renderer_get(tiny_model)  # before a picture waits for it
    assert (refusal.value.code, refusal.value.permanent) == ("setting_invalid", True)
    assert "GENERATION_COMPILE" in str(refusal.value)


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


class HousePipeline(StableDiffusionPipeline):
    """A pipeline class of ours."""


def test_a_pipeline_class_of_ours_is_loaded_only_when_it_is_listed(tiny_sd, tmp_path, monkeypatch):
    folder = shutil.copytree(tiny_sd, tmp_path / "house")
    index = folder / "model_index.json"
    index.write_text(index.read_text().replace("StableDiffusionPipeline", "HousePipeline"))
    with pytest.raises(RenderError, match="HousePipeline") as refusal:
        renderer_load("house", str(folder))
    assert refusal.value.code == "model_broken"
    path = f"{HousePipeline.__module__}.HousePipeline"
    monkeypatch.setitem(renderers.OWN_PIPELINES, "HousePipeline", path)
    result = renderer_load("house", str(folder)).render(REQUEST, no_step)
    assert result.details["pipeline"] == "HousePipeline"


def test_a_batch_draws_what_each_request_draws_alone(tiny_model):
    renderer = renderer_get(tiny_model)
    requests = [dataclasses.replace(REQUEST, seed=seed, prompt=f"thing {seed}") for seed in (1, 2, 3)]
    steps = []
    together = renderer.render_many(requests, lambda step, total: steps.append((step, total)))
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)], "one pass for all"
    for result, request in zip(together, requests, strict=True):
        alone = renderer.render(request, no_step)
        assert max(high for _, high in ImageChops.difference(result.image, alone.image).getextrema()) <= 1
    assert renderer.render_many([], no_step) == []


def test_what_a_text_encoder_cannot_read_is_noted(tiny_model):
    renderer = renderer_get(tiny_model)
    details = renderer.render(dataclasses.replace(REQUEST, prompt="abcd " * 2000), no_step).details
    assert details["prompt_characters_unread"] == 8000
    assert details["prompt_tokens_unread"] > 1000
    assert "prompt_tokens_unread" not in renderer.render(REQUEST, no_step).details


@pytest.mark.parametrize("size", [(0, 32), (32, -1), (100_000, 32)])
def test_an_impossible_size_is_named(tiny_model, size):
    request = dataclasses.replace(REQUEST, width=size[0], height=size[1])
    with pytest.raises(RenderError, match=f"{size[0]}x{size[1]}") as refusal:
        renderer_get(tiny_model).render(request, no_step)
    assert (refusal.value.code, refusal.value.permanent) == ("size_invalid", True)


def test_weights_that_draw_nan_are_an_error_not_a_black_picture(tiny_sd, tmp_path):
    folder = shutil.copytree(tiny_sd, tmp_path / "nan")
    weights = next((folder / "vae").glob("*.safetensors"))
    tensors = load_file(weights)
    tensors["decoder.conv_out.bias"] = torch.full_like(tensors["decoder.conv_out.bias"], float("nan"))
    save_file(tensors, weights, metadata={"format": "pt"})
    with pytest.raises(RenderError, match="GENERATION_DTYPE") as refusal:
        renderer_load("nan", str(folder)).render(REQUEST, no_step)
    assert (refusal.value.code, refusal.value.permanent) == ("picture_not_finite", True)


def test_what_makes_it_smaller_is_applied_where_the_parts_have_it(tiny_sd, settings):
    settings.GENERATION_VAE_TILING = settings.GENERATION_VAE_SLICING = True
    settings.GENERATION_ATTENTION_SLICING = True
    settings.GENERATION_DTYPE = "bfloat16"
    result = renderer_load("small", str(tiny_sd)).render(REQUEST, no_step)
    assert result.details["speed"] == "bfloat16,vae_tiling,vae_slicing,attention_slicing"
    assert result.image.getextrema() != ((0, 0), (0, 0), (0, 0))
