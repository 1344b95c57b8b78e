"""Viewability as the MRC defines it, measured by adtag.js in a real Chromium."""

from __future__ import annotations

import time

import pytest

from tests.campaigns.tag_page import kinds, received, show_part, wait

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.campaigns.tag_page"),
]


def test_a_creative_in_view_is_viewable_after_one_second(tag, browser):
    tag()
    wait(lambda: "impression" in kinds())
    times = wait(
        lambda: (
            "viewable" in kinds()
            and [event["occurred_at"] for batch in received for event in batch["events"]]
        )
    )
    from datetime import datetime

    first, last = (datetime.fromisoformat(moment) for moment in sorted(times)[:2])
    assert (last - first).total_seconds() >= 1.0


@pytest.mark.parametrize(("part", "is_seen"), [(0.49, False), (0.51, True)])
def test_half_of_the_creative_has_to_be_in_the_window(tag, browser, part, is_seen):
    tag(above=1500)
    browser.execute_script("window.scrollTo(0, 300)")  # near enough to load, not in view
    wait(lambda: "impression" in kinds())
    show_part(browser, part)
    time.sleep(1.8)
    assert ("viewable" in kinds()) is is_seen


@pytest.mark.parametrize(("part", "is_seen"), [(0.27, False), (0.33, True)])
def test_of_a_large_creative_thirty_percent_are_enough(tag, browser, part, is_seen):
    browser.set_window_size(1200, 800)
    tag(above=1500, code="billboard")
    browser.execute_script("window.scrollTo(0, 300)")
    wait(lambda: "impression" in kinds())
    show_part(browser, part)
    time.sleep(1.8)
    browser.set_window_size(1000, 800)
    assert ("viewable" in kinds()) is is_seen


@pytest.mark.parametrize(("seconds", "is_seen"), [(0.9, False), (1.1, True)])
def test_a_second_in_view_and_no_less(tag, browser, seconds, is_seen):
    """The page itself scrolls away after that time, so that the way to the browser and back costs nothing."""
    tag(above=1500)
    browser.execute_script("window.scrollTo(0, 300)")
    wait(lambda: "impression" in kinds())
    browser.execute_script(
        "document.querySelector('[data-placement] img').scrollIntoView({block: 'center'});"
        "new IntersectionObserver((entries, watch) => { if (entries[0].intersectionRatio < 1) return;"
        "  watch.disconnect(); setTimeout(() => window.scrollTo(0, 0), arguments[0]); }, {threshold: 1})"
        ".observe(document.querySelector('[data-placement] img'))",
        seconds * 1000,
    )
    wait(lambda: browser.execute_script("return window.scrollY === 0"))
    time.sleep(0.6)
    assert ("viewable" in kinds()) is is_seen


def test_less_than_a_second_is_not_viewable_and_time_is_not_added_up(tag, browser):
    tag(above=1500)
    browser.execute_script("window.scrollTo(0, 300)")
    wait(lambda: "impression" in kinds())
    for _ in range(3):
        show_part(browser, 1.0)
        time.sleep(0.6)
        browser.execute_script("window.scrollTo(0, 0)")
        time.sleep(0.3)
    assert "viewable" not in kinds()


@pytest.mark.parametrize("minds_visibility", [True, False])
def test_a_hidden_tab_is_not_seen(tag, browser, minds_visibility):
    """Another tab comes to the front half a second after the creative did; and back.

    A tag that did not mind would count it there: that is the second case, it shows what the first is worth.
    """
    tag(above=1500, script="static" if minds_visibility else "careless/static")
    browser.execute_script(
        "window.states = []; document.addEventListener('visibilitychange',"
        " () => states.push([document.visibilityState, performance.now()]));"
        "window.scrollTo(0, 300)"
    )
    wait(lambda: "impression" in kinds())
    mine = browser.current_window_handle
    show_part(browser, 1.0)
    time.sleep(0.5)
    browser.switch_to.new_window("tab")  # in front of ours, as a person opens one
    try:
        time.sleep(2.5)  # timers of hidden tabs are late by up to a second
        assert ("viewable" in kinds()) is not minds_visibility
    finally:
        browser.close()
        browser.switch_to.window(mine)
    states = wait(lambda: browser.execute_script("return states.length > 1 && states"))
    assert [state for state, _ in states] == ["hidden", "visible"]
    assert states[1][1] - states[0][1] > 2000
    wait(lambda: "viewable" in kinds())
