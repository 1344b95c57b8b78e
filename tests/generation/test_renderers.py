import json

import pytest

from generation import renderers
from generation.renderers import model_check, renderer_get
from generation.renderers.base import RenderError
from generation.renderers.weights import weights_hash


@pytest.fixture
def folder(tmp_path):
    """The outside of a model: enough for the checks, nothing to load."""
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionPipeline"}))
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "model.safetensors").write_bytes(b"")
    return tmp_path


def refusal_of(folder) -> RenderError:
    with pytest.raises(RenderError) as refusal:
        model_check(folder)
    assert refusal.value.permanent
    return refusal.value


def test_a_clean_folder_names_its_pipeline(folder):
    assert model_check(folder) == "StableDiffusionPipeline"


def test_a_missing_folder_is_named_together_with_the_setting(tmp_path):
    refusal = refusal_of(tmp_path / "nowhere")
    assert refusal.code == "model_missing"
    assert "nowhere" in str(refusal)
    assert "GENERATION_MODELS" in str(refusal)


def test_a_folder_without_an_index_is_no_model(tmp_path):
    assert refusal_of(tmp_path).code == "model_missing"


@pytest.mark.parametrize("name", ["unet/model.bin", "v1.ckpt", "x/y.PT", "pipeline.py", "a.pkl"])
def test_files_that_can_run_code_are_refused_by_name(folder, name):
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"")
    refusal = refusal_of(folder)
    assert refusal.code == "model_unsafe"
    assert name in str(refusal)


def test_an_index_that_asks_for_code_of_its_own_is_refused(folder):
    (folder / "model_index.json").write_text(json.dumps({"_class_name": ["mine", "MyPipeline"]}))
    assert refusal_of(folder).code == "model_unsafe"


@pytest.mark.parametrize("index", ["", "[]", "{}", "not json"])
def test_a_broken_index_has_a_code(folder, index):
    (folder / "model_index.json").write_text(index)
    assert refusal_of(folder).code == "model_broken"


def test_a_folder_without_safetensors_is_refused(folder):
    (folder / "unet" / "model.safetensors").unlink()
    assert refusal_of(folder).code == "model_missing"


def test_an_unknown_name_lists_the_known_ones(settings):
    settings.GENERATION_MODELS = {"motif-gan": "/nowhere"}
    with pytest.raises(RenderError, match="there are: motif-gan"):
        renderer_get("dall-e")


def test_a_hub_id_that_cannot_be_fetched_is_a_passing_trouble(settings, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(renderers, "_loaded", {})
    settings.GENERATION_MODELS = {"far": "nobody/no-such-model-0"}
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(RenderError, match="could not be fetched") as refusal:
        renderer_get("far")
    assert (refusal.value.code, refusal.value.permanent) == ("model_unreachable", False)


def test_pinned_weights_are_loaded_only_while_they_are_those(folder, settings):
    settings.GENERATION_MODEL_HASHES = {"mine": weights_hash(folder).upper()}
    renderers.pin_check("mine", folder)
    renderers.pin_check("not-pinned", folder)
    (folder / "unet" / "model.safetensors").write_bytes(b"other")
    with pytest.raises(RenderError, match=weights_hash(folder)) as refusal:
        renderers.renderer_load("mine", str(folder))
    assert (refusal.value.code, refusal.value.permanent) == ("model_hash_mismatch", True)
