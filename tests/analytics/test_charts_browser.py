"""The performance page in a real browser: the charts draw under the Content-Security-Policy."""

from __future__ import annotations

import shutil

import pytest
from django.conf import settings
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from tests import factories
from tests.analytics.test_reports import World

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(shutil.which("chromedriver") is None, reason="needs chromium and chromedriver"),
]
COLOURS = "return [...document.querySelectorAll('.scatterlayer .point')].map(p => p.style.fill)[0]"


@pytest.fixture
def browser():
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1280,900"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    yield driver
    driver.quit()


def sign_in(browser, live_server, client, user):
    client.force_login(user)
    browser.get(f"{live_server.url}/login/")
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    browser.add_cookie({"name": settings.SESSION_COOKIE_NAME, "value": cookie})


def drawn(browser):
    return browser.execute_script("return document.querySelectorAll('[data-chart] .main-svg').length")


def test_every_chart_draws_in_both_themes_and_fits_a_phone(transactional_db, live_server, browser, client):
    shop = factories.make_advertiser("shop")
    alice = factories.make_member(shop)
    World(shop)
    sign_in(browser, live_server, client, alice)
    url = f"{live_server.url}/performance/?across=product"  # by creative the table has pictures, not a chart
    browser.get(url)
    count = browser.execute_script("return document.querySelectorAll('[data-chart]').length")
    assert count == 6
    WebDriverWait(browser, 30).until(lambda b: drawn(b) >= count)

    light = browser.execute_script(COLOURS)
    browser.execute_script("document.querySelector('[data-theme-switch]').click()")
    WebDriverWait(browser, 10).until(lambda b: b.execute_script(COLOURS) != light)

    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True},
    )
    browser.get(url)
    WebDriverWait(browser, 30).until(lambda b: drawn(b) >= count)
    assert browser.execute_script("return document.documentElement.scrollWidth") == 390
    assert [line for line in browser.get_log("browser") if line["level"] == "SEVERE"] == []


def test_filters_work_by_keyboard_and_stand_in_the_address(transactional_db, live_server, browser, client):
    shop = factories.make_advertiser("shop")
    World(shop)
    sign_in(browser, live_server, client, factories.make_member(shop))
    browser.get(f"{live_server.url}/performance/?start=2026-01-01&end=2026-01-31")
    wait = WebDriverWait(browser, 30)

    browser.execute_script("document.querySelector('#filter-period').value = '7d'")
    pick = browser.find_element(By.XPATH, "//summary[starts-with(@aria-label, 'Device')]")
    pick.send_keys(Keys.ENTER)
    browser.find_element(By.CSS_SELECTOR, "input[value=mobile]").send_keys(Keys.SPACE)
    browser.find_element(By.CSS_SELECTOR, "input[value=mobile]").send_keys(Keys.ESCAPE)
    assert browser.switch_to.active_element == pick
    browser.find_element(By.ID, "filter-show").send_keys(Keys.ENTER)
    wait.until(lambda b: "device=mobile" in b.current_url)
    assert "period=7d" in browser.current_url
    assert "start=" not in browser.current_url
    count = browser.execute_script("return document.querySelectorAll('[data-chart]').length")
    wait.until(lambda b: drawn(b) >= count)
    browser.find_element(By.CSS_SELECTOR, ".chip-clear").send_keys(Keys.ENTER)
    wait.until(lambda b: "device" not in b.current_url)
    assert "period=7d" in browser.current_url
    assert [line for line in browser.get_log("browser") if line["level"] == "SEVERE"] == []
