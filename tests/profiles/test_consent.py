"""The gate and the pseudonyms."""

from __future__ import annotations

import itertools
import uuid

import pytest

from profiles.consent import NEEDED, ConsentState, Purpose, Refusal, Use, allow, allowed_rows, grants, refusal
from profiles.models import Shopper
from profiles.pseudonyms import pseudonym_of
from profiles.selectors import consent_state_of


def test_the_default_is_no():
    assert not allow(ConsentState())


@pytest.mark.parametrize("state", itertools.product([False, True], repeat=5))
def test_only_consent_of_an_adult_without_objection_opens_the_gate(state):
    personalisation, is_minor, opted_out, measurement, has_objected = state
    is_free = not (is_minor or opted_out or has_objected)
    assert allow(ConsentState(*state)) is (personalisation and is_free)
    assert allow(ConsentState(*state), Use.MEASUREMENT) is (measurement and is_free)


def test_the_filter_lets_through_exactly_whom_the_gate_lets_through(shop):
    for number, (allowed, measured, objected, minor) in enumerate(itertools.product([False, True], repeat=4)):
        Shopper.objects.create(
            advertiser=shop,
            pseudonym=f"p{number}",
            personalisation_allowed=allowed,
            measurement_allowed=measured,
            has_objected=objected,
            is_minor=minor,
        )
    for use in Use:
        found = set(Shopper.objects.filter(**allowed_rows(use)))
        assert found == {s for s in Shopper.objects.all() if allow(consent_state_of(s), use)}
        assert found


@pytest.mark.parametrize("use", Use)
def test_a_use_needs_every_one_of_its_purposes(use):
    assert grants(Purpose, use)
    for purpose in Purpose:
        assert grants(set(Purpose) - {purpose}, use) is (purpose not in NEEDED[use])


def test_an_objection_outweighs_consent_and_says_so():
    assert refusal(ConsentState(personalisation=True, has_objected=True)) is Refusal.OBJECTION
    assert refusal(ConsentState(personalisation=True, opted_out=True)) is Refusal.OPTED_OUT


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
