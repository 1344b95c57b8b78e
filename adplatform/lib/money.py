"""Integer minor units and the digits of each currency (ISO 4217)."""

from __future__ import annotations

WITHOUT_DECIMALS = frozenset(
    {"BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV"}
    | {"XAF", "XOF", "XPF"}
)
WITH_THREE_DECIMALS = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})


def exponent_of(currency: str) -> int:
    """How many digits a currency has after its decimal point."""
    return 0 if currency in WITHOUT_DECIMALS else 3 if currency in WITH_THREE_DECIMALS else 2


def money_text(cents: int, currency: str) -> str:
    """``129900, "EUR"`` -> ``1,299.00 EUR``"""
    digits = exponent_of(currency)
    sign, (whole, rest) = "-" if cents < 0 else "", divmod(abs(cents), 10**digits)
    return f"{sign}{whole:,}" + (f".{rest:0{digits}d}" if digits else "") + f" {currency}"
