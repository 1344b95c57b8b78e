"""``log.csv`` of a run: means over every hundred updates, one curve however often the run was killed."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

EVERY = 100


class LossLog:
    """Collects losses and appends a row every ``EVERY`` steps.

    ``sums``, the losses since the last row, belong into the checkpoint, and ``load`` drops the rows that
    were written after it: a killed and resumed run then leaves the same rows as one never stopped.
    """

    def __init__(self, path: Path, say: Callable[[str], None]) -> None:
        self.path, self.say = path, say
        self.sums: dict[str, float] = {}

    def add(self, step: int, samples: int, seconds: float, losses: dict[str, float]) -> None:
        """Count the losses of update number ``step``; write the row when it is due."""
        for name, value in losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        if step % EVERY:
            return
        means = {name: round(value / EVERY, 5) for name, value in self.sums.items()}
        is_new = not self.path.is_file()
        with self.path.open("a", newline="") as file:
            writer = csv.writer(file)
            if is_new:
                writer.writerow(["step", "samples", "seconds", *means])
            writer.writerow([step, samples, round(seconds, 1), *means.values()])
        self.say(f"step {step} {samples} samples {seconds:.0f} s {means}")
        self.sums = {}

    def load(self, sums: dict[str, float], step: int) -> None:
        """Go on after update ``step``: later rows are of updates that the kill took."""
        self.sums = dict(sums)
        if not self.path.is_file():
            return
        with self.path.open(newline="") as file:
            header, *rows = list(csv.reader(file)) or [[]]
        kept = [row for row in rows if row and row[0].isdigit() and int(row[0]) <= step]
        partial = self.path.with_suffix(".partial")
        with partial.open("w", newline="") as file:
            csv.writer(file).writerows([header, *kept])
        partial.replace(self.path)
