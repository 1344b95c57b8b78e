"""The pure parts of learning: shares, the visual prior, strata, off-policy estimates, fatigue."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from analytics.stats.fatigue import Life, fatigue_judge, fatigue_told, stratum_of
from analytics.stats.fatigue_states import State
from analytics.stats.frequentist import compare_estimates
from analytics.stats.off_policy import Log, evaluate, on_policy
from analytics.stats.sequential import compare_always_valid
from analytics.stats.statistics import Sums, estimate_of
from analytics.stats.stratified import stratified_compare
from analytics.stats.thompson import FLOOR, ArmFacts, shares_make
from analytics.stats.visual_prior import Seen, VisualPrior, visual_prior_fit
from benchmarks.what_if import log_read, policy_of


# --- shares
@effort(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), min_size=1, max_size=12))
def test_shares_are_a_distribution_with_a_floor(counts):
    found = shares_make([ArmFacts(n, min(x, n), 0.01, 200) for n, x in counts])
    assert sum(found.shares) == pytest.approx(1)
    assert min(found.shares) >= min(FLOOR, 0.5 / len(counts)) - 1e-12


def test_the_better_arm_gets_the_traffic_and_too_little_data_decides_nothing():
    found = shares_make([ArmFacts(5000, 100, 0.02, 200), ArmFacts(5000, 160, 0.02, 200)])
    assert found.has_enough
    assert found.shares[1] > 0.9
    few = shares_make([ArmFacts(99, 39, 0.02, 200), ArmFacts(5000, 39, 0.02, 200)])
    assert not few.has_enough
    assert few.shares == pytest.approx([0.5, 0.5], abs=0.02)


def test_a_young_arm_stands_on_its_prior_while_the_others_learn():
    """Its own hundred looks do not count yet; the old ones are told apart all the same."""
    old = [ArmFacts(50_000, 2500, 0.03, 200), ArmFacts(50_000, 500, 0.03, 200)]
    for young in (ArmFacts(0, 0, 0.03, 200), ArmFacts(99, 60, 0.03, 200)):
        found = shares_make([*old, young])
        assert found.has_enough
        assert found.shares[0] > 0.8
        assert found.shares[1] == pytest.approx(FLOOR)
        assert FLOOR < found.shares[2] < 0.2


def test_a_month_of_batches_earns_more_than_equal_shares():
    rng, rates = np.random.default_rng(3), np.array([0.02, 0.03, 0.04, 0.05])
    shown, clicked, shares = np.zeros(4, int), np.zeros(4, int), np.full(4, 0.25)
    for _ in range(30):
        counts = rng.multinomial(2000, shares)
        shown, clicked = shown + counts, clicked + rng.binomial(counts, rates)
        facts = [ArmFacts(int(n), int(x), 0.03, 200) for n, x in zip(shown, clicked, strict=True)]
        shares = np.array(shares_make(facts).shares)
    assert clicked.sum() > 1.2 * 60_000 * rates.mean()
    assert shares.argmax() == 3


# --- the visual prior
def test_without_history_every_picture_is_believed_alike():
    prior = visual_prior_fit([])
    assert prior.rate(0.9, "flat") == prior.rate(None, "photo") == pytest.approx(VisualPrior().base_rate)


def test_a_score_that_foretold_clicks_and_a_style_that_earned_them_move_the_belief():
    rng = np.random.default_rng(5)
    seen = []
    for _ in range(60):
        score = float(rng.normal(0.3, 0.1))
        style = "flat" if rng.random() < 0.5 else "photo"
        rate = 0.02 * np.exp(3 * (score - 0.3)) * (1.3 if style == "photo" else 1)
        seen.append(Seen(5000, int(rng.binomial(5000, rate)), score, style))
    prior = visual_prior_fit(seen)
    assert prior.rate(0.4, "flat") > 1.15 * prior.rate(0.2, "flat")
    assert prior.rate(0.3, "photo") > 1.1 * prior.rate(0.3, "flat")
    assert prior.rate(99.0, "photo") < 1.6 * prior.base_rate  # bounded, whatever the score
    assert prior.rate(None, "unknown") == pytest.approx(prior.base_rate)


def test_a_score_without_meaning_moves_little():
    rng = np.random.default_rng(6)
    seen = [Seen(500, int(rng.binomial(500, 0.02)), float(rng.normal()), "flat") for _ in range(30)]
    prior = visual_prior_fit(seen)
    assert prior.rate(1.0, "flat") == pytest.approx(prior.rate(-1.0, "flat"), rel=0.35)


# --- strata
def test_pooled_rates_of_changing_shares_mislead_and_strata_do_not():
    """The treatment is 20 % better in both periods, and was shown most in the poor one: Simpson's paradox."""
    good = (Sums.of_counts(900, 9000), Sums.of_counts(120, 1000))
    poor = (Sums.of_counts(20, 1000), Sums.of_counts(216, 9000))
    pooled = [good[side] + poor[side] for side in (0, 1)]
    assert pooled[1].value < pooled[0].value
    counts = {"good": ((900, 9000), (120, 1000)), "poor": ((20, 1000), (216, 9000))}
    cells = {
        (stratum, side, (stratum, side, number)): (1, int(number < clicked))
        for stratum, sides in counts.items()
        for side, (clicked, shown) in enumerate(sides)
        for number in range(shown)
    }
    found = stratified_compare(cells)
    assert (found.strata, found.comparison.lift) == (2, pytest.approx(0.2, abs=0.01))
    assert found.comparison.lift_low < 0.2 < found.comparison.lift_high
    wider = stratified_compare(cells, tuned_for=10_000).comparison
    assert wider.lift_low < found.comparison.lift_low
    assert wider.p > found.comparison.p


