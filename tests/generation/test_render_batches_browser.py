"""A batch with failures in a real Chromium on a phone: grouped by code, tried again, moved."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import reverse

from generation.models import RenderBatch, RenderJob
from generation.render_batches import batch_create
from tests import factories

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
MESSAGE = "The machine has not enough memory for this model; give it more or choose a smaller one."


@pytest.fixture(scope="module")
def phone() -> Iterator:
    if not (CHROMIUM and DRIVER):
        pytest.skip("no chromium here")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    options.add_experimental_option(
        "mobileEmulation", {"deviceMetrics": {"width": 390, "height": 844, "pixelRatio": 1.0}}
    )
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def batch(shop, alice) -> RenderBatch:
    """Six pictures: one waits, three failed in one way and two in another."""
    made = batch_create(advertiser=shop, name="Autumn", asked_count=6, shared_count=0, created_by=alice)
    for take in range(6):
        job = factories.make_render_job(shop, take=take)
        code = "" if take == 0 else "out_of_memory" if take < 4 else "render_timeout"
        RenderJob.objects.filter(pk=job.pk).update(
            batch=made,
            status=RenderJob.Status.DEAD if code else RenderJob.Status.QUEUED,
            error_code=code,
            error_message=MESSAGE if code else "",
        )
    return made


def test_retry_these_is_within_a_phones_screen_and_works(phone, live_server, alice, batch):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import Select, WebDriverWait

    client = Client()
    client.force_login(alice)
    phone.get(live_server.url + reverse("login"))
    phone.add_cookie({"name": "sessionid", "value": client.cookies["sessionid"].value, "path": "/"})
    phone.get(live_server.url + reverse("render-batch-detail", args=[batch.pk]))
    failures = phone.find_elements(By.CSS_SELECTOR, "[aria-label='Failures by reason'] tbody tr")
    assert [row.find_element(By.TAG_NAME, "code").text for row in failures] == [
        "out_of_memory",
        "render_timeout",
    ]
    for row in failures:
        button = row.find_element(By.TAG_NAME, "button").rect
        assert button["x"] >= 0
        assert button["x"] + button["width"] <= 390
    if os.environ.get("PICTURES"):
        phone.save_screenshot(f"{os.environ['PICTURES']}/batch-phone.png")

    def waiting(code: str) -> int:
        return RenderJob.objects.filter(batch=batch, status=RenderJob.Status.DEAD, error_code=code).count()

    failures[0].find_element(By.TAG_NAME, "button").click()
    WebDriverWait(phone, 20).until(lambda _: waiting("out_of_memory") == 0)
    assert waiting("render_timeout") == 2
    WebDriverWait(phone, 20).until(lambda _: "3 jobs queued again" in phone.page_source)
    Select(phone.find_element(By.ID, "batch-priority")).select_by_visible_text("Sooner")
    sooner = RenderBatch.Priority.SOONER
    WebDriverWait(phone, 20).until(lambda _: RenderBatch.objects.get(pk=batch.pk).priority == sooner)
    jobs = RenderJob.objects.filter(batch=batch, status=RenderJob.Status.QUEUED)
    assert set(jobs.values_list("priority", flat=True)) == {sooner}
