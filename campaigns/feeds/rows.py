"""One row of a feed, checked against Google Merchant Center's rules. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from campaigns.feeds.base import RawRow
from campaigns.feeds.prices import Price, PriceError, parse_price

REQUIRED = ("id", "title", "link", "image_link", "price")
# Google's limits in characters; text beyond them is refused where it identifies, else cut.
LIMITS = {
    "id": 50, "title": 150, "description": 5000, "link": 2000, "image_link": 2000, "brand": 70,
    "product_type": 750,
}  # fmt: skip
MAY_BE_CUT = frozenset({"description", "brand", "product_type"})
AVAILABILITY = {
    "instock": "in_stock", "outofstock": "out_of_stock", "preorder": "preorder", "backorder": "backorder",
    "limitedavailability": "in_stock", "soldout": "out_of_stock", "discontinued": "out_of_stock",
}  # fmt: skip
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_SPACE = re.compile(r"\s+")
_UNSAFE_IN_URL = re.compile(r"[\s\\<>\"\x00-\x20\x7f]")


class Severity(StrEnum):
    ERROR = "error"  # the row is not imported
    NOTICE = "notice"  # the row is imported, with this to know


class RowCode(StrEnum):
    """What can be said of a row; PriceError has the codes of prices."""

    UNREADABLE_ROW = "unreadable_row"
    MISSING = "missing"
    TOO_LONG = "too_long"
    TEXT_CUT = "text_cut"
    CONTROL_CHARACTER = "control_character"
    LINK_INVALID = "link_invalid"
    IMAGE_LINK_INVALID = "image_link_invalid"
    AVAILABILITY_UNKNOWN = "availability_unknown"
    SALE_PRICE_NOT_LOWER = "sale_price_not_lower"
    SALE_PRICE_CURRENCY = "sale_price_currency"
    DUPLICATE_ID = "duplicate_id"
    IMAGE_NOT_FOUND = "image_not_found"
    IMAGE_UNSAFE_PATH = "image_unsafe_path"
    IMAGE_TOO_LARGE = "image_too_large"
    IMAGE_TOO_SMALL = "image_too_small"
    IMAGE_BROKEN = "image_broken"


@dataclass(frozen=True)
class Problem:
    """Something wrong, or worth knowing, in one row."""

    line: int
    external_id: str
    field: str
    code: str
    message: str
    severity: str = Severity.ERROR

    def as_dict(self) -> dict[str, Any]:
        """The shape that CatalogImport.problems and the API hold."""
        return asdict(self)


@dataclass(frozen=True)
class ProductRow:
    """A valid product of a feed, in the catalogue's words."""

    line: int
    external_id: str
    title: str
    link: str
    image_link: str  # http(s) URL, or a path beside the feed
    price_cents: int
    currency: str
    sale_price_cents: int | None = None
    description: str = ""
    brand: str = ""
    product_type: str = ""
    availability: str = "in_stock"


@dataclass(frozen=True)
class ParsedRow:
    """``product`` is None when one of the problems is an error."""

    line: int
    product: ProductRow | None
    problems: tuple[Problem, ...] = ()


def parse_rows(rows: Iterable[RawRow], *, default_currency: str) -> Iterator[ParsedRow]:
    """Check each row; a second row with an id that came before is an error. Raises FeedError as it reads."""
    lines: dict[str, int] = {}
    for raw in rows:
        parsed = parse_row(raw, default_currency=default_currency)
        if parsed.product is not None:
            first = lines.setdefault(parsed.product.external_id, raw.line)
            if first != raw.line:
                problem = Problem(
                    raw.line, parsed.product.external_id, "id", RowCode.DUPLICATE_ID,
                    f"The id already stands in line {first}; that row counts.",
                )  # fmt: skip
                parsed = ParsedRow(raw.line, None, (*parsed.problems, problem))
        yield parsed


def parse_row(raw: RawRow, *, default_currency: str) -> ParsedRow:
    """Check one row and name everything that is wrong with it; never raises."""
    return _RowCheck(raw, default_currency).result()