def shoppers_cells(rng, strata=1, shoppers=300, is_paired=False):
    """By stratum, side and shopper: impressions and clicks, the same in every stratum."""
    cells = {}
    for number in range(shoppers):
        shown, taste = int(rng.integers(1, 6)), rng.beta(0.5, 4.5)
        for side in (0, 1) if is_paired else (number % 2,):
            clicked = int(rng.binomial(shown, taste))
            for stratum in range(strata):
                cells[stratum, side, number] = (shown, clicked)
    return cells


def test_one_stratum_is_compared_as_the_delta_method_does():
    cells = shoppers_cells(np.random.default_rng(1))
    sides = [[count for (_, side, _), count in cells.items() if side == arm] for arm in (0, 1)]
    sums = [Sums.of_pairs([y for _, y in side], [x for x, _ in side]) for side in sides]
    expected = compare_estimates(estimate_of(sums[0]), estimate_of(sums[1]))
    found = stratified_compare(cells).comparison
    for name in ("difference", "difference_low", "difference_high", "lift", "lift_low", "lift_high", "p"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name)), name
    valid = compare_always_valid(sums[0], sums[1], tuned_for=900)
    assert stratified_compare(cells, tuned_for=900).comparison.lift_low == pytest.approx(valid.lift_low)


def test_shoppers_who_come_back_in_every_period_are_counted_once():
    """Twenty periods that repeat the first tell nothing that it did not."""
    once = stratified_compare(shoppers_cells(np.random.default_rng(2)))
    often = stratified_compare(shoppers_cells(np.random.default_rng(2), strata=20))
    assert often.strata == 20
    for name in ("lift", "lift_low", "lift_high", "p"):
        assert getattr(often.comparison, name) == pytest.approx(getattr(once.comparison, name)), name


def test_shoppers_on_both_sides_are_compared_with_themselves():
    """Each of very different shoppers did alike on both sides, so their difference is known better."""
    cells = shoppers_cells(np.random.default_rng(3), is_paired=True)
    apart = {(stratum, side, (side, unit)): count for (stratum, side, unit), count in cells.items()}
    paired, strangers = stratified_compare(cells).comparison, stratified_compare(apart).comparison
    assert paired.lift == strangers.lift
    width = [found.lift_high - found.lift_low for found in (paired, strangers)]
    assert width[0] < 0.9 * width[1]


def test_differences_that_are_none_are_rarely_called_one_after_twenty_periods():
    rng, false = np.random.default_rng(4), 0
    for _ in range(40):
        taste, is_held = rng.beta(0.5, 9.5, 300), rng.random(300) < 0.3
        shown = rng.poisson(2, (20, 300))
        clicked = rng.binomial(shown, taste)
        cells = {
            (period, int(not is_held[n]), n): (shown[period, n], clicked[period, n])
            for period in range(20)
            for n in range(300)
        }
        found = stratified_compare(cells).comparison
        false += not found.lift_low < 0 < found.lift_high
    assert false <= 6  # 2 of 40 expected; taken as independent, strata gave 15


def test_a_stratum_of_one_side_tells_nothing():
    assert stratified_compare(part([0.1], 50)).comparison.lift is None
    assert stratified_compare({}).comparison.p is None


