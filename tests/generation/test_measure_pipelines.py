"""The measuring script: the real classes in miniature, and the true sizes of the large ones."""

from __future__ import annotations

import pytest
import torch

from scripts import measure_pipelines as measure


def test_every_architecture_draws_in_miniature(capsys):
    measure.main(["--tiny", "--batch", "1", "3"])
    lines = [line.split("|") for line in capsys.readouterr().out.splitlines() if line.startswith("| ")][1:]
    assert [(line[1].strip(), line[5].strip()) for line in lines] == [
        (name, batch) for name in measure.ARCHITECTURES for batch in ("1", "3")
    ]
    assert all(float(line[6]) > 0 for line in lines)


@pytest.mark.parametrize(
    ("name", "billions"), [("sdxl-turbo", 2.57), ("sd35-medium", 2.24), ("flux-schnell", 11.89)]
)
def test_the_large_networks_have_their_published_sizes(name, billions):
    with torch.device("meta"):
        network = measure.network_make(name, measure.ARCHITECTURES[name])
    # Of SD 3.5 medium's 2.47 billion numbers 0.23 are a fixed table of positions.
    count = sum(weights.numel() for weights in network.parameters())
    assert count / 1e9 == pytest.approx(billions, abs=0.06)


def test_without_a_gpu_it_says_so_and_leaves(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit, match="no GPU"):
        measure.main([])
