"""What a report is asked for, read from a URL's parameters, and the URLs that ask for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache, cached_property
from typing import Any, Final, Literal, TypedDict
from urllib.parse import quote_plus, urlencode
from uuid import UUID

from django.urls import reverse

GENERIC: Final = "generic"  # as segment: what was shown without one
DEVICES = ("desktop", "mobile", "tablet", "other")
SORTS = ("rate", "low", "impressions", "clicks", "conversions", "revenue")
DEFAULT_ACROSS: Final = "creative"
ACROSS = {
    "creative": "Creative",
    "product": "Product",
    "style": "Style",
    "template": "Prompt template",
    "size": "Size",
}
COMPARISONS = ("previous", "year", "none")
# Period -> how a select names it; besides, "45d" asks for any number of days and "custom" for start and end.
PERIODS = {
    "1d": "Today",
    "yesterday": "Yesterday",
    "7d": "Last 7 days",
    "14d": "Last 14 days",
    "28d": "Last 28 days",
    "90d": "Last 90 days",
    "month": "This month",
    "last_month": "Last month",
    "year": "This year",
}
CUSTOM: Final = "custom"
DEFAULT_PERIOD = "28d"
MAX_DAYS = 731
MAX_VALUES = 50  # of one filter
YEAR = timedelta(weeks=52)  # the same weekdays a year ago
FIRST_DAY = date(2000, 1, 1)
# Parameter -> filter, for those whose values are ids.
_IDS = {
    "campaign": "campaigns",
    "product": "products",
    "segment": "segments",
    "placement": "placements",
    "creative": "creatives",
}
_TEXTS = {"device": "devices", "style": "styles", "template": "templates"}
PARAMETERS = {**_IDS, **_TEXTS}
Parameters = Mapping[str, str | Sequence[str]]


class Filters(TypedDict, total=False):
    """What every selector of analytics accepts; an absent key asks for everything, several values for any."""

    campaigns: tuple[UUID, ...]
    products: tuple[UUID, ...]
    segments: tuple[UUID | Literal["generic"], ...]
    placements: tuple[UUID, ...]
    creatives: tuple[UUID, ...]
    devices: tuple[str, ...]
    styles: tuple[str, ...]  # keys of generation.styles.STYLES
    templates: tuple[str, ...]  # prompt templates, "scene@1"
    is_simulated: bool


BY_PLACE: Final = frozenset({"placements", "devices"})  # where it was shown
BY_CREATIVE: Final = frozenset({"creatives", "products", "styles", "templates"})  # told by the creative alone


@dataclass(frozen=True)
class ReportQuery:
    """A period, what it is compared with, and filters. Both ends of a period belong to it."""

    start: date
    end: date
    period: str = CUSTOM
    compare: str = "previous"
    filters: Filters = field(default_factory=Filters)
    sort: str = "rate"
    across: str = DEFAULT_ACROSS  # what the table by segment is of
    find: str = ""  # of that table only what has this in its name
    matrix_page: int = 1  # of that table

    @property
    def day_count(self) -> int:
        return (self.end - self.start).days + 1

    @property
    def comparison(self) -> tuple[date, date] | None:
        """The period of equal length to compare with; None when nothing is to be compared."""
        if self.compare == "none":
            return None
        back = YEAR if self.compare == "year" else timedelta(days=self.day_count)
        return None if self.start - back < FIRST_DAY else (self.start - back, self.end - back)

    @property
    def comparison_words(self) -> str:
        return "the same days last year" if self.compare == "year" else "the period before"

    @property
    def across_words(self) -> str:
        return ACROSS[self.across]

    def parameters(self) -> dict[str, list[str]]:
        """The URL parameters that ask for the same again: a relative period stays relative."""
        return dict(self._parameters)

    @cached_property
    def _parameters(self) -> dict[str, list[str]]:
        """Made once: a page has some two hundred links that begin with them."""
        given: dict[str, list[str]] = {}
        if self.period == CUSTOM:
            given = {"start": [self.start.isoformat()], "end": [self.end.isoformat()]}
        elif self.period != DEFAULT_PERIOD:
            given = {"period": [self.period]}
        if self.compare != "previous":
            given["compare"] = [self.compare]
        for name, key in PARAMETERS.items():
            if values := self.filters.get(key):
                given[name] = [str(value) for value in values]  # type: ignore[attr-defined]
        if "is_simulated" in self.filters:
            given["simulated"] = ["yes" if self.filters["is_simulated"] else "no"]
        if self.sort != "rate":
            given["sort"] = [self.sort]
        if self.across != DEFAULT_ACROSS:
            given["across"] = [self.across]
        if self.find:
            given["find"] = [self.find]
        if self.matrix_page > 1:
            given["matrix_page"] = [str(self.matrix_page)]
        return given

    def pairs_without_find(self) -> list[tuple[str, str]]:
        """The hidden fields of the form that searches the table by segment."""
        given = self.parameters()
        return [
            (name, value)
            for name, values in given.items()
            if name not in ("find", "matrix_page")
            for value in values
        ]

    def without_simulated(self) -> str:
        """The URL that leaves simulated traffic out."""
        return self.urlencode(simulated="no")

    @cached_property
    def _encoded(self) -> dict[str, str]:
        """Each parameter as it stands in a URL."""
        return {name: urlencode({name: values}, doseq=True) for name, values in self._parameters.items()}

    def urlencode(self, **changes: str) -> str:
        """The query string with some parameters replaced; an empty one leaves."""
        given = dict(self._encoded)
        if "period" in changes:
            given.pop("start", None)
            given.pop("end", None)
        for name, value in changes.items():
            given[name] = f"{name}={quote_plus(value)}" if value else ""
        return "&".join(filter(None, given.values()))

    def rows_url(self, of: str, **changes: str) -> str:
        """The page of the rows behind a number: the events of a kind, with some parameters replaced."""
        return f"{_rows_page()}?{self.urlencode(of=of, **changes)}"

    def urlencode_without(self, name: str, value: str) -> str:
        """The query string with one value of one filter taken away."""
        given = self.parameters()
        given[name] = [kept for kept in given.get(name, []) if kept != value]
        return urlencode(given, doseq=True)


@cache
def _rows_page() -> str:
    """Looked up once: a page of figures has three hundred links to it."""
    return reverse("performance-events")


def query_parse(parameters: Parameters, *, today: date) -> tuple[ReportQuery, dict[str, str]]:
    """The query and one sentence for each parameter that could not be used.

    ``period=7d`` (or ``days=7``) asks for the last seven days, today included; without a period, or with
    ``custom``, ``start`` and ``end`` do. What is wrong is left out, so that a page can show its default
    beside the complaint.
    """
    problems: dict[str, str] = {}
    start, end, period = _period(parameters, today, problems)
    compare = _choice(parameters, "compare", COMPARISONS, "previous", problems)
    sort = _choice(parameters, "sort", SORTS, "rate", problems)
    across = _choice(parameters, "across", tuple(ACROSS), DEFAULT_ACROSS, problems)
    filters = _filters(parameters, problems)
    find = _one(parameters, "find").strip()[:80].replace("\x00", "")
    page = _page(parameters, problems)
    return ReportQuery(start, end, period, compare, filters, sort, across, find, page), problems


def _one(parameters: Parameters, name: str) -> str:
    given = parameters.get(name, "")
    return given if isinstance(given, str) else (given[-1] if given else "")


def _page(parameters: Parameters, problems: dict[str, str]) -> int:
    text = _one(parameters, "matrix_page") or "1"
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= 1_000_000):
        problems["matrix_page"] = "A number from 1 on."
        return 1
    return int(text)


def _many(parameters: Parameters, name: str) -> list[str]:
    given = parameters.get(name, "")
    values: Iterable[str] = [given] if isinstance(given, str) else given
    return sorted({value for value in values if value})


def _period(parameters: Parameters, today: date, problems: dict[str, str]) -> tuple[date, date, str]:
    """The first day, the last day, and the period's name. A named one outranks days."""
    period, days = _one(parameters, "period"), _one(parameters, "days")
    if period and period != CUSTOM:
        if found := _relative(period, today):
            return *found, period
        problems["period"] = f"One of {', '.join(PERIODS)}, a number of days such as 45d, or {CUSTOM}."
    if days and not _is_day_count(days):
        problems["days"] = f"A number of days from 1 to {MAX_DAYS}."
        days = ""
    default = f"{int(days)}d" if days else DEFAULT_PERIOD
    first, last = _relative(default, today) or (today, today)
    if not (_one(parameters, "start") or _one(parameters, "end")):
        return first, last, default
    length = last - first
    end = _day(parameters, "end", today, problems)
    start = _day(parameters, "start", end - length, problems)
    if start > end:
        problems["start"] = "The first day lies after the last."
        start = end - length
    elif (end - start).days >= MAX_DAYS:
        problems["start"] = f"At most {MAX_DAYS} days."
        start = end - length
    return start, end, CUSTOM


