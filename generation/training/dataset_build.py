"""The pictures folder: from a ready-made copy, or from the npm packages that it was made of.

The packages hold the soft 3D pictures, names and keywords. The flat pictures (Google Noto Emoji) are in
no npm package at this size, so a folder built from packages has one style; ``--source`` gives both.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from generation.training.pictures import DatasetError, load_premultiplied, read_objects

# Exact versions: npm checks each archive against the registry's SHA-512.
PACKAGES = {
    "pictures": "@lobehub/fluent-emoji-3d@1.1.0",
    "names": "unicode-emoji-json@0.9.0",
    "keywords": "emojilib@4.0.3",
    "annotations": "cldr-annotations-full@48.2.0",
}
# What an advertisement may show. People, flags and symbols are left out.
GROUPS = ("Food & Drink", "Animals & Nature", "Travel & Places", "Activities", "Objects")
_VARIATION_SELECTOR = "\ufe0f"


def copy_dataset(source: Path, out: Path) -> int:
    """Copy a ready-made pictures folder after reading every picture of it; the number of objects."""
    objects = read_objects(source)
    for item in objects:
        for path in item.files.values():
            load_premultiplied(path, 8)
            target = out / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    shutil.copyfile(source / "captions.jsonl", out / "captions.jsonl")
    return len(objects)


def fetch_package(name: str, folder: Path) -> Path:
    """Download one package through the npm client and unpack it; the unpacked folder."""
    npm = shutil.which("npm")
    if npm is None:
        raise DatasetError("npm is not installed; give a ready-made pictures folder with --source")
    folder.mkdir(parents=True, exist_ok=True)
    command = [npm, "pack", name, "--silent", "--pack-destination", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)  # noqa: S603
    archives = list(folder.glob("*.tgz"))
    if done.returncode != 0 or not archives:
        raise DatasetError(f"npm could not fetch {name}: {done.stderr.strip()[-300:]}")
    with tarfile.open(archives[0]) as archive:
        archive.extractall(folder, filter="data")
    return folder / "package"


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DatasetError(f"cannot read {path}: {error}") from error


def caption_rows(names: Path, keywords: Path, annotations: Path) -> list[dict[str, Any]]:
    """One row for each object of the chosen groups, pictures not yet in it."""
    english_words = _json(keywords / "dist" / "emoji-en-US.json")
    english, chinese = (
        _json(annotations / "annotations" / language / "annotations.json")["annotations"]["annotations"]
        for language in ("en", "zh")
    )
    rows = []
    for character, entry in _json(names / "data-by-emoji.json").items():
        if entry["group"] not in GROUPS:
            continue
        plain = character.replace(_VARIATION_SELECTOR, "")
        words = {word.replace("_", " ") for word in english_words.get(character, ())} - {entry["name"]}
        words |= set(english.get(plain, {}).get("default", ()))
        in_chinese = chinese.get(plain, {})
        rows.append(
            {
                "id": "-".join(f"{ord(letter):04x}" for letter in plain),
                "name": entry["name"],
                "group": entry["group"],
                "keywords": sorted(words),
                "name_zh": "".join(in_chinese.get("tts", ())[:1]),
            }
        )
    return rows


def picture_by_id(folder: Path) -> dict[str, Path]:
    """The package's pictures under ids without variation selectors."""
    pictures: dict[str, Path] = {}
    for path in sorted(folder.glob("*.webp")):
        codes = [code for code in path.stem.split("-") if code != "fe0f"]
        pictures.setdefault("-".join(codes), path)
    return pictures


def write_dataset(parts: dict[str, Path], out: Path) -> int:
    """Write the folder from unpacked packages; the number of objects."""
    pictures = picture_by_id(parts["pictures"] / "assets")
    lines = []
    for row in caption_rows(parts["names"], parts["keywords"], parts["annotations"]):
        picture = pictures.get(row["id"])
        if picture is None:
            continue
        row["volumetric"] = f"volumetric/{row['id']}.webp"
        target = out / row["volumetric"]
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(picture, target)
        lines.append(json.dumps(row, ensure_ascii=False))
    if not lines:
        raise DatasetError("the packages hold no picture of the chosen groups")
    (out / "captions.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return len(lines)


def build_dataset(out: Path, source: Path | None, say: Callable[[str], None] = print) -> int:
    """Make ``out`` a pictures folder; the number of objects in it."""
    out.mkdir(parents=True, exist_ok=True)
    if source is not None:
        count = copy_dataset(source, out)
    else:
        with tempfile.TemporaryDirectory(prefix="pictures-") as temporary:
            parts = {}
            for part, name in PACKAGES.items():
                say(f"fetching {name}")
                parts[part] = fetch_package(name, Path(temporary) / part)
            count = write_dataset(parts, out)
    say(f"{out}: {count} objects")
    return count
