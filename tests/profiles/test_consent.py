"""The gate and the pseudonyms."""

from __future__ import annotations

import itertools
import uuid

import pytest

from profiles.consent import ConsentState, Refusal, allow, refusal
from profiles.pseudonyms import pseudonym_of


def test_the_default_is_no():
    assert not allow(ConsentState())


@pytest.mark.parametrize("state", itertools.product([False, True], repeat=3))
def test_only_consent_of_an_adult_without_objection_opens_the_gate(state):
    personalisation, is_minor, opted_out = state
    expected = personalisation and not is_minor and not opted_out
    assert allow(ConsentState(personalisation, is_minor, opted_out)) is expected


def test_being_a_minor_outweighs_consent():
    assert refusal(ConsentState(personalisation=True, is_minor=True)) is Refusal.MINOR


def test_a_pseudonym_is_stable_at_one_shop_and_another_at_the_next():
    here, there = uuid.uuid4(), uuid.uuid4()
    assert pseudonym_of(here, "ann@example.com") == pseudonym_of(str(here), "ann@example.com")
    assert pseudonym_of(here, "ann@example.com") != pseudonym_of(there, "ann@example.com")
    assert "ann" not in pseudonym_of(here, "ann@example.com")


def test_a_pseudonym_needs_the_key(settings):
    here = uuid.uuid4()
    before = pseudonym_of(here, "ann")
    settings.PROFILES_PSEUDONYM_KEY = "another"
    assert pseudonym_of(here, "ann") != before
