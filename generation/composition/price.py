"""Prices as a shopper reads them: the catalogue's integer minor units, never a float, never a model."""

from __future__ import annotations

from dataclasses import dataclass

from adplatform.lib.money import exponent_of
from generation.briefs import BriefProduct

SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£", "CNY": "¥", "JPY": "¥", "AUD": "A$", "CAD": "C$", "HKD": "HK$",
           "SGD": "S$", "NZD": "NZ$", "BRL": "R$"}  # fmt: skip


@dataclass(frozen=True)
class PriceText:
    """What to print: the price to pay and, on sale, the price before and the saving."""

    now: str
    was: str = ""
    saving: str = ""  # "−20%"

    @property
    def is_sale(self) -> bool:
        return bool(self.was)

    def __str__(self) -> str:
        return f"{self.now} ({self.was})" if self.was else self.now


def amount_text(cents: int, currency: str, language: str) -> str:
    """``8990, "EUR"`` -> ``€89.90``; whole amounts drop their zeros, unknown currencies keep their code."""
    digits = exponent_of(currency)
    whole, rest = divmod(cents, 10**digits)
    number = f"{whole:,}" + (f".{rest:0{digits}d}" if rest else "")
    symbol = SYMBOLS.get(currency)
    if symbol is None:
        return f"{currency} {number}"
    if currency == "JPY" and language == "zh":
        return f"{number}日元"  # ¥ means yuan to a Chinese reader
    return symbol + number


def price_text(product: BriefProduct, language: str) -> PriceText:
    """The product's price, with the price before when it is on sale."""
    sale = product.sale_price_cents
    now = product.price_cents if sale is None else min(sale, product.price_cents)
    text = amount_text(now, product.currency, language)
    if sale is None or sale >= product.price_cents:
        return PriceText(text)
    percent = (product.price_cents - sale) * 100 // product.price_cents  # rounded down: never promise more
    saving = f"−{percent}%" if percent >= 5 else ""
    return PriceText(text, amount_text(product.price_cents, product.currency, language), saving)


def saving_rate(price_cents: int, sale_price_cents: int | None) -> float:
    """The saving as a fraction of the price before; 0 when nothing is off."""
    if sale_price_cents is None or sale_price_cents >= price_cents:
        return 0.0
    return 1 - sale_price_cents / price_cents
