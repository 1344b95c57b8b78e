"""A prompt as the denoiser reads it: the token states of all its words, and one vector of its motif.

Both come from the pretrained MiniLM of ``generation.text_encoder``; Chinese goes through the lexicon first,
since MiniLM knows none.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from generation.chinese import to_english
from generation.text_encoder import EMBEDDING_DIM, MAX_CHARACTERS, TextEncoder, text_encoder_get

# The longest training caption has 24 word pieces; what stands later in a prompt is not read.
TOKENS = 32
# A unit vector of 384 numbers has entries near 0.05; scaled by sqrt(384) they have variance 1.
MOTIF_GAIN = 384**0.5


class PromptEncoder:
    """Texts to what the denoiser is conditioned on."""

    def __init__(self, encoder: TextEncoder | None = None) -> None:
        self._encoder = encoder or text_encoder_get()

    def token_states(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """States (B, T, 384) with T at most TOKENS, and the mask (B, T) of those that count."""
        return self._encoder.token_states([to_english(text[:MAX_CHARACTERS]) for text in texts], TOKENS)

    def vectors(self, texts: Sequence[str]) -> Tensor:
        """Unit vectors (B, 384) of short texts: the things that a picture shows."""
        return self._encoder.encode([to_english(text[:MAX_CHARACTERS]) for text in texts])


def no_text(count: int) -> tuple[Tensor, Tensor, Tensor]:
    """States, mask and vector that stand for no text, as guidance was trained with: zeros."""
    return (
        torch.zeros(count, 1, EMBEDDING_DIM),
        torch.ones(count, 1, dtype=torch.long),
        torch.zeros(count, EMBEDDING_DIM),
    )
