"""Feeds of every format, and everything that can be wrong with a whole file."""

from __future__ import annotations

import csv
import io
import json
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.feeds.base import MAX_BYTES, FeedError, RawRow
from campaigns.feeds.detection import detect_format
from campaigns.feeds.reading import read_feed

COLUMNS = ["id", "title", "link", "image_link", "price"]
ROW = {
    "id": "A1",
    "title": "Trail shoe",
    "link": "https://shop.example/a1",
    "image_link": "images/a1.png",
    "price": "89.90 EUR",
}


def as_tsv(*rows: dict[str, str]) -> bytes:
    lines = ["\t".join(COLUMNS), *("\t".join(row.get(c, "") for c in COLUMNS) for row in rows)]
    return "\n".join(lines).encode()


def as_csv(*rows: dict[str, str], separator: str = ",", encoding: str = "utf-8") -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, delimiter=separator)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode(encoding)


def as_rss(*rows: dict[str, str]) -> bytes:
    items = "".join(
        "<item>" + "".join(f"<g:{k}>{escape(v)}</g:{k}>" for k, v in row.items()) + "</item>\n"
        for row in rows
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0"><channel><title>Shop</title>\n'
        f"{items}</channel></rss>"
    ).encode()


def as_jsonl(*rows: dict[str, str]) -> bytes:
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()


def rows_of(content: bytes, name: str = "feed") -> list[RawRow]:
    return list(read_feed(content, name).rows)


def refusal(content: bytes, name: str = "feed") -> str:
    with pytest.raises(FeedError) as caught:
        rows_of(content, name)
    assert caught.value.message.endswith(".")
    return caught.value.code


@pytest.mark.parametrize("write", [as_tsv, as_csv, as_rss, as_jsonl])
def test_the_same_product_reads_the_same_from_every_format(write):
    rows = rows_of(write(ROW, {**ROW, "id": "A2", "title": "登山鞋"}))
    assert [row.values for row in rows] == [ROW, {**ROW, "id": "A2", "title": "登山鞋"}]


@pytest.mark.parametrize(
    ("write", "format"), [(as_tsv, "tsv"), (as_csv, "csv"), (as_rss, "xml"), (as_jsonl, "jsonl")]
)
def test_the_format_is_told_from_the_content_whatever_the_name(write, format):
    for name in ("feed", "feed.txt", "feed.csv", "feed.xml", "C:\\feeds\\feed.tsv", ".."):
        assert detect_format(write(ROW), name) == format


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_csv_is_read_with_any_separator_and_encoding(separator, encoding):
    row = {**ROW, "title": "登山鞋，防水"}
    content = as_csv(row, separator=separator, encoding=encoding)
    assert rows_of(content, "feed.csv")[0].values == row


def test_lines_are_counted_where_a_row_starts():
    content = as_csv({**ROW, "title": "two\nlines"}, {**ROW, "id": "A2"})
    assert [row.line for row in rows_of(content)] == [2, 4]
    assert [row.line for row in rows_of(as_tsv(ROW, {}, ROW))] == [2, 4]
    assert [row.line for row in rows_of(as_rss(ROW, ROW))] == [3, 4]
    assert [row.line for row in rows_of(as_jsonl(ROW) + b"\n\n" + as_jsonl(ROW))] == [1, 3]


def test_a_stray_quote_in_a_tab_separated_title_takes_no_other_row_with_it():
    rows = rows_of(as_tsv({**ROW, "title": '"Best shoe'}, {**ROW, "id": "A2", "title": '"say ""hi"""'}))
    assert [row.values["title"] for row in rows] == ['"Best shoe', 'say "hi"']


def test_a_row_with_too_many_values_is_a_problem_of_that_row_only():
    rows = rows_of(as_csv(ROW) + b"A2,x,https://a.example,b,12,50 EUR\n" + as_csv(ROW).split(b"\n", 1)[1])
    assert ["6 values" in row.problem for row in rows] == [False, True, False]


def test_a_badly_quoted_csv_row_is_a_problem_of_that_row_only():
    content = b'id,title\nA1,"Best" shoe\nA2,Shoe\n'
    assert [bool(row.problem) for row in rows_of(content)] == [True, False]


def test_a_quote_that_never_closes_refuses_the_csv_and_names_its_line():
    with pytest.raises(FeedError) as caught:
        rows_of(b'id,title\nA1,x\nA2,"never\nA3,y\nA4,z\n')
    assert caught.value.code == "unreadable_table"
    assert "line 3" in caught.value.message


def test_column_names_may_be_written_as_people_write_them():
    assert rows_of(b"ID;Image Link;g:sale-price\n1;a;b\n")[0].values == {
        "id": "1",
        "image_link": "a",
        "sale_price": "b",
    }


