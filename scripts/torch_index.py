"""``python scripts/torch_index.py``: which index torch is best installed from; nothing for the usual one.

PyPI's torch for Linux brings about 5 GB of CUDA libraries, of use only where an NVIDIA GPU is.
PyTorch's own index has small builds for CPUs: named where they are enough and where it answers.
"""

from __future__ import annotations

import platform
import shutil
import urllib.request

CPU_INDEX = "https://download.pytorch.org/whl/cpu"


def index_choose(*, system: str, has_gpu: bool, index: str = CPU_INDEX, seconds: float = 5.0) -> str:
    """The index of the CPU builds, "" for pip's own."""
    if system != "Linux" or has_gpu:
        return ""
    try:
        with urllib.request.urlopen(f"{index}/torch/", timeout=seconds) as answer:  # noqa: S310 # nosec B310 - ours, above
            return index if answer.status == 200 else ""
    except OSError:
        return ""


if __name__ == "__main__":
    print(index_choose(system=platform.system(), has_gpu=shutil.which("nvidia-smi") is not None))
