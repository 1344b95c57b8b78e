"""Pure: what a report is asked for, read from a URL's parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final, Literal, TypedDict
from urllib.parse import urlencode
from uuid import UUID

GENERIC: Final = "generic"  # as segment: what was shown without one
DEVICES = ("desktop", "mobile", "tablet", "other")
SORTS = ("rate", "impressions", "clicks", "conversions", "revenue")
PRESETS = (1, 7, 14, 28, 90)
MAX_DAYS = 731
_IDS = (("campaign", "campaign_id"), ("segment", "segment_id"), ("placement", "placement_id"))
FIRST_DAY = date(2000, 1, 1)


class Filters(TypedDict, total=False):
    """What every selector of analytics accepts; an absent key asks for everything."""

    campaign_id: UUID
    segment_id: UUID | Literal["generic"]
    placement_id: UUID
    device: str
    is_simulated: bool


@dataclass(frozen=True)
class ReportQuery:
    """A period, the period it is compared with, and filters. Both ends of a period belong to it."""

    start: date
    end: date
    is_compared: bool = True
    filters: Filters = field(default_factory=Filters)
    sort: str = "rate"

    @property
    def day_count(self) -> int:
        return (self.end - self.start).days + 1

    @property
    def previous(self) -> tuple[date, date] | None:
        """The period of equal length just before; None when nothing is to be compared."""
        if not self.is_compared or self.start - timedelta(days=self.day_count) < FIRST_DAY:
            return None
        return self.start - timedelta(days=self.day_count), self.start - timedelta(days=1)

    def parameters(self) -> dict[str, str]:
        """The URL parameters that ask for the same again."""
        given = {"start": self.start.isoformat(), "end": self.end.isoformat()}
        if not self.is_compared:
            given["compare"] = "none"
        for name, key in _IDS:
            if key in self.filters:
                given[name] = str(self.filters[key])  # type: ignore[literal-required]
        if "device" in self.filters:
            given["device"] = self.filters["device"]
        if "is_simulated" in self.filters:
            given["simulated"] = "yes" if self.filters["is_simulated"] else "no"
        if self.sort != "rate":
            given["sort"] = self.sort
        return given

    def without_simulated(self) -> str:
        """The URL that leaves simulated traffic out."""
        return self.urlencode(simulated="no")

    def urlencode(self, **changes: str) -> str:
        return urlencode({**self.parameters(), **changes})


def query_parse(parameters: Mapping[str, str], *, today: date) -> tuple[ReportQuery, dict[str, str]]:
    """The query and one sentence for each parameter that could not be used.

    ``days=7`` asks for the last seven days, today included; ``start`` and ``end`` override it. What is
    wrong is left out, so that a page can show its default beside the complaint.
    """
    problems: dict[str, str] = {}
    start, end = _period(parameters, today, problems)
    compare = _choice(parameters, "compare", ("previous", "none"), "previous", problems)
    sort = _choice(parameters, "sort", SORTS, "rate", problems)
    return (
        ReportQuery(start, end, compare == "previous", _filters(parameters, problems), sort),
        problems,
    )


def _period(parameters: Mapping[str, str], today: date, problems: dict[str, str]) -> tuple[date, date]:
    days = 28
    if text := parameters.get("days", ""):
        if text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MAX_DAYS:
            days = int(text)
        else:
            problems["days"] = f"A number of days from 1 to {MAX_DAYS}."
    end = _day(parameters, "end", today, problems)
    start = _day(parameters, "start", end - timedelta(days=days - 1), problems)
    if start > end:
        problems["start"] = "The first day lies after the last."
        start = end - timedelta(days=days - 1)
    elif (end - start).days >= MAX_DAYS:
        problems["start"] = f"At most {MAX_DAYS} days."
        start = end - timedelta(days=days - 1)
    return start, end


def _day(parameters: Mapping[str, str], name: str, default: date, problems: dict[str, str]) -> date:
    text = parameters.get(name, "")
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
    parameters: Mapping[str, str], name: str, known: tuple[str, ...], default: str, problems: dict[str, str]
) -> str:
    value = parameters.get(name, "") or default
    if value not in known:
        problems[name] = f"One of {', '.join(known)}."
        return default
    return value


def _filters(parameters: Mapping[str, str], problems: dict[str, str]) -> Filters:
    filters = Filters()
    for name, key in _IDS:
        text = parameters.get(name, "")
        if name == "segment" and text == GENERIC:
            filters["segment_id"] = GENERIC
        elif text:
            try:
                filters[key] = UUID(text)  # type: ignore[literal-required]
            except ValueError:
                problems[name] = "An id."
    if device := _choice(parameters, "device", ("", *DEVICES), "", problems):
        filters["device"] = device
    simulated = _choice(parameters, "simulated", ("all", "yes", "no"), "all", problems)
    if simulated != "all":
        filters["is_simulated"] = simulated == "yes"
    return filters
