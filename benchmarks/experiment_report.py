"""How long a worker takes from stored per-arm sums to every figure of a report.

    python benchmarks/experiment_report.py [--metrics 20] [--slices 10] [--arms 3] [--shoppers 20000]

20 metrics in 10 slices for 3 arms are 40 + 400 comparisons, each with its intervals and adjusted p. Both
kinds of interval are timed, with a period before the start and without. A request only reads what is stored.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from itertools import product
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "adplatform.settings")
import django

django.setup()

from analytics.experiment_figures import (  # noqa: E402
    ArmDesign,
    Design,
    Slice,
    StoredSums,
    dimensions_make,
    metrics_make,
)
from analytics.stats.adjustment import PairedSums  # noqa: E402


def sums_make(metrics: int, slices: int, arms: int, shoppers: int, *, has_before: bool) -> StoredSums:
    """Of made-up shoppers with a click rate of their own and a past."""
    rng = np.random.default_rng(1)

    def arm(n: int) -> PairedSums:
        taste = rng.beta(2, 20, n)
        x, bx = 1 + rng.poisson(4, n), rng.poisson(4, n) * has_before
        y, by = rng.binomial(x, taste), rng.binomial(bx, taste)
        return PairedSums.of_pairs(list(zip(y, x, strict=True)), list(zip(by, bx, strict=True)))

    base = [arm(shoppers) for _ in range(arms)]
    part = [found.now for found in (arm(max(100, shoppers // slices)) for _ in range(arms))]
    names = [f"metric_{number}" for number in range(metrics)]
    found = StoredSums(
        dict.fromkeys(names, base),
        [Slice("dimension", str(number), dict.fromkeys(names, part)) for number in range(slices)],
    )
    return StoredSums.from_dict(json.loads(json.dumps(found.to_dict(), default=float)))


def main() -> None:
    """Time both kinds of interval, the first run apart: it imports the libraries."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("metrics", 20), ("slices", 10), ("arms", 3), ("shoppers", 20000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    shape = (options.metrics, options.slices, options.arms, options.shoppers)
    stores = {has_before: sums_make(*shape, has_before=has_before) for has_before in (False, True)}
    arms = [ArmDesign(str(number), str(number)) for number in range(options.arms)]
    for has_before, is_complete in product((False, True), repeat=2):
        stored = stores[has_before]
        design = Design(arms, "metric_0", {"metric_1": 0.05}, 2 * options.shoppers, is_complete)
        for turn in ("first", "warm"):
            started = time.process_time()
            metrics, rows = metrics_make(design, stored), dimensions_make(design, stored)
            seconds = time.process_time() - started
            size = len(json.dumps([metrics, rows], allow_nan=False)) / 1024
            kind = "fixed" if is_complete else "always-valid"
            kind += ", adjusted" if has_before else ""
            print(f"{kind:22} {turn}: {seconds:.2f} s CPU for {len(rows)} rows of slices, {size:.0f} KiB")


if __name__ == "__main__":
    main()
