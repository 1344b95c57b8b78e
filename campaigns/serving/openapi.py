"""Adds ``POST /api/v1/decisions`` to the OpenAPI schema, from the very structs that check the request."""

from __future__ import annotations

from typing import Any

import msgspec

from campaigns.serving.native import NativeAnswer
from campaigns.serving.reasons import NUMBERS, SENTENCES
from campaigns.serving.wire import DecisionAnswer, DecisionRequest

REFERENCE = "#/components/schemas/{name}"


def decisions_document(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """A drf-spectacular postprocessing hook; the view itself is none of DRF's."""
    _, components = msgspec.json.schema_components(
        [DecisionRequest, DecisionAnswer, NativeAnswer], ref_template=REFERENCE
    )
    schemas = result.setdefault("components", {}).setdefault("schemas", {})
    schemas.update({name: _openapi_30(schema) for name, schema in components.items()})
    codes = "\n".join(f"* `{reason}` ({NUMBERS[reason]}): {SENTENCES[reason]}" for reason in SENTENCES)
    problem = {
        "content": {"application/problem+json": {"schema": {"$ref": REFERENCE.format(name="Problem")}}}
    }
    result["paths"]["/api/v1/decisions"] = {
        "post": {
            "operationId": "decisions_decide",
            "summary": "Choose a creative for each placement of a page",
            "description": "Works with a publishable key from any origin. Reasons for an empty placement, "
            f"with their OpenRTB no-bid number (500 and up are ours):\n\n{codes}",
            "tags": ["decisions"],
            "parameters": [
                {
                    "name": "explain",
                    "in": "query",
                    "description": "1: every candidate and why it lost. Secret keys only.",
                    "schema": {"type": "string", "enum": ["1"]},
                },
                {
                    "name": "format",
                    "in": "query",
                    "description": "openrtb-native: the answer in the terms of OpenRTB Native 1.2.",
                    "schema": {"type": "string", "enum": ["openrtb-native"]},
                },
            ],
            "security": [{"apiKey": []}],
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {"schema": {"$ref": REFERENCE.format(name="DecisionRequest")}}
                },
            },
            "responses": {
                "200": {
                    "description": "One answer a placement, in the order of the request",
                    "content": {
                        "application/json": {
                            "schema": {
                                "anyOf": [  # a native answer has the fields of an empty one, too
                                    {"$ref": REFERENCE.format(name="DecisionAnswer")},
                                    {"$ref": REFERENCE.format(name="NativeAnswer")},
                                ]
                            }
                        }
                    },
                },
                "400": {"description": "bad_json, invalid, format_unknown", **problem},
                "401": {"description": "not_authenticated, api_key_invalid", **problem},
                "403": {"description": "scope_missing, explain_needs_secret_key", **problem},
                "413": {"description": "too_large", **problem},
                "503": {"description": "snapshot_unavailable", **problem},
            },
        }
    }
    return result


_MEANINGLESS: tuple[tuple[str, Any], ...] = (("default", None), ("required", []))


def _openapi_30(schema: Any) -> Any:
    """msgspec writes JSON Schema 2020; OpenAPI 3.0 says ``nullable`` where that says ``null``."""
    if isinstance(schema, list):
        return [_openapi_30(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "anyOf" in schema:
        options = [option for option in schema["anyOf"] if option != {"type": "null"}]
        rest = {key: _openapi_30(value) for key, value in schema.items() if key not in ("anyOf", "default")}
        if len(options) == 1 and "$ref" not in options[0]:
            return {**rest, **_openapi_30(options[0]), "nullable": True}
        return {**rest, "allOf": _openapi_30(options), "nullable": True}
    schema = {key: value for key, value in schema.items() if (key, value) not in _MEANINGLESS}
    if "enum" in schema and None in schema["enum"]:
        schema = {**schema, "enum": [v for v in schema["enum"] if v is not None], "nullable": True}
    if "enum" in schema and "type" not in schema:
        schema["type"] = "string"
    if "const" in schema:
        schema["enum"] = [schema.pop("const")]
    return {key: _openapi_30(value) for key, value in schema.items()}
