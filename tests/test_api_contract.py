"""schemathesis: no operation of the API answers outside its own OpenAPI schema, and none with a 5xx."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core import signals
from django.db import close_old_connections
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from adplatform.wsgi import application
from campaigns.catalog_services import catalog_preview
from generation.models import RenderBatch
from tests import factories

CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)
schema = schemathesis.openapi.from_dict(SchemaGenerator().get_schema(request=None, public=True))
schema.app = application
_ids: dict[str, str] = {}  # path parameter -> the id of a row that exists


@pytest.fixture
def one_connection() -> Iterator[None]:
    """Requests stay inside the test's transaction, as with Django's own test client."""
    for signal in (signals.request_started, signals.request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (signals.request_started, signals.request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def key(shop, one_connection) -> str:
    """The shop's secret key; there is one row of everything that a path can name."""
    product = factories.make_product(shop)
    segment = factories.make_segment(shop, interests=("outdoor_hiking",))
    placement = factories.make_placement(shop)
    job = factories.make_render_job(shop, product=product)
    campaign = factories.make_campaign(shop, products=[product], segments=[segment], placements=[placement])
    feed = b"id\ttitle\tlink\tprice\nA1\tMug\thttps://shop.example/a1\t9.90 EUR\n"
    record = catalog_preview(advertiser=shop, source_name="feed.tsv", content=feed)
    _ids.update(
        campaign_id=str(campaign.pk),
        creative_id=str(factories.make_creative(job).pk),
        import_id=str(record.pk),
        job_id=str(job.pk),
        batch_id=str(RenderBatch.objects.create(advertiser=shop, name="Batch", asked_count=1).pk),
        placement_id=str(placement.pk),
        product_id=str(product.pk),
        segment_id=str(segment.pk),
    )
    return factories.make_key(shop)


@schema.hook
def map_path_parameters(context: Any, path_parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    """Half of the time the id of a row that exists: a random one never gets past the 404."""
    for name in path_parameters or {}:
        if name in _ids and str(path_parameters[name])[-1:] in "02468ace":
            path_parameters[name] = _ids[name]
    return path_parameters


@schema.parametrize()
@settings(
    max_examples=int(os.environ.get("API_EXAMPLES", "10")),  # make test-faults: 200
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    database=None,
)
def test_the_api_keeps_to_its_schema(case, key) -> None:
    case.call_and_validate(checks=CHECKS, headers={"Authorization": f"Bearer {key}"})