# --- what if
RATES = np.array([[0.02, 0.05, 0.08], [0.08, 0.05, 0.02]])


def log_make(rng, n, logging):
    context = rng.integers(0, 2, n)
    chance = logging[context]
    action = (rng.random((n, 1)) > chance.cumsum(axis=1)).sum(axis=1)
    reward = (rng.random(n) < RATES[context, action]).astype(float)
    return Log(context, action, reward, chance[np.arange(n), action], rng.permutation(n))


def test_intervals_cover_a_known_truth():
    rng = np.random.default_rng(8)
    logging = np.array([[0.6, 0.3, 0.1], [0.1, 0.3, 0.6]])
    target = np.array([[0.1, 0.2, 0.7], [0.8, 0.1, 0.1]])
    truth = float((RATES * target).sum(axis=1).mean())
    covered = {"ips": 0, "snips": 0, "doubly_robust": 0}
    values = []
    for _ in range(300):
        found = evaluate(log_make(rng, 4000, logging), target)
        assert found.refusal == ""
        for name in covered:
            value = getattr(found, name)
            covered[name] += value.low <= truth <= value.high
        values.append(found.doubly_robust.value)
    assert {name: round(count / 300, 2) for name, count in covered.items() if count / 300 < 0.92} == {}
    assert np.mean(values) == pytest.approx(truth, rel=0.02)


def open_bandit_csv(path, rng, shares, clicks, rows=10_000):
    """A log in the columns of the Open Bandit data; ``shares`` and ``clicks`` by position and item."""
    position = rng.integers(0, 3, rows)
    lines = ["position,item_id,click,propensity_score"]
    for place in position:
        item = rng.choice(shares.shape[1], p=shares[place])
        lines.append(f"{place + 1},{item},{int(rng.random() < clicks[place, item])},{shares[place, item]}")
    path.write_text("\n".join(lines))


def test_each_of_two_policies_is_told_from_the_others_log(tmp_path):
    """As ``benchmarks/what_if.py`` does with the Open Bandit data, here with a known truth."""
    rng = np.random.default_rng(6)
    clicks = rng.uniform(0.01, 0.03, (3, 12))
    clicks[:, 4] = 0.12
    skewed = np.full((3, 12), 0.4 / 11)
    skewed[:, 4] = 0.6
    policies = {"random": np.full((3, 12), 1 / 12), "bts": skewed}
    truth = {name: float((shares * clicks).sum(axis=1).mean()) for name, shares in policies.items()}
    for name, shares in policies.items():
        open_bandit_csv(tmp_path / f"{name}.csv", rng, shares, clicks)
    for source, target in (("random", "bts"), ("bts", "random")):
        log, items = log_read(tmp_path / f"{source}.csv")
        other, _ = log_read(tmp_path / f"{target}.csv")
        found = evaluate(log, policy_of(other, items))
        for value in (found.ips, found.snips, found.doubly_robust):
            assert value.low <= truth[target] <= value.high
            assert not value.low <= truth[source] <= value.high  # what the log itself shows is another rate


def test_the_logging_policy_itself_is_what_was_seen():
    log = log_make(np.random.default_rng(9), 5000, np.full((2, 3), 1 / 3))
    found = evaluate(log, np.full((2, 3), 1 / 3))
    assert found.ips.value == pytest.approx(on_policy(log).value)
    assert found.effective_sample == pytest.approx(5000)
    assert found.mean_weight == pytest.approx(1)


def test_a_constant_factor_in_the_propensities_spoils_only_ips():
    log = log_make(np.random.default_rng(9), 5000, np.full((2, 3), 1 / 3))
    half = Log(log.context, log.action, log.reward, log.propensity / 2, log.unit)
    target = np.array([[0, 0, 1.0], [1.0, 0, 0]])
    right, wrong = evaluate(log, target), evaluate(half, target)
    assert wrong.ips.value is None
    assert wrong.snips == right.snips
    assert wrong.doubly_robust.value == pytest.approx(right.doubly_robust.value)


