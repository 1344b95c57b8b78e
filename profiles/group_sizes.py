"""How many shoppers a group has, as far as it may be told: a number of a few could point at one person."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings


def is_few(number: int) -> bool:
    """Whether a count of shoppers is too small to be told, nobody at all included."""
    minimum: int = settings.REPORTS_MIN_SHOPPERS
    return minimum > 1 and number < minimum


def size_told(number: int) -> int | None:
    """The count, or None where only "fewer than REPORTS_MIN_SHOPPERS" is told."""
    return None if is_few(number) else number


def size_words(number: int) -> str:
    """The count as pages say it."""
    return f"fewer than {settings.REPORTS_MIN_SHOPPERS}" if is_few(number) else f"{number}"


def parts_told(numbers: Sequence[int]) -> list[bool]:
    """Which counts of a whole that is told may be told: not those of a few, nor the next larger one where
    what is hidden would follow from the whole."""
    told = [not is_few(number) for number in numbers]
    hidden = sum(number for number, is_told in zip(numbers, told, strict=True) if not is_told)
    if hidden and (is_few(hidden) or told.count(False) == 1):
        larger = [place for place, is_told in enumerate(told) if is_told]
        if larger:
            told[min(larger, key=lambda place: numbers[place])] = False
    return told