def _is_day_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MAX_DAYS


def _relative(period: str, today: date) -> tuple[date, date] | None:
    """The days that a relative period means today; None for no such period."""
    if period[-1:] == "d" and _is_day_count(period[:-1]):
        return today - timedelta(days=int(period[:-1]) - 1), today
    first = today.replace(day=1)
    return {
        "yesterday": (today - timedelta(days=1), today - timedelta(days=1)),
        "month": (first, today),
        "last_month": ((first - timedelta(days=1)).replace(day=1), first - timedelta(days=1)),
        "year": (today.replace(month=1, day=1), today),
    }.get(period)


def _day(parameters: Parameters, name: str, default: date, problems: dict[str, str]) -> date:
    text = _one(parameters, name)
    if not text:
        return default
    try:
        day = date.fromisoformat(text)
        if not FIRST_DAY + timedelta(days=MAX_DAYS) <= day <= date(2200, 1, 1):
            raise ValueError
    except ValueError:
        problems[name] = "A day such as 2026-11-23."
        return default
    return day


def _choice(
    parameters: Parameters, name: str, known: tuple[str, ...], default: str, problems: dict[str, str]
) -> str:
    value = _one(parameters, name) or default
    if value not in known:
        problems[name] = f"One of {', '.join(known)}."
        return default
    return value


def _filters(parameters: Parameters, problems: dict[str, str]) -> Filters:
    given: dict[str, Any] = {}
    for name, key in PARAMETERS.items():
        values = _many(parameters, name)
        if len(values) > MAX_VALUES:
            problems[name] = f"At most {MAX_VALUES} values."
            continue
        try:
            read = [_value(name, value) for value in values]
        except ValueError as problem:
            problems[name] = str(problem)
            continue
        if read:
            given[key] = tuple(read)
    simulated = _choice(parameters, "simulated", ("all", "yes", "no"), "all", problems)
    if simulated != "all":
        given["is_simulated"] = simulated == "yes"
    return Filters(**given)  # type: ignore[typeddict-item]


def _value(name: str, text: str) -> UUID | str:
    if name in _IDS:
        if name == "segment" and text == GENERIC:
            return GENERIC
        try:
            return UUID(text)
        except ValueError:
            raise ValueError("An id.") from None
    if name == "device" and text not in DEVICES:
        raise ValueError(f"One of {', '.join(DEVICES)}.")
    if len(text) > 40 or not text.isprintable():
        raise ValueError("A name as the page offers it.")
    return text