class _RowCheck:
    """Collects the problems of one row."""

    def __init__(self, raw: RawRow, default_currency: str) -> None:
        self.raw = raw
        self.currency = default_currency
        self.problems: list[Problem] = []
        self.id = _SPACE.sub(" ", _CONTROL.sub("", raw.values.get("id", ""))).strip()[: LIMITS["id"]]

    def result(self) -> ParsedRow:
        if self.raw.problem:
            self.say("", RowCode.UNREADABLE_ROW, self.raw.problem)
            return ParsedRow(self.raw.line, None, tuple(self.problems))
        texts = {name: self.text(name) for name in LIMITS}
        texts["product_type"] = _levels(texts["product_type"]) or _levels(self.google_category())
        link = self.link(texts["link"])
        image_link = self.image_link(texts["image_link"])
        price = self.price("price")
        sale = self.price("sale_price")
        product = None
        availability = self.availability()
        sale_cents = self.sale_cents(price, sale)
        if price is not None and all(problem.severity != Severity.ERROR for problem in self.problems):
            product = ProductRow(
                line=self.raw.line,
                external_id=texts["id"],
                title=texts["title"],
                link=link,
                image_link=image_link,
                price_cents=price.cents,
                currency=price.currency,
                sale_price_cents=sale_cents,
                description=texts["description"],
                brand=texts["brand"],
                product_type=texts["product_type"],
                availability=availability,
            )
        return ParsedRow(self.raw.line, product, tuple(self.problems))

    def say(self, field: str, code: str, message: str, severity: str = Severity.ERROR) -> None:
        self.problems.append(Problem(self.raw.line, self.id, field, code, message, severity))

    def text(self, name: str) -> str:
        value = self.raw.values.get(name, "")
        if _CONTROL.search(value):
            self.say(name, RowCode.CONTROL_CHARACTER, f"{name} holds a control character.")
            return ""
        if name == "description":
            value = value.replace("\r\n", "\n").replace("\r", "\n").strip()
        else:
            value = _SPACE.sub(" ", value).strip()
        if not value and name in REQUIRED:
            self.say(name, RowCode.MISSING, f"{name} is missing.")
        if len(value) > LIMITS[name]:
            said = f"{name} has {len(value):,} characters; Google allows {LIMITS[name]:,}."
            if name not in MAY_BE_CUT:
                self.say(name, RowCode.TOO_LONG, said)
                return ""
            self.say(name, RowCode.TEXT_CUT, f"{said} The rest was cut.", Severity.NOTICE)
            value = value[: LIMITS[name]].rstrip()
        return value

    def google_category(self) -> str:
        """Google's own category in words, for feeds without a product_type; its numbers say nothing."""
        value = _SPACE.sub(" ", self.raw.values.get("google_product_category", "")).strip()
        return "" if value.isdigit() or _CONTROL.search(value) else value[: LIMITS["product_type"]]

    def link(self, value: str) -> str:
        if value:
            wrong = url_problem(value)
            if wrong:
                self.say("link", RowCode.LINK_INVALID, f"link {wrong}.")
        return value

    def image_link(self, value: str) -> str:
        """A URL, or a path below the folder (or zip) that comes with the feed."""
        wrong = ""
        if is_remote(value):
            wrong = url_problem(value)
        elif value.startswith(("//", "data:")) or re.match(r"[a-z][a-z0-9+.-]+:", value, re.IGNORECASE):
            wrong = "must be an http or https address, or a path beside the feed"
        elif value and not safe_path(value):
            self.say(
                "image_link", RowCode.IMAGE_UNSAFE_PATH, "image_link must be a path inside the feed's folder."
            )
        if wrong:
            self.say("image_link", RowCode.IMAGE_LINK_INVALID, f"image_link {wrong}.")
        return value

    def price(self, name: str) -> Price | None:
        value = self.raw.values.get(name, "").strip()
        if not value:
            if name in REQUIRED:
                self.say(name, RowCode.MISSING, f"{name} is missing.")
            return None
        try:
            return parse_price(value, default_currency=self.currency)
        except PriceError as error:
            self.say(name, error.code, f"{name}: {_CONTROL.sub('', str(error))}")
            return None

    def sale_cents(self, price: Price | None, sale: Price | None) -> int | None:
        if price is None or sale is None:
            return None
        if sale.currency != price.currency:
            self.say(
                "sale_price", RowCode.SALE_PRICE_CURRENCY, "sale_price is in another currency than price."
            )
        elif sale.cents > price.cents:
            self.say("sale_price", RowCode.SALE_PRICE_NOT_LOWER, "sale_price must be lower than price.")
        elif sale.cents == price.cents:  # how many shops write "no sale"
            self.say(
                "sale_price",
                RowCode.SALE_PRICE_NOT_LOWER,
                "sale_price equals price: no sale.",
                Severity.NOTICE,
            )
        else:
            return sale.cents
        return None

    def availability(self) -> str:
        value = unicodedata.normalize("NFKC", self.raw.values.get("availability", "")).strip()
        if not value:
            return "in_stock"
        key = re.sub(r"[\s_-]+", "", value.rpartition("/")[2]).lower()  # also https://schema.org/InStock
        if key not in AVAILABILITY:
            self.say(
                "availability", RowCode.AVAILABILITY_UNKNOWN,
                "availability must be in_stock, out_of_stock, preorder or backorder.",
            )  # fmt: skip
        return AVAILABILITY.get(key, "in_stock")


def _levels(product_type: str) -> str:
    """ "Food > Fruit >" -> "Food > Fruit": empty levels are left over from shop software."""
    return " > ".join(level for part in product_type.split(">") if (level := part.strip()))


def is_remote(image_link: str) -> bool:
    """Whether a picture has an http(s) address, as opposed to a path beside the feed."""
    return image_link.lower().startswith(("http:", "https:"))


def safe_path(value: str) -> str:
    """The path below the feed's folder with forward slashes; empty when it is absolute or leaves it."""
    parts = [part for part in value.replace("\\", "/").split("/") if part != "."]
    if not parts or any(part in ("", "..") for part in parts) or ":" in value or "\0" in value:
        return ""
    return "/".join(parts)


def url_problem(value: str) -> str:
    """What keeps a text from being a web address that a shopper may be sent to; empty for a good one."""
    if _UNSAFE_IN_URL.search(value):
        return "holds spaces, quotes or backslashes"
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is not a web address"
    if parts.scheme not in ("http", "https") or not value.lower().startswith(f"{parts.scheme}://"):
        return "must start with http:// or https://"
    if not host or host.strip(".-") == "":
        return "names no host"
    if "@" in parts.netloc:
        return "must not hold a user name or password"
    return ""
