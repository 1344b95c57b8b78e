"""Every state times every action."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from campaigns.lifecycle import SENTENCES, TARGETS, Action, CampaignFacts, Code, Status, blockers
from campaigns.models import Campaign

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
READY = CampaignFacts(status="draft", product_count=1, placement_count=1, approved_count=1, ends_at=None)


def _codes(facts: CampaignFacts, action: Action) -> list[str]:
    return [blocker.code for blocker in blockers(facts, action, NOW)]


@pytest.mark.parametrize(
    ("status", "action", "expected"),
    [
        ("draft", Action.LAUNCH, "live"),
        ("draft", Action.PAUSE, Code.NOT_LIVE),
        ("draft", Action.END, Code.NEVER_LIVE),
        ("live", Action.LAUNCH, Code.ALREADY_LIVE),
        ("live", Action.PAUSE, "paused"),
        ("live", Action.END, "ended"),
        ("paused", Action.LAUNCH, "live"),
        ("paused", Action.PAUSE, Code.ALREADY_PAUSED),
        ("paused", Action.END, "ended"),
        ("ended", Action.LAUNCH, Code.CAMPAIGN_ENDED),
        ("ended", Action.PAUSE, Code.CAMPAIGN_ENDED),
        ("ended", Action.END, Code.CAMPAIGN_ENDED),
    ],
)
def test_every_state_answers_every_action(status, action, expected):
    codes = _codes(replace(READY, status=status), action)
    if expected in set(Status):
        assert codes == []
        assert TARGETS[Status(status), action] == expected
    else:
        assert codes == [expected]
        assert (Status(status), action) not in TARGETS


def test_a_campaign_with_nothing_approved_is_not_launched():
    assert _codes(replace(READY, approved_count=0), Action.LAUNCH) == [Code.NOTHING_APPROVED]


def test_all_reasons_are_named_at_once():
    empty = replace(
        READY, product_count=0, placement_count=0, approved_count=0, ends_at=NOW - timedelta(days=1)
    )
    assert set(_codes(empty, Action.LAUNCH)) == {
        Code.NO_PRODUCTS,
        Code.NO_PLACEMENTS,
        Code.END_IN_THE_PAST,
        Code.NOTHING_APPROVED,
    }


def test_pausing_asks_nothing_but_the_state():
    assert _codes(replace(READY, status="live", approved_count=0), Action.PAUSE) == []


def test_the_pure_states_are_the_models():
    assert {status.value for status in Status} == set(Campaign.Status.values)


def test_every_code_has_a_sentence():
    assert set(SENTENCES) == set(Code)
