"""No mass assignment: a body sets the fields that its operation documents, whatever else it holds.

The operations come from the OpenAPI schema. Each is called twice with the same valid body, from the same
state: alone, and with every other name that a row or an answer has. Both must leave the same rows.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.apps import apps
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models, transaction
from django.db.models import F
from drf_spectacular.generators import SchemaGenerator

from campaigns.models import Experiment
from generation.models import Creative
from tests import factories
from tests.analytics.experiment_cast import BODY as EXPERIMENT
from tests.routes import call, rows_make
from tests.tenants import OUR_APPS, keyed, signed_in

SCHEMA = SchemaGenerator().get_schema(request=None, public=True)
JSON = "application/json"
OPERATIONS = {
    operation["operationId"]: (method.upper(), path, operation["requestBody"]["content"][JSON]["schema"])
    for path, methods in SCHEMA["paths"].items()
    for method, operation in methods.items()
    if method in ("post", "put", "patch") and JSON in operation.get("requestBody", {}).get("content", {})
}
# Operation -> a body that is accepted.
BODIES: dict[str, dict[str, Any]] = {
    "behaviours_record": {
        "behaviours": [
            {"event_id": "b1", "shopper": "zebrafish-shopper", "kind": "interest", "text": "boots"}
        ]
    },
    "create_campaign": {"name": "Mine", "style": "soft_3d"},
    "update_campaign": {"name": "Mine"},
    "campaign_attribution_set": {"click_days": 3, "view_days": 1},
    "generate_campaign": {},
    "request_challengers": {"variant_ids": ["<variant_id>"]},
    "set_campaign_learning": {"is_on": False},
    "set_campaign_weights": {"weights": []},
    "refresh_campaign_report": {},
    "consent_record": {"shopper": "s", "personalisation": True, "text_version": "1"},
    "conversion_record": {"order_id": "O1", "value_cents": 100, "currency": "EUR", "event_id": "o1"},
    "approve_creative": {"comment": "good"},
    "comment_creative": {"comment": "no"},
    "reject_creative": {"reason": "other", "comment": "no"},
    "withdraw_creative": {"comment": "no"},
    "exchange_rates_set": {"rates": [{"day": "2026-11-20", "currency": "USD", "rate": "0.9"}]},
    "create_experiment": {**EXPERIMENT, "campaign_id": "<campaign_id>"},
    "ask_for_experiment": {"action": "start", "comment": "Mine now."},
    "decide_experiment": {"outcome": "ship", "arm": "generic", "comment": "Mine now."},
    "decline_experiment": {"comment": "Mine now."},
    "stop_experiment": {},
    "interests_map": {"text": "hiking boots"},
    "import_past_tests": {"source_name": "a.csv", "text": "arm,n,x\na,10,1\nb,10,2\n"},
    "create_placement": {"name": "Mine", "code": "mine", "width": 300, "height": 250},
    "update_placement": {"name": "Mine"},
    "refund_record": {"order_id": "O1", "value_cents": 100, "currency": "EUR", "event_id": "r1"},
    "prioritise_render_batch": {"priority": 2},
    "retry_render_batch": {"code": "internal_error"},
    "edit_copy": {"headline": "Mine", "call_to_action": "Mine"},
    "segment_create": {"name": "Mine", "rule": {"any": [{"interest": "outdoor_hiking"}]}},
    "segment_update": {"name": "Mine"},
    "segment_preview": {"rule": {"any": [{"interest": "outdoor_hiking"}]}},
    "save_product": {
        "id": "zebrafish-2",
        "title": "Mine",
        "link": "https://shop.example/mine",
        "image_link": "https://shop.example/mine.png",
        "price": "9.90 EUR",
    },
    "shopper_lookup": {"shopper": "zebrafish-shopper"},
    "shopper_erasure_create": {"shopper": "zebrafish-shopper"},
    "shopper_export": {"shopper": "zebrafish-shopper"},
    "decisions_decide": {"placements": ["zebrafish-slot"]},
    "events_record": {"events": []},
}
PEOPLES = {"approve_creative"}  # no key may
# What refuses even the plain body from here, and still may not take anything of the other one.
REFUSING = {
    "decide_experiment": "a second person has to agree",
    "decline_experiment": "nobody has asked",
    "edit_copy": "the render is a row without its file",
}


def properties_of(schema: dict[str, Any]) -> set[str]:
    found = SCHEMA["components"]["schemas"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    return set(found.get("properties", {}))


def everything_else(schema: dict[str, Any], other: Any) -> dict[str, Any]:
    """Every column of ours and every field of an answer that is not the operation's to set, with a value."""
    extra: dict[str, Any] = {}
    for component in SCHEMA["components"]["schemas"].values():
        extra |= dict.fromkeys(component.get("properties", {}), "taken-over")
    for model in apps.get_models():
        if model._meta.app_label in OUR_APPS:
            for field in model._meta.concrete_fields:
                extra[field.name] = extra[field.attname] = _value(field, other)
    return {name: value for name, value in extra.items() if name not in properties_of(schema)}


