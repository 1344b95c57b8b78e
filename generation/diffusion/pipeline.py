"""The built-in latent diffusion model as a diffusers pipeline: text to a 256 x 256 scene in a few steps.

An ordinary pipeline folder (``save_pretrained``, ``from_pretrained``) of AutoencoderTiny,
UNet2DConditionModel and FlowMatchEulerDiscreteScheduler. Only the text encoder is not in it: MiniLM's 90 MB
come with their own package, see ``generation.text_encoder``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from diffusers import (
    AutoencoderTiny,
    DiffusionPipeline,
    FlowMatchEulerDiscreteScheduler,
    UNet2DConditionModel,
)
from diffusers.image_processor import VaeImageProcessor
from diffusers.pipelines.pipeline_utils import ImagePipelineOutput
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor

from generation.diffusion.conditioning import MOTIF_GAIN, PromptEncoder, no_text
from generation.diffusion.draft import Draft, Drafter, draft_cells, with_detail, with_draft
from generation.diffusion.packing import PACK, unpack
from generation.diffusion.wording import Caption, caption_of
from generation.gan.pipeline import MotifGanPipeline
from generation.renderers.gan import BUILT_IN_MODEL

DEFAULT_STEPS = 4


class SceneDiffusionPipeline(DiffusionPipeline):
    """Prompts (and, where known, their motifs) in; pictures out."""

    model_cpu_offload_seq = "unet->vae"
    _callback_tensor_inputs = ("latents",)

    def __init__(
        self,
        vae: AutoencoderTiny,
        unet: UNet2DConditionModel,
        scheduler: FlowMatchEulerDiscreteScheduler,
        guidance_scale: float = 1.0,
    ) -> None:
        super().__init__()
        self.register_modules(vae=vae, unet=unet, scheduler=scheduler)
        # The default of a call. A distilled denoiser has its guidance inside: 1.
        self.register_to_config(guidance_scale=guidance_scale)
        self.vae_scale_factor = 2 ** (len(vae.config.encoder_block_out_channels) - 1) * PACK
        self.image_processor = VaeImageProcessor(vae_scale_factor=self.vae_scale_factor)
        self._encoder: PromptEncoder | None = None
        self._drafter: Drafter | None = None

    @property
    def prompt_encoder(self) -> PromptEncoder:
        """MiniLM, loaded with the first prompt."""
        if self._encoder is None:
            self._encoder = PromptEncoder()
        return self._encoder

    @property
    def drafter(self) -> Drafter:
        """The built-in GAN, loaded with the first prompt."""
        if self._drafter is None:
            self._drafter = Drafter(MotifGanPipeline.load(BUILT_IN_MODEL))
        return self._drafter

    @property
    def num_timesteps(self) -> int:
        """Steps of the call at hand."""
        return len(self.scheduler.timesteps)

    def encode_prompts(self, prompts: Sequence[str], motifs: Sequence[str]) -> tuple[Tensor, Tensor, Tensor]:
        """Token states (B, T, 384), their mask (B, T) and motif vectors (B, 384), ready for the denoiser."""
        states, mask = self.prompt_encoder.token_states(prompts)
        return states, mask, self.prompt_encoder.vectors(motifs) * MOTIF_GAIN

    def draft(self, captions: Sequence[Caption], seeds: Sequence[int]) -> list[Draft]:
        """The GAN's motifs where the captions want them."""
        return [
            self.drafter.draw(
                caption, list(self.prompt_encoder.vectors(self.drafter.names(caption.motif))), seed
            )
            for caption, seed in zip(captions, seeds, strict=True)
        ]

    @torch.inference_mode()
    def __call__(
        self,
        prompt: str | list[str],
        motif: str | list[str] | None = None,
        num_inference_steps: int = DEFAULT_STEPS,
        guidance_scale: float | None = None,
        generator: torch.Generator | list[torch.Generator] | None = None,
        latents: Tensor | None = None,
        output_type: str = "pil",
        callback_on_step_end: Callable[[Any, int, Any, dict[str, Any]], dict[str, Any]] | None = None,
    ) -> ImagePipelineOutput:
        """Draw one picture for each prompt.

        ``motif`` is what the picture shows, without words for place and style; left out, it is read out of
        the prompt. ``output_type``: "pil", "np", "pt" in [0, 1], or "latent".
        """
        prompts = [prompt] if isinstance(prompt, str) else list(prompt)
        given = [motif] if isinstance(motif, str) else list(motif or [""] * len(prompts))
        if len(given) != len(prompts):
            raise ValueError(f"{len(prompts)} prompts but {len(given)} motifs")
        captions = [caption_of(text, thing) for text, thing in zip(prompts, given, strict=True)]
        device, dtype = self.unet.device, self.unet.dtype
        conditions = self.encode_prompts([c.text for c in captions], [c.motif for c in captions])
        if guidance_scale is None:
            guidance_scale = float(self.config.guidance_scale)
        guided = guidance_scale != 1.0
        if guided:
            conditions = _with_no_text(*conditions)
        states, mask, vectors = (part.to(device) for part in conditions)
        states, vectors = states.to(dtype), vectors.to(dtype)
        drafts = self.draft(captions, _seeds(generator, len(prompts)))
        cells = draft_cells(torch.stack([draft.canvas for draft in drafts])).to(device, dtype)
        if guided:
            cells = torch.cat((cells, cells))
        side = self.unet.config.sample_size
        shape = (len(prompts), self.unet.config.out_channels, side, side)
        latents = (
            randn_tensor(shape, generator, device, dtype) if latents is None else latents.to(device, dtype)
        )
        self.scheduler.set_timesteps(num_inference_steps, device=device)
        for index, timestep in enumerate(self.progress_bar(self.scheduler.timesteps)):
            both = torch.cat((latents, latents)) if guided else latents
            velocity = self.unet(
                with_draft(both, cells),
                timestep.expand(len(both)),
                encoder_hidden_states=states,
                encoder_attention_mask=mask,
                class_labels=vectors,
            ).sample
            if guided:
                without, with_text = velocity.chunk(2)
                velocity = without + guidance_scale * (with_text - without)
            latents = self.scheduler.step(velocity, timestep, latents).prev_sample
            if callback_on_step_end is not None:
                callback_on_step_end(self, index, timestep, {"latents": latents})
        if output_type == "latent":
            return ImagePipelineOutput(images=latents)
        decoded = self.vae.decode(unpack(latents) / self.vae.config.scaling_factor).sample
        details = torch.stack([draft.detail for draft in drafts]).to(decoded)
        pictures = with_detail(decoded, details)
        return ImagePipelineOutput(images=self.image_processor.postprocess(pictures, output_type=output_type))


def _seeds(generator: torch.Generator | list[torch.Generator] | None, count: int) -> list[int]:
    """A seed for each draft: its own generator's, so that one seed decides the whole picture."""
    if isinstance(generator, list):
        return [one.initial_seed() for one in generator]
    first = 0 if generator is None else generator.initial_seed()
    return [first + number for number in range(count)]


def _with_no_text(states: Tensor, mask: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The same conditions after as many of no text, padded to one length."""
    none, none_mask, none_vectors = no_text(len(states))
    padded, padded_mask = torch.zeros_like(states), torch.zeros_like(mask)
    padded[:, :1], padded_mask[:, :1] = none, none_mask
    return torch.cat((padded, states)), torch.cat((padded_mask, mask)), torch.cat((none_vectors, vectors))
