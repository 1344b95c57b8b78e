"""Reads the core of a TCF v2 consent string: which purposes and vendors a shopper agreed to. Pure.

Source: IAB Tech Lab, "Consent string and vendor list formats v2", section "The core string". The libraries on
PyPI that read it have not been kept since 2022. Publisher restrictions and the other segments narrow what a
vendor may do by legitimate interest; we rely on consent alone, so they are not read.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from profiles.consent import TCF_NUMBERS, Purpose

LONGEST = 8_000  # characters; a real one of 1,000 vendors has fewer than 1,500


class TcStringInvalid(ValueError):
    """It is no TCF v2 string, or it breaks off."""


@dataclass(frozen=True)
class TcString:
    """What was agreed to."""

    cmp_id: int
    cmp_version: int
    vendor_list_version: int
    policy_version: int
    purposes: frozenset[int]  # TCF numbers consented to
    vendors: frozenset[int]  # vendor ids consented to


class _Bits:
    """Reads big-endian bit fields one after the other."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = len(data) * 8

    def take(self, size: int) -> int:
        if size > self._left:
            raise TcStringInvalid("It ends early.")
        self._left -= size
        return (self._value >> self._left) & ((1 << size) - 1)

    def set_of(self, size: int) -> frozenset[int]:
        """Numbers from 1 whose bit is set; the first bit is number 1."""
        field = self.take(size)
        return frozenset(number for number in range(1, size + 1) if field >> (size - number) & 1)


def tc_string_read(text: str) -> TcString:
    """Raises TcStringInvalid."""
    core = text.strip().partition(".")[0]
    if not core or len(text) > LONGEST:
        raise TcStringInvalid("It is empty or too long.")
    try:
        data = base64.b64decode(core + "=" * (-len(core) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise TcStringInvalid("It is not base64url.") from error
    bits = _Bits(data)
    if bits.take(6) != 2:
        raise TcStringInvalid("It is not of version 2.")
    bits.take(36 + 36)  # created, last updated: in deciseconds, so they would single the shopper out
    cmp_id, cmp_version = bits.take(12), bits.take(12)
    bits.take(6 + 12)  # consent screen, language
    vendor_list_version, policy_version = bits.take(12), bits.take(6)
    bits.take(1 + 1 + 12)  # service specific, own texts, special features
    purposes = bits.set_of(24)
    bits.take(24 + 1 + 12)  # legitimate interests, purpose one treatment, publisher's country
    return TcString(cmp_id, cmp_version, vendor_list_version, policy_version, purposes, _vendors(bits))


def _vendors(bits: _Bits) -> frozenset[int]:
    largest, is_ranges = bits.take(16), bits.take(1)
    if not is_ranges:
        return bits.set_of(largest)
    found: set[int] = set()
    for _ in range(bits.take(12)):
        is_range = bits.take(1)
        first = bits.take(16)
        last = bits.take(16) if is_range else first
        if not 1 <= first <= last <= largest:
            raise TcStringInvalid("A range of vendors is out of order.")
        found.update(range(first, last + 1))
    return frozenset(found)


def purposes_of(consent: TcString, vendor_id: int) -> frozenset[Purpose]:
    """Our purposes that the string grants to this vendor; none when the vendor itself was refused."""
    if vendor_id not in consent.vendors:
        return frozenset()
    return frozenset(purpose for purpose, number in TCF_NUMBERS.items() if number in consent.purposes)


def text_version_of(consent: TcString) -> str:
    """What the shopper was shown, as far as the string says: the proof without what singles them out."""
    cmp = f"cmp{consent.cmp_id}.{consent.cmp_version}"
    return f"tcf{consent.policy_version}-gvl{consent.vendor_list_version}-{cmp}"
