"""Is the experiment fit to be read? Checks with a level, a number in a sentence, and what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from analytics.stats.frequentist import compare
from analytics.stats.samplecheck import split_check
from analytics.stats.statistics import Sums
from analytics.words import probability_words, share_words

OK, WARN, FAIL, UNKNOWN = "ok", "warn", "fail", "unknown"
MIN_SHOPPERS = 100  # an arm
MIN_SUCCESSES = 40
MIXED_WARN = 0.01
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


def split(counts: Sequence[int], weights: Sequence[float]) -> Check:
    """Sample-ratio mismatch, on shoppers, over all arms."""
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
    words = probability_words(found.p)
    return Check("split", label, found.level, f"{shown} where {planned} were planned ({words}).", advice)


def mixed(count: int, kept: int) -> Check:
    """Shoppers seen in more than one arm."""
    share = count / (count + kept) if count + kept else 0.0
    if not count:
        return Check("mixed", "One arm a shopper", OK, "No shopper was seen in two arms.")
    words = f"{count:,} shoppers ({share_words(share)}) were seen in two arms and are left out."
    level = WARN if share > MIXED_WARN else OK
    advice = "Their pseudonym changed or two devices share it." if level == WARN else ""
    return Check("mixed", "One arm a shopper", level, words, advice)


def fresh(last_at: datetime | None, now: datetime, *, is_running: bool) -> Check:
    """Whether events still arrive."""
    label = "Fresh events"
    if last_at is None:
        return Check("fresh", label, UNKNOWN, "No event yet.")
    shown = f"The last event happened at {last_at:%Y-%m-%d %H:%M} UTC."
    if is_running and now - last_at > STALE_AFTER:
        advice = "Check that the storefront still asks for decisions and sends events."
        return Check("fresh", label, FAIL, f"{shown} For a day nothing has come.", advice)
    return Check("fresh", label, OK, shown)


def enough(counts: Sequence[int], successes: Sequence[float]) -> Check:
    """Too few shoppers make every interval a guess."""
    least, fewest = min(counts, default=0), min(successes, default=0)
    sentence = f"The smallest arm has {least:,} shoppers and {fewest:,.0f} successes."
    if least >= MIN_SHOPPERS and fewest >= MIN_SUCCESSES:
        return Check("enough", "Enough data", OK, sentence)
    advice = f"An arm needs {MIN_SHOPPERS} shoppers and {MIN_SUCCESSES} successes before it is judged."
    return Check("enough", "Enough data", WARN, sentence, advice)


def weeks(days_run: float) -> Check:
    """Whole weeks, because weekdays differ."""
    shown = f"{days_run:.0f} day{'' if round(days_run) == 1 else 's'} seen."
    if days_run < 7:
        return Check("weeks", "Full weeks", WARN, shown, "Wait for a full week; weekends differ.")
    return Check("weeks", "Full weeks", OK, shown)


def invalid(counts: Mapping[str, tuple[int, int]]) -> Check:
    """Events that were kept but not counted (robots, repeats), by arm: (invalid, all)."""
    shares = {arm: bad / total if total else 0.0 for arm, (bad, total) in counts.items()}
    shown = ", ".join(f"{arm} {share_words(share)}" for arm, share in shares.items()) or "none"
    level = WARN if max(shares.values(), default=0.0) > INVALID_WARN else OK
    advice = "Much of the traffic is robots or repeats; look at the traffic report." if level == WARN else ""
    return Check("invalid", "Not counted (robots, repeats)", level, f"Share of events: {shown}.", advice)


def balance(before: Sequence[Sums], labels: Sequence[str]) -> Check:
    """Did the arms click alike before the start? If not, the split itself is broken."""
    label = "Balance before the start"
    seen = [sums.n for sums in before]
    if min(seen, default=0) < MIN_SHOPPERS:
        return Check("balance", label, UNKNOWN, "Too few of these shoppers were seen before the start.")
    tested = [(compare(before[0], other).p, name) for other, name in zip(before[1:], labels[1:], strict=True)]
    found = [(p, name) for p, name in tested if p is not None]
    if not found:
        return Check("balance", label, UNKNOWN, "There were too few clicks before the start.")
    p, name = min(found)
    words = f"In the 14 days before, the click rate of {name} differed most ({probability_words(p)})."
    if p < BALANCE_P / len(tested):
        return Check("balance", label, FAIL, words, "The arms differed before anything was shown.")
    return Check("balance", label, OK, words)


def unchanged() -> Check:
    """The product refuses such changes, so there is nothing to find; the page says so."""
    return Check("unchanged", "Same split throughout", OK, "Weights and metrics cannot change while it runs.")
