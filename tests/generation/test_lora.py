"""A brand's LoRA on a real, tiny pipeline: in for one render, out again, and every way it can be wrong."""

import dataclasses

import pytest
import torch
from PIL import ImageChops
from safetensors.torch import load_file, save_file

from generation.renderers import renderer_get
from generation.renderers.base import RenderError, RenderRequest
from generation.renderers.lora import lora_names

REQUEST = RenderRequest(prompt="a mug", motif="mug", seed=7, width=32, height=32, steps=2)


@pytest.fixture(scope="session")
def tiny_lora(tiny_sd, tmp_path_factory):
    """LoRA weights for the tiny model, as diffusers saves them, strong enough to show."""
    from diffusers import StableDiffusionPipeline
    from peft import LoraConfig, get_peft_model_state_dict

    pipeline = StableDiffusionPipeline.from_pretrained(str(tiny_sd), safety_checker=None)
    pipeline.unet.add_adapter(
        LoraConfig(r=2, lora_alpha=2, target_modules=["to_q", "to_k", "to_v", "to_out.0"])
    )
    torch.manual_seed(0)
    for name, weights in pipeline.unet.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(weights, std=3.0)
    folder = tmp_path_factory.mktemp("loras")
    pipeline.save_lora_weights(
        folder / "house-style", unet_lora_layers=get_peft_model_state_dict(pipeline.unet)
    )
    return folder


@pytest.fixture
def draw(tiny_model, tiny_lora, settings):
    settings.GENERATION_LORA_DIR = str(tiny_lora)
    renderer = renderer_get(tiny_model)
    return lambda lora: renderer.render(dataclasses.replace(REQUEST, lora=lora), lambda step, steps: None)


def test_a_lora_changes_the_picture_and_leaves_the_model_as_it_was(draw):
    before, styled, again, after = draw(""), draw("house-style"), draw("house-style"), draw("")
    assert ImageChops.difference(before.image, styled.image).getbbox() is not None
    assert styled.image.tobytes() == again.image.tobytes()
    assert before.image.tobytes() == after.image.tobytes()
    assert styled.details["lora"] == "house-style"
    assert len(styled.details["lora_hash"]) == 64
    assert "lora" not in after.details


def test_names_come_from_the_folder(draw, tiny_lora, settings):
    (tiny_lora / "empty").mkdir(exist_ok=True)
    assert "house-style" in lora_names()
    assert "empty" not in lora_names()
    settings.GENERATION_LORA_DIR = ""
    assert lora_names() == []


@pytest.mark.parametrize("name", ["nowhere", "../loras/house-style", "/etc", "House-Style"])
def test_only_names_within_the_folder_are_known(draw, name):
    with pytest.raises(RenderError) as refusal:
        draw(name)
    assert (refusal.value.code, refusal.value.permanent) == ("lora_unknown", True)


def _cut(weights):
    weights.write_bytes(weights.read_bytes()[:200])


def _of_another_shape(weights):
    save_file({key: value[..., :-1].contiguous() for key, value in load_file(weights).items()}, weights)


def _of_another_model(weights):
    save_file({"transformer.blocks.0.lora_A.weight": torch.zeros(2, 2)}, weights)


@pytest.mark.parametrize("spoil", [_cut, _of_another_shape, _of_another_model])
def test_a_broken_lora_is_named_and_leaves_the_model_usable(draw, tiny_lora, spoil):
    folder = tiny_lora / f"broken{spoil.__name__.replace('_', '-')}"
    folder.mkdir()
    weights = folder / "weights.safetensors"
    weights.write_bytes(next((tiny_lora / "house-style").glob("*.safetensors")).read_bytes())
    spoil(weights)
    before = draw("")
    with pytest.raises(RenderError) as refusal:
        draw(folder.name)
    assert (refusal.value.code, refusal.value.permanent) == ("lora_broken", True)
    assert str(weights) in str(refusal.value)
    assert draw("").image.tobytes() == before.image.tobytes()
