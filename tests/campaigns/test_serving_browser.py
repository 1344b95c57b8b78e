"""adtag.js in a real Chromium: it fills, reports once the picture is there, and measures what was seen."""

from __future__ import annotations

import time

import pytest

from tests.campaigns.tag_page import answers, counted, kinds, received, sent, wait

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.campaigns.tag_page"),
]


def test_a_slot_is_filled_labelled_and_keeps_its_space(tag, browser):
    tag()
    wait(lambda: browser.execute_script("return document.querySelector('[data-adplatform=filled]')"))
    facts = browser.execute_script(
        "const slot = document.querySelector('[data-placement]'), image = slot.querySelector('img'),"
        " link = slot.querySelector('a');"
        "return {alt: image.alt, width: image.width, height: slot.offsetHeight, href: link.href,"
        " label: slot.getAttribute('aria-label'), rel: link.rel, text: slot.textContent}"
    )
    assert facts["alt"] == "A creative"
    assert (facts["width"], facts["height"]) == (300, 250)
    assert "/c/" in facts["href"]
    assert (facts["label"], facts["text"]) == ("Ad", "Ad")
    mark = browser.execute_script(
        "const mark = document.querySelector('[data-placement] a + a');"
        "return {href: mark.href, name: mark.ariaLabel, height: mark.offsetHeight, target: mark.target}"
    )
    assert "/why/" in mark["href"]
    assert (mark["name"], mark["target"]) == ("Ad: why do I see this?", "_blank")
    assert mark["height"] >= 24
    assert "sponsored" in facts["rel"]


def test_nothing_on_the_page_moves_and_no_policy_is_broken(tag, browser):
    tag()
    wait(lambda: "impression" in kinds())
    shift = browser.execute_async_script(
        "const done = arguments[0]; let sum = 0;"
        "new PerformanceObserver(list => list.getEntries().forEach(e => sum += e.value))"
        ".observe({type: 'layout-shift', buffered: true}); setTimeout(() => done(sum), 300)"
    )
    assert shift == 0
    errors = [line for line in browser.get_log("browser") if "Content Security Policy" in line["message"]]
    assert not errors


def test_the_impression_comes_after_the_picture_without_cookies(tag, browser):
    tag()
    wait(lambda: "impression" in kinds())
    loaded = browser.execute_script(
        "return performance.getEntriesByType('resource').filter(e => e.name.includes('/m/')).length"
    )
    assert loaded == 1
    assert {batch["type"] for batch in received} == {"text/plain"}
    assert {batch["cookies"] for batch in received} == {""}


def test_below_the_fold_nothing_is_loaded_or_counted(tag, browser):
    tag(above=9000)
    time.sleep(1.0)
    assert kinds() == []


def test_an_event_is_sent_again_under_the_same_id_until_the_server_took_it(tag, browser):
    answers.extend([503, 503])
    tag()
    wait(lambda: any(batch["status"] == 202 for batch in received), seconds=15)
    ids = [[event["event_id"] for event in batch["events"]] for batch in received]
    assert ids[0][0] == ids[2][0]
    assert ids[0][0].endswith(":impression")


def test_leaving_the_page_hands_over_what_is_unsent(tag, browser):
    answers.extend([503] * 20)
    tag()
    wait(lambda: received)
    before = len(received)
    browser.get("about:blank")
    wait(lambda: len(received) > before)
    assert received[-1]["events"][0]["kind"] == "impression"


def test_a_crowd_of_waiting_events_leaves_with_the_page_whole(tag, browser):
    """More than one beacon is filled with, each a part of what a browser lets wait at once."""
    answers.extend([503] * 1000)
    tag(slots=2)
    browser.set_script_timeout(60)
    ids = browser.execute_async_script(
        "const done = arguments[0], ids = [];"
        "document.addEventListener('adplatform:event', e => ids.push(e.detail.event_id));"
        "const step = () => ids.length > 65 ? done(ids)"
        "  : adplatform.refresh().then(() => setTimeout(step, 50)); step()"
    )
    received.clear()
    browser.get("about:blank")
    wait(lambda: set(ids) <= set(sent()))
    beacons = [batch["events"] for batch in received]
    assert len(beacons) > 1
    assert max(map(len, beacons)) <= 50
    # Hidden and gone are two moments: what was handed over at the first is not handed over again.
    assert sum(map(len, beacons)) < 2 * len(ids)


def test_a_double_include_decides_and_counts_once(tag, browser):
    tag(scripts=2)
    wait(lambda: "viewable" in kinds())
    assert len(counted()) == 2


