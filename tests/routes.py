"""The product's URL table and one record of everything that a path can name, for tests over all routes."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from urllib.parse import quote

from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from accounts.invitations import invitation_create
from accounts.models import ApiKey, Membership, WebhookDelivery, WebhookEndpoint
from analytics.models import ExchangeRate, PastTest, PastTestImport, SavedView
from campaigns.catalog_services import catalog_preview
from campaigns.models import Experiment, ExperimentArm, Variant
from generation.drafts import draft_request
from generation.models import RenderBatch
from profiles.services import consent_record
from tests import factories

MARK = "Zebrafish"  # in every text of the shop, in none of the other's
# Route name -> why anybody may call it.
PUBLIC = {
    "healthz": "tells a load balancer that the process answers",
    "readyz": "tells a load balancer that the database answers",
    "metrics": "sums over all advertisers for who shows METRICS_TOKEN; 404 without that setting",
    "media": "the link itself is a signed capability that expires",
    "api-schema": "documentation, holds no data",
    "api-docs": "documentation, holds no data",
    "login": "signing in",
    "login-code": "the second step of signing in; back to the first without one",
    "logout": "signing out",
    "invitation": "the link's secret token is the authority; it says whose invitation it is",
    "click": "the signed token is the authority",
    "pixel": "the signed token is the authority",
    "report-unsubscribe": "the signed token of the e-mail is the authority; it stops that e-mail alone",
    "why-shown": "the signed token is the authority; it says what entered that one decision",
    "creative-media": "pictures that a person approved for showing to everybody",
    "product-photo": "demo storefront only: photos of products on sale",
    "storefront-demo": "demo storefront only",
    "storefront-product": "demo storefront only",
    "api-events": "the signed token of each event is the authority; conversions need a key",
}


@dataclass(frozen=True)
class Route:
    """One line of the URL table."""

    name: str
    pattern: str
    parameters: tuple[str, ...] = field(default=())

    @property
    def is_api(self) -> bool:
        return self.pattern.startswith("api/v1/")

    def url(self, values: dict[str, Any]) -> str:
        return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda found: str(values[found[1]]), self.pattern)


def _routes(patterns: list[Any], prefix: str = "") -> Iterator[Route]:
    for entry in patterns:
        pattern = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            if entry.app_name != "admin":  # for the operator's staff; tests/test_login.py
                yield from _routes(entry.url_patterns, pattern)
        elif isinstance(entry, URLPattern):
            yield Route(entry.name or pattern, pattern, tuple(re.findall(r"<(?:\w+:)?(\w+)>", pattern)))


ROUTES = list(_routes(get_resolver().url_patterns))
TENANT_ROUTES = [route for route in ROUTES if route.name not in PUBLIC]
ID_ROUTES = [route for route in TENANT_ROUTES if route.parameters]
LIST_ROUTES = [route for route in TENANT_ROUTES if not route.parameters]


def rows_make(shop: Any, person: Any, mark: str) -> dict[str, Any]:
    """One row of everything that a path can name, ``mark`` in each of its texts; parameter -> id."""
    product = factories.make_product(shop, f"{mark}-1", title=f"{mark} shoe", brand=mark)
    segment = factories.make_segment(
        shop, slug="zebrafish-friends", name=f"{mark} friends", interests=("outdoor_hiking",)
    )
    placement = factories.make_placement(shop, "zebrafish-slot")
    job = factories.make_render_job(shop, product=product)
    batch = RenderBatch.objects.create(advertiser=shop, name=f"{mark} batch", asked_count=1)
    type(job).objects.filter(pk=job.pk).update(batch=batch)
    creative = factories.make_creative(job)
    type(creative).objects.filter(pk=creative.pk).update(headline=f"{mark} headline")
    campaign = factories.make_campaign(
        shop, name=f"{mark} campaign", products=[product], segments=[segment], placements=[placement]
    )
    variant = Variant.objects.create(
        advertiser=shop, campaign=campaign, product=product, segment=segment, job=job
    )
    experiment = Experiment.objects.create(
        advertiser=shop,
        campaign=campaign,
        name=f"{mark} experiment",
        hypothesis=f"{mark} sells",
        min_effect_rate=0.1,
        planned_shoppers=1000,
        planned_days=14,
        salt="salt",
    )
    for position, rule in enumerate(("own_segment", "generic")):
        ExperimentArm.objects.create(
            advertiser=shop, experiment=experiment, position=position, key=rule, rule=rule, weight=1
        )
    past_import = PastTestImport.objects.create(
        advertiser=shop, source_name=f"{mark}.csv", text="arm,n,x\na,1,1\n", columns=["arm", "n", "x"]
    )
    past_test = PastTest.objects.create(
        advertiser=shop, test_import=past_import, name=f"{mark} test", metric="conversion_rate",
        verdict="no_data", sums={}, content={"health": [], "metrics": [], "verdict": {"code": "no_data"}},
    )  # fmt: skip
    feed = f"id\ttitle\tlink\tprice\nA1\t{mark} mug\thttps://shop.example/a1\t9.90 EUR\n"
    record = catalog_preview(advertiser=shop, source_name=f"{mark}.tsv", content=feed.encode())
    factories.make_brand_kit(shop, name=mark)
    consent_record(
        advertiser=shop, shopper_key="zebrafish-shopper", personalisation=True, text_version="1", source="t"
    )
    rate = ExchangeRate.objects.create(advertiser=shop, day=date(2026, 11, 23), currency="USD", rate="0.9215")
    endpoint = WebhookEndpoint.objects.create(
        advertiser=shop,
        url=f"https://shop.example/{quote(mark)}",
        kinds=["creative.approved"],
        secret="whsec_",
    )
    delivery = WebhookDelivery.objects.create(
        advertiser=shop, endpoint=endpoint, kind="creative.approved", body=mark, available_at=timezone.now()
    )
    factories.make_key(shop)
    ApiKey.objects.filter(advertiser=shop).update(name=mark)
    draft = draft_request(advertiser=shop, brief=factories.make_brief(product))
    view = SavedView.objects.create(advertiser=shop, user=person, name=f"{mark} view", is_shared=True)
    return {
        "view_id": view.pk,
        "draft_id": draft.pk,
        "product_id": product.pk,
        "segment_id": segment.pk,
        "placement_id": placement.pk,
        "job_id": job.pk,
        "batch_id": batch.pk,
        "creative_id": creative.pk,
        "campaign_id": campaign.pk,
        "variant_id": variant.pk,
        "experiment_id": experiment.pk,
        "past_import_id": past_import.pk,
        "past_test_id": past_test.pk,
        "import_id": record.pk,
        "key_id": ApiKey.objects.filter(advertiser=shop).latest("created_at").pk,
        "rate_id": rate.pk,
        "endpoint_id": endpoint.pk,
        "delivery_id": delivery.pk,
        "membership_id": Membership.objects.get(user=person).pk,
        "invitation_id": invitation_create(
            advertiser=shop, name=MARK, role="reporter", invited_by=person, now=timezone.now()
        )[0].pk,
        "shopper_key": "zebrafish-shopper",
    }


FIXED = {"verb": "withdraw", "kind": "fatigue"}  # parameters that name no record


def random_ids() -> dict[str, Any]:
    return {"shopper_key": "nobody-at-all"} | {
        name: uuid.uuid4()
        for name in (
            "product_id", "segment_id", "placement_id", "job_id", "batch_id", "creative_id", "campaign_id",
            "variant_id", "experiment_id", "import_id", "past_import_id", "past_test_id", "key_id",
            "membership_id", "invitation_id", "rate_id", "draft_id", "view_id", "endpoint_id", "delivery_id",
        )
    }  # fmt: skip


def call(client: Client, method: str, url: str, body: dict[str, Any] | None = None) -> Any:
    if url.startswith("/api/"):
        data = json.dumps(body or {})
        return client.generic(method, url, data, content_type="application/json")
    if method == "POST":
        return client.post(url, body or {})
    return client.generic(method, url)
