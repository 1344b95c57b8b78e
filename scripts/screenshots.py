#!/usr/bin/env python3
"""Takes the pictures of docs/images/pages from a running demo: every page, wide and phone width.

    .venv/bin/python scripts/screenshots.py [--url http://127.0.0.1:8000] [--out docs/images/pages]

Needs Debian's chromium and chromium-driver.
"""

from __future__ import annotations

import argparse
import io
import time
from pathlib import Path

from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.by import By

PAGES = {
    "overview": "/",
    "catalogue": "/catalog/",
    "catalogue-import": "/catalog/imports/",
    "segments": "/segments/",
    "segment-new": "/segments/new/",
    "shoppers": "/shoppers/",
    "campaigns": "/campaigns/",
    "campaign-wizard": "/campaigns/new/",
    "queue": "/render-jobs/",
    "creatives": "/creatives/",
    "review": "/creatives/review",
    "review-grid": "/creatives/review/grid",
    "performance": "/performance/",
    "performance-events": "/performance/events/?of=clicks",
    "saved-views": "/performance/views/",
    "experiments": "/experiments/",
    "experiment-new": "/experiments/new/",
    "past-tests": "/experiments/past/",
    "learning": "/learning/",
    "statistics": "/statistics/",
    "placements": "/placements/",
    "why-not-shown": "/placements/why/",
    "batches": "/render-batches/",
    "templates": "/templates/",
    "headlines": "/headlines/",
    "attribution": "/attribution/",
    "exchange-rates": "/exchange-rates/",
    "webhooks": "/webhooks/",
    "brand-kit": "/brand/",
    "api-keys": "/keys/",
    "people": "/people/",
    "privacy": "/privacy/",
    "storefront": "/storefront/pinelight/",
    "api": "/api/v1/docs",
}
# Pages behind the first link of a list: name -> (list, CSS of the link).
DETAILS = {
    "product": ("/catalog/", "a.picture-card"),
    "segment": ("/segments/", "main table a, main .card a"),
    "campaign": ("/campaigns/", "main table a, main .card a"),
    "render-job": ("/render-jobs/", "main table a"),
    "experiment": ("/experiments/", "main table a, main .card a"),
    "learning-campaign": ("/learning/", "main table a"),
    "what-if": ("/learning/", "main a[href$='/what-if/']"),
    "dividend": ("/learning/", "main tr:nth-child(2) a[href$='/dividend/']"),
    "fatigue": ("/learning/", "main a[href$='/fatigue/']"),
    "batch": ("/render-batches/", "main table a, main .card a"),
    "creative": ("/creatives/", "a.picture-card, .picture-card a"),
}
WIDTHS = {"wide": 1280, "phone": 390}
MAX_HEIGHT = 1900


def browser_start() -> webdriver.Chrome:
    options = webdriver.ChromeOptions()
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
                 "--disable-background-networking", "--disable-component-update"):  # fmt: skip
        options.add_argument(flag)
    return webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))


def sign_in(browser: webdriver.Chrome, url: str) -> None:
    browser.get(f"{url}/login/")
    browser.find_element(By.NAME, "username").send_keys("demo")
    browser.find_element(By.NAME, "password").send_keys("demo")
    browser.find_element(By.CSS_SELECTOR, "button.button-primary").click()


def resize(browser: webdriver.Chrome, width: int, height: int) -> None:
    """Set the page's width exactly: a headless window is never narrower than 500 px by itself."""
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
    )


def shoot(browser: webdriver.Chrome, width: int, target: Path) -> None:
    resize(browser, width, 900)
    time.sleep(1.2)  # charts and lazy pictures
    height = browser.execute_script("return document.documentElement.scrollHeight")
    overflow = browser.execute_script("return document.documentElement.scrollWidth") - width
    if overflow > 0:
        print(f"  {target.stem}: {overflow} px wider than the screen")
    resize(browser, width, min(height, MAX_HEIGHT))
    time.sleep(0.4)
    end = time.monotonic() + 20  # previews are composed while they are asked for
    while time.monotonic() < end and not browser.execute_script(
        "return Array.from(document.images).every(image => image.complete)"
    ):
        time.sleep(0.2)
    picture = Image.open(io.BytesIO(browser.get_screenshot_as_png())).convert("RGB")
    picture.save(target, quality=72, method=6)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--out", type=Path, default=Path("docs/images/pages"))
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--format", default="webp")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    browser = browser_start()
    try:
        resize(browser, 1280, 900)
        sign_in(browser, arguments.url)
        for name, (path, css) in [*((n, (p, "")) for n, p in PAGES.items()), *DETAILS.items()]:
            if arguments.only and name not in arguments.only:
                continue
            for label, width in WIDTHS.items():
                resize(browser, width, 900)
                browser.get(arguments.url + path)
                if css:
                    links = browser.find_elements(By.CSS_SELECTOR, css)
                    if not links:
                        print(f"  {name}: nothing to open on {path}")
                        continue
                    browser.get(links[0].get_attribute("href") or "")
                shoot(browser, width, arguments.out / f"{name}-{label}.{arguments.format}")
                problems = [
                    entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"
                ]
                for problem in problems:
                    print(f"  {name} ({label}): {problem[:200]}")
    finally:
        browser.quit()


if __name__ == "__main__":
    main()
