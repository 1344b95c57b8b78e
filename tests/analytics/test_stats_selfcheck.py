"""A small version of ``manage.py statistics_selfcheck``: the statistics keep their promises."""

from __future__ import annotations

import io

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from analytics.stats import simulation
from analytics.stats.frequentist import compare
from analytics.stats.sequential import compare_always_valid, multiplier
from analytics.stats.statistics import Sums


def sums_of(batch_arm, n, run, look):
    y, x, yy, xx, xy = (float(value) for value in batch_arm[:, run, look])
    return Sums(int(n), y, x, yy, xx, xy)


def test_the_simulations_formulas_are_those_of_the_product():
    batch = simulation.batch_simulate(np.random.default_rng(5), simulations=3, shoppers=2000, lift=0.1)
    found = simulation.estimates(batch)
    for run, look in ((0, 0), (1, 9), (2, 19)):
        n = int(batch.n[look])
        control, treatment = sums_of(batch.control, n, run, look), sums_of(batch.treatment, n, run, look)
        always = compare_always_valid(control, treatment, tuned_for=4000)
        low, high = found.log_interval(multiplier(2 * n, tuned_for=4000))
        assert np.expm1(low[run, look]) == pytest.approx(always.lift_low, rel=1e-9)
        assert np.expm1(high[run, look]) == pytest.approx(always.lift_high, rel=1e-9)
        fixed = compare(control, treatment)
        low, high = found.log_interval(simulation.Z)
        # tea-tasting takes Student's t, here a hair wider than the normal.
        assert np.expm1(low[run, look]) == pytest.approx(fixed.lift_low, abs=0.01)
        assert np.expm1(high[run, look]) == pytest.approx(fixed.lift_high, abs=0.01)


def test_two_hundred_experiments_keep_the_promises():
    rng = np.random.default_rng(1)
    outcomes = {o.name: o for o in simulation.peeking_check(rng, 200, simulation.planned_shoppers(0.4))}
    assert outcomes["False alarms, always-valid, 20 looks"].measured <= 0.06
    assert outcomes["False alarms had the fixed interval been used at 20 looks"].measured > 0.12
    # Wider bands than the full run: 200 coin flips have a standard error of 1.5 points.
    assert outcomes["Coverage of the fixed interval at the planned end"].measured == pytest.approx(
        0.95, abs=0.045
    )
    found = simulation.coverage_check(rng, 200, simulation.planned_shoppers(0.4), 0.4)
    assert found[0].measured > 0.72
    assert all(outcome.is_passed for outcome in simulation.split_checks(rng, 200))


def test_with_three_arms_the_planned_sample_still_finds_the_lift_four_times_in_five():
    found = simulation.three_arms_check(np.random.default_rng(2), 3000, 0.4)[0]
    # Planned as if there were one comparison, Holm over two would leave 73 %; the standard error is 0.7 %.
    assert 0.78 <= found.measured < 0.85


def test_the_command_prints_a_table_and_refuses_nonsense():
    out = io.StringIO()
    call_command("statistics_selfcheck", simulations=60, lift=0.5, seed=3, pipeline=0, stdout=out)
    assert out.getvalue().count(" ok") == 11
    with pytest.raises(CommandError):
        call_command("statistics_selfcheck", simulations=0)