def test_a_page_that_adds_placements_asks_for_fill_and_refresh_decides_anew(tag, browser):
    tag()
    wait(lambda: "impression" in kinds())
    browser.execute_script(
        "document.body.prepend(Object.assign(document.createElement('div'), {id: 'late'}));"
        "late.dataset.placement = 'hero'; late.dataset.width = 300; late.dataset.height = 250;"
        "adplatform.fill()"
    )
    wait(lambda: kinds().count("impression") == 2)
    sources = browser.execute_script("return [...document.querySelectorAll('img')].map(i => i.src)")
    assert len(set(sources)) == 2
    browser.execute_script("adplatform.refresh()")
    wait(lambda: kinds().count("impression") == 4)
    assert len(counted()) >= 4


def test_single_page_navigation_takes_placements_away_and_brings_others(tag, browser):
    tag(above=1500)
    browser.execute_script("window.scrollTo(0, 300)")  # near enough to load, not in view
    wait(lambda: "impression" in kinds())
    browser.execute_script(
        "const next = document.createElement('div'); next.dataset.placement = 'hero';"
        "next.dataset.width = 300; next.dataset.height = 250;"
        "document.querySelector('[data-placement]').remove(); document.body.prepend(next);"
        "window.scrollTo(0, 0); history.pushState({}, '', '/host?page=2'); adplatform.fill()"
    )
    wait(lambda: len([event_id for event_id in counted() if event_id.endswith("impression")]) == 2)
    wait(lambda: "viewable" in kinds())
    first, second = [name for name in dict.fromkeys(sent()) if name.endswith("impression")]
    assert second.replace("impression", "viewable") in counted()
    assert first.replace("impression", "viewable") not in counted()


def test_back_from_the_cache_what_is_unsent_is_sent_and_nothing_counts_twice(tag, browser):
    answers.extend([503])
    tag()
    wait(lambda: received)
    browser.execute_script(
        "window.dispatchEvent(new PageTransitionEvent('pagehide', {persisted: true}));"
        "window.dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))"
    )
    wait(lambda: "viewable" in kinds())
    wait(lambda: any(batch["status"] == 202 for batch in received))
    assert len(counted()) == 2


def away_and_back(browser, live_server, seconds=0.3):
    """Follows a link and goes back; says whether the page came out of the browser's cache."""
    browser.execute_script(
        "window.stayed = true; window.addEventListener('pageshow', e => window.cached = e.persisted);"
        "document.querySelector('[data-placement]').scrollIntoView({block: 'center'});"
        "setTimeout(() => { location.href = arguments[0] }, 500)",  # in view, but not for a second
        f"{live_server.url}/elsewhere",
    )
    wait(lambda: browser.current_url.endswith("/elsewhere") and browser.title == "Elsewhere")
    time.sleep(seconds)
    browser.execute_script("history.back()")
    wait(lambda: browser.current_url.endswith("/host"))
    return wait(lambda: browser.execute_script("return [window.stayed === true, window.cached === true]"))


def test_away_and_back_by_the_browsers_cache_counts_nothing_twice(tag, browser, live_server):
    tag()
    wait(lambda: "viewable" in kinds())
    assert away_and_back(browser, live_server) == [True, True]
    assert (
        browser.execute_script("return document.querySelector('[data-placement]').dataset.adplatform")
        == "filled"
    )
    time.sleep(1.8)
    assert len(counted()) == len(sent()) == 2


def test_a_second_in_view_is_not_joined_across_the_cache(tag, browser, live_server):
    tag(above=1500)
    browser.execute_script("window.scrollTo(0, 300)")  # near enough to load, not in view
    wait(lambda: "impression" in kinds())
    assert away_and_back(browser, live_server, seconds=1.2) == [True, True]
    back = browser.execute_script("return new Date().toISOString()")
    wait(lambda: "viewable" in kinds())
    moments = {event["kind"]: event["occurred_at"] for batch in received for event in batch["events"]}
    assert moments["viewable"] > back, "seen only after the page was back"
    assert len(counted()) == 2


def test_what_was_unsent_when_the_reader_left_is_sent_once_they_are_back(tag, browser, live_server):
    answers.extend([503, 503, 503])
    tag()
    wait(lambda: received)
    assert away_and_back(browser, live_server) == [True, True]
    wait(lambda: any(batch["status"] == 202 for batch in received))
    wait(lambda: "viewable" in kinds())
    assert len(counted()) == 2


def test_both_links_are_reached_by_the_keyboard(tag, browser):
    from selenium.webdriver import ActionChains, Keys

    tag()
    wait(lambda: browser.execute_script("return document.querySelector('[data-adplatform=filled]')"))
    found = []
    for _ in range(2):
        ActionChains(browser).send_keys(Keys.TAB).perform()
        found.append(browser.execute_script("return document.activeElement.href"))
    assert ["/c/" in found[0], "/why/" in found[1]] == [True, True]


