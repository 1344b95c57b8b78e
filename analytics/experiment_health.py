"""Is the experiment fit to be read? Checks with a level, a number in a sentence, and what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from analytics.stats.frequentist import compare
from analytics.stats.samplecheck import SRM_FAIL, independence_p, split_check
from analytics.stats.statistics import Sums
from analytics.words import probability_words, share_words

OK, WARN, FAIL, UNKNOWN = "ok", "warn", "fail", "unknown"
MIN_SHOPPERS = 100  # an arm
MIN_SUCCESSES = 40
# A pseudonym has one arm by its hash, so each shopper of two arms is a fault. Left out, they take the most
# frequent visitors with them: beyond one in twenty the rest is another public than the one that was split.
MIXED_WARN = 0.01
MIXED_FAIL = 0.05
BALANCE_P = 0.001
STALE_AFTER = timedelta(hours=24)
INVALID_WARN = 0.3


@dataclass(frozen=True)
class Check:
    """One line of the health panel."""

    key: str
    label: str
    level: str
    sentence: str
    advice: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def split(
    counts: Sequence[int],
    weights: Sequence[float],
    slices: Mapping[tuple[str, str], Sequence[int]] | None = None,
) -> Check:
    """Sample-ratio mismatch, on shoppers, over all arms. On a failure the slices tell where to look."""
    found = split_check(counts, weights)
    shown = " : ".join(f"{count:,}" for count in counts)
    label = "Split of the shoppers"
    if found.p is None:
        return Check("split", label, UNKNOWN, f"{shown}; too few shoppers to tell.")
    planned = " : ".join(f"{expected:,.0f}" for expected in found.expected)
    advice = {
        FAIL: "Something lets shoppers of one arm go missing. Find it before reading any figure.",
        WARN: "Keep an eye on it; below p = 0.001 the figures may not be used.",
    }.get(found.level, "")
    if found.level == FAIL and (place := _worst_slice(weights, slices or {})):
        advice += f" It is worst where {place}."
    words = probability_words(found.p)
    return Check("split", label, found.level, f"{shown} where {planned} were planned ({words}).", advice)


def _worst_slice(weights: Sequence[float], slices: Mapping[tuple[str, str], Sequence[int]]) -> str:
    tested = [(split_check(counts, weights).p, part) for part, counts in slices.items()]
    found = [(p, f"{name} is {value}") for p, (name, value) in tested if p is not None and p < SRM_FAIL]
    return min(found)[1] if found else ""


def mixed(count: int, kept: int) -> Check:
    """Shoppers seen in more than one arm. That one arm loses more of them than another the split tells."""
    share = count / (count + kept) if count + kept else 0.0
    if not count:
        return Check("mixed", "One arm a shopper", OK, "No shopper was seen in two arms.")
    words = f"{count:,} shoppers ({share_words(share)}) were seen in two arms and are left out."
    if share > MIXED_FAIL and count + kept >= MIN_SHOPPERS:
        advice = (
            "More than 5 %: those who are left are no longer the shoppers who were split. Find the cause."
        )
        return Check("mixed", "One arm a shopper", FAIL, words, advice)
    level = WARN if share > MIXED_WARN else OK
    advice = "Their pseudonym changed or two devices share it." if level == WARN else ""
    return Check("mixed", "One arm a shopper", level, words, advice)


def fresh(last_at: datetime | None, end: datetime) -> Check:
    """Whether events came until ``end``: that of the experiment, or now while it runs."""
    label = "Fresh events"
    if last_at is None:
        return Check("fresh", label, UNKNOWN, "No event yet.")
    shown = f"The last event happened at {last_at:%Y-%m-%d %H:%M} UTC."
    if end - last_at > STALE_AFTER:
        advice = "Check that the storefront still asks for decisions and sends events."
        words = f"{shown} In the day before {end:%Y-%m-%d %H:%M} UTC nothing came."
        return Check("fresh", label, FAIL, words, advice)
    return Check("fresh", label, OK, shown)


def enough(counts: Sequence[int], successes: Sequence[float] | None) -> Check:
    """Too few shoppers make every interval a guess; None where values are summed, not successes counted."""
    least = min(counts, default=0)
    had, needed, is_enough = f"{least:,} shoppers", f"{MIN_SHOPPERS} shoppers", least >= MIN_SHOPPERS
    if successes is not None:
        fewest = min(successes, default=0)
        had, needed = f"{had} and {fewest:,.0f} successes", f"{needed} and {MIN_SUCCESSES} successes"
        is_enough = is_enough and fewest >= MIN_SUCCESSES
    sentence = f"The smallest arm has {had}."
    if is_enough:
        return Check("enough", "Enough data", OK, sentence)
    advice = f"An arm needs {needed} before it is judged."
    return Check("enough", "Enough data", WARN, sentence, advice)


def weeks(days_run: float) -> Check:
    """Whole weeks, because weekdays differ."""
    shown = f"{days_run:.0f} day{'' if round(days_run) == 1 else 's'} seen."
    if days_run < 7:
        return Check("weeks", "Full weeks", WARN, shown, "Wait for a full week; weekends differ.")
    return Check("weeks", "Full weeks", OK, shown)


def robots(counts: Mapping[str, tuple[int, int]]) -> Check:
    """Events of robots, by what their user agent says, by arm: (robots, all)."""
    return _uncounted("robots", "Robots by arm", counts, "Robots come to one arm more than to another")


def repeats(counts: Mapping[str, tuple[int, int]]) -> Check:
    """Other events that were kept but not counted, by arm: (left out, all)."""
    label = "Repeats and prefetches by arm"
    return _uncounted(
        "repeats", label, counts, "One arm's events are repeated or refused more than another's"
    )


def _uncounted(key: str, label: str, counts: Mapping[str, tuple[int, int]], differs: str) -> Check:
    shares = {arm: bad / total if total else 0.0 for arm, (bad, total) in counts.items()}
    shown = ", ".join(f"{arm} {share_words(share)}" for arm, share in shares.items()) or "none"
    p = independence_p([(bad, total - bad) for bad, total in counts.values()])
    if p is not None and p < BALANCE_P:
        sentence = f"Share of events: {shown} ({probability_words(p)})."
        return Check(key, label, WARN, sentence, f"{differs}: that may hide or make a difference.")
    level = WARN if max(shares.values(), default=0.0) > INVALID_WARN else OK
    advice = "That is much; look at the traffic report." if level == WARN else ""
    return Check(key, label, level, f"Share of events: {shown}.", advice)


def balance(before: Mapping[str, Sequence[Sums]], labels: Sequence[str]) -> Check:
    """Did the arms behave alike before the start, by the metrics that decide?"""
    label = "Balance before the start"
    seen = [sums.n for arms in before.values() for sums in arms]
    if min(seen, default=0) < MIN_SHOPPERS:
        return Check("balance", label, UNKNOWN, "Too few of these shoppers were seen before the start.")
    tested = [
        (compare(arms[0], other).p, f"{metric} of {name}")
        for metric, arms in before.items()
        for other, name in zip(arms[1:], labels[1:], strict=True)
    ]
    found = [(p, name) for p, name in tested if p is not None]
    if not found:
        return Check("balance", label, UNKNOWN, "There were too few clicks or orders before the start.")
    p, name = min(found)
    words = f"In the 14 days before, “{name}” differed most ({probability_words(p)})."
    if p < BALANCE_P / len(tested):
        return Check("balance", label, FAIL, words, "The arms differed before anything was shown.")
    return Check("balance", label, OK, words)


def unchanged(pictures: int, weights: int = 0) -> Check:
    """The split cannot change while it runs; the pictures and the draw's weights around it can."""
    label = "Nothing changed in the middle"
    found = []
    if pictures:
        found.append(f"{pictures} variant{'s' if pictures > 1 else ''} got another picture in the middle.")
    if weights:
        found.append(f"The draw's weights changed {weights} time{'s' if weights > 1 else ''}.")
    if not found:
        return Check("unchanged", label, OK, "Split, pictures and weights stayed as they were.")
    advice = "Both arms saw it at the same time, so the comparison holds; what it is about changed."
    return Check("unchanged", label, WARN, " ".join(found), advice)
