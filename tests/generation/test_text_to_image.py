import io

import pytest
from django.core.management import CommandError, call_command
from PIL import Image

from generation import picture_file, provenance
from tests.generation.composing import is_untouched


def draw(*arguments: str) -> str:
    out = io.StringIO()
    call_command("text_to_image", *arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue()


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.jpg"])
@pytest.mark.parametrize("text", ["hiking in autumn", "喜欢露营"])
def test_text_in_picture_file_out(tiny_model, tmp_path, name, text):
    file = tmp_path / name
    said = draw(text, "--out", str(file), "--size", "320x200")
    assert "prompt  " in said
    assert "seed    " in said
    with Image.open(file) as picture:
        picture.load()
        assert picture.size == (320, 200)
        marking = provenance.marking_read(picture)
        assert marking is not None
        assert is_untouched(picture)


def test_a_seed_draws_the_same_picture_again(tiny_model, tmp_path):
    for name in ("a.png", "b.png"):
        draw("coffee", "--out", str(tmp_path / name), "--seed", "5")
    draw("coffee", "--out", str(tmp_path / "c.png"), "--seed", "6")
    contents = [Image.open(tmp_path / name).tobytes() for name in ("a.png", "b.png", "c.png")]
    assert contents[0] == contents[1] != contents[2]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["coffee", "--out", "x.gif"], "must end in"),
        (["coffee", "--out", "/nowhere/x.png"], "does not exist"),
        (["coffee", "--out", "x.png", "--style", "cubism"], "no style"),
        (["coffee", "--out", "x.png", "--model", "dall-e"], "model_unknown"),
        (["coffee", "--out", "x.png", "--size", "0x9"], "--size"),
        (["coffee", "--out", "x.png", "--seed", "-1"], "--seed"),
        (["coffee", "--out", "x.png", "--steps", "0"], "--steps"),
        (["coffee", "--out", "x.jpg", "--transparent"], "JPEG"),
        (["", "--out", "x.png"], "Name a thing"),
        (["嘿嘿", "--out", "x.png"], "Name a thing"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(tiny_model, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CommandError, match=words):
        draw(*arguments)
    assert list(tmp_path.glob("x.*")) == []


def test_a_missing_model_folder_names_the_setting(settings, tmp_path, tiny_model):
    settings.GENERATION_MODELS = {"tiny": str(tmp_path / "gone")}
    with pytest.raises(CommandError, match="GENERATION_MODELS"):
        draw("coffee", "--out", str(tmp_path / "x.png"))


def test_the_label_is_as_tall_as_the_rule_asks_and_a_motif_keeps_clear_of_the_edge():
    motif = Image.new("RGBA", (256, 256), "#ff0000")
    ground = picture_file.on_ground(motif, "#ffffff")
    assert ground.getpixel((128, 128)) == (255, 0, 0)
    assert ground.getpixel((3, 3)) == (255, 255, 255)
    for text, language in (("AI-generated", "en"), ("AI生成", "zh")):
        blank = Image.new("RGB", (256, 256), picture_file.LABEL_PLATE)
        ink = picture_file.label_draw(blank, text, language).convert("L").point(lambda v: 255 * (v < 150))
        box = ink.getbbox()
        assert box[3] - box[1] >= provenance.label_height((256, 256)) - 1


def test_a_transparent_motif_survives_the_file():
    motif = Image.new("RGBA", (32, 32), (255, 0, 0, 0))
    motif.paste((0, 200, 0, 255), (8, 8, 24, 24))
    for extension in ("png", "webp"):
        content = picture_file.file_make(motif, extension, content_id="x", producer="p")
        with Image.open(io.BytesIO(content)) as picture:
            assert list(picture.convert("RGBA").getdata()) == list(motif.getdata())
            assert provenance.marking_read(picture) is not None
