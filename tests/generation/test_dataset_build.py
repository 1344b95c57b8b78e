"""The pictures folder from a copy, and from packages laid out as npm unpacks them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from generation.training.dataset_build import build_dataset, write_dataset
from generation.training.pictures import DatasetError, read_objects


def write_json(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")


@pytest.fixture
def packages(tmp_path: Path) -> dict[str, Path]:
    """Two emoji of a wanted group, one of an unwanted; one has a variation selector in its file name."""
    parts = {name: tmp_path / name for name in ("pictures", "names", "keywords", "annotations")}
    assets = parts["pictures"] / "assets"
    assets.mkdir(parents=True)
    for stem in ("2708-fe0f", "1f410", "1f600"):
        Image.new("RGBA", (16, 16), (200, 0, 0, 255)).save(assets / f"{stem}.webp")
    named = {
        "✈️": {"name": "airplane", "group": "Travel & Places"},
        "🐐": {"name": "goat", "group": "Animals & Nature"},
        "😀": {"name": "grinning face", "group": "Smileys & Emotion"},
    }
    write_json(parts["names"] / "data-by-emoji.json", named)
    write_json(parts["keywords"] / "dist" / "emoji-en-US.json", {"✈️": ["airplane", "flight_mode"]})
    for language, words in (("en", ["jet"]), ("zh", ["飞机"])):
        entry = {"✈": {"tts": words, "default": words}}
        write_json(
            parts["annotations"] / "annotations" / language / "annotations.json",
            {"annotations": {"annotations": entry}},
        )
    return parts


def test_from_packages(packages: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    assert write_dataset(packages, out) == 2
    plane, goat = read_objects(out)
    assert (plane.id, plane.name, plane.name_zh) == ("2708", "airplane", "飞机")
    assert plane.keywords == ("flight mode", "jet")
    assert plane.files["volumetric"].is_file()
    assert goat.keywords == ()


def test_copy_reads_every_picture_first(packages: dict[str, Path], tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    write_dataset(packages, source)
    said: list[str] = []
    assert build_dataset(tmp_path / "copy", source, say=said.append) == 2
    assert [item.name for item in read_objects(tmp_path / "copy")] == ["airplane", "goat"]
    (source / "volumetric" / "1f410.webp").write_bytes(b"broken")
    with pytest.raises(DatasetError, match=r"1f410\.webp"):
        build_dataset(tmp_path / "other", source, say=said.append)


def test_missing_source(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"captions\.jsonl does not exist"):
        build_dataset(tmp_path / "out", tmp_path / "nowhere", say=lambda line: None)
