"""What each technique of the GAN is worth: the same small run with one switch turned, at equal compute.

    python -m generation.training.ablation --data var/pictures --out var/training/ablation

Every variant trains the pure conditional GAN of a preset (noise and text in, nothing but the discriminator
to please) with several seeds. Equal compute: what one update costs is measured for all variants in turn in
one process, in CPU seconds, and each may see as many pictures as the baseline's cost buys. Judged by
``picture_judge``: a network trained on real pictures only. The costs, the judge and every finished run are
kept in ``--out``, so a stopped ablation goes on where it was, and the seeds may be given to several
processes once the first of them has written ``costs.json``.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from generation.training.checkpoint import TrainingDiverged, read_checkpoint, write_checkpoint
from generation.training.command import PRESETS
from generation.training.gan_config import TrainConfig
from generation.training.gan_data import TrainingSet, build_training_set
from generation.training.gan_trainer import Trainer
from generation.training.picture_judge import PictureJudge, judge_pictures, train_judge
from generation.training.pictures import PictureObject, read_objects
from generation.training.sample_sheet import draw_sample_sheet, sample

NOISES = 4  # pictures drawn from each training picture's name and style
FIELDS = ("variant", "seed", "samples", "milliseconds_a_sample", "frechet", "top1")


@dataclass(frozen=True)
class Variant:
    """One technique: what differs from the baseline."""

    run: dict[str, Any] = field(default_factory=dict)
    adversary: dict[str, Any] = field(default_factory=dict)
    truncation: float = 1.0  # a variant with nothing but this samples the baseline's own network

    def config(self, base: TrainConfig) -> TrainConfig:
        """The baseline with this difference."""
        adversary = dataclasses.replace(base.adversary, **self.adversary)
        return dataclasses.replace(base, adversary=adversary, **self.run)

    @property
    def trains(self) -> bool:
        """Whether it needs a run of its own."""
        return bool(self.run or self.adversary) or self.truncation == 1.0


BASELINE = "baseline"
VARIANTS: dict[str, Variant] = {
    BASELINE: Variant(),
    "no gradient penalty": Variant(adversary={"penalty": "none"}),
    "R1 and R2": Variant(adversary={"penalty": "r1+r2"}),
    "Wasserstein, WGAN-GP": Variant(
        adversary={"loss": "wasserstein", "penalty": "wgan-gp", "penalty_weight": 10.0, "penalty_every": 1}
    ),
    "hinge loss": Variant(adversary={"loss": "hinge"}),
    "relativistic, R1 and R2": Variant(adversary={"loss": "relativistic", "penalty": "r1+r2"}),
    "learning rate: step decay": Variant(run={"lr_schedule": "step"}),
    "learning rate: cosine": Variant(run={"lr_schedule": "cosine"}),
    "two-scale discriminator": Variant(adversary={"scales": 2}),
    "progressive resolution": Variant(adversary={"progressive": 0.5}),
    "balanced sampling": Variant(run={"sampling": "balanced"}),
    "adaptive augmentation": Variant(adversary={"augmentation": "adaptive"}),
    "truncation 0.7": Variant(truncation=0.7),
    "truncation 0.4": Variant(truncation=0.4),
}


def measured_costs(
    configs: dict[str, TrainConfig], data: TrainingSet, rounds: int = 8, updates: int = 3
) -> dict[str, float]:
    """CPU seconds of one sample, the median over rounds in which every variant has its turn."""
    trainers = {name: Trainer(config, data) for name, config in configs.items()}
    taken: dict[str, list[float]] = {name: [] for name in configs}
    for turn in range(rounds + 1):
        for name, trainer in trainers.items():
            started = time.process_time()
            for _ in range(updates):
                trainer.train_step()
            if turn:  # the first one sets up buffers and kernels
                taken[name].append((time.process_time() - started) / (updates * configs[name].batch))
    return {name: statistics.median(values) for name, values in taken.items()}


class Ablation:
    """Data, judge and finished runs of one ablation."""

    def __init__(self, objects: Sequence[PictureObject], every: int, base: TrainConfig, out: Path) -> None:
        self.base, self.out = base, out
        out.mkdir(parents=True, exist_ok=True)
        cache = out.parent
        self.data = build_training_set(objects[::every], base.size, cache, picture=base.picture)
        parts = [
            build_training_set(objects, base.size, cache, picture=base.picture, held_out=held_out)
            for held_out in sorted({item.held_out for item in objects})
        ]
        torch.set_num_threads(base.threads)
        # The judge learns all real pictures: of the trained objects, the others and the held-out ones.
        names = torch.cat([part.vectors[part.offsets[:-1]] for part in parts])
        owner = torch.cat([part.owner + len(parts[0].captions) * place for place, part in enumerate(parts)])
        pictures = torch.cat([part.pictures for part in parts])
        self.judge = self._judge(pictures, owner, names)
        self.names = self.data.vectors[self.data.offsets[:-1]]
        real = self.data.pictures.float() / 255.0
        with torch.inference_mode():
            self.real_features, points = self.judge(real)
        right = (points @ self.names.T).argmax(dim=1) == self.data.owner
        self.real_top1 = float(right.float().mean())
        self.runs = out / "runs.csv"

    def _judge(self, pictures: Tensor, owner: Tensor, names: Tensor) -> PictureJudge:
        """Trained once and kept."""
        path = self.out / "judge.pt"
        if not path.is_file():
            write_checkpoint(path, train_judge(pictures, owner, names).state_dict())
        judge = PictureJudge(pictures.shape[1], names.shape[1])
        judge.load_state_dict(read_checkpoint(path))
        return judge.requires_grad_(False).eval()

    def costs(self, configs: dict[str, TrainConfig]) -> dict[str, float]:
        """CPU seconds a sample of each variant, measured once and kept."""
        path = self.out / "costs.json"
        if path.is_file():
            kept: dict[str, float] = json.loads(path.read_text())
            if set(configs) <= set(kept):
                return kept
        measured = measured_costs(configs, self.data)
        path.write_text(json.dumps(measured, indent=2))
        return measured

    def done(self) -> list[dict[str, str]]:
        """The finished runs."""
        if not self.runs.is_file():
            return []
        with self.runs.open(newline="") as file:
            return list(csv.DictReader(file))

    def record(self, name: str, trainer: Trainer, cost: float, truncation: float) -> None:
        """Judge the averaged generator and add its row."""
        random = torch.Generator().manual_seed(0)
        owner = self.data.owner.repeat_interleave(NOISES)
        style = torch.nn.functional.one_hot(self.data.style, self.data.style_count).float()
        style = style.repeat_interleave(NOISES, dim=0)
        made = torch.cat(
            [
                sample(trainer.ema, self.names[rows], styles, random, truncation)
                for rows, styles in zip(owner.split(256), style.split(256), strict=True)
            ]
        )
        figures = judge_pictures(self.judge, made, owner, self.real_features, self.names)
        is_new = not self.runs.is_file()
        with self.runs.open("a", newline="") as file:
            writer = csv.DictWriter(file, FIELDS)
            if is_new:
                writer.writeheader()
            writer.writerow(
                {
                    "variant": name,
                    "seed": trainer.config.seed,
                    "samples": trainer.samples,
                    "milliseconds_a_sample": round(cost * 1000.0, 3),
                    "frechet": round(figures.frechet, 4),
                    "top1": round(figures.top1, 4),
                }
            )

    def run(
        self, variants: dict[str, Variant], samples: int, seeds: Sequence[int], say: Callable[[str], None]
    ) -> None:
        """All variants with all seeds; the seed in the outer loop, so that a stopped one compares too."""
        trained = {name: variant.config(self.base) for name, variant in variants.items() if variant.trains}
        costs = self.costs(trained)
        for seed in seeds:
            for name, config in trained.items():
                finished = {(row["variant"], int(row["seed"])) for row in self.done()}
                if (name, seed) in finished:  # by an earlier go, or by a process beside this one
                    continue
                bought = round(samples * costs[BASELINE] / costs[name])
                started = time.process_time()
                trainer = Trainer(dataclasses.replace(config, samples=bought, seed=seed), self.data)
                try:
                    while trainer.samples < bought:
                        trainer.train_step()
                except TrainingDiverged as error:  # judged as it stands: that too is a result
                    say(f"{name}, seed {seed}: {error}")
                if name == BASELINE:
                    for sampled, variant in variants.items():
                        if not variant.trains and (sampled, seed) not in finished:
                            self.record(sampled, trainer, costs[name], variant.truncation)
                self.record(name, trainer, costs[name], 1.0)
                if seed == 0:
                    file = name.replace(" ", "-").replace(",", "").replace(":", "") + ".png"
                    draw_sample_sheet(trainer.ema, self.data).save(self.out / file)
                say(f"{name}, seed {seed}: {self.done()[-1]}, {time.process_time() - started:.0f} CPU s")

    def table(self, variants: dict[str, Variant]) -> str:
        """Markdown: mean and standard deviation over the seeds."""
        lines = [
            "| variant | ms a picture | pictures seen | seeds | Frechet distance | top-1 of the names |",
            "| --- | --- | --- | --- | --- | --- |",
        ]
        for name in variants:
            rows = [row for row in self.done() if row["variant"] == name]
            if not rows:
                continue
            cells = [name, rows[0]["milliseconds_a_sample"], f"{int(rows[0]['samples']):,}", str(len(rows))]
            for column, scale, unit in (("frechet", 1.0, ""), ("top1", 100.0, " %")):
                values = [float(row[column]) * scale for row in rows]
                deviation = statistics.stdev(values) if len(values) > 1 else 0.0
                cells.append(f"{statistics.mean(values):.1f} +- {deviation:.1f}{unit}")
            lines.append("| " + " | ".join(cells) + " |")
        lines.append(f"\nReal pictures themselves: Frechet distance 0, top-1 {self.real_top1:.1%}.")
        return "\n".join(lines)


def main() -> None:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="pictures folder with captions.jsonl")
    parser.add_argument("--out", type=Path, default=Path("var/training/ablation"))
    parser.add_argument("--preset", choices=tuple(PRESETS), default="grey28", help="the baseline")
    parser.add_argument("--every", type=int, default=16, help="train on every so-manieth object")
    parser.add_argument("--samples", type=int, default=12_000, help="pictures that the baseline sees")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", nargs="*", default=list(VARIANTS), help="names of variants")
    arguments = parser.parse_args()
    unknown = set(arguments.only) - set(VARIANTS)
    if unknown:
        parser.error(f"no such variant: {', '.join(sorted(unknown))}; there are {', '.join(VARIANTS)}")
    chosen = {name: VARIANTS[name] for name in VARIANTS if name in arguments.only or name == BASELINE}
    base = PRESETS[arguments.preset]
    ablation = Ablation(read_objects(arguments.data), arguments.every, base, arguments.out)
    ablation.run(chosen, arguments.samples, arguments.seeds, print)
    print(ablation.table(chosen))


if __name__ == "__main__":
    main()
