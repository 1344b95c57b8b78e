"""What every image model looks like to the rest of the product.

A renderer turns requests into pictures. It knows nothing of shoppers, products, jobs or the
database, so a model can be swapped by one setting and tested with nothing but pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from PIL import Image

# Called after each sampler step with (steps done, steps in all). It may raise RenderCancelled.
OnStep = Callable[[int, int], None]


@dataclass(frozen=True)
class RenderRequest:
    """One picture to make.

    ``motif`` is what the picture shows, without words for style, scene or palette: a model that was
    trained on short captions reads it in place of ``prompt``. ``width`` and ``height`` are pixels of
    the wanted picture; a model of fixed size answers in its own size. ``lora`` names a brand's style under
    ``settings.GENERATION_LORA_DIR``. ``keep`` is what must stay as it is (RGBA: opaque is kept, the rest is
    painted anew), in the shape of the wanted picture.
    """

    prompt: str
    motif: str
    seed: int
    width: int
    height: int
    negative_prompt: str = ""
    steps: int | None = None  # None: the model's own default
    lora: str = ""
    keep: Image.Image | None = None


@dataclass(frozen=True)
class RenderResult:
    """A finished picture.

    An ``RGBA`` image is a motif on a transparent ground, for which composition builds the scene; an
    ``RGB`` image is a whole scene.
    """

    image: Image.Image
    model: str
    model_hash: str  # SHA-256 over the weight files, so that a passport names the exact model
    steps: int
    details: dict[str, Any] = field(default_factory=dict)  # JSON-ready: scheduler, device, weight files, ...


class RenderError(Exception):
    """A picture could not be made. ``permanent`` errors are never retried."""

    def __init__(self, code: str, message: str, *, permanent: bool) -> None:
        super().__init__(message)
        self.code = code
        self.permanent = permanent


class RenderCancelled(Exception):
    """Raised by ``on_step`` to stop a sampler between two steps."""


class Renderer(Protocol):
    """Load once (in the constructor), render many times."""

    def render(self, request: RenderRequest, on_step: OnStep) -> RenderResult:
        """Make one picture. Raises RenderError, or RenderCancelled out of ``on_step``."""
        ...

    def render_many(self, requests: Sequence[RenderRequest], on_step: OnStep) -> list[RenderResult]:
        """Make several pictures of one size, step count and LoRA, together where the model can.

        All or nothing: raises as ``render`` does, for the first request that fails.
        """
        ...
