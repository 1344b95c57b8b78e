"""The review page's keyboard in a real Chromium."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import reverse

from generation.models import Creative, ReviewRecord
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


def test_a_brief_is_approved_and_the_next_rejected_without_a_mouse(browser, live_server, shop, alice, rita):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    first, second = requested_job(shop, alice), requested_job(shop, alice)
    for job in (first, second):
        for size in ((300, 250), (320, 50)):
            factories.make_creative(job, *size)
    client = Client()
    client.force_login(rita)
    browser.get(live_server.url + reverse("login"))
    browser.add_cookie({"name": "sessionid", "value": client.cookies["sessionid"].value})
    browser.get(live_server.url + reverse("creative-review"))

    def press(*keys: str) -> None:
        ActionChains(browser).send_keys(*keys).perform()

    def is_at(job) -> bool:
        return browser.current_url.endswith(reverse("creative-review-job", args=[job.pk]))

    press("j")
    wait_for(lambda: is_at(second))
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
