"""The wizard in a real Chromium: clicks are saved, searches lose nothing, a finished render shows up."""

from __future__ import annotations

import contextlib
import shutil
import time

import pytest
from django.db import OperationalError
from selenium import webdriver
from selenium.common.exceptions import WebDriverException

from campaigns.models import Campaign
from generation.models import RenderJob
from tests import factories

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")


@pytest.fixture
def browser(live_server, alice_client):
    """Chromium, signed in as Alice."""
    if not (CHROMIUM and DRIVER):
        pytest.skip("chromium and chromedriver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1280,1000"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    driver.get(f"{live_server.url}/login/")  # a cookie needs a page to belong to
    driver.add_cookie({"name": "sessionid", "value": alice_client.cookies["sessionid"].value})
    yield driver
    driver.quit()


def _wait(condition, seconds: float = 8.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        # At this instant the page may not be there or be swapped, or the server hold SQLite's shared memory.
        with contextlib.suppress(OperationalError, WebDriverException, IndexError):
            found = condition()
            if found:
                return found
        time.sleep(0.05)
    pytest.fail("what was waited for did not happen")


def _policy_breaches(browser) -> list:
    return [entry for entry in browser.get_log("browser") if "Content Security Policy" in entry["message"]]


def _all(browser, selector: str) -> list:
    return browser.find_elements("css selector", selector)


def test_a_click_is_saved_and_a_search_keeps_it(live_server, browser, shop):
    for title in ("Trail shoe", "Mug", "Tent"):
        factories.make_product(shop, title=title)
    campaign = factories.make_campaign(shop)
    browser.get(f"{live_server.url}/campaigns/{campaign.pk}/products/")
    _all(browser, "input[name=product]")[0].click()
    _wait(lambda: "1 product ×" in _all(browser, "#selection")[0].text)

    _all(browser, "input[name=q]")[0].send_keys("tent")
    _wait(lambda: len(_all(browser, "input[name=product]")) == 1)
    _all(browser, "input[name=product]")[0].click()
    _wait(lambda: "2 products ×" in _all(browser, "#selection")[0].text)

    browser.get(f"{live_server.url}/campaigns/{campaign.pk}/products/")
    assert len(_all(browser, "input[name=product]:checked")) == 2
    assert _policy_breaches(browser) == []


def test_the_page_shows_a_picture_as_soon_as_it_is_rendered_and_then_stops_asking(live_server, browser, shop):
    campaign: Campaign = factories.make_campaign(
        shop,
        products=[factories.make_product(shop)],
        segments=[factories.make_segment(shop, "hikers", ("outdoor_hiking",))],
        placements=[factories.make_placement(shop)],
    )
    browser.get(f"{live_server.url}/campaigns/{campaign.pk}/preview/")
    _all(browser, "form.wizard-bar button")[0].click()
    _wait(lambda: "0 of 2 pictures done" in _all(browser, "#progress")[0].text)
    first, second = _wait(lambda: list(RenderJob.objects.all()))
    _wait(lambda: factories.make_creative(first))
    _wait(lambda: len(_all(browser, ".matrix-thumb img")) == 1)
    _wait(lambda: factories.make_creative(second, status="approved"))
    _wait(lambda: not _all(browser, "#progress[hx-trigger]") and _all(browser, ".matrix-thumb img"))
    _wait(lambda: _all(browser, "form[action$='/launch/'] button:enabled"))
    assert _policy_breaches(browser) == []
