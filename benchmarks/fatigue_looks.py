"""How often the daily look at a creative calls it worn out, where it is and where it is not.

    python benchmarks/fatigue_looks.py [--creatives 1000]

Creatives of 90 days at a click rate of 2 %, looked at daily once they are two weeks old by the judge that the
worker calls; every impression is another shopper's first. Printed are the shares ever called worn out by one
look and by the rule (a look, and one a week before), with a constant rate and with one that falls by 40 %
after 30 days.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from analytics.stats.fatigue import HELD_DAYS, WORN, Life, fatigue_judge
from analytics.stats.fatigue_states import State

DAYS, WEEK, FIRST_LOOK = 90, 7, 14
RATE, FALL, FALLS_AFTER = 0.02, 0.4, 30


def _finds_it(early: Any, late: Any) -> bool:
    """Whether one look calls it worn out; the judge is asked where the fall alone would do."""
    if not early.any() or late.mean() / early.mean() - 1 > WORN:
        return False
    cells = {
        (0, side, (side, number)): (1, int(clicked))
        for side, part in enumerate((early, late))
        for number, clicked in enumerate(part.ravel())
    }
    return fatigue_judge(Life(cells, 1.0, 1.0, is_old_enough=True)).state == State.FATIGUED


def _share(rng: Any, creatives: int, a_day: int, fall: float) -> tuple[float, float]:
    """Ever called worn out, by one look and by the rule."""
    rates = np.full((DAYS, 1), RATE)
    rates[FALLS_AFTER:] *= 1 - fall
    once = held = 0
    for _ in range(creatives):
        clicked = rng.random((DAYS, a_day)) < rates
        days: set[int] = set()
        for day in range(FIRST_LOOK, DAYS + 1):
            if _finds_it(clicked[:WEEK], clicked[day - WEEK : day]):
                days.add(day)
                if day - HELD_DAYS in days:
                    held += 1
                    break
        once += bool(days)
    return once / creatives, held / creatives


def main() -> None:
    """Print a line for each number of impressions a day."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--creatives", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=20261126)
    options = parser.parse_args()
    for a_day in (100, 300, 1_000):
        for fall in (0.0, FALL):
            rng = np.random.default_rng(options.seed)
            once, held = _share(rng, options.creatives, a_day, fall)
            print(f"{a_day:>5} a day, fall {fall:.0%}: one look {once:.1%}, with a week before {held:.1%}")


if __name__ == "__main__":
    main()
