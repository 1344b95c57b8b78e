"""What the denoiser trains on, computed once for a composed dataset.

Encoding a picture costs 20 ms and its caption 5, a training step 23 a picture: a run of several passes pays
for them once. Files of ``out``, for N pictures and K objects: ``latents.npy`` (N, 16, 16, 16) float16,
``states.npy`` (N, T, 384) float16, ``lengths.npy`` (N,) uint8, ``motifs.npy`` (N, 384) float16,
``drafts.npy`` (K, 2 styles, 4, 64, 64) uint8: the GAN's trimmed motif of each object, ``styles.npy`` (N,)
uint8, ``places.npy`` (N, 2, 6) int16: object, left, top, width, height, mirrored; -1 without a second thing.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderTiny
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from generation.diffusion.conditioning import TOKENS, PromptEncoder
from generation.diffusion.draft import DRAFT_SIDE, Place, draft_canvas, draft_cells, places_of, trimmed
from generation.diffusion.packing import pack
from generation.gan.pipeline import MotifGanPipeline, straight_rgba
from generation.text_encoder import TextEncoder
from generation.training.pictures import STYLES, DatasetError, PictureObject, read_objects
from generation.training.scenes.dataset import Composed, read_composed, recipe_of
from generation.training.scenes.painting import object_picture, paint_ground

_BATCH = 16


def read_pictures(folder: Path, rows: Sequence[Composed]) -> Tensor:
    """float32 (B, 3, 256, 256) in [-1, 1]."""
    arrays = [np.asarray(Image.open(folder / row.file).convert("RGB")).transpose(2, 0, 1) for row in rows]
    return torch.from_numpy(np.stack(arrays)).float() / 127.5 - 1.0


@torch.inference_mode()
def encode_pictures(folder: Path, rows: Sequence[Composed], vae: AutoencoderTiny) -> np.ndarray:
    """Packed latents of the rows' pictures, float16 (N, 16, 16, 16)."""
    vae = vae.eval().to(memory_format=torch.channels_last)
    latents = []
    for start in range(0, len(rows), _BATCH):
        pictures = read_pictures(folder, rows[start : start + _BATCH])
        with torch.autocast("cpu", dtype=torch.bfloat16):
            made = vae.encode(pictures.contiguous(memory_format=torch.channels_last)).latents
        latents.append(pack(made.float()).half().numpy())
    return np.concatenate(latents)