def _value(field: models.Field[Any, Any], other: Any) -> Any:
    if field.is_relation or isinstance(field, models.UUIDField):
        return str(other.pk)
    if field.choices:
        return next(value for value, _ in reversed(field.choices))
    for kind, value in (
        (models.BooleanField, True),
        (models.IntegerField, 7),
        (models.DateTimeField, "2001-01-01T00:00:00Z"),
        (models.DateField, "2001-01-01"),
        (models.JSONField, ["write"]),
    ):
        if isinstance(field, kind):
            return value
    return "taken-over"


def state(other: Any) -> list[str]:
    """Every row of ours, without random ids and digests; the other advertiser's stays recognisable."""
    rows = []
    for model in apps.get_models():
        if model._meta.app_label in OUR_APPS:
            for row in model.objects.values():
                row.pop("last_used_at", None)
                # PostgreSQL's clock, which cannot be stopped; what a body would set is 2001.
                if "available_at" in row and row["available_at"].year > 2001:
                    row["available_at"] = "now"
                for random in ("sealed", "salt"):
                    row.pop(random, None)
                rows.append(f"{model._meta.label} {json.dumps(row, cls=DjangoJSONEncoder, sort_keys=True)}")
    return sorted(re.sub(r"[0-9a-f-]{32,}", "ID", row.replace(str(other.pk), "OTHER")) for row in rows)


def outcome(client: Any, method: str, url: str, body: Any, other: Any) -> tuple[int, list[str]]:
    """The answer's status and what it left; taken back."""
    with transaction.atomic():
        response = call(client, method, url, body)
        left = state(other)
        transaction.set_rollback(True)
    return response.status_code, left


def test_every_writing_operation_is_tried() -> None:
    assert set(OPERATIONS) == set(BODIES), "a new one needs a body that it accepts"


@pytest.mark.django_db
@pytest.mark.parametrize("name", BODIES)
def test_a_body_sets_only_the_fields_that_are_its_to_set(name, shop, other_shop, alice) -> None:
    method, path, schema = OPERATIONS[name]
    with time_machine.travel(datetime.now(UTC), tick=False):
        rows = rows_make(shop, alice, "Zebrafish")
        factories.make_product(other_shop)
        client = signed_in(shop, "manager") if name in PEOPLES else keyed(shop)
        url = path.format(**rows, kind="fatigue")
        if name == "withdraw_creative":
            Creative.objects.update(status="approved", approved_sha256=F("sha256"))
        if name == "stop_experiment":
            Experiment.objects.update(status="running", started_at=datetime.now(UTC))
        text = json.dumps(BODIES[name])
        for kind in ("campaign_id", "variant_id"):
            text = text.replace(f"<{kind}>", str(rows[kind]))
        body = json.loads(text)
        before = state(other_shop)
        status, plain = outcome(client, method, url, body, other_shop)
        assert (status >= 400) == (name in REFUSING), (status, call(client, method, url, body).content)
        extra = everything_else(schema, other_shop)
        assert len(extra) > 200
        status, crowded = outcome(client, method, url, extra | body, other_shop)
    assert crowded == (plain if status < 300 else before)
