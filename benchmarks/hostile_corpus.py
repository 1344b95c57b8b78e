#!/usr/bin/env python3
"""Ten thousand hostile texts as headlines and as interests, then in files and on pages in Chromium.

    .venv/bin/python -m benchmarks.hostile_corpus [--texts 10000] [--shown 10000] [--a-shop 250] [--port 8290]

On a database of its own (SQLite in a temporary folder), which it migrates. Needs Debian's chromium and
chromium-driver. The texts shown are dealt out to shops of 250: pages hold choices of everything that a shop
has, so one shop of 10,000 would make every page as long as all texts, and the run's time grow with their
square. Exits with 1 when a script ran, markup became an element, a page failed, a text that was shown stands
on no page, a formula stands in a file, or a NUL or a sensitive interest was stored.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accounts.models import Advertiser

DETAILED = 50  # one text in so many has pages of its own rows opened; the lists show all of them
LOOK = (
    "return [window.__ran === undefined, document.querySelectorAll('[data-hostile]').length, "
    "performance.getEntriesByType('navigation')[0].responseStatus, document.body.textContent + "
    "Array.from(document.querySelectorAll('input, textarea')).map(x => x.value).join('\\n')]"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--texts", type=int, default=10_000)
    parser.add_argument("--shown", type=int, default=10_000)
    parser.add_argument("--a-shop", type=int, default=250)
    parser.add_argument("--port", type=int, default=8290)
    arguments = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    os.environ["VAR_DIR"] = tempfile.mkdtemp(prefix="hostile-")
    import django

    django.setup()
    import logging

    from django.core.management import call_command
    from django.test.utils import setup_test_environment

    from profiles.services import consent_record
    from tests import factories
    from tests.hostile import client_make, formulas_found, headlines_send, hostile_texts, interests_send

    logging.disable(logging.WARNING)  # each refusal is a line
    setup_test_environment()
    call_command("migrate", verbosity=0)
    shop = factories.make_advertiser("shop")
    consent_record(advertiser=shop, shopper_key="ann", personalisation=True, text_version="1", source="test")
    client, texts = client_make(factories.make_key(shop)), list(hostile_texts(arguments.texts))
    campaign = factories.make_campaign(shop)
    started = time.perf_counter()
    counts = Counter({f"texts: {kind}": number for kind, number in Counter(t.kind for t in texts).items()})
    counts += headlines_send(client, f"/api/v1/campaigns/{campaign.pk}", texts)
    counts += interests_send(client, shop, "ann", texts)
    bad = {
        "formulas in files": len(formulas_found([text.text for text in texts])),
        "NUL stored": counts["NUL stored"],
        "sensitive interests stored": counts["sensitive interests stored"],
    }
    shown = [text.text for text in texts if text.kind != "NUL"][: arguments.shown]
    bad |= shown_watch(shown, arguments.a_shop, arguments.port, counts)
    for name, number in [*sorted(counts.items()), *bad.items()]:
        print(f"{number:>8}  {name}")
    print(f"{time.perf_counter() - started:>8.0f}  seconds")
    sys.exit(any(bad.values()))


def rows_make(shop: Advertiser, shown: list[str]) -> list[str]:
    """Campaigns, products, segments and creatives that are called so, and the pages that show them."""
    from django.utils import timezone

    from campaigns.briefing import brief_make
    from generation.models import Creative
    from tests import factories
    from tests.campaigns.serving_cast import make_live, make_variant

    live, placement = make_live(shop, name="live")
    now = timezone.now()
    addresses = ["/", "/creatives/review", "/creatives/review/grid", "/shoppers/", "/headlines/"]
    addresses += ["/render-jobs/", f"/storefront/{shop.slug}/"]
    for number, text in enumerate(shown):
        product = factories.make_product(shop, title=text, description=text, brand=text[:60])
        campaign = factories.make_campaign(shop, name=text, headline=text)
        segment = factories.make_segment(shop, f"segment-{number}", ("outdoor_hiking",), name=text, size=500)
        size = (placement.width, placement.height)
        brief = brief_make(campaign=campaign, product=product, segment=segment, sizes=[size], now=now)
        variant = make_variant(live, placement, product=product, status="in_review", brief=brief.to_dict())
        creative = Creative.objects.get(job=variant.job)
        Creative.objects.filter(pk=creative.pk).update(headline=text, alt_text=text)
        if number % DETAILED == 0:
            addresses += [f"/campaigns/{campaign.pk}/", f"/campaigns/{campaign.pk}/settings/"]
            addresses += [f"/catalog/products/{product.pk}/", f"/segments/{segment.pk}/"]
            addresses += [f"/creatives/{creative.pk}/passport", f"/creatives/review/{variant.job_id}"]
            addresses += [f"/render-jobs/{variant.job_id}/"]
    per_page = {"campaigns": 20, "catalog": 36, "creatives": 36}
    pages = [
        f"/{name}/?page={n}" for name, size in per_page.items() for n in range(1, len(shown) // size + 2)
    ]
    return [*addresses, *pages, "/segments/"]


def shown_watch(shown: list[str], a_shop: int, port: int, counts: Counter[str]) -> dict[str, int]:
    """Every text on pages of a shop that has ``a_shop`` of them, one browser for all."""
    from django.contrib.staticfiles.handlers import StaticFilesHandler
    from django.test.testcases import LiveServerThread

    from scripts.screenshots import browser_start
    from tests import factories

    server = LiveServerThread("127.0.0.1", StaticFilesHandler, connections_override={}, port=port)
    server.daemon = True
    server.start()
    server.is_ready.wait()
    if server.error:
        raise server.error
    browser = browser_start()
    bad = Counter({"scripts run": 0, "elements made": 0, "pages failed": 0, "texts on no page": 0})
    started = time.perf_counter()
    try:
        browser.get("data:text/html,<img data-hostile src=x onerror=__ran=1>")
        time.sleep(0.5)
        clean, elements, *_ = browser.execute_script(LOOK)
        if clean or elements != 1:
            raise SystemExit("the watch does not see a script that runs")
        for start in range(0, len(shown), a_shop):
            shop, part = factories.make_advertiser(f"shop-{start}"), shown[start : start + a_shop]
            bad.update(
                pages_watch(browser, f"http://127.0.0.1:{port}", shop, rows_make(shop, part), part, counts)
            )
            seconds, done = round(time.perf_counter() - started), start + len(part)
            print(f"{seconds:>8} s, {done} texts, {counts['pages shown']} pages: {dict(bad)}", flush=True)
    finally:
        browser.quit()
        server.terminate()
    return dict(bad)


def pages_watch(
    browser: Any, url: str, shop: Advertiser, addresses: list[str], shown: list[str], counts: Counter[str]
) -> Counter[str]:
    """Each page in Chromium: scripts that ran, elements that a text became, pages that failed."""
    from django.conf import settings
    from django.test import Client

    from accounts.models import Membership
    from tests import factories

    client = Client()
    client.force_login(factories.make_member(shop, Membership.Role.ADMIN, shop.slug))
    browser.get(f"{url}/login/")
    name = settings.SESSION_COOKIE_NAME
    browser.add_cookie({"name": name, "value": client.cookies[name].value})
    bad: Counter[str] = Counter()
    unseen = {_as_parsed(text) for text in shown if _as_parsed(text)}
    counts["different texts shown"] += len(unseen)
    for address in addresses:
        browser.get(url + address)
        clean, elements, status, text = browser.execute_script(LOOK)
        if "/login/" in browser.current_url:
            raise SystemExit("the session was not taken")
        bad["scripts run"] += not clean
        bad["elements made"] += elements
        if status != 200:
            bad["pages failed"] += 1
            print(f"{status} {address}", flush=True)
        counts["pages shown"] += 1
        unseen = {hostile for hostile in unseen if hostile not in text}
    bad["texts on no page"] += len(unseen)
    for text in sorted(unseen):
        print(f"on no page: {text!r}", flush=True)
    return bad


def _as_parsed(text: str) -> str:
    """HTML has no carriage return: its parser reads a line's end."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


if __name__ == "__main__":
    main()
