"""What-if estimates against the truth, on the Open Bandit data.

    python benchmarks/what_if.py --data DIR      (DIR holds random/all/all.csv and bts/all/all.csv)

Two policies ran side by side, so each can be asked of the other's log. The Thompson policy's shares are
estimated from its own logged propensities, by item and position; the random one's are 1/80. Printed: each
estimate with its 95 % interval, the effective sample, and whether the interval covers the click rate that the
other log itself shows. Data: Saito, Aihara, Matsutani, Narita, arXiv:2008.07146.
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from analytics.stats.off_policy import Log, Value, evaluate, on_policy

POSITIONS = 3


def log_read(path: Path) -> tuple[Log, int]:
    """A log with the position as its context; and how many items it has."""
    with path.open(newline="") as file:
        rows = [
            (int(r["position"]) - 1, int(r["item_id"]), float(r["click"]), float(r["propensity_score"]))
            for r in csv.DictReader(file)
        ]
    context, action, reward, propensity = (np.array(column) for column in zip(*rows, strict=True))
    return Log(context, action, reward, propensity, np.arange(len(rows))), int(action.max()) + 1


def policy_of(log: Log, items: int) -> np.ndarray:
    """Shares by position and item: the mean logged propensity of what was shown, scaled to sum 1."""
    total, count = np.zeros((POSITIONS, items)), np.zeros((POSITIONS, items))
    np.add.at(total, (log.context, log.action), log.propensity)
    np.add.at(count, (log.context, log.action), 1)
    shares = np.where(count > 0, total / np.maximum(count, 1), 0.0)
    return shares / shares.sum(axis=1, keepdims=True)


def words(found: Value) -> str:
    """``0.42 % (0.30 to 0.58)``."""
    if found.value is None or found.low is None or found.high is None:
        return "-"
    return f"{found.value:.3%} ({found.low:.3%} to {found.high:.3%})"


def main() -> None:
    """Both directions."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    folder = parser.parse_args().data
    logs = {name: log_read(folder / name / "all" / "all.csv") for name in ("random", "bts")}
    items = max(count for _, count in logs.values())
    policies = {
        "random": np.full((POSITIONS, items), 1 / items),
        "bts": policy_of(logs["bts"][0], items),
    }
    for source, target in (("random", "bts"), ("bts", "random")):
        log, truth = logs[source][0], on_policy(logs[target][0])
        found = evaluate(log, policies[target])
        print(f"{target} estimated from the log of {source}; its own log says {words(truth)}")
        print(
            f"  {found.decisions} decisions, effective sample {found.effective_sample:.0f}, mean weight "
            f"{found.mean_weight:.3f}, without support {found.unsupported_rate:.1%} {found.refusal}"
        )
        for name, value in (("IPS", found.ips), ("SNIPS", found.snips), ("DR", found.doubly_robust)):
            if value.low is None or value.high is None or truth.value is None:
                print(f"  {name:6} -")
                continue
            covers = "covers the truth" if value.low <= truth.value <= value.high else "MISSES the truth"
            print(f"  {name:6} {words(value)}  {covers}")


if __name__ == "__main__":
    main()
