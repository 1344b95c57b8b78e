"""Old experiments out of a CSV: columns named by a person, rows to per-arm sums; pure.

Two shapes. *Sums*: a row an arm of a test, with its shoppers and how many succeeded (or a sum and a sum of
squares). *Events*: a row an event (test, shopper, arm, kind, value), summed shopper by shopper here, so that
a shopper's clicks may depend on each other. A bad row is reported with its line and left out; it never takes
others with it.
"""

from __future__ import annotations

import csv
import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from analytics.past_test_columns import rows_of
from analytics.stats.statistics import Sums

MAX_ROWS = 500_000
MAX_TESTS = 2_000
MAX_ARMS = 50
MAX_PROBLEMS = 1_000
MAX_COUNT = 10**12
SHOWN = frozenset({"impression", "exposure", "exposed", "view", "shown", "assignment"})
POINTED = re.compile(r"[+-]?\d{1,3}(\.\d{3})+(,\d+)?")  # 1.234.567,89
GROUPED = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")  # 12,345, but not 0,345 nor 1234,567
WON = frozenset({"click", "conversion", "converted", "order", "purchase", "success", "signup"})


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row, or a whole test, was left out."""

    line: int
    test: str
    code: str
    message: str


@dataclass(frozen=True)
class ArmSums:
    """One arm as it was read."""

    name: str
    sums: Sums
    weight: float = 1.0


@dataclass(frozen=True)
class ReadTest:
    """One old test; the first arm is the control."""

    name: str
    arms: Sequence[ArmSums]
    metric: str
    has_weights: bool = False
    started_on: date | None = None
    ended_on: date | None = None
    has_span: bool = False  # its first and its last day are known, be they the same
    sequence: Mapping[date, Mapping[str, Sums]] = field(default_factory=dict)  # by day and arm, where known


@dataclass
class Reading:
    """All that came out of a file."""

    tests: list[ReadTest] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    problem_count: int = 0

    def refuse(self, line: int, test: str, code: str, message: str) -> None:
        """Keep the first thousand, count them all."""
        self.problem_count += 1
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(line, test[:200], code, message))


def read_tests(text: str, mapping: Mapping[str, str], shape: str) -> Reading:
    """Every test of the file, in its order, and every row that had to be left out."""
    reading = Reading()
    rows = _named_rows(text, mapping, reading)
    arms = _sums_read(rows, reading) if shape == "sums" else _events_read(rows, mapping, reading)
    for name, found in arms.items():
        if len(reading.tests) >= MAX_TESTS:
            reading.refuse(
                found.line, name, "too_many_tests", f"Only the first {MAX_TESTS:,} tests are read."
            )
            break
        if len(found.arms) > MAX_ARMS:
            reading.refuse(
                found.line, name, "too_many_arms", f"More than {MAX_ARMS} arms cannot be compared."
            )
        elif found.arms:
            reading.tests.append(found.done(name))
    return reading


# --- rows
def _named_rows(
    text: str, mapping: Mapping[str, str], reading: Reading
) -> Iterator[tuple[int, dict[str, str]]]:
    rows = rows_of(text)
    try:
        columns = [column.strip() for column in next(rows, [])]
        places = {name: columns.index(column) for name, column in mapping.items() if column in columns}
        for line, row in enumerate(rows, start=2):
            if line > MAX_ROWS + 1:
                reading.refuse(line, "", "too_many_rows", f"Only the first {MAX_ROWS:,} rows are read.")
                return
            if any(cell.strip() for cell in row):
                yield line, {n: row[p].strip() if p < len(row) else "" for n, p in places.items()}
    except csv.Error as error:
        reading.refuse(0, "", "bad_table", f"The table cannot be read any further: {error}.")


@dataclass
class _Found:
    """A test while its rows are read."""

    line: int
    metric: str = "conversion_rate"
    arms: dict[str, ArmSums] = field(default_factory=dict)
    dates: list[date] = field(default_factory=list)
    dated: set[str] = field(default_factory=set)  # by what: start, end, day
    has_weights: bool = False
    sequence: dict[date, dict[str, Sums]] = field(default_factory=dict)
    totals: set[str] = field(default_factory=set)  # arms of a row without a day

    def done(self, name: str) -> ReadTest:
        return ReadTest(
            name=name,
            arms=list(self.arms.values()),
            metric=self.metric,
            has_weights=self.has_weights,
            started_on=min(self.dates, default=None),
            ended_on=max(self.dates, default=None),
            has_span="day" in self.dated or {"start", "end"} <= self.dated,
            sequence=self.sequence,
        )


# --- sums
def _sums_read(rows: Iterator[tuple[int, dict[str, str]]], reading: Reading) -> dict[str, _Found]:
    tests: dict[str, _Found] = {}
    for line, row in rows:
        name = (row.get("test") or "Test")[:200]
        arm = row.get("arm", "")[:80]
        try:
            sums, metric = _arm_sums(row)
            weight = _number(row, "weight") if row.get("weight") else 1.0
            if not 0 < weight <= 1e6:
                raise _BadRow("bad_weight", "A weight is a positive number.")
            if not arm:
                raise _BadRow("no_arm", "The row names no arm.")
            dated = {key: at for key in ("start", "end", "day") if (at := _date(row.get(key, "")))}
        except _BadRow as error:
            reading.refuse(line, name, error.code, str(error))
            continue
        test = tests.setdefault(name, _Found(line))
        before = test.arms.get(arm)
        day = dated.get("day")
        # A sum over all days and sums by day would be counted twice.
        if before is not None and (day is None or arm in test.totals or arm in test.sequence.get(day, {})):
            reading.refuse(line, name, "arm_twice", f"The arm “{arm}” stands in an earlier row already.")
            continue
        if day is None:
            test.totals.add(arm)
        else:
            test.sequence.setdefault(day, {})[arm] = sums
        test.arms[arm] = ArmSums(arm, sums if before is None else before.sums + sums, weight)
        test.metric = metric
        test.dates += dated.values()
        test.dated |= dated.keys()
        test.has_weights |= bool(row.get("weight"))
    return tests


class _BadRow(ValueError):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def _arm_sums(row: Mapping[str, str]) -> tuple[Sums, str]:
    shoppers = _count(row, "shoppers")
    if row.get("sum") and row.get("sum_of_squares"):
        total, squares = _number(row, "sum"), _number(row, "sum_of_squares")
        if shoppers and squares * shoppers < total * total * (1 - 1e-9):
            raise _BadRow("bad_squares", "The sum of squares is smaller than the sum allows.")
        if shoppers == 0 and (total or squares):
            raise _BadRow("bad_sum", "An arm without a shopper has a sum.")
        return Sums(n=shoppers, y=total, x=shoppers, yy=squares, xx=shoppers, xy=total), "value_per_shopper"
    if not row.get("successes") and row.get("rate"):
        rate = _rate(row)
        return Sums.of_counts(round(rate * shoppers), shoppers), "conversion_rate"
    successes = _count(row, "successes")
    if successes > shoppers:
        raise _BadRow("more_than_all", f"{successes:,} successes of {shoppers:,} shoppers.")
    return Sums.of_counts(successes, shoppers), "conversion_rate"


def _number(row: Mapping[str, str], name: str) -> float:
    text = row.get(name, "").replace(" ", "").replace("\u202f", "").replace("\xa0", "")
    comma, dot = text.rfind(","), text.rfind(".")
    if comma > dot >= 0 or text.count(".") > 1:
        if POINTED.fullmatch(text):  # else it stays as it is, and is no number
            text = text.replace(".", "").replace(",", ".")
    elif dot < 0 and text.count(",") == 1 and not GROUPED.fullmatch(text):  # 0,052
        text = text.replace(",", ".")
    else:  # 1,234.56
        text = text.replace(",", "")
    try:
        found = float(text)
    except ValueError:
        raise _BadRow("bad_number", f"“{row.get(name, '')[:40]}” is no number ({name}).") from None
    if not math.isfinite(found) or abs(found) > 1e15:
        raise _BadRow(
            "bad_number", f"“{row.get(name, '')[:40]}” is no number that can be counted with ({name})."
        )
    return found


def _rate(row: Mapping[str, str]) -> float:
    """``0.052`` or ``5.2 %``."""
    text = row["rate"]
    is_percent = text.rstrip().endswith("%")
    found = _number({"rate": text.rstrip().rstrip("%").strip()}, "rate") / (100 if is_percent else 1)
    if not 0 <= found <= 1:
        raise _BadRow("bad_rate", "A rate lies between 0 and 1, or is followed by %.")
    return found


def _count(row: Mapping[str, str], name: str) -> int:
    found = _number(row, name)
    if found < 0:
        raise _BadRow("negative", f"A number of {name} is not negative.")
    if found != int(found) or found > MAX_COUNT:
        raise _BadRow("bad_count", f"A number of {name} is a whole one.")
    return int(found)


def _date(text: str) -> date | None:
    if not text:
        return None
    for form in ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%Y年%m月%d日"):
        try:
            return datetime.strptime(text[:11].strip(), form).date()
        except ValueError:
            continue
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).date()
    except ValueError:
        raise _BadRow("bad_date", f"“{text[:40]}” is no date; write 2026-11-25.") from None


# --- events
@dataclass(slots=True)
class _Person:
    arm: str
    won: float = 0.0
    value: float = 0.0


def _events_read(
    rows: Iterator[tuple[int, dict[str, str]]], mapping: Mapping[str, str], reading: Reading
) -> dict[str, _Found]:
    """Per test and shopper: whether they succeeded, or the sum of their values where values are named."""
    tests: dict[str, _Found] = {}
    people: dict[str, dict[str, _Person]] = defaultdict(dict)
    has_values = bool(mapping.get("value"))
    for line, row in rows:
        name = (row.get("test") or "Test")[:200]
        try:
            shopper, arm, kind = row.get("shopper", ""), row.get("arm", "")[:80], row.get("kind", "").lower()
            if not shopper or not arm:
                raise _BadRow("no_arm", "The row names no shopper or no arm.")
            if kind not in SHOWN and kind not in WON:
                raise _BadRow("bad_kind", f"“{kind[:40]}” is neither an exposure nor a success.")
            at = _date(row.get("occurred_at", ""))
            value = (_number(row, "value") if row.get("value") else 0.0) if kind in WON else 0.0
        except _BadRow as error:
            reading.refuse(line, name, error.code, str(error))
            continue
        test = tests.setdefault(name, _Found(line, "value_per_shopper" if has_values else "conversion_rate"))
        person = people[name].setdefault(shopper, _Person(arm))
        if person.arm != arm:
            person.arm = ""  # seen in two arms: left out, as in our own experiments
        if kind in WON:
            person.won = 1.0
            person.value += value
        if at is not None:
            test.dated.add("day")
            test.dates += [at] if not test.dates or not min(test.dates) <= at <= max(test.dates) else []
        test.arms.setdefault(arm, ArmSums(arm, Sums()))
    for name, test in tests.items():
        values: dict[str, list[float]] = {arm: [] for arm in test.arms}
        mixed = 0
        for person in people[name].values():
            if person.arm:
                values[person.arm].append(person.value if has_values else person.won)
            else:
                mixed += 1
        if mixed:
            reading.refuse(0, name, "two_arms", f"{mixed:,} shoppers were seen in two arms and are left out.")
        test.arms = {arm: ArmSums(arm, Sums.of_values(found)) for arm, found in values.items()}
    return tests
