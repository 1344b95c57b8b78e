#!/usr/bin/env python3
"""What planning and asking for many pictures costs: 200 products x 6 segments and everyone else x 10 sizes.

    VAR_DIR=/tmp/bulk .venv/bin/python benchmarks/bulk_plan.py [products]

Asks one by one and in bulk side by side in one run; prints seconds of CPU and the ratio.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"


@contextmanager
def timed(label: str, found: dict[str, float]) -> Iterator[None]:
    started = time.process_time()
    yield
    found[label] = time.process_time() - started
    print(f"{label:<44} {found[label]:8.3f} s")


def main() -> None:
    import django

    django.setup()
    from django.db import connection, transaction
    from django.test import Client
    from django.test.utils import setup_test_environment
    from django.urls import reverse
    from django.utils import timezone

    from campaigns.planning import campaign_plan
    from campaigns.services import campaign_generate
    from generation.composition.sizes import SIZES
    from generation.models import RenderJob
    from generation.services import render_request
    from tests import factories

    connection.creation.create_test_db(verbosity=0)
    setup_test_environment()
    products = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    found: dict[str, float] = {}
    shop = factories.make_advertiser("bulk")
    person = factories.make_member(shop, "manager", "bulk")
    campaign = factories.make_campaign(
        shop,
        products=[factories.make_product(shop, f"B{number}") for number in range(products)],
        segments=[
            factories.make_segment(shop, slug=f"s{number}", name=f"S{number}", interests=("outdoor_hiking",))
            for number in range(6)
        ],
        placements=[factories.make_placement(shop, f"p{w}x{h}", w, h) for w, h in list(SIZES)[:10]],
    )
    with timed("plan", found):
        plan = campaign_plan(campaign=campaign, now=timezone.now())
    print(f"  {plan.picture_count} pictures, {plan.creative_count} creatives")
    few = [planned.brief for planned in plan.variants[:100]]
    with transaction.atomic(), timed("ask for 100 one by one", found):
        for brief in few:
            render_request(advertiser=shop, brief=brief)
        transaction.set_rollback(True)
    with timed("generate: plan and ask for all in bulk", found):
        campaign_generate(advertiser=shop, campaign_id=campaign.pk, requested_by=person)
    assert RenderJob.objects.count() == plan.picture_count
    each = found["ask for 100 one by one"] / 100
    bulk = (found["generate: plan and ask for all in bulk"] - found["plan"]) / plan.picture_count
    print(f"  a picture: {each * 1000:.2f} ms one by one, {bulk * 1000:.2f} ms in bulk: {each / bulk:.1f} x")
    client = Client()
    client.force_login(person)
    batch = RenderJob.objects.first().batch
    for label, url in (
        ("page: plan of the campaign", reverse("campaign-preview", args=[campaign.pk])),
        ("page: the campaign", reverse("campaign-detail", args=[campaign.pk])),
        ("page: the batch", reverse("render-batch-detail", args=[batch.pk])),
        ("page: the queue", reverse("render-job-list")),
    ):
        client.get(url)  # templates are compiled once a process
        with timed(label, found):
            assert client.get(url).status_code == 200


if __name__ == "__main__":
    main()
