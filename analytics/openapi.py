"""Adds ``POST /api/v1/events`` and its pixel to the OpenAPI schema; the views are none of DRF's."""

from __future__ import annotations

from typing import Any

from analytics.beacons import PIXEL_KINDS
from analytics.tracking import Refusal

_KINDS = ["impression", "viewable", "click", "conversion", "refund"]


def _text(description: str = "", **more: Any) -> dict[str, Any]:
    return {"type": "string", **({"description": description} if description else {}), **more}


_EVENT = {
    "type": "object",
    "required": ["event_id", "kind"],
    "properties": {
        "event_id": _text("Your own id: sending it twice counts once.", minLength=1, maxLength=64),
        "kind": _text(enum=_KINDS),
        "token": _text("impression and viewable: the impression token; click: that of the click URL."),
        "occurred_at": _text("ISO 8601; missing means now.", nullable=True),
        "order_id": _text("conversion: an order converts once; refund: the order it is of.", maxLength=64),
        "value_cents": {
            "type": "integer",
            "minimum": 0,
            "nullable": True,
            "description": "conversion: what was paid; refund: what was given back of it.",
        },
        "currency": _text("conversion and refund, such as EUR."),
        "shopper": _text("conversion only: your key of the shopper."),
        "user_agent": _text("The shopper's, when a server speaks for their browser."),
    },
}
_BATCH = {
    "type": "object",
    "required": ["events"],
    "properties": {
        "events": {
            "type": "array",
            "maxItems": 500,
            "items": {"$ref": "#/components/schemas/EventInput"},
        },
        "sent_at": _text("The sender's clock, to correct `occurred_at` by.", nullable=True),
    },
}
_RESULT = {
    "type": "object",
    "description": "The counts add up to the batch's length; what is accepted is committed.",
    "required": ["accepted", "duplicates", "rejected"],
    "properties": {
        "accepted": {"type": "integer"},
        "duplicates": {"type": "integer"},
        "rejected": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["index", "code"],
                "properties": {
                    "index": {"type": "integer"},
                    "code": _text(enum=sorted(str(refusal) for refusal in Refusal)),
                },
            },
        },
    },
}


def events_document(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """A drf-spectacular postprocessing hook."""
    schemas = result.setdefault("components", {}).setdefault("schemas", {})
    schemas |= {"EventInput": _EVENT, "EventBatch": _BATCH, "EventResult": _RESULT}
    batch = {"schema": {"$ref": "#/components/schemas/EventBatch"}}
    unavailable = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    result["paths"]["/api/v1/events"] = {
        "post": {
            "operationId": "events_record",
            "summary": "Record impressions, views, clicks, orders and refunds",
            "description": "Impressions, views and clicks need no key: their signed token is the authority. "
            "Conversions and refunds need a secret key. Bad items are refused one by one, the others kept.",
            "tags": ["events"],
            "security": [{"apiKey": []}, {}],
            "requestBody": {"required": True, "content": {"application/json": batch, "text/plain": batch}},
            "responses": {
                "202": {
                    "description": "What became of each event",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/EventResult"}}},
                },
                "503": {"description": "try_again: send the same batch again", "content": unavailable},
            },
        }
    }
    kinds = [str(kind) for kind in PIXEL_KINDS]
    result["paths"]["/i/{token}"] = {
        "get": {
            "operationId": "events_pixel",
            "summary": "Count an impression or a viewable impression by loading a picture",
            "description": "For who cannot post: the `eventtrackers` of an OpenRTB Native answer, an e-mail, "
            "a page without a script. It is the same event as the tag's: whichever comes first counts, once. "
            "Prefetches and robots are kept and not counted.",
            "tags": ["events"],
            "security": [{}],
            "parameters": [
                {
                    "name": "token",
                    "in": "path",
                    "required": True,
                    "description": "The decision's `impression_token`.",
                    "schema": _text(),
                },
                {
                    "name": "k",
                    "in": "query",
                    "description": "Missing means impression.",
                    "schema": _text(enum=kinds),
                },
            ],
            "responses": {
                "200": {
                    "description": "A transparent pixel, never to be kept; the event is committed",
                    "content": {"image/gif": {"schema": {"type": "string", "format": "binary"}}},
                },
                "404": {"description": "token_invalid, bad_kind", "content": unavailable},
                "410": {"description": "token_expired", "content": unavailable},
                "503": {"description": "try_again: nothing was stored", "content": unavailable},
            },
        }
    }
    return result
