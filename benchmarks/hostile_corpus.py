#!/usr/bin/env python3
"""Ten thousand hostile texts as headlines and as interests, then in files and on pages in Chromium.

    .venv/bin/python -m benchmarks.hostile_corpus [--texts 10000] [--shown 300] [--port 8290]

On a database of its own (SQLite in a temporary folder), which it migrates. Needs Debian's chromium and
chromium-driver. Exits with 1 when a script ran, markup became an element, a formula stands in a file, or a
NUL or a sensitive interest was stored.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from typing import Any


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--texts", type=int, default=10_000)
    parser.add_argument("--shown", type=int, default=300)
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
    addresses = rows_make(shop, shown)
    bad |= pages_watch(shop, addresses, shown, counts, arguments.port)
    for name, number in [*sorted(counts.items()), *bad.items()]:
        print(f"{number:>8}  {name}")
    print(f"{time.perf_counter() - started:>8.0f}  seconds")
    sys.exit(any(bad.values()))


def rows_make(shop: Any, shown: list[str]) -> list[str]:
    """Campaigns, products, segments and creatives that are called so, and the pages that show them."""
    from generation.models import Creative
    from tests import factories
    from tests.campaigns.serving_cast import make_live, make_variant

    live, placement = make_live(shop)
    addresses = ["/", "/creatives/", "/creatives/review", "/shoppers/", "/headlines/", "/storefront/shop/"]
    addresses += [f"/creatives/?page={page}" for page in range(2, 5)]
    for number, text in enumerate(shown):
        product = factories.make_product(shop, title=text, description=text, brand=text[:60])
        campaign = factories.make_campaign(shop, name=text, headline=text)
        segment = factories.make_segment(shop, f"segment-{number}", ("outdoor_hiking",), name=text, size=500)
        if number % 5 == 0:
            variant = make_variant(live, placement, product=product, status="in_review")
            Creative.objects.filter(job=variant.job).update(headline=text, alt_text=text)
            creative = Creative.objects.get(job=variant.job)
            addresses += [f"/campaigns/{campaign.pk}/", f"/campaigns/{campaign.pk}/settings/"]
            addresses += [f"/catalog/products/{product.pk}/", f"/segments/{segment.pk}/"]
            addresses += [f"/creatives/{creative.pk}/"]
    pages = range(1, len(shown) // 20 + 2)
    lists = ("campaigns", "catalog", "segments")
    return addresses + [f"/{name}/?page={page}" for name in lists for page in pages]


def pages_watch(
    shop: Any, addresses: list[str], shown: list[str], counts: Counter[str], port: int
) -> dict[str, int]:
    """Each page in Chromium: scripts that ran, dialogs, and elements that a text became."""
    from django.conf import settings
    from django.contrib.staticfiles.handlers import StaticFilesHandler
    from django.test import Client
    from django.test.testcases import LiveServerThread

    from accounts.models import Membership
    from scripts.screenshots import browser_start
    from tests import factories
    from tests.hostile import FLAG

    server = LiveServerThread("127.0.0.1", StaticFilesHandler, connections_override={}, port=port)
    server.daemon = True
    server.start()
    server.is_ready.wait()
    if server.error:
        raise server.error
    client = Client()
    client.force_login(factories.make_member(shop, Membership.Role.ADMIN))
    browser = browser_start()
    bad: Counter[str] = Counter({"scripts run": 0, "elements made": 0})
    seen: set[str] = set()
    look = (
        f"return [window.{FLAG} === undefined, document.querySelectorAll('[data-hostile]').length, "
        "document.documentElement.outerHTML.length, document.body.textContent + "
        "Array.from(document.querySelectorAll('input, textarea')).map(x => x.value).join('\\n') + "
        "Array.from(document.querySelectorAll('option, h1, title')).map(x => x.textContent).join('\\n')]"
    )
    try:
        browser.get(f"data:text/html,<img data-hostile src=x onerror={FLAG}=1>")
        time.sleep(0.5)
        clean, elements, *_ = browser.execute_script(look)
        if clean or elements != 1:
            raise SystemExit("the watch does not see a script that runs")
        browser.get(f"http://127.0.0.1:{port}/login/")
        name = settings.SESSION_COOKIE_NAME
        browser.add_cookie({"name": name, "value": client.cookies[name].value})
        for address in addresses:
            browser.get(f"http://127.0.0.1:{port}{address}")
            clean, elements, _, text = browser.execute_script(look)
            if text.find("Sign in") >= 0 and "/login/" in browser.current_url:
                raise SystemExit("the session was not taken")
            bad["scripts run"] += not clean
            bad["elements made"] += elements
            counts["pages shown"] += 1
            seen |= {hostile for hostile in shown if hostile.strip() and hostile.strip() in text}
        counts["different texts seen on pages"] = len(seen)
    finally:
        browser.quit()
        server.terminate()
    return dict(bad)


if __name__ == "__main__":
    main()
