"""One row of a feed: what is valid, and every way in which it can be wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adplatform.lib.money import exponent_of, money_text
from campaigns.feeds.base import RawRow
from campaigns.feeds.prices import CURRENCIES, Price, PriceError, parse_price
from campaigns.feeds.rows import LIMITS, ParsedRow, RowCode, parse_row, parse_rows, safe_path, url_problem

VALID = {
    "id": "A1",
    "title": "Trail shoe",
    "link": "https://shop.example/a1?x=1",
    "image_link": "images/a1.png",
    "price": "89.90 EUR",
}


def parse(**values: str) -> ParsedRow:
    return parse_row(RawRow(7, {**VALID, **values}), default_currency="EUR")


def codes(**values: str) -> list[str]:
    return [str(problem.code) for problem in parse(**values).problems]


def test_a_complete_row_becomes_a_product():
    product = parse(
        brand="Acme", product_type="Shoes > Trail > ", availability="out of stock", sale_price="70 EUR"
    ).product
    assert product is not None
    assert (product.external_id, product.price_cents, product.sale_price_cents) == ("A1", 8990, 7000)
    assert (product.product_type, product.availability) == ("Shoes > Trail", "out_of_stock")


@pytest.mark.parametrize("name", ["id", "title", "link", "image_link", "price"])
def test_a_required_value_that_is_missing_or_blank_is_named(name):
    for blank in ("", "  \t "):
        row = parse(**{name: blank})
        assert row.product is None
        assert [(p.field, str(p.code), p.line) for p in row.problems] == [(name, "missing", 7)]


def test_all_problems_of_a_row_are_told_at_once():
    assert codes(title="", link="ftp://x", price="abc") == ["missing", "link_invalid", "currency_unknown"]


@pytest.mark.parametrize(
    ("text", "cents", "currency"),
    [
        ("12.50 EUR", 1250, "EUR"),
        ("EUR 12.50", 1250, "EUR"),
        ("12.5EUR", 1250, "EUR"),
        ("12,50 €", 1250, "EUR"),
        ("1,299.00 CNY", 129900, "CNY"),
        ("1.299,00 eur", 129900, "EUR"),
        ("1 299,00 EUR", 129900, "EUR"),
        ("CHF 1'299.00", 129900, "CHF"),
        ("1,299 EUR", 129900, "EUR"),
        ("1,299,000 EUR", 129900000, "EUR"),
        ("¥1299", 129900, "CNY"),
        ("￥１２９９", 129900, "CNY"),
        ("1299元", 129900, "CNY"),
        ("1299 JPY", 1299, "JPY"),
        ("1,299.00 JPY", 1299, "JPY"),
        ("1.250 KWD", 1250, "KWD"),
        ("US$5", 500, "USD"),
        ("19.99", 1999, "EUR"),
    ],
)
def test_prices_are_read_as_people_write_them(text, cents, currency):
    assert parse_price(text, default_currency="EUR") == Price(cents, currency)


def test_a_yen_sign_means_yen_in_a_japanese_shop_and_a_dollar_the_shops_own():
    assert parse_price("¥1299", default_currency="JPY") == Price(1299, "JPY")
    assert parse_price("$5", default_currency="AUD") == Price(500, "AUD")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("abc", "currency_unknown"),
        ("12 XYZ", "currency_unknown"),
        ("EUR", "price_invalid"),
        ("1,2,3 EUR", "price_invalid"),
        ("12..5 EUR", "price_invalid"),
        ("1e3 EUR", "price_invalid"),
        ("12.5 JPY", "price_precision"),
        ("1.299 EUR", "price_precision"),
        ("12.505 EUR", "price_precision"),
        ("0.00 EUR", "price_not_positive"),
        ("-5 EUR", "price_not_positive"),
        ("99999999999999999 EUR", "price_invalid"),
        ("999999999999 EUR", "price_too_large"),
    ],
)
def test_a_price_that_could_be_misread_is_refused(text, code):
    with pytest.raises(PriceError) as caught:
        parse_price(text, default_currency="EUR")
    assert caught.value.code == code


@given(st.integers(1, 10**11), st.sampled_from(sorted(CURRENCIES)))
def test_a_written_price_reads_back(cents, currency):
    if exponent_of(currency) == 3 and cents < 1000:
        cents += 1000
    assert parse_price(money_text(cents, currency)) == Price(cents, currency)


def test_a_sale_price_must_be_lower_and_in_the_same_currency():
    assert codes(sale_price="99 EUR") == ["sale_price_not_lower"]
    assert codes(sale_price="5 USD") == ["sale_price_currency"]
    equal = parse(sale_price="89.90 EUR")  # how shops write "no sale"
    assert equal.product is not None
    assert equal.product.sale_price_cents is None
    assert [p.severity for p in equal.problems] == ["notice"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", "in_stock"),
        ("in stock", "in_stock"),
        ("In-Stock", "in_stock"),
        ("https://schema.org/InStock", "in_stock"),
        ("OUT_OF_STOCK", "out_of_stock"),
        ("preorder", "preorder"),
        ("back order", "backorder"),
    ],
)
def test_availability_is_read_in_all_its_spellings(text, value):
    product = parse(availability=text).product
    assert product is not None
    assert product.availability == value


def test_an_unknown_availability_is_an_error():
    assert codes(availability="maybe") == ["availability_unknown"]


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "//evil.example/x",
        "ftp://shop.example/",
        "https://",
        "https:///path",
        "https:shop.example",
        "https://user:pw@shop.example/",
        "https://a@b.example",
        "https://shop.example/a b",
        "https://shop.example\\@evil.example",
        "http://[::1",
        "http://shop.example:99999/",
        "http://.../",
        'https://shop.example/"onclick=',
    ],
)
def test_a_link_that_no_shopper_should_follow_is_refused(link):
    assert url_problem(link)
    assert codes(link=link) == ["link_invalid"]


def test_links_in_chinese_are_accepted():
    assert not url_problem("https://商店.example/登山鞋?颜色=红")


@pytest.mark.parametrize(
    "path", ["../a.png", "a/../../b.png", "/etc/passwd", "C:\\a.png", "..\\a.png", "a\\..\\..\\b.png", "a:b"]
)
def test_a_picture_path_that_leaves_the_folder_is_refused(path):
    assert safe_path(path) == ""
    assert codes(image_link=path) == ["image_unsafe_path"]


def test_a_picture_path_may_use_either_slash_and_begin_with_a_dot():
    assert safe_path("./images\\a.png") == "images/a.png"


@pytest.mark.parametrize("link", ["javascript:x", "file:///etc/passwd", "data:image/png;base64,x", "//cdn/x"])
def test_a_picture_address_of_another_scheme_is_refused(link):
    assert codes(image_link=link) == ["image_link_invalid"]


@pytest.mark.parametrize("name", ["id", "title", "link", "image_link"])
def test_identifying_text_beyond_googles_limit_is_an_error(name):
    long = VALID[name] + "x" * LIMITS[name]
    assert codes(**{name: long}) == ["too_long"]


@pytest.mark.parametrize("name", ["description", "brand", "product_type"])
def test_describing_text_beyond_googles_limit_is_cut_with_a_notice(name):
    row = parse(**{name: "x" * (LIMITS[name] + 1)})
    assert row.product is not None
    assert len(getattr(row.product, name)) == LIMITS[name]
    assert [str(p.code) for p in row.problems] == ["text_cut"]


@pytest.mark.parametrize("character", ["\x00", "\x07", "\x1b", "\x7f", "\x85", "\ud800", "\uffff"])
def test_control_characters_are_an_error_in_the_column_that_holds_them(character):
    row = parse(title=f"Shoe{character}", description=f"x{character}")
    assert row.product is None
    assert {p.field for p in row.problems} == {"title", "description"}
    assert all(character not in p.message + p.external_id for p in row.problems)


def test_line_breaks_stay_in_a_description_and_leave_a_title():
    product = parse(title="Trail \n shoe", description="one\r\ntwo").product
    assert product is not None
    assert (product.title, product.description) == ("Trail shoe", "one\ntwo")


def test_a_second_row_with_the_same_id_is_an_error_that_names_the_first():
    rows = [RawRow(2, VALID), RawRow(3, {**VALID, "title": "Other"}), RawRow(4, {**VALID, "id": "A2"})]
    first, second, third = parse_rows(rows, default_currency="EUR")
    assert [row.product is None for row in (first, second, third)] == [False, True, False]
    assert [(p.code, "line 2" in p.message) for p in second.problems] == [("duplicate_id", True)]


def test_an_unreadable_row_is_a_problem_of_its_line():
    row = parse_row(RawRow(9, {}, "The line is not valid JSON."), default_currency="EUR")
    assert [(p.line, str(p.code)) for p in row.problems] == [(9, "unreadable_row")]


names = st.sampled_from([*LIMITS, "price", "sale_price", "availability", "google_product_category", "x"])
values = st.one_of(
    st.text(max_size=40),
    st.text(st.characters(codec=None), max_size=20),
    st.text("0123456789.,' -¥€$EURJPY", max_size=15),
    st.sampled_from(["https://a.example", "http://[", "12.50 EUR", "in stock", "images/a.png", "\x00"]),
)


@settings(max_examples=400)
@given(st.dictionaries(names, values, max_size=9))
def test_no_row_makes_the_check_raise_and_each_is_a_product_or_has_a_reason(raw):
    row = parse_row(RawRow(1, raw), default_currency="EUR")
    assert (row.product is None) == any(p.severity == "error" for p in row.problems)
    for problem in row.problems:
        assert problem.message.endswith(".")
        problem.message.encode()  # can be stored and shown
        problem.external_id.encode()


def test_every_code_of_a_row_stands_in_the_documentation():
    page = (Path(__file__).parents[2] / "docs" / "catalogue.md").read_text()
    assert [code for code in RowCode if f"`{code}`" not in page] == []