def encode_texts(
    rows: Sequence[Composed], encoder: PromptEncoder
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Token states (N, T, 384) float16, how many of them count (N,), motif vectors (N, 384) float16."""
    states = np.zeros((len(rows), TOKENS, 384), dtype=np.float16)
    lengths = np.zeros(len(rows), dtype=np.uint8)
    order = sorted(range(len(rows)), key=lambda index: len(rows[index].caption))
    for start in range(0, len(rows), 64):
        chosen = order[start : start + 64]
        made, mask = encoder.token_states([rows[index].caption for index in chosen])
        states[chosen, : made.shape[1]] = made.half().numpy()
        lengths[chosen] = mask.sum(1).numpy()
    motifs = sorted({row.motif for row in rows})
    vectors = dict(zip(motifs, encoder.vectors(motifs).half().numpy(), strict=True))
    return states, lengths, np.stack([vectors[row.motif] for row in rows])


def encode_drafts(
    objects: Sequence[PictureObject], gan: MotifGanPipeline, encoder: TextEncoder
) -> np.ndarray:
    """The GAN's motif of every object in both styles, uint8 (K, 2, 4, 64, 64), straight RGBA, trimmed."""
    vectors = encoder.encode([item.name for item in objects])
    drafts = np.zeros((len(objects), len(STYLES), 4, DRAFT_SIDE, DRAFT_SIDE), dtype=np.uint8)
    for index, vector in enumerate(vectors):
        for number, style in enumerate(STYLES):
            motif = trimmed(Image.fromarray(straight_rgba(gan.draw(vector, style, index)[0]), "RGBA"))
            small = motif.resize((DRAFT_SIDE, DRAFT_SIDE), Image.Resampling.BILINEAR)
            drafts[index, number] = np.asarray(small).transpose(2, 0, 1)
    return drafts


def places_in(rows: Sequence[Composed], objects: Sequence[PictureObject]) -> np.ndarray:
    """Where each picture's things stand, int16 (N, 2, 6)."""
    places = np.full((len(rows), 2, 6), -1, dtype=np.int16)
    for row, made in zip(rows, places, strict=True):
        recipe = recipe_of(row)
        source = random.Random(recipe.seed)
        _, line = paint_ground(recipe, source)
        sizes = [object_picture(objects[index].files[recipe.style]).size for index in recipe.objects]
        for slot, (index, place) in enumerate(
            zip(recipe.objects, places_of(recipe.arrangement, line, sizes, source), strict=True)
        ):
            made[slot] = (index, *astuple(place))
    return places


def encode_dataset(
    folder: Path, vae_folder: Path, gan_folder: Path, out: Path, *, say: Callable[[str], None] = print
) -> int:
    """Encode the training split into ``out``; the number of pictures. What is there already is kept."""
    rows = read_composed(folder, "train")
    objects = read_objects(folder)
    out.mkdir(parents=True, exist_ok=True)
    if not (out / "latents.npy").is_file():
        vae = AutoencoderTiny.from_pretrained(vae_folder, local_files_only=True)
        say(f"encoding {len(rows)} pictures")
        _save(out / "latents.npy", encode_pictures(folder, rows, vae))
    if not (out / "motifs.npy").is_file():
        say(f"encoding {len(rows)} captions")
        states, lengths, motifs = encode_texts(rows, PromptEncoder())
        _save(out / "states.npy", states)
        _save(out / "lengths.npy", lengths)
        _save(out / "motifs.npy", motifs)
    if not (out / "drafts.npy").is_file():
        say(f"drafting {len(objects)} objects")
        _save(out / "drafts.npy", encode_drafts(objects, MotifGanPipeline.load(gan_folder), TextEncoder()))
    if not (out / "places.npy").is_file():
        places = places_in(rows, objects)
        styles = [STYLES.index(row.recipe["style"]) for row in rows]
        _save(out / "styles.npy", np.array(styles, dtype=np.uint8))
        _save(out / "places.npy", places)
    return len(rows)


def _save(path: Path, array: np.ndarray) -> None:
    partial = path.with_suffix(".partial.npy")
    np.save(partial, array)
    partial.replace(path)


@dataclass(frozen=True)
class Draw:
    """One batch: latents (B, 16, 16, 16) of unit variance; states (B, T, 384) and their mask (B, T); motifs
    (B, 384) unit vectors; cells (B, 64, 16, 16): the drafts."""

    latents: Tensor
    states: Tensor
    mask: Tensor
    motifs: Tensor
    cells: Tensor

    def to(self, device: torch.device) -> Draw:
        """The same batch on a device."""
        return Draw(*(getattr(self, field.name).to(device) for field in fields(self)))


class EncodedDataset:
    """The encoded arrays, mapped from disk; ``scale`` brings the latents to unit variance."""

    def __init__(self, folder: Path) -> None:
        try:
            self.latents, self.states, self.lengths, self.motifs, self.places, self.styles = (
                np.load(folder / f"{name}.npy", mmap_mode="r")
                for name in ("latents", "states", "lengths", "motifs", "places", "styles")
            )
            drafts = np.load(folder / "drafts.npy")
        except (OSError, ValueError) as error:
            raise DatasetError(f"no encoded pictures in {folder}: {error}") from error
        arrays = (self.latents, self.states, self.lengths, self.motifs, self.places, self.styles)
        if len(set(map(len, arrays))) > 1:
            raise DatasetError(f"the arrays in {folder} are of different datasets")
        sample = np.asarray(self.latents[:: max(1, len(self.latents) // 2000)], dtype=np.float32)
        self._drafts = [
            [Image.fromarray(picture.transpose(1, 2, 0), "RGBA") for picture in styles] for styles in drafts
        ]
        self.scale = float(1.0 / sample.std())

    def __len__(self) -> int:
        return len(self.latents)

    def draw(self, rows: Tensor) -> Draw:
        """The pictures ``rows``, sorted."""
        index = np.sort(rows.numpy())
        latents = torch.from_numpy(np.asarray(self.latents[index], dtype=np.float32))
        lengths = torch.from_numpy(np.asarray(self.lengths[index], dtype=np.int64))
        longest = int(lengths.max())
        states = torch.from_numpy(np.asarray(self.states[index, :longest], dtype=np.float32))
        mask = torch.arange(longest)[None] < lengths[:, None]
        motifs = F.normalize(torch.from_numpy(np.asarray(self.motifs[index], dtype=np.float32)), dim=1)
        canvases = np.stack([self._canvas(row) for row in index])
        cells = draft_cells(torch.from_numpy(canvases).float() / 255.0)
        return Draw(latents * self.scale, states, mask, motifs, cells)

    def _canvas(self, row: int) -> np.ndarray:
        """The draft of a picture: its objects' motifs where the picture has them."""
        things = [place for place in self.places[row].tolist() if place[0] >= 0]
        motifs = [self._drafts[thing[0]][self.styles[row]] for thing in things]
        return draft_canvas(motifs, [Place(*thing[1:5], mirrored=bool(thing[5])) for thing in things])
