"""How well picture and text agree: the judges at tiny size, and the best of several candidates."""

from __future__ import annotations

import colorsys
import io
import shutil

import numpy as np
import pytest
from PIL import Image, ImageDraw

from adplatform.lib.files import content_read
from generation import renderers, services
from generation.chinese import to_english
from generation.matching import encoder, scoring
from generation.matching.base import GROUND, Wanted, picture_flat
from generation.matching.clip import ClipScorer
from generation.matching.encoder import EncoderScorer
from generation.matching.scoring import match_score, scorer_get, wanted_of
from generation.models import RenderJob
from generation.renderers.base import RenderError, RenderResult


@pytest.fixture(autouse=True)
def nothing_loaded(monkeypatch, tmp_path):
    monkeypatch.setattr(scoring, "_loaded", {})
    monkeypatch.setattr(scoring, "BUILT_IN_FOLDER", tmp_path / "absent")


class RednessScorer:
    """Judges one thing that a test can see."""

    name, version, low = "redness", "0" * 64, 0.5

    def __init__(self):
        self.texts = []

    def question(self, picture, wanted):
        return picture_flat(picture), to_english(wanted.motif)

    def score(self, picture, text):
        self.texts.append(text)
        assert picture.mode == "RGB"
        red, green, blue = np.asarray(picture, float).mean(axis=(0, 1))
        return float((red - max(green, blue)) / 255)


@pytest.fixture
def redness(monkeypatch):
    scorer = RednessScorer()
    monkeypatch.setattr("generation.drawing.scorer_get", lambda: scorer)
    return scorer


class HueRenderer:
    """A disc whose colour is made from the seed."""

    def __init__(self):
        self.batches = []

    def render(self, request, on_step):
        return self.render_many([request], on_step)[0]

    def render_many(self, requests, on_step):
        self.batches.append(len(requests))
        on_step(1, 1)
        return [RenderResult(self.picture(r.seed), "tiny", "f" * 64, 1) for r in requests]

    @staticmethod
    def picture(seed):
        image = Image.new("RGBA", (64, 64))
        colour = colorsys.hsv_to_rgb(seed % 7 / 7, 1, 0.9)
        ImageDraw.Draw(image).ellipse((4, 4, 60, 60), fill=tuple(round(255 * c) for c in colour))
        return image


@pytest.fixture
def hues(brief, settings, monkeypatch):
    renderer = HueRenderer()
    key = ("tiny", str(settings.GENERATION_MODELS["tiny"]))
    monkeypatch.setattr(renderers, "_loaded", {key: renderer})
    return renderer


def run(shop, brief) -> RenderJob:
    job = services.render_request(advertiser=shop, brief=brief)
    assert services.render_execute("a")
    job.refresh_from_db()
    assert job.status == RenderJob.Status.SUCCEEDED, (job.error_code, job.error_message)
    return job


@pytest.mark.django_db
def test_the_best_of_the_candidates_is_kept_with_its_seed(shop, brief, settings, hues, redness):
    settings.GENERATION_CANDIDATES = 7  # every hue once
    job = run(shop, brief)
    assert hues.batches == [7]
    assert job.render_details["seed"] % 7 == 0, "red"
    assert job.match_score == max(job.render_details["match"]["scores"])
    assert len(set(job.render_details["match"]["scores"])) == 7
    stored = Image.open(io.BytesIO(content_read(job.picture)))
    assert stored.convert("RGBA").getpixel((32, 32))[:2] == (230, 0)
    assert redness.texts == [job.motif] * 7


@pytest.mark.django_db
def test_without_a_judge_one_picture_is_drawn_and_nothing_is_claimed(shop, brief, settings, hues):
    settings.GENERATION_CANDIDATES = 7
    job = run(shop, brief)
    assert hues.batches == [1]
    assert job.match_score is None
    assert "match" not in job.render_details


@pytest.mark.django_db
def test_a_manager_sees_the_score(shop, brief, hues, redness, alice_client):
    job = run(shop, brief)
    page = alice_client.get(f"/creatives/{job.creatives.first().pk}").content.decode()
    assert f"<strong>{job.match_score:.2f}</strong>" in page
    assert job.motif in page


def test_chinese_is_judged_in_english(redness):
    red = Image.new("RGB", (8, 8), "red")
    match = match_score(redness, red, Wanted("跑步鞋", "跑步鞋"))
    assert (match.text, match.score, match.is_low) == ("running shoe", 1.0, False)
    assert match_score(redness, red, Wanted("？！", "？！")) is None
    assert len(match_score(redness, red, Wanted("", "shoe " * 3000)).text) <= 300


def test_what_counts_as_low_is_the_judges_own_unless_set(redness, settings):
    settings.GENERATION_MATCH_LOW = None
    grey = Image.new("RGB", (8, 8), "grey")
    assert match_score(redness, grey, Wanted("shoe", "shoe")).is_low
    settings.GENERATION_MATCH_LOW = -1.0
    assert not match_score(redness, grey, Wanted("shoe", "shoe")).is_low


