from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from analytics.attribution import Rules, Touch, Windows, attribute

ORDER = datetime(2026, 11, 23, 12, tzinfo=UTC)
WINDOWS = Windows(click=timedelta(days=7), view=timedelta(days=1))
RULES = Rules(WINDOWS)


def touch(before: timedelta, is_click: bool = True, number: int = 1) -> Touch:
    return Touch(ORDER - before, is_click, uuid.UUID(int=number))


touches = st.lists(
    st.builds(
        touch,
        # Whole minutes, so that ties and the windows' exact ends come up.
        st.integers(-60, 9 * 24 * 60).map(lambda minutes: timedelta(minutes=minutes)),
        st.booleans(),
        st.integers(1, 50),
    ),
    max_size=12,
)


def test_the_last_click_wins_over_a_later_view():
    click, view = touch(timedelta(days=6)), touch(timedelta(minutes=1), is_click=False)
    assert attribute(ORDER, [view, click], RULES) is click


def test_without_a_click_the_last_view_of_a_day_wins():
    view = touch(timedelta(hours=23), is_click=False)
    assert attribute(ORDER, [touch(timedelta(days=8)), view], RULES) is view
    assert attribute(ORDER, [touch(timedelta(hours=25), is_click=False)], RULES) is None


def test_both_ends_belong_to_the_window():
    assert attribute(ORDER, [touch(timedelta(days=7))], RULES) is not None
    assert attribute(ORDER, [touch(timedelta(days=7, microseconds=1))], RULES) is None
    assert attribute(ORDER, [touch(timedelta(0))], RULES) is not None
    assert attribute(ORDER, [touch(timedelta(microseconds=-1))], RULES) is None


def test_a_campaign_s_own_windows_hold_for_its_touches_alone():
    furniture, groceries = uuid.UUID(int=1), uuid.UUID(int=2)
    rules = Rules(
        WINDOWS,
        {
            furniture: Windows(timedelta(days=30), timedelta(days=3)),
            groceries: Windows(timedelta(days=1), timedelta(0)),
        },
    )
    assert rules.longest == timedelta(days=30)
    old = replace(touch(timedelta(days=20)), campaign_id=furniture)
    view = replace(touch(timedelta(hours=2), is_click=False), campaign_id=groceries)
    recent = replace(touch(timedelta(days=2)), campaign_id=groceries)
    other = replace(touch(timedelta(days=20)), campaign_id=uuid.UUID(int=3))
    assert attribute(ORDER, [old, view, recent, other], rules) is old
    assert attribute(ORDER, [view, recent, other], rules) is None


def test_of_two_at_one_instant_the_later_decision_wins():
    first, second = touch(timedelta(hours=1), number=1), touch(timedelta(hours=1), number=2)
    assert attribute(ORDER, [first, second], RULES) is second
    assert attribute(ORDER, [second, first], RULES) is second


@given(touches, st.randoms())
def test_the_order_of_arrival_changes_nothing(found, random):
    shuffled = list(found)
    random.shuffle(shuffled)
    assert attribute(ORDER, found, RULES) == attribute(ORDER, shuffled, RULES)


@given(touches)
def test_the_winner_lies_in_its_window_and_nothing_better_was_passed_over(found):
    winner = attribute(ORDER, found, RULES)
    clicks = [t for t in found if t.is_click and timedelta(0) <= ORDER - t.occurred_at <= WINDOWS.click]
    views = [t for t in found if not t.is_click and timedelta(0) <= ORDER - t.occurred_at <= WINDOWS.view]
    pool = clicks or views
    if not pool:
        assert winner is None
    else:
        assert winner in pool
        assert winner.occurred_at == max(t.occurred_at for t in pool)


@given(touches, touches)
def test_a_touch_after_the_order_or_out_of_the_window_changes_nothing(found, more):
    outside = [t for t in more if t.occurred_at > ORDER or ORDER - t.occurred_at > RULES.longest]
    assert attribute(ORDER, found + outside, RULES) == attribute(ORDER, found, RULES)