def test_an_atom_entry_is_read_with_its_link_attribute_and_summary():
    content = b"""<feed xmlns="http://www.w3.org/2005/Atom" xmlns:x="http://base.google.com/ns/1.0">
    <entry><id>plain</id><x:id>A1</x:id><title>Shoe</title><summary>Light</summary>
    <link rel="self" href="https://no.example"/><link href="https://shop.example/a1"/>
    <x:shipping><x:price>5 EUR</x:price></x:shipping><x:price>9 EUR</x:price></entry></feed>"""
    values = rows_of(content)[0].values
    assert values["id"] == "A1"  # Google's own name wins over Atom's
    assert values["link"] == "https://shop.example/a1"
    assert values["description"] == "Light"
    assert values["price"] == "9 EUR"


def test_xml_in_chinese_encodings_is_read():
    text = '<?xml version="1.0" encoding="GBK"?><rss><item><id>1</id><title>登山鞋</title></item></rss>'
    assert rows_of(text.encode("gbk"))[0].values["title"] == "登山鞋"


@pytest.mark.parametrize(
    "declaration",
    [
        '<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>',
        '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE r SYSTEM "http://127.0.0.1/x.dtd">',
    ],
)
def test_xml_with_entities_or_outside_references_is_refused(declaration):
    assert refusal(f"{declaration}<rss><item><id>&x;</id></item></rss>".encode()) == "unsafe_xml"


def test_json_numbers_keep_their_text_and_google_api_names_are_known():
    content = b'{"offerId": "1", "imageLink": "a", "price": {"value": 12.50, "currency": "EUR"}, "n": 1e999}'
    values = rows_of(content)[0].values
    assert values["id"] == "1"
    assert values["image_link"] == "a"
    assert values["price"] == "12.50 EUR"


@pytest.mark.parametrize(
    "line", [b"[]", b"{", b"nonsense", b'{"a": NaN}', b'"x"', b"[" * 100_000, b"1" * 9999]
)
def test_a_json_line_that_is_no_object_is_a_problem_of_that_line_only(line):
    rows = rows_of(as_jsonl(ROW) + b"\n" + line + b"\n" + as_jsonl(ROW))
    assert [bool(row.problem) for row in rows] == [False, True, False]


@pytest.mark.parametrize(
    ("content", "name", "code"),
    [
        (b"", "feed.tsv", "empty_feed"),
        (b" \r\n\t\n", "feed.tsv", "empty_feed"),
        (b"\xef\xbb\xbf", "feed.csv", "empty_feed"),
        (b"PK\x03\x04rest", "feed.csv", "unknown_format"),
        (b"\x89PNG\r\n\x1a\n,,,", "feed.csv", "unknown_format"),
        (b"hello world", "feed.txt", "unknown_format"),
        (b'[{"id": 1}]', "feed.json", "unknown_format"),
        (b"<rss><item>", "feed.xml", "unreadable_xml"),
        (b"<html><body>", "feed.csv", "unreadable_xml"),
        (b'<?xml version="1.0" encoding="no-such"?><rss/>', "feed.xml", "unknown_encoding"),
        (b"id,title\n\xff\xff\xff\xff,x", "feed.csv", "unknown_encoding"),
        (b"a" * (MAX_BYTES + 1), "feed.csv", "feed_too_large"),
    ],
)
def test_an_unusable_file_is_refused_with_a_code_and_a_sentence(content, name, code):
    assert refusal(content, name) == code


def _read_all(content: bytes, name: str) -> None:
    try:
        for row in read_feed(content, name).rows:
            assert row.line >= 1
            assert all(isinstance(value, str) for value in row.values.values())
    except FeedError:
        return


starts = st.sampled_from(
    [
        b"",
        b"id\ttitle\n",
        b"id,title\n",
        b"<rss><item>",
        b"<?xml version='1.0' encoding='gbk'?>",
        b'{"id":',
        b"\xff\xfe",
    ]
)


@settings(max_examples=300)
@given(starts, st.binary(max_size=300), st.sampled_from(["feed", "f.tsv", "f.csv", "f.xml", "f.jsonl"]))
def test_no_bytes_make_a_reader_raise_anything_but_its_own_refusal(start, content, name):
    _read_all(start + content, name)


@settings(max_examples=300)
@given(st.text(max_size=300), st.sampled_from(["feed", "f.tsv", "f.csv", "f.xml", "f.jsonl"]))
def test_no_text_makes_a_reader_raise_anything_but_its_own_refusal(text, name):
    _read_all(text.encode("utf-8", "surrogatepass"), name)


printable = (
    st.text(
        st.characters(
            exclude_categories=("Cc", "Cs", "Cn", "Zl", "Zp"), exclude_characters="\ufeff\ufffe\uffff"
        ),
        min_size=1,
        max_size=40,
    )
    .map(str.strip)
    .filter(lambda text: text and not text.startswith('"'))
)


@settings(max_examples=100)
@given(st.lists(st.fixed_dictionaries(dict.fromkeys(COLUMNS, printable)), min_size=1, max_size=4))
def test_what_is_written_is_what_is_read(rows):
    for write, name in ((as_tsv, "f.tsv"), (as_csv, "f.csv"), (as_rss, "f.xml"), (as_jsonl, "f.jsonl")):
        assert [row.values for row in rows_of(write(*rows), name)] == rows
