"""Composed training pictures: what a recipe says, what is painted, what is kept apart."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.chinese import to_english
from generation.diffusion.vocabulary import ARRANGEMENTS, PALETTES, SCENES, STYLE_WORDS
from generation.diffusion.wording import caption_of
from generation.training.pictures import DatasetError, PictureObject, read_objects
from generation.training.scenes.dataset import SPLITS, compose_dataset, read_composed
from generation.training.scenes.painting import SIZE, paint_recipe
from generation.training.scenes.recipes import (
    Recipe,
    caption_en,
    caption_zh,
    combination_held_out,
    motif_words,
    recipe_draw,
)
from tests.generation.motif_pictures import write_pictures

THINGS = [
    PictureObject("1f455", "t-shirt", "Objects", (), "T恤", {"flat": Path("a"), "volumetric": Path("b")}),
    PictureObject("1f45f", "running shoe", "Objects", (), "跑鞋", {"flat": Path("c")}),
]
seeds = st.integers(0, 2**32 - 1)


@given(seeds)
def test_a_caption_says_every_part_of_the_recipe(seed: int) -> None:
    recipe = recipe_draw(THINGS, random.Random(seed))
    for form in range(3):
        caption = caption_en(recipe, THINGS, form)
        assert motif_words(recipe, THINGS) in caption
        assert recipe.palette in caption
        assert STYLE_WORDS[recipe.style][0] in caption


@given(seeds)
def test_any_caption_is_read_back_as_the_plain_form(seed: int) -> None:
    """What the pipeline makes of a caption is the caption that was trained, in English and in Chinese."""
    recipe = recipe_draw(THINGS, random.Random(seed))
    wanted = caption_en(recipe, THINGS)
    for form in range(3):
        assert caption_of(caption_en(recipe, THINGS, form)).text == wanted
    assert caption_of(caption_zh(recipe, THINGS)).text == wanted
    assert caption_of("whatever it says", motif=motif_words(recipe, THINGS)).motif == motif_words(
        recipe, THINGS
    )


@pytest.mark.parametrize(
    ("prompt", "motif", "words"),
    [
        (
            "soft 3D render, gentle studio light, tent, in a forest clearing at dusk, palette of deep green",
            "tent",
            "tent in a forest green landscape with hills, soft 3D render",
        ),
        (
            "flat illustration, bicycle, in a winding country road",
            "bicycle",
            "bicycle in a sky blue landscape",
        ),
        ("a red apple", "", "red apple on a plain sky blue gradient"),
        ("周末的咖啡，红色", "", "festive red"),
    ],
)
def test_prompts_are_put_into_trained_words(prompt: str, motif: str, words: str) -> None:
    assert words in caption_of(prompt, motif).text


def test_every_scene_word_has_its_english() -> None:
    for palette in PALETTES.values():
        assert to_english(palette.name_zh) == palette.name
    for english, chinese in (*SCENES.values(), *ARRANGEMENTS.values(), *STYLE_WORDS.values()):
        assert to_english(chinese.format(palette="", motif="")) or english == "{motif}"


def test_one_combination_in_ten_is_held_out() -> None:
    held = [
        combination_held_out(f"{number:x}", palette, scene)
        for number in range(40)
        for palette in PALETTES
        for scene in SCENES
    ]
    assert 0.07 < np.mean(held) < 0.13


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("style", STYLE_WORDS)
def test_painting_is_repeatable_and_shows_its_palette(tmp_path: Path, scene: str, style: str) -> None:
    objects = read_objects(write_pictures(tmp_path))
    pictures = {
        palette: np.asarray(
            paint_recipe(Recipe((0,), style, palette, scene, "left", 7), objects), dtype=np.float32
        )
        for palette in ("midnight", "mint", "midnight")
    }
    assert pictures["mint"].shape == (SIZE, SIZE, 3)
    assert pictures["mint"].mean() > pictures["midnight"].mean() + 40
    again = paint_recipe(Recipe((0,), style, "mint", scene, "left", 7), objects)
    assert (np.asarray(again) == pictures["mint"]).all()


def test_the_composed_folder(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path, count=12, held_out=2)
    said: list[str] = []
    total = compose_dataset(folder, 30, seed=3, say=said.append)
    objects = read_objects(folder)
    rows = {split: read_composed(folder, split) for split in SPLITS}
    assert total == sum(map(len, rows.values()))
    assert len(rows["train"]) == 30
    for split, lines in rows.items():
        for row in lines:
            recipe = Recipe(**{**row.recipe, "objects": tuple(row.recipe["objects"])})
            unseen = {objects[index].held_out for index in recipe.objects}
            assert unseen == {split in ("held_out_object", "judge")}
            if split in ("train", "held_out_combination"):
                assert recipe.held_out(objects) == (split == "held_out_combination")
            assert (folder / row.file).is_file()
            assert row.motif in row.caption or split in ("train", "judge")  # or it was Chinese
    first = (folder / rows["train"][0].file).read_bytes()
    compose_dataset(folder, 30, seed=3, say=said.append)
    assert (folder / rows["train"][0].file).read_bytes() == first


def test_composing_refuses(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path)
    with pytest.raises(DatasetError, match="at least 1"):
        compose_dataset(folder, 0)
    with pytest.raises(DatasetError, match=r"composed\.jsonl"):
        read_composed(folder, "train")
    (folder / "composed.jsonl").write_text("{}\n")
    with pytest.raises(DatasetError, match="line 1"):
        read_composed(folder, "train")