SHOE = wanted_of(
    "flat illustration, running shoe, in a sunny cafe, palette of deep green",
    [{"slot": "style", "text": "flat illustration"}, {"slot": "setting", "text": "in a sunny cafe"}],
    "跑步鞋",
)
SCENE = Image.new("RGB", (64, 64), "green")


def test_clip_is_asked_for_the_thing_and_its_place():
    ask = ClipScorer.question
    assert ask(None, SCENE, SHOE)[1] == "running shoe in a sunny cafe"
    flat, text = ask(None, HueRenderer.picture(0), SHOE)
    assert text == "running shoe"
    assert (flat.mode, flat.getpixel((0, 0))) == ("RGB", GROUND)


def test_the_built_in_encoder_is_asked_in_the_words_it_was_trained_on():
    ask = EncoderScorer.question
    assert ask(None, SCENE, SHOE)[1] == "running shoe in a forest green studio, flat illustration"
    stood, text = ask(None, HueRenderer.picture(0), SHOE)
    assert text == "running shoe on a plain sky blue gradient, flat illustration"
    assert (stood.mode, stood.size) == ("RGB", (256, 256))
    top, feet = stood.getpixel((128, 0)), stood.getpixel((128, 200))
    assert top == (0xCB, 0xEB, 0xFF)
    assert feet[0] > 200 > feet[1], "the disc stands at 0.81 of the height"


# --- the built-in encoder


@pytest.fixture
def encoder_folder(tmp_path):
    """The real network at tiny size, random weights."""
    torch = pytest.importorskip("torch")
    networks = pytest.importorskip("generation.matching.networks")
    torch.manual_seed(0)
    folder = tmp_path / "match-encoder"
    networks.ImageEncoder(channels=(8, 8, 8, 8, 8)).save_pretrained(folder, safe_serialization=True)
    return folder


def test_the_built_in_encoder_scores_pictures_of_any_size(encoder_folder, monkeypatch):
    monkeypatch.setattr(scoring, "BUILT_IN_FOLDER", encoder_folder)
    scorer = scorer_get()
    assert scorer_get() is scorer
    picture = Image.effect_noise((300, 200), 90).convert("RGB")
    score = scorer.score(picture, "a running shoe")
    assert -1 <= score <= 1
    assert score == scorer.score(picture, "a running shoe")
    assert score != scorer.score(picture, "a mountain")
    assert len(scorer.version) == 64


def test_a_broken_encoder_names_its_folder(encoder_folder, monkeypatch):
    monkeypatch.setattr(scoring, "BUILT_IN_FOLDER", encoder_folder)
    weights = next(encoder_folder.glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(RenderError, match=str(encoder_folder)) as refusal:
        scorer_get()
    assert (refusal.value.code, refusal.value.permanent) == ("scorer_broken", True)


def test_an_encoder_of_an_unlisted_class_is_refused(tmp_path, monkeypatch):
    (tmp_path / "config.json").write_text('{"_class_name": "os.system"}')
    with pytest.raises(RenderError) as refusal:
        encoder.EncoderScorer(tmp_path)
    assert refusal.value.code == "scorer_broken"


# --- CLIP


@pytest.fixture
def clip_folder(tmp_path, tiny_sd, settings):
    """A CLIP of random weights with the tiny model's tokenizer."""
    from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPTokenizer, CLIPVisionConfig

    tokenizer = CLIPTokenizer.from_pretrained(tiny_sd / "tokenizer")
    size = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "num_hidden_layers": 1}
    text = CLIPTextConfig(
        vocab_size=len(tokenizer),
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        **size,
    )
    vision = CLIPVisionConfig(image_size=32, patch_size=8, **size)
    folder = tmp_path / "clip"
    CLIPModel(
        CLIPConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=8)
    ).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    settings.GENERATION_CLIP = str(folder)
    return folder


def test_clip_takes_the_place_of_the_encoder(clip_folder):
    scorer = scorer_get()
    assert (scorer.name, len(scorer.version)) == ("clip", 64)
    picture = Image.effect_noise((300, 200), 90).convert("RGB")
    scores = [scorer.score(picture, text) for text in ("a shoe", "a mountain", "word " * 500)]
    assert all(-1 <= score <= 1 for score in scores)
    assert len(set(scores)) == 3


def test_a_clip_folder_that_is_missing_or_broken_is_named(clip_folder):
    weights = next(clip_folder.glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(RenderError, match=str(clip_folder)) as refusal:
        scorer_get()
    assert refusal.value.code == "scorer_broken"
    shutil.rmtree(clip_folder)
    with pytest.raises(RenderError, match="GENERATION_CLIP") as refusal:
        scorer_get()
    assert refusal.value.code == "scorer_missing"


@pytest.mark.django_db
def test_a_judge_that_is_named_but_missing_refuses_the_job(shop, brief, hues, settings):
    settings.GENERATION_CLIP = "/nowhere/clip"
    job = services.render_request(advertiser=shop, brief=brief)
    services.render_execute("a")
    job.refresh_from_db()
    assert (job.status, job.error_code) == (RenderJob.Status.REJECTED, "scorer_missing")
