import re

import pytest

from generation.scenes import SCENES, SEASON_SCENES, scene_find, scene_of
from generation.styles import STYLES, style_get
from profiles.taxonomy import INTERESTS


def test_every_interest_of_the_taxonomy_has_a_scene_and_no_scene_is_left_over():
    assert set(SCENES) == set(INTERESTS)


@pytest.mark.parametrize("scene", [*SCENES.values(), *SEASON_SCENES.values()], ids=lambda scene: scene.id)
def test_a_scene_has_motifs_words_and_colours(scene):
    assert len(scene.motifs) >= 3
    assert scene.setting
    assert scene.mood
    assert len(scene.palette) == 3
    assert all(re.fullmatch(r"#[0-9a-f]{6}", colour) for colour in scene.palette)
    assert any(not word.isascii() for word in scene.words), "no Chinese word"


def test_motifs_are_objects_the_built_in_model_was_trained_on():
    from generation.chinese import dictionary

    # The dictionary's values are the names of the training pictures; it says "tent" for this one.
    trained = set(dictionary().values()) | {"camping"}
    motifs = {motif.replace("’", "'") for scene in SCENES.values() for motif in scene.motifs}
    assert motifs - trained == set()


def test_an_unknown_interest_falls_back_to_its_group():
    assert scene_of("outdoor_kites") is SCENES["outdoor"]
    assert scene_of("nonsense") is None


@pytest.mark.parametrize(
    ("text", "scene", "motif"),
    [
        ("hiking", "outdoor_hiking", ""),
        ("I love board games", "gaming_board", ""),
        ("我喜欢露营", "outdoor_camping", ""),
        ("a red apple", "food_fresh", "red apple"),
        ("Cats!", "pets_cats", ""),
        ("scatter", None, None),
        ("", None, None),
    ],
)
def test_free_text_finds_its_scene(text, scene, motif):
    found = scene_find(text)
    if scene is None:
        assert found is None
    else:
        assert found is not None
        assert (found[0].id, found[1]) == (scene, motif)


def test_styles_have_two_labels_and_words_the_motif_model_knows():
    assert {"soft_3d", "flat_illustration", "studio", "editorial"} <= set(STYLES)
    for key, style in STYLES.items():
        assert style.key == key
        assert style.label("zh-hans") == style.label_zh != style.label("en")
        assert "soft 3D render" in style.words or "flat illustration" in style.words
    assert style_get("studio").ground == "spotlight"
