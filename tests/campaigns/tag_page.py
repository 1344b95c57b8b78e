"""A shop's page with the tag in a real Chromium, and a stand-in for the events API that keeps all."""

from __future__ import annotations

import json
import shutil
import time

import pytest
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt

from accounts.models import ApiKey
from campaigns.serving import keys
from campaigns.serving.store import snapshots
from tests import factories
from tests.campaigns.serving_cast import make_live, make_variant

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
received: list[dict] = []
answers: list[int] = []  # statuses to answer with, then 202
page = {"html": ""}


@csrf_exempt
def events(request: HttpRequest) -> HttpResponse:
    """A stand-in for the events API, so that these tests see exactly what the tag sends."""
    status = answers.pop(0) if answers else 202
    received.append(
        {
            "status": status,
            "type": request.content_type,
            "cookies": request.headers.get("Cookie", ""),
            "events": json.loads(request.body)["events"],
        }
    )
    return JsonResponse({"accepted": 1}, status=status)


def host_page(request: HttpRequest) -> HttpResponse:
    response = HttpResponse(page["html"])
    # The strictest policy a shop could have: nothing inline, neither script nor style.
    response["Content-Security-Policy"] = (
        "default-src 'none'; script-src 'self'; img-src 'self'; connect-src 'self'"
    )
    response._csp_exempt = True
    return response


def careless_tag(request: HttpRequest) -> HttpResponse:
    """The tag without its look at whether the tab is visible."""
    found = (settings.BASE_DIR / "static/js/adtag.js").read_text()
    look = 'this.enough && d.visibilityState === "visible"'
    assert look in found
    return HttpResponse(found.replace(look, "this.enough"), content_type="text/javascript")


def elsewhere(request: HttpRequest) -> HttpResponse:
    return HttpResponse("<!doctype html><title>Elsewhere</title>")


urlpatterns = [
    path("api/v1/events", events),
    path("careless/static/js/adtag.js", careless_tag),
    path("elsewhere", elsewhere),
    path("host", host_page),
    path("", include("adplatform.urls")),
]


@pytest.fixture(scope="module")
def browser():
    if not (CHROMIUM and DRIVER):
        pytest.skip("chromium and chromedriver are not installed")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1000,800"):
        options.add_argument(argument)
    options.add_experimental_option("excludeSwitches", ["disable-back-forward-cache"])  # as people have it
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def tag(live_server, browser, shop):
    """Opens a page with the tag and these slots; ``above`` is empty space before the first."""
    browser.get("about:blank")
    time.sleep(0.2)  # what the page before hands over as it goes is not of this test
    snapshots.clear()
    keys.callers_forget()
    received.clear()
    answers.clear()
    campaign, placement = make_live(shop)
    billboard = factories.make_placement(shop, "billboard", 970, 250)
    campaign.placements.add(billboard)
    for _ in range(2):
        make_variant(campaign, placement)
    make_variant(campaign, billboard)
    key = factories.make_key(shop, ApiKey.Kind.PUBLISHABLE)

    def open_page(
        *, above: int = 0, slots: int = 1, scripts: int = 1, code: str = "hero", script: str = "static"
    ) -> None:
        width = 970 if code == "billboard" else 300
        slot = f'<div data-placement="{code}" data-width="{width}" data-height="250"></div>'
        source = f"{live_server.url}/{script}/js/adtag.js"
        element = f'<script src="{source}" data-key="{key}" data-api="{live_server.url}" defer></script>'
        spacer = f'<svg width="10" height="{above}" id="spacer"></svg><br>' if above else ""
        page["html"] = (
            f"<!doctype html><html><head>{element * scripts}</head><body>{spacer}{slot * slots}"
            '<svg width="10" height="3000"></svg></body></html>'
        )
        browser.get(f"{live_server.url}/host")
        wait(lambda: browser.execute_script("return !!window.adplatform"))

    return open_page


def wait(condition, seconds=8.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


def kinds():
    return [event["kind"] for batch in received for event in batch["events"]]


def sent():
    """Ids in the order of their arrival."""
    return [event["event_id"] for batch in received for event in batch["events"]]


def counted():
    return sorted({event["event_id"] for batch in received for event in batch["events"]})


def show_part(browser, part):
    """Scroll until this part of the creative's height is inside the window."""
    browser.execute_script(
        "const box = document.querySelector('[data-placement] img').getBoundingClientRect();"
        "window.scrollTo(0, box.top + window.scrollY - window.innerHeight + box.height * arguments[0]);",
        part,
    )
