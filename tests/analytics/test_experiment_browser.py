"""Experiments in a real browser: one click takes over what the power calculation found."""

from __future__ import annotations

import shutil
from datetime import timedelta

import pytest
from django.utils import timezone
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait

from analytics.baselines import baseline_refresh
from analytics.experiment_reports import report_refresh
from analytics.experiment_services import plan_make
from analytics.models import Event
from tests import factories
from tests.analytics import experiment_cast as cast
from tests.analytics.test_charts_browser import browser, drawn, sign_in

__all__ = ["browser"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(shutil.which("chromedriver") is None, reason="needs chromium and chromedriver"),
]
WIDE = "return [...document.querySelectorAll('.table-wrap')].filter(t => t.scrollWidth > t.clientWidth)"


def test_what_is_needed_is_filled_in_by_one_click(transactional_db, live_server, browser, client):
    shop = factories.make_advertiser("shop")
    experiment = cast.make_running(shop, days_ago=10)
    cast.make_touches(experiment, 280, click_rates={"generic": 0.1, "own_segment": 0.1})
    Event.objects.update(segment_id=experiment.pk)
    baseline_refresh(campaign=experiment.campaign, now=timezone.now() - timedelta(seconds=1))
    plan = plan_make(
        advertiser=shop, campaign_id=experiment.campaign_id, metric="click_rate", effect=0.5, weights=[1, 1]
    )
    sign_in(browser, live_server, client, factories.make_member(shop))
    browser.get(f"{live_server.url}/experiments/new/")

    def field(name):
        return browser.find_element(By.ID, f"id_{name}")

    def value(name):  # in one step: the field is exchanged while one looks
        return browser.execute_script(f"return document.getElementById('id_{name}')?.value")

    field("effect_percent").clear()
    field("effect_percent").send_keys("50")
    field("planned_shoppers").send_keys("50")
    Select(field("campaign")).select_by_value(str(experiment.campaign_id))
    wait = WebDriverWait(browser, 30)
    wait.until(lambda b: "50 planned shoppers are fewer" in b.find_element(By.ID, "plan").text)
    browser.find_element(By.CSS_SELECTOR, "#plan button").click()
    wait.until(lambda b: value("planned_shoppers") == str(plan.needed))
    assert value("planned_days") == str(plan.full_weeks)
    assert [entry for entry in browser.get_log("browser") if "Content Security" in entry["message"]] == []


def test_charts_and_the_table_below_them_fit_screen_and_phone(transactional_db, live_server, browser, client):
    shop = factories.make_advertiser("shop")
    experiment = cast.make_running(shop, days_ago=6)
    cast.make_touches(experiment, 200, click_rates={"generic": 0.3, "own_segment": 0.4})
    report_refresh(experiment_id=experiment.pk)
    sign_in(browser, live_server, client, factories.make_member(shop))
    for width, is_phone in ((1280, False), (390, True)):
        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": is_phone},
        )
        browser.get(f"{live_server.url}/experiments/{experiment.pk}/")
        WebDriverWait(browser, 30).until(lambda b: drawn(b) >= 2)
        browser.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
        if not is_phone:  # a phone scrolls a wide table within its card
            assert browser.execute_script(WIDE) == []
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
