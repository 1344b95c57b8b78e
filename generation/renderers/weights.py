"""A model folder's weight files: their fingerprints and their permissions."""

from __future__ import annotations

import hashlib
from pathlib import Path

_CHUNK = 1 << 20


def weights_hashes(folder: Path) -> tuple[str, dict[str, str]]:
    """(SHA-256 over all weight files in the order of their names, SHA-256 by file), in one reading."""
    whole, files = hashlib.sha256(), {}
    for path in sorted(folder.rglob("*.safetensors")):
        name, digest = path.relative_to(folder).as_posix(), hashlib.sha256()
        whole.update(name.encode() + b"\0")
        with open(path, "rb") as file:
            while chunk := file.read(_CHUNK):
                whole.update(chunk)
                digest.update(chunk)
        files[name] = digest.hexdigest()
    return whole.hexdigest(), files


def weights_hash(folder: Path) -> str:
    """SHA-256 over the weight files alone."""
    return weights_hashes(folder)[0]


def weights_share(folder: Path) -> None:
    """Let other users read the files: safetensors writes 0600, and another user runs the worker."""
    for path in folder.rglob("*.safetensors"):
        path.chmod(0o644)
