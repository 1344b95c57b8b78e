"""JSON lines: one object a line, with Google's column names or the Content API's camelCase ones."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from campaigns.feeds.base import Feed, RawRow, column_name
from campaigns.feeds.detection import decode

CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
ALIASES = {"offer_id": "id"}


class _Unusable(ValueError):
    pass


def read_jsonl(content: bytes) -> Feed:
    """Each line that is not blank is a row; a line that is not an object is an unreadable one."""
    return Feed("jsonl", _rows(decode(content).removeprefix("\ufeff")))


def _rows(text: str) -> Iterator[RawRow]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield _row(number, line)


def _row(number: int, line: str) -> RawRow:
    try:
        # Numbers stay text: 12.50 must not become 12.5 on its way, nor a huge one stop the reader.
        record = json.loads(line, parse_float=str, parse_int=str, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return RawRow(number, {}, "The line is not valid JSON.")
    if not isinstance(record, dict):
        return RawRow(number, {}, "The line is not a JSON object.")
    values: dict[str, str] = {}
    for key, value in record.items():
        name = column_name(CAMEL.sub("_", key))
        values.setdefault(ALIASES.get(name, name), _text(value))
    return RawRow(number, values)


def _refuse(constant: str) -> Any:
    raise _Unusable(constant)


def _text(value: Any) -> str:
    """A value as a table would hold it; lists and objects that have no such form are left out."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict) and {"value", "currency"} <= value.keys():
        return f"{_text(value['value'])} {_text(value['currency'])}"  # a Content API price
    return ""
