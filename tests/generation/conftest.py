"""A real diffusers model at tiny size, and briefs for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from generation import renderers
from tests import factories
from tests.generation.motif_pictures import write_pictures
from tests.generation.motif_renderer import MotifRenderer


@pytest.fixture(scope="session", autouse=True)
def judge() -> None:
    """Loaded before the first job: on a busy machine its first load may outlast a test's lease, whose
    heartbeat cannot see a row of the test's own transaction."""
    from generation.matching.scoring import scorer_get

    scorer_get()


@pytest.fixture(scope="session")
def tiny_sd(tmp_path_factory) -> Path:
    """A Stable Diffusion folder of random weights: the real classes, a second to build, 32 x 32 pixels."""
    import torch
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    torch.set_num_threads(1)
    torch.manual_seed(0)
    characters = [chr(code) for code in _byte_codes()]
    vocabulary = {word: i for i, word in enumerate([*characters, *(c + "</w>" for c in characters)])}
    for special in ("<|startoftext|>", "<|endoftext|>"):
        vocabulary[special] = len(vocabulary)
    pipeline = StableDiffusionPipeline(
        vae=AutoencoderKL(
            block_out_channels=(16, 32),
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            latent_channels=4,
            norm_num_groups=8,
            sample_size=32,
        ),
        unet=UNet2DConditionModel(
            block_out_channels=(16, 32),
            layers_per_block=1,
            sample_size=16,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=16,
            attention_head_dim=4,
            norm_num_groups=8,
        ),
        text_encoder=CLIPTextModel(
            CLIPTextConfig(
                vocab_size=len(vocabulary),
                hidden_size=16,
                intermediate_size=32,
                num_attention_heads=2,
                num_hidden_layers=1,
                max_position_embeddings=77,
                bos_token_id=len(vocabulary) - 2,
                eos_token_id=len(vocabulary) - 1,
            )
        ),
        tokenizer=CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=77),
        scheduler=DDIMScheduler(steps_offset=1, clip_sample=False),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    folder = tmp_path_factory.mktemp("models") / "tiny-sd"
    pipeline.save_pretrained(folder, safe_serialization=True)
    return folder


def _byte_codes() -> list[int]:
    """The 256 printable stand-ins of CLIP's byte vocabulary."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return [*printable, *range(256, 256 + 256 - len(printable))]


@pytest.fixture
def tiny_model(settings, tiny_sd, monkeypatch) -> str:
    """The tiny model under a name, four steps a picture."""
    settings.GENERATION_MODELS = {"tiny": str(tiny_sd)}
    settings.GENERATION_DEFAULT_MODEL = "tiny"
    settings.GENERATION_STEPS = 4
    monkeypatch.setattr(renderers, "_loaded", {})
    return "tiny"


@pytest.fixture
def motif_model(settings, monkeypatch) -> str:
    """The name of a model that draws a motif at once."""
    settings.GENERATION_MODELS = {"motif": "/nowhere"}
    drawer = MotifRenderer()
    monkeypatch.setattr("generation.redrawing.renderer_get", lambda name: drawer)
    monkeypatch.setattr("generation.execution.renderer_get", lambda name: drawer)
    return "motif"


@pytest.fixture
def brief(shop, settings):
    """A brief of the shop for a model that no test of the queue ever loads."""
    settings.GENERATION_MODELS = {**settings.GENERATION_MODELS, "tiny": "/nowhere/tiny"}
    return factories.make_brief(factories.make_product(shop), model="tiny")


@pytest.fixture
def install(brief, settings, monkeypatch):
    """Make a renderer of ours the loaded model of ``brief``."""

    def put(renderer):
        key = ("tiny", str(settings.GENERATION_MODELS["tiny"]))
        monkeypatch.setattr(renderers, "_loaded", {key: renderer})
        return renderer

    return put


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    """A pictures folder of four objects in two styles."""
    import torch

    torch.set_num_threads(1)
    return write_pictures(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def training_set(pictures):
    """Those pictures at 16 pixels with the vectors of their captions."""
    from generation.training.gan_data import build_training_set
    from generation.training.pictures import read_objects

    return build_training_set(read_objects(pictures), 16, pictures / "cache")
