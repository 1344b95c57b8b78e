"""TCF v2 strings, made here bit by bit as the specification lays them out."""

from __future__ import annotations

import base64
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles.consent import EVERY_PURPOSE, Purpose
from profiles.models import ConsentRecord
from profiles.tcf import TcString, TcStringInvalid, purposes_of, tc_string_read, text_version_of

US = 755


def tc_string(purposes, vendors, *, as_ranges=False, version=2):
    """A core string of CMP 10.3, vendor list 180, policy 4."""
    largest = max(vendors, default=0)
    bits = f"{version:06b}{0:036b}{0:036b}{10:012b}{3:012b}{1:06b}{0:012b}{180:012b}{4:06b}{0:014b}"
    bits += "".join("1" if number in purposes else "0" for number in range(1, 25))
    bits += f"{0:024b}{0:01b}{0:012b}{largest:016b}"
    if as_ranges:
        bits += f"1{len(vendors):012b}" + "".join(f"0{vendor:016b}" for vendor in sorted(vendors))
    else:
        bits += "0" + "".join("1" if number in vendors else "0" for number in range(1, largest + 1))
    bits += "0" * (-len(bits) % 8)
    data = int(bits, 2).to_bytes(len(bits) // 8, "big")
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@given(
    st.frozensets(st.integers(1, 24)),
    st.frozensets(st.integers(1, 1200), max_size=40),
    st.booleans(),
)
def test_what_was_agreed_to_is_read_back(purposes, vendors, as_ranges):
    text = tc_string(purposes, vendors, as_ranges=as_ranges) + ".YAAA"
    assert tc_string_read(text) == TcString(10, 3, 180, 4, purposes, vendors)


def test_a_string_of_another_platform_reads_as_published():
    """A string that other implementations test themselves with."""
    found = tc_string_read(
        "COvFyGBOvFyGBAbAAAENAPCAAOAAAAAAAAAAAEEUACCKAAA.IFoEUQQgAIQwgIwQABAEAAAAOIAACAIAAAAQAIAgEAACEAAAAAgAQBAAAAAAAGBAAgAAAAAAAFAAECAAAgAAQARAEQAAAAAJAAIAAgAAAYQEAAAQmAgBC3ZAYzUw"
    )
    assert (found.cmp_id, found.vendor_list_version) == (27, 15)
    assert found.purposes == {1, 2, 3}
    assert found.vendors == {2, 6, 8}


def test_the_vendor_itself_has_to_be_agreed_to():
    said = tc_string_read(tc_string({1, 3, 4, 7}, {US}))
    assert purposes_of(said, US) == EVERY_PURPOSE
    assert purposes_of(said, US + 1) == frozenset()
    assert purposes_of(tc_string_read(tc_string({1, 7}, {US})), US) == {Purpose.STORAGE, Purpose.MEASUREMENT}
    assert text_version_of(said) == "tcf4-gvl180-cmp10.3"


@given(
    st.text(max_size=80) | st.binary(max_size=80).map(lambda data: base64.urlsafe_b64encode(data).decode())
)
def test_anything_else_is_refused_and_never_a_crash(text):
    with suppress(TcStringInvalid):
        tc_string_read(text)


@pytest.mark.parametrize(
    "text",
    ["", "BObdrPUOevsguAfDqFENCNAAAAAmeAAA", tc_string({1}, {US}, version=1), tc_string({1}, {9})[:-3], "C€"],
)
def test_a_string_of_version_one_or_one_that_breaks_off_is_refused(text):
    with pytest.raises(TcStringInvalid):
        tc_string_read(text)


def test_a_string_over_the_api_grants_what_it_says(shop, api, settings):
    settings.PROFILES_TCF_VENDOR_ID = US
    body = {"shopper": "ann", "tc_string": tc_string({1, 3, 4}, {US})}
    answer = api.post("/api/v1/consents", body)
    assert answer.status_code == 201
    assert answer.json()["purposes"] == ["ads_profile", "ads_selection", "storage"]
    assert (answer.json()["personalisation"], answer.json()["text_version"]) == (True, "tcf4-gvl180-cmp10.3")


@pytest.mark.parametrize("text", ["nonsense", "C", tc_string({1}, {US}, version=1)])
def test_a_bad_string_over_the_api_has_a_code_and_grants_nothing(shop, api, settings, text):
    settings.PROFILES_TCF_VENDOR_ID = US
    answer = api.post("/api/v1/consents", {"shopper": "ann", "tc_string": text})
    assert (answer.status_code, answer.json()["code"]) == (400, "tc_string_invalid")
    assert not ConsentRecord.objects.exists()
