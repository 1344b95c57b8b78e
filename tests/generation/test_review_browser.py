"""The review page's keyboard in a real Chromium."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator

import pytest
from django.test import Client
from django.urls import reverse

from generation.models import Creative, RenderJob, ReviewRecord
from tests import factories
from tests.generation.composing import requested_job

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")


@pytest.fixture(scope="module")
def browser() -> Iterator:
    if not (CHROMIUM and DRIVER):
        pytest.skip("no chromium here")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


def wait_for(check, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


@pytest.fixture
def briefs(shop, alice, rita) -> list[RenderJob]:
    """Two briefs in two sizes; the second takes the place of a picture that was there before."""
    jobs = [requested_job(shop, alice) for _ in range(3)]
    for job in jobs:
        for size in ((300, 250), (320, 50)):
            factories.make_creative(job, *size)
    RenderJob.objects.filter(pk=jobs[1].pk).update(replaces=jobs[2])
    jobs[2].creatives.update(status=Creative.Status.REJECTED)
    return jobs[:2]


@pytest.fixture
def press(browser, live_server, rita) -> Callable[..., None]:
    """Keys of a browser in which Rita is signed in."""
    from selenium.webdriver.common.action_chains import ActionChains

    client = Client()
    client.force_login(rita)
    browser.get(live_server.url + reverse("login"))
    browser.add_cookie({"name": "sessionid", "value": client.cookies["sessionid"].value})
    return lambda *keys: ActionChains(browser).send_keys(*keys).perform()


def test_a_brief_is_approved_and_the_next_rejected_without_a_mouse(browser, live_server, briefs, press, rita):
    from selenium.webdriver.common.keys import Keys

    first, second = briefs
    browser.get(live_server.url + reverse("creative-review"))

    def is_at(job) -> bool:
        return browser.current_url.endswith(reverse("creative-review-job", args=[job.pk]))

    press("j")
    wait_for(lambda: is_at(second))
    (before,) = browser.find_elements("css selector", "figure:first-of-type .compare-before")
    for is_shown in (True, True, False):  # beside, swiped, gone again
        press("c")
        assert before.is_displayed() == is_shown
    press(Keys.ARROW_LEFT)
    wait_for(lambda: is_at(first))
    press("a")
    wait_for(lambda: is_at(second))
    assert set(first.creatives.values_list("status", flat=True)) == {Creative.Status.APPROVED}
    press("r")
    wait_for(lambda: browser.find_elements("css selector", "#reject[open]"))
    press("a")  # inside the dialog the page's keys sleep
    press("3", Keys.ENTER)
    wait_for(lambda: second.creatives.filter(status=Creative.Status.REJECTED).count() == 2)
    assert set(second.creatives.values_list("reject_reason", flat=True)) == {"indistinct_product"}
    assert ReviewRecord.objects.filter(reviewer=rita).count() == 4
    wait_for(lambda: "Nothing waits for review" in browser.page_source)


def test_the_grid_is_worked_through_without_a_mouse(browser, live_server, briefs, press):
    from selenium.webdriver.common.keys import Keys

    first, second = briefs
    grid = live_server.url + reverse("creative-review-grid")
    browser.get(grid)
    press("j", Keys.ARROW_RIGHT, "x")
    press(Keys.ARROW_LEFT, Keys.ENTER)  # opens where one is, whatever is ticked
    wait_for(lambda: browser.current_url.endswith(reverse("creative-review-job", args=[first.pk])))
    press("v")
    wait_for(lambda: browser.current_url == grid)
    press("j", "j", "x", "r")
    wait_for(lambda: browser.find_elements("css selector", "#reject[open]"))
    press("6", Keys.TAB, "typo", Keys.ENTER)
    wait_for(lambda: second.creatives.filter(status=Creative.Status.REJECTED).count() == 2)
    assert set(second.creatives.values_list("reject_reason", flat=True)) == {"bad_copy"}
    assert second.creatives.first().reviews.get().comment == "typo"
    wait_for(lambda: len(browser.find_elements("css selector", "[data-tile]")) == 1)
    press("j", "a")  # nothing is ticked: the one that the reviewer is at
    wait_for(lambda: first.creatives.filter(status=Creative.Status.APPROVED).count() == 2)
