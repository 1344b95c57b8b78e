"""Sending events as a storefront's page would."""

from __future__ import annotations

import json
from functools import cache

from django.test import Client

from tests.analytics.tokens import CHROME

URL = "/api/v1/events"


@cache
def client_get() -> Client:
    return Client()  # making one loads the middleware, 80 ms


def post(events, key="", agent=CHROME, content_type="application/json", gpc="", **body):
    """As a storefront's page would; returns the response."""
    data = json.dumps({"events": events, **body}) if isinstance(events, list) else events
    headers = ({"Authorization": f"Bearer {key}"} if key else {}) | ({"Sec-GPC": gpc} if gpc else {})
    return client_get().generic(
        "POST", URL, data, content_type=content_type, headers={"User-Agent": agent, **headers}
    )


def order_of(number=1, **fields):
    return {
        "event_id": f"order-{number}", "kind": "conversion", "order_id": f"O{number}", "value_cents": 4990,
        "currency": "EUR", **fields,
    }  # fmt: skip
