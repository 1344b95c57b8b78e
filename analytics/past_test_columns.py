"""The columns of an old experiment's CSV: the file as text, its head, and which column means what; pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence

MAX_BYTES = 20_000_000
SUMS_FIELDS = (
    "test", "arm", "shoppers", "successes", "rate", "sum", "sum_of_squares", "weight", "day", "start", "end",
)  # fmt: skip
EVENT_FIELDS = ("test", "shopper", "arm", "kind", "value", "occurred_at")
NEEDED = {"sums": ("arm", "shoppers"), "events": ("shopper", "arm", "kind")}
FIELDS = {"sums": SUMS_FIELDS, "events": EVENT_FIELDS}
# What columns are usually called, so that most files need no mapping by hand.
USUAL = {
    "test": (
        "test",
        "experiment",
        "test_id",
        "experiment_id",
        "test_name",
        "name",
        "clickability_test_id",
        "测试",
        "实验",
    ),
    "arm": ("arm", "variant", "variation", "group", "package", "headline", "creative", "版本", "分组"),
    "shoppers": (
        "shoppers",
        "users",
        "n",
        "visitors",
        "impressions",
        "sample",
        "trials",
        "exposures",
        "用户数",
    ),
    "successes": ("successes", "clicks", "conversions", "converted", "x", "点击", "转化"),
    "sum": ("sum", "total", "revenue", "value_sum", "收入"),
    "sum_of_squares": ("sum_of_squares", "sum_squares", "sumsq", "sum_sq"),
    "rate": ("rate", "conversion_rate", "click_rate", "ctr", "cvr", "点击率", "转化率"),
    "day": ("day", "日期"),
    "weight": ("weight", "planned_share", "share", "allocation"),
    "start": ("start", "started", "started_at", "start_date", "created_at", "date", "开始"),
    "end": ("end", "ended", "ended_at", "end_date", "结束"),
    "shopper": ("shopper", "user", "user_id", "visitor", "visitor_id", "用户"),
    "kind": ("kind", "event", "event_type", "type", "事件"),
    "value": ("value", "amount", "revenue", "value_cents", "金额"),
    "occurred_at": ("occurred_at", "timestamp", "time", "at", "date", "时间"),
}


class UnreadableFile(ValueError):
    """The file as a whole cannot be read; its text is a sentence for people."""


def text_decode(content: bytes) -> str:
    """UTF-8 or GB 18030, as Chinese spreadsheets save it. Raises UnreadableFile."""
    if len(content) > MAX_BYTES:
        raise UnreadableFile(f"The file is larger than {MAX_BYTES // 1_000_000} MB.")
    if b"\x00" in content:
        raise UnreadableFile("This is no text file; save the table as CSV.")
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UnreadableFile("The file is neither UTF-8 nor GB 18030.")


def columns_read(text: str) -> list[str]:
    """The head's names. Raises UnreadableFile."""
    try:
        columns = [column.strip() for column in next(rows_of(text), [])]
    except csv.Error as error:
        raise UnreadableFile(f"The table cannot be read: {error}.") from None
    if len([column for column in columns if column]) < 2:
        raise UnreadableFile("The first line has to name the columns, two at the least.")
    if len(set(columns)) != len(columns):
        raise UnreadableFile("Two columns have the same name.")
    return columns


def mapping_guess(columns: Sequence[str], shape: str) -> dict[str, str]:
    """Field -> column, by the usual names; what is not found is left out."""
    by_name = {column.lower().replace(" ", "_"): column for column in columns}
    found: dict[str, str] = {}
    for name in FIELDS[shape]:
        column = next((by_name[usual] for usual in USUAL[name] if usual in by_name), None)
        if column is not None and column not in found.values():
            found[name] = column
    return found


def mapping_problems(mapping: Mapping[str, str], columns: Sequence[str], shape: str) -> dict[str, list[str]]:
    """What is wrong with a mapping, a sentence a field."""
    found = {name: ["Name the column."] for name in NEEDED[shape] if not mapping.get(name)}
    for name, column in mapping.items():
        if name not in FIELDS[shape] or (column and column not in columns):
            found[name] = ["There is no such column."]
    has_counts = mapping.get("successes") or mapping.get("rate")
    if shape == "sums" and not has_counts and not mapping.get("sum"):
        found["successes"] = ["Name the column of successes or of the rate, or sum and sum of squares."]
    if (
        shape == "sums"
        and mapping.get("sum")
        and not mapping.get("sum_of_squares")
        and not mapping.get("successes")
    ):
        found["sum_of_squares"] = ["A sum says nothing of its noise: the sum of squares is needed too."]
    return found


def rows_of(text: str) -> Iterator[list[str]]:
    """Its rows, split by whichever of , ; tab | its first line has most of."""
    sample = text[:4096].partition("\n")[0]
    delimiter = max(",;\t|", key=sample.count)
    yield from csv.reader(io.StringIO(text), delimiter=delimiter)