def test_questions_that_the_log_cannot_answer_are_refused():
    rng = np.random.default_rng(10)
    log = log_make(rng, 4000, np.array([[0.7, 0.3, 0.0], [0.7, 0.3, 0.0]]))
    assert evaluate(log, np.array([[0, 0, 1.0]] * 2)).refusal == "no_support"
    assert evaluate(log_make(rng, 80, np.full((2, 3), 1 / 3)), np.full((2, 3), 1 / 3)).refusal == "too_little"
    empty = Log(*(np.zeros(0, int) for _ in range(2)), np.zeros(0), np.zeros(0), np.zeros(0, int))
    assert evaluate(empty, np.ones((1, 1))).refusal == "no_data"
    with pytest.raises(ValueError, match="distribution"):
        evaluate(log, np.full((2, 3), 0.5))
    bad = Log(log.context, log.action, log.reward, np.zeros(len(log)), log.unit)
    with pytest.raises(ValueError, match="propensity"):
        evaluate(bad, np.full((2, 3), 1 / 3))


# --- fatigue
def test_a_policy_may_know_pictures_and_places_that_the_log_never_shows():
    log = log_make(np.random.default_rng(4), 4000, np.full((2, 3), 1 / 3))
    known = evaluate(log, np.full((2, 3), 1 / 3))
    wider = np.zeros((3, 5))
    wider[:2, :3], wider[2, 4] = 1 / 3, 1.0
    assert evaluate(log, wider) == known


def part(rates, n=600, side=0):
    """Cells of ``n`` shoppers a stratum with one impression each, at these click rates."""
    return {
        (stratum, side, (side, stratum, number)): (1, int(number < round(rate * n)))
        for stratum, rate in enumerate(rates)
        for number in range(n)
    }


def life(early, late, n=600, **changes):
    fields = {"early_frequency": 1.5, "late_frequency": 1.6, "is_old_enough": True, **changes}
    return Life(part(early, n) | part(late, n, side=1), **fields)


FRESH = (0.10, 0.08, 0.06, 0.04, 0.03)


@pytest.mark.parametrize(
    ("found", "state", "word"),
    [
        (life([r * 3 for r in FRESH], [r * 3 for r in FRESH]), State.HEALTHY, "excluded"),
        (life(FRESH, FRESH, 100), State.UNKNOWN, "to exclude"),
        (life(FRESH, [r / 2 for r in FRESH]), State.FATIGUED, "worn out"),
        (life([r * 3 for r in FRESH], [r * 3 * 0.85 for r in FRESH]), State.LIMITED, "a little less"),
        (life(FRESH, FRESH, is_old_enough=False), State.UNKNOWN, "two weeks"),
        (life(FRESH, FRESH, 20), State.UNKNOWN, "Too little"),
    ],
)
def test_each_state_has_its_reason(found, state, word):
    judged = fatigue_judge(found)
    assert (judged.state, word in judged.reason) == (state, True), judged


@pytest.mark.parametrize(
    ("fallen_since", "told_on"),
    [(0, "10 Dec 2026"), (4, "6 Dec 2026"), (6, "4 Dec 2026"), (7, None)],
)
def test_worn_out_is_told_when_the_week_before_shows_it_too(fallen_since, told_on):
    worn, sound = life(FRESH, [rate / 2 for rate in FRESH]), life(FRESH, FRESH)
    found = fatigue_judge(worn)
    told = fatigue_told(found, lambda ago: worn if ago <= fallen_since else sound, date(2026, 12, 3))
    if told_on is None:
        assert told == found
    else:
        assert (told.state, told.reason.endswith(f"still holds on {told_on}.")) == (State.LIMITED, True)
        assert (told.change, told.low, told.high) == (found.change, found.low, found.high)


def test_a_fall_that_is_only_repeated_looks_is_not_the_pictures_fault():
    """Late impressions are mostly fifth looks; at the same number of looks nothing fell."""
    cells = {}
    for side, counts in enumerate(
        (((120, 1200), (24, 300), (18, 300), (12, 300), (9, 300)),
         ((20, 200), (24, 300), (18, 300), (12, 300), (54, 1800)))
    ):  # fmt: skip
        for stratum, (clicked, shown) in enumerate(counts):
            for number in range(shown):
                cells[stratum, side, (side, stratum, number)] = (1, int(number < clicked))
    judged = fatigue_judge(Life(cells, 1.4, 7.5, is_old_enough=True))
    assert judged.state == State.LIMITED
    assert "7.5 times" in judged.reason
    assert judged.plain_change < -0.25
    assert judged.low < 0 < judged.high


def test_exposure_numbers_fall_into_strata():
    assert [stratum_of(n) for n in (1, 2, 3, 4, 5, 8, 9, 100)] == [0, 1, 2, 2, 3, 3, 4, 4]
