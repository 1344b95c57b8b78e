"""Checkpoints and the ways a training run can fail, shared by both networks of the motif GAN."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

CHECKPOINT = "checkpoint.pt"


class CheckpointError(Exception):
    """The checkpoint is missing or of another shape; the message names the file and the field."""


class TrainingDiverged(Exception):
    """The loss became NaN or all pictures became one; the last checkpoint on disk is from before."""


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Written beside its place and renamed, so a kill never leaves half a file."""
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint as a trainer saved it, on the CPU; only plain data and tensors are unpickled."""
    if not path.is_file():
        raise CheckpointError(f"no checkpoint at {path}")
    try:
        return torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:  # torch raises pickle, zip and runtime errors for broken files
        raise CheckpointError(f"the checkpoint {path} cannot be read: {error}") from error
