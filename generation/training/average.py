"""The mean of two motif-GAN folders' generators (Wortsman et al. 2022, "Model soups").

A generator fine-tuned with the discriminator is crisper and grainier than the one it started from; half way
between them most of the crispness is kept and most of the grain is gone.

python -m generation.training.average FIRST SECOND OUT --share 0.5
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from safetensors.torch import load_file, save_file

from generation.gan.pipeline import WEIGHTS
from generation.renderers.weights import weights_share


def average_generators(first: Path, second: Path, out: Path, share: float) -> None:
    """Write ``first`` to ``out`` with ``share`` of the second's generator in its own.

    Raises ValueError when the two networks differ.
    """
    mine, other = (load_file(folder / "generator" / WEIGHTS) for folder in (first, second))
    if {name: part.shape for name, part in mine.items()} != {n: part.shape for n, part in other.items()}:
        raise ValueError(f"the generators of {first} and {second} are of different shapes")
    shutil.copytree(first, out, dirs_exist_ok=True)
    mixed = {name: (mine[name].float().lerp(other[name].float(), share)).half() for name in mine}
    save_file(mixed, out / "generator" / WEIGHTS, metadata={"format": "pt"})
    weights_share(out)


def main() -> None:
    """From the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("first", "second", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--share", type=float, default=0.5)
    options = parser.parse_args()
    average_generators(options.first, options.second, options.out, options.share)


if __name__ == "__main__":
    main()
