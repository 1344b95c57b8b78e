"""What a log line says of a request, and what it never says."""

from __future__ import annotations

import io
import json
import logging

import pytest
import structlog
from django.conf import settings
from django.test import Client

from accounts.models import Membership
from adplatform.lib.log_context import RouteFilter
from tests import factories

SECRETS = ("ann-shopper-key", "ann@example.com", "sk_", "pk_")


@pytest.fixture
def lines():
    """The JSON lines that production writes, from the handler's own parts."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(RouteFilter())
    parts = settings.LOGGING["formatters"]["default"]["foreign_pre_chain"]
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ],
            foreign_pre_chain=parts,
        )
    )
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.removeHandler(handler)
    root.setLevel(level)


def test_the_filter_stands_in_the_settings() -> None:
    assert settings.LOGGING["handlers"]["stderr"]["filters"] == ["route"]


def test_each_line_of_a_request_has_the_id_that_its_answer_names(shop, lines) -> None:
    answer = Client().get("/api/v1/segments")
    (line,) = [line for line in lines() if line["event"].startswith("Unauthorized")]
    assert line["request_id"] == answer["X-Request-ID"]
    assert Client().get("/healthz").status_code == 200
    given = Client().get("/api/v1/segments", headers={"X-Request-ID": "proxy-0123456789"})
    assert given["X-Request-ID"] == "proxy-0123456789"
    forged = Client().get("/api/v1/segments", headers={"X-Request-ID": 'x" injected: "y'})
    assert "injected" not in forged["X-Request-ID"]


def test_no_line_holds_a_shoppers_key_an_api_key_or_a_token(shop, api, lines) -> None:
    key = SECRETS[0]
    api.post("/api/v1/consents", {"shopper": key, "personalisation": True, "text_version": "1"})
    api.post("/api/v1/behaviours", {"shopper": key, "behaviours": [{"id": SECRETS[1]}]})
    api.get(f"/api/v1/shoppers/{key}")
    api.delete(f"/api/v1/shoppers/{key}/nowhere")
    api.put(f"/api/v1/shoppers/{key}")
    api.get(f"/api/v1/shoppers/unknown-{key}")
    Client().get(f"/c/{key}")
    Client().get(f"/why/{key}")
    api.post("/api/v1/decisions", {"placements": ["top"], "shopper": key})
    api.post("/api/v1/conversions", {"event_id": SECRETS[1], "shopper": key})
    person = Client()
    person.force_login(factories.make_member(shop, Membership.Role.ADMIN))
    person.get(f"/shoppers/lookup?shopper={key}")
    written = lines()
    assert any("shopper_key" in line["event"] for line in written), (
        "the route is named in the address's place"
    )
    text = json.dumps(written)
    assert not [word for word in SECRETS if word in text]
