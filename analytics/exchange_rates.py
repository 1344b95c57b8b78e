"""Writes of exchange rates: entered one by one, or a table pasted from a bank or a spreadsheet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from uuid import UUID

from django.db import transaction
from django.db.models.functions import TruncHour

from accounts.models import Advertiser
from adplatform.lib.errors import DomainError, NotFound
from analytics.currencies import CARRIED
from analytics.dirty_hours import hours_mark
from analytics.models import Event, ExchangeRate

IMPORT_LIMIT = 5000  # lines: fifteen currencies for a year
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2200, 1, 1)
_LARGEST = Decimal(10) ** 9
_SMALLEST = Decimal(1).scaleb(-8)


@dataclass(frozen=True)
class Line:
    """One rate as it is stored."""

    day: date
    currency: str
    rate: Decimal


def line_parse(*, day: str, currency: str, rate: str) -> Line:
    """Texts as a person types them. Raises DomainError ``bad_day``, ``bad_currency``, ``bad_rate``."""
    try:
        parsed = date.fromisoformat(day.strip())
    except ValueError:
        raise DomainError("bad_day", "The day must look like 2026-11-23.") from None
    code = currency.strip().upper()
    if not (len(code) == 3 and code.isascii() and code.isalpha()):
        raise DomainError("bad_currency", "A currency has three letters, such as USD.")
    try:
        number = Decimal(rate.strip())
    except InvalidOperation:
        raise DomainError("bad_rate", "The rate must be a number such as 0.9215.") from None
    return Line(parsed, code, number)


def rates_parse(text: str) -> list[Line]:
    """Lines of ``day, currency, rate`` with commas, semicolons or tabs; a heading is passed over.

    Raises DomainError ``import_too_long``, ``import_empty``, or a line's own code with its number.
    """
    separator = max(",;\t", key=text.count)
    rows = [line.split(separator) for line in text.splitlines() if line.strip(f"{separator} ")]
    if len(rows) > IMPORT_LIMIT:
        raise DomainError("import_too_long", f"At most {IMPORT_LIMIT} lines at once.", status=413)
    if rows and rows[0][0].strip().lower() in ("day", "date"):
        rows = rows[1:]
    if not rows:
        raise DomainError("import_empty", "There is no line with a rate.")
    lines = []
    for number, row in enumerate(rows, start=1):
        if len(row) != 3:
            raise DomainError("bad_line", f"Line {number}: a day, a currency and a rate are needed.")
        try:
            lines.append(line_parse(day=row[0], currency=row[1], rate=row[2]))
        except DomainError as error:
            raise DomainError(error.code, f"Line {number}: {error.message}") from None
    return lines


@transaction.atomic
def exchange_rates_set(*, advertiser: Advertiser, lines: Iterable[Line]) -> int:
    """Store rates, all or none; one that is there is overwritten. Returns how many.

    Hours with orders that they change are counted anew. Raises DomainError ``own_currency``, ``bad_rate``,
    ``bad_day``.
    """
    newest = {(line.currency, line.day): line for line in lines}
    for line in newest.values():
        _check(line, advertiser.currency)
    ExchangeRate.objects.bulk_create(
        [
            ExchangeRate(advertiser=advertiser, day=line.day, currency=line.currency, rate=line.rate)
            for line in newest.values()
        ],
        update_conflicts=True,
        unique_fields=["advertiser", "currency", "day"],
        update_fields=["rate"],
    )
    _orders_recount(advertiser.pk, newest)
    return len(newest)


@transaction.atomic
def exchange_rate_delete(*, advertiser: Advertiser, rate_id: UUID) -> None:
    """Orders that it converted have no rate again, or an earlier day's. Raises NotFound."""
    rate = ExchangeRate.objects.filter(advertiser=advertiser, pk=rate_id).first()
    if rate is None:
        raise NotFound("exchange rate")
    rate.delete()
    _orders_recount(advertiser.pk, [(rate.currency, rate.day)])


def _check(line: Line, home: str) -> None:
    if line.currency == home:
        raise DomainError("own_currency", f"{home} is the shop's own currency; it needs no rate.")
    if not line.rate.is_finite() or not _SMALLEST <= line.rate < _LARGEST:
        raise DomainError("bad_rate", "The rate must lie between 0.00000001 and 1,000,000,000.")
    if not FIRST_DAY <= line.day <= LAST_DAY:
        raise DomainError("bad_day", "The day must lie between 2000 and 2200.")


def _orders_recount(advertiser_id: UUID, changed: Iterable[tuple[str, date]]) -> None:
    """A rate stands for its day and, where none follows, for a few days more."""
    days: dict[str, list[date]] = {}
    for currency, day in changed:
        days.setdefault(currency, []).append(day)
    for currency, of_currency in days.items():
        hours = (
            Event.objects.undated()
            .filter(
                advertiser_id=advertiser_id,
                kind=Event.Kind.CONVERSION,
                validity=Event.Validity.VALID,
                currency=currency,
                occurred_at__gte=_midnight(min(of_currency)),
                occurred_at__lt=_midnight(max(of_currency) + CARRIED),
            )
            .order_by()
            .annotate(hour=TruncHour("occurred_at", tzinfo=UTC))
            .values_list("hour", flat=True)
            .distinct()
        )
        hours_mark(hours={(advertiser_id, hour) for hour in hours})


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)
