"""A price as feeds write it -> integer minor units and a currency. Pure."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from adplatform.lib.money import exponent_of

# ISO 4217 codes in use; the digits after the decimal point are 2 unless named below.
_CODES = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF
CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL
HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD
MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG
QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD
TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW
"""
CURRENCIES = frozenset(_CODES.split())
# The longest first. A yen sign alone is decided by the shop's own currency.
SYMBOLS = {
    "US$": "USD", "HK$": "HKD", "NT$": "TWD", "CA$": "CAD", "AU$": "AUD", "CN¥": "CNY", "JP¥": "JPY",
    "RMB": "CNY", "人民币": "CNY", "€": "EUR", "£": "GBP", "₹": "INR", "₩": "KRW", "₽": "RUB", "₺": "TRY",
    "元": "CNY", "円": "JPY", "zł": "PLN", "$": "USD", "¥": "CNY",
}  # fmt: skip
MAX_MINOR_UNITS = 10**12
_CODE = re.compile(r"[A-Z]{3}")
_SPACES = re.compile(r"\s+")
_NUMBER = re.compile(r"\d[\d.,' ]*\Z")


@dataclass(frozen=True)
class Price:
    cents: int  # minor units: cents of a euro, whole yen
    currency: str


class PriceError(ValueError):
    """``code`` says what is wrong, the text tells a person."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def parse_price(text: str, *, default_currency: str = "") -> Price:
    """ "12.50 EUR", "EUR 12.50", "1,299.00 CNY", "¥1299", "12,50 €". Raises PriceError.

    ``default_currency`` is the shop's own: it stands in where the feed names none, and reads "¥" as
    yen in a Japanese shop (elsewhere it is yuan).
    """
    plain = _SPACES.sub(" ", unicodedata.normalize("NFKC", text)).replace("’", "'").strip()
    if plain.startswith("-"):
        raise PriceError("price_not_positive", f"{_short(text)} is negative.")
    number, currency = _split(plain, default_currency)
    if currency not in CURRENCIES:
        raise PriceError("currency_unknown", f"{currency or 'Nothing'} is not an ISO 4217 currency.")
    cents = _minor_units(number, exponent_of(currency), currency)
    if cents <= 0:
        raise PriceError("price_not_positive", "A price must be above zero.")
    if cents > MAX_MINOR_UNITS:
        raise PriceError("price_too_large", f"{_short(text)} is too large for a price.")
    return Price(cents, currency)


def _split(text: str, default_currency: str) -> tuple[str, str]:
    """Take the currency off either end."""
    upper = text.upper()
    for code, rest in ((upper[:3], text[3:]), (upper[-3:], text[:-3])):
        if _CODE.fullmatch(code) and code in CURRENCIES:
            return rest.strip(), code
    for symbol, currency in SYMBOLS.items():
        if symbol == "¥" and default_currency == "JPY":
            currency = "JPY"
        if symbol == "$" and default_currency.endswith("D"):
            currency = default_currency  # a dollar sign is the shop's own dollar
        for found, rest in (
            (upper.startswith(symbol.upper()), text[len(symbol) :]),
            (upper.endswith(symbol.upper()), text[: -len(symbol)]),
        ):
            if found:
                return rest.strip(), currency
    letters = re.findall(r"[^\W\d_]+", text)
    if letters:
        raise PriceError("currency_unknown", f"{_short(letters[0])} is not a known currency.")
    return text, default_currency


def _minor_units(number: str, exponent: int, currency: str) -> int:
    if not number.isascii() or not _NUMBER.match(number):
        raise PriceError("price_invalid", f"{_short(number)} is not a price such as 12.50 EUR.")
    compact = number.replace(" ", "").replace("'", "")
    last = max(compact.rfind("."), compact.rfind(","))
    mark = compact[last] if last >= 0 else ""
    whole, fraction = (compact[:last], compact[last + 1 :]) if mark else (compact, "")
    other = "," if mark == "." else "."
    if mark and mark in whole:  # 1,299,000: the same mark twice only groups thousands
        whole, fraction, mark = compact, "", ""
        groups = re.split(r"[.,]", whole)
    elif mark == "," and not whole.count(other) and len(fraction) == 3:
        whole, fraction, groups = compact, "", compact.split(",")  # 1,299 EUR
    else:
        groups = whole.split(other) if mark else [whole]
    if any(len(group) != 3 for group in groups[1:]) or (len(groups) > 1 and not 1 <= len(groups[0]) <= 3):
        raise PriceError("price_invalid", f"{_short(number)} is not a price such as 12.50 EUR.")
    digits = "".join(groups)
    if not digits.isdigit() or (fraction and not fraction.isdigit()) or len(digits) > 15:
        raise PriceError("price_invalid", f"{_short(number)} is not a price such as 12.50 EUR.")
    kept, beyond = fraction[:exponent], fraction[exponent:]
    # 1.299 EUR may be a price or a thousand: three digits where two belong are never guessed.
    if beyond and (beyond.strip("0") or (len(fraction) == 3 and exponent == 2)):
        raise PriceError(
            "price_precision", f"{_short(number)} has more decimals than {currency} has ({exponent})."
        )
    return int(digits + kept.ljust(exponent, "0"))


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")
