"""Trained names as anchors for free text: what a text means among the things the generator can draw.

Between two names that it learned, a generator can only blend two pictures. So a text vector is pulled
towards one of the names around it. Keys are the vectors of names, rare keywords and shop words ("sneaker",
"suitcase"); each belongs to one trained name, and the pull goes to that name's vector.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

KEYS_FILE = "anchors.safetensors"
NAMES_FILE = "names.json"
# Unit vectors of 384 numbers rarely have an entry above 0.25; int8 steps of 0.3 / 127 then move a cosine
# by less than 0.005, at a quarter of the bytes of float32.
_RANGE = 0.3
NEAREST_KEYS = 4


class Anchors:
    """keys: (K, T) unit vectors; owner: (K,) row of ``names``, where the first key of a name is its own."""

    def __init__(self, keys: Tensor, owner: Tensor, names: list[str]) -> None:
        if len(keys) != len(owner) or (len(owner) and int(owner.max()) >= len(names)):
            raise ValueError(f"{len(keys)} anchor keys do not fit {len(names)} names")
        self.keys = F.normalize(keys.float(), dim=1)
        self.owner, self.names = owner.long(), names
        first = torch.full((len(names),), len(keys), dtype=torch.long)
        rows = torch.arange(len(keys))
        first = first.scatter_reduce(0, self.owner, rows, reduce="amin")
        self.values = self.keys[first[self.owner]]  # (K, T): for each key the vector of its name

    def nearest(self, text: Tensor) -> tuple[str, float]:
        """The trained name that one text vector (T,) means, and the cosine to its nearest key."""
        similarity, row = (self.keys @ text).max(dim=0)
        return self.names[int(self.owner[row])], float(similarity)

    def pull(self, text: Tensor, share: float, temperature: float, random: torch.Generator) -> Tensor:
        """One unit vector (T,) moved by ``share`` towards one trained name near it; 0 leaves it alone.

        The name is drawn with softmax(cosine / temperature) among the nearest keys: a text that is a key
        always gets its own name, "fox" gets one of the animals near it, another seed another one. Drawn,
        not averaged: between several names the generator could only blend their pictures.
        """
        if share <= 0.0 or not len(self.keys):
            return text
        similarity, rows = (self.keys @ text).topk(min(NEAREST_KEYS, len(self.keys)))
        chances = torch.softmax(similarity / temperature, dim=0)
        row = rows[int(torch.multinomial(chances, 1, generator=random))]
        return F.normalize(text * (1.0 - share) + self.values[row] * share, dim=0)

    def save(self, folder: Path) -> None:
        """Keys as int8, names as JSON."""
        folder.mkdir(parents=True, exist_ok=True)
        keys = (self.keys * (127.0 / _RANGE)).round().clamp(-127, 127).to(torch.int8)
        save_file({"keys": keys, "owner": self.owner.to(torch.int32)}, folder / KEYS_FILE)
        names = json.dumps(self.names, ensure_ascii=False, indent=0)
        (folder / NAMES_FILE).write_text(names + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Anchors:
        """Read what ``save`` wrote. Raises OSError, ValueError, KeyError or SafetensorError."""
        tensors = load_file(folder / KEYS_FILE)
        names = json.loads((folder / NAMES_FILE).read_text(encoding="utf-8"))
        return cls(tensors["keys"].float() * (_RANGE / 127.0), tensors["owner"], names)
