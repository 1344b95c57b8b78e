"""The checks before the numbers, one row a situation."""

from __future__ import annotations

import pytest

from analytics import experiment_health as health


@pytest.mark.parametrize(
    ("count", "kept", "level"),
    [
        (0, 1000, "ok"),
        (10, 990, "ok"),
        (20, 980, "warn"),
        (50, 950, "warn"),
        (60, 940, "fail"),
        (9, 9, "warn"),
    ],
)
def test_shoppers_of_two_arms_fail_once_too_many_are_left_out(count, kept, level):
    assert health.mixed(count, kept).level == level