def test_a_placement_that_the_page_hides_asks_for_nothing_until_it_is_shown(tag, browser):
    tag(slots=0)
    browser.execute_script(
        "document.body.prepend(Object.assign(document.createElement('div'), {id: 'late', hidden: true}));"
        "late.dataset.placement = 'hero'; late.dataset.width = 300; late.dataset.height = 250;"
        "return adplatform.fill()"
    )
    time.sleep(0.5)
    assert browser.execute_script("return [late.offsetHeight, late.dataset.adplatform || '']") == [0, ""]
    browser.execute_script("late.hidden = false; adplatform.fill()")
    wait(lambda: "impression" in kinds())


def test_an_unknown_placement_stays_empty_and_says_so(tag, browser):
    tag(slots=0)
    browser.execute_script(
        "document.body.prepend(Object.assign(document.createElement('div'), {id: 'late'}));"
        "late.dataset.placement = 'nowhere'; window.heard = [];"
        "document.addEventListener('adplatform:decision', e => heard.push(e.detail.reason));"
        "adplatform.fill()"
    )
    wait(lambda: browser.execute_script("return heard[0] === 'unknown_placement'"))
    assert browser.execute_script("return late.dataset.adplatform") == "empty"


def hold_decisions(browser, answer):
    """The next question for decisions gets this (JavaScript, from ``plain``, the real answer's promise)."""
    browser.execute_script(
        "const real = window.fetch; window.asks = []; window.heard = [];"
        "document.addEventListener('adplatform:decision', e => heard.push(e.detail.decision_id));"
        "window.fetch = (url, options) => {"
        "  const plain = () => real(url, options);"
        "  if (!url.endsWith('/decisions')) return plain();"
        "  asks.push(JSON.parse(options.body));"
        f"  return asks.length > 1 ? plain() : {answer};"
        "};"
    )


@pytest.mark.parametrize("late", ["plain()", "Promise.reject(new Error('lost'))"])
def test_what_was_asked_before_a_sign_out_is_not_shown_after_it(tag, browser, late):
    tag()
    wait(lambda: "impression" in kinds())
    hold_decisions(browser, f"new Promise(go => window.release = go).then(() => {late})")
    heard = browser.execute_async_script(
        "const done = arguments[0]; adplatform.setShopper('ann'); const old = adplatform.refresh();"
        "adplatform.setShopper(null);"
        "adplatform.refresh().then(() => { release(); return old; }).then(() => done(heard))"
    )
    assert len(heard) == 1
    assert browser.execute_script("return asks.map(ask => ask.shopper || '')") == ["ann", ""]
    assert browser.execute_script("return document.querySelector('[data-adplatform=error]')") is None
    wait(lambda: kinds().count("impression") == 2)


def test_a_throttled_question_is_asked_again(tag, browser):
    tag()
    wait(lambda: "impression" in kinds())
    hold_decisions(browser, "Promise.resolve(new Response('', {status: 429}))")
    browser.execute_async_script("const done = arguments[0]; adplatform.refresh().then(() => done())")
    assert browser.execute_script("return [asks.length, heard.length]") == [2, 1]
    wait(lambda: kinds().count("impression") == 2)


def test_a_page_of_many_creatives_names_no_more_than_the_server_takes(tag, browser):
    tag(slots=0)
    creative = "{id: String(number), width: 300, height: 250, image_url: 'data:,', alt: ''}"
    asked = browser.execute_async_script(
        "const done = arguments[0], shown = []; let number = 0;"
        "window.fetch = (url, options) => {"
        "  if (!url.endsWith('/decisions')) return Promise.resolve(new Response('{}'));"
        "  const ask = JSON.parse(options.body); shown.push(ask.context.shown);"
        "  const decisions = ask.placements.map(() => {"
        f"    number += 1; return {{filled: true, label: 'Ad', click_url: '/c/x', creative: {creative}}};"
        "  });"
        "  return Promise.resolve(new Response(JSON.stringify({decisions: decisions})));"
        "};"
        "for (let n = 0; n < 121; n++) {"
        "  const slot = document.body.appendChild(document.createElement('div'));"
        "  slot.dataset.placement = 'hero'; slot.dataset.width = 300; slot.dataset.height = 250;"
        "}"
        "adplatform.fill().then(() => done(shown))"
    )
    assert [len(shown) for shown in asked] == [0, 20, 40, 60, 80, 100, 100]
    assert asked[-1][-1] == "120"
