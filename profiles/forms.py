"""The rule builder's form: rows of (part, interest, least weight), with or without htmx."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from profiles.segments import DEFAULT_MIN_WEIGHT, MOST_CONDITIONS, PARTS
from profiles.taxonomy import CHILDREN, GROUPS, INTERESTS, Interest

PART_LABELS = {
    "any": ("Any of these", "At least one must hold."),
    "all": ("All of these", "Every one must hold as well."),
    "none": ("None of these", "Whoever holds one of these is left out."),
}


@dataclass(frozen=True)
class Row:
    """One condition as the form shows it. ``number`` is its place in the whole form."""

    number: int
    part: str
    interest: str
    percent: int

    @property
    def weight(self) -> str:
        """The least weight as the API says it."""
        return f"{self.percent / 100:.2f}"

    @property
    def words(self) -> str:
        """The least weight in words."""
        for limit, words in ((20, "a hint"), (40, "some"), (60, "clear"), (80, "strong")):
            if self.percent < limit:
                return words
        return "very strong"


@dataclass(frozen=True)
class RuleForm:
    """The builder's state, read from a request or from a stored rule."""

    rows: tuple[Row, ...]

    @classmethod
    def from_rule(cls, rule: dict[str, Any]) -> RuleForm:
        """The rows of a stored rule; an empty one starts with one row to fill in."""
        conditions = [(part, c) for part in PARTS for c in rule.get(part) or ()]
        rows = [
            (part, c["interest"], round(100 * c.get("min_weight", DEFAULT_MIN_WEIGHT)))
            for part, c in conditions
        ]
        return cls._numbered(rows or [("any", "", round(100 * DEFAULT_MIN_WEIGHT))])

    @classmethod
    def from_post(cls, data: QueryDict) -> RuleForm:
        """The rows of a sent form, after its "add" or "remove" button if one was pressed."""
        rows = []
        columns = zip(data.getlist("part"), data.getlist("interest"), data.getlist("percent"), strict=False)
        for part, interest, percent in list(columns)[: len(PARTS) * MOST_CONDITIONS]:
            if part in PARTS:
                rows.append((part, interest if interest in INTERESTS else "", _percent(percent)))
        verb, _, argument = data.get("action", "").partition(":")
        if verb == "remove" and argument.isdecimal() and int(argument) < len(rows):
            del rows[int(argument)]
        if verb == "add" and argument in PARTS and len(rows) < len(PARTS) * MOST_CONDITIONS:
            rows.append((argument, "", round(100 * DEFAULT_MIN_WEIGHT)))
        return cls._numbered(sorted(rows, key=lambda row: PARTS.index(row[0])))

    @classmethod
    def _numbered(cls, rows: list[tuple[str, str, int]]) -> RuleForm:
        return cls(tuple(Row(number, *row) for number, row in enumerate(rows)))

    @property
    def rule(self) -> dict[str, list[dict[str, Any]]]:
        """The rule the rows say; rows without an interest say nothing."""
        rule: dict[str, list[dict[str, Any]]] = {}
        for row in self.rows:
            if row.interest:
                condition = {"interest": row.interest, "min_weight": row.percent / 100}
                rule.setdefault(row.part, []).append(condition)
        return rule

    @property
    def parts(self) -> list[dict[str, Any]]:
        """The sections of the builder."""
        return [
            {
                "name": part,
                "label": PART_LABELS[part][0],
                "help": PART_LABELS[part][1],
                "rows": [row for row in self.rows if row.part == part],
            }
            for part in PARTS
        ]


def _percent(value: str) -> int:
    return min(max(int(value), 1), 100) if value.isdecimal() and len(value) < 4 else 20


def interest_groups() -> list[tuple[Interest, list[Interest]]]:
    """Groups with their children, for a select with optgroups."""
    return [(INTERESTS[group], [INTERESTS[child] for child in CHILDREN[group]]) for group in GROUPS]
