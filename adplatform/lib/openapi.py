"""Documents the refusals that every operation shares, in one place instead of at each view."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from adplatform.lib.api import PROBLEM_CONTENT_TYPE

PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "Every refusal (RFC 9457); `code` is stable, `detail` is a sentence for a person.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "errors": {
            "type": "object",
            "additionalProperties": True,
            "description": "What is wrong with each field.",
        },
    },
}
_SHARED = {
    "400": "Malformed, or with invalid fields",
    "401": "No key, or an unknown or revoked one (or not signed in)",
    "403": "The key or the role may not do this",
    "429": "Too many requests; Retry-After says when to come back",
}
_BY_ID = {"404": "No such record, or another advertiser's: the two look the same"}
_WRITING = {
    **_BY_ID,  # a body may name records too
    "409": "Does not go with the record's present state",
    "413": "Too large",
    "415": "Not in a media type that is taken here",
    "422": "Understood, and refused",
}
_METHODS = ("get", "post", "put", "patch", "delete")


def problems_document(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """A drf-spectacular postprocessing hook: adds the shared 4xx answers that an operation lacks."""
    schemas = result.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = PROBLEM_SCHEMA
    for method, operation in _operations(result):
        expected = dict(_SHARED)
        # A page that does not exist is a 404 too, so lists have one as well.
        if any(p["in"] == "path" or p["name"] == "page" for p in operation.get("parameters", ())):
            expected |= _BY_ID
        if method != "get":
            expected |= _WRITING
        responses = operation["responses"]
        for status, description in expected.items():
            responses.setdefault(status, _problem_response(description))
        operation["responses"] = dict(sorted(responses.items()))
    return result


def _operations(result: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for item in result["paths"].values():
        for method in _METHODS:
            if method in item:
                yield method, item[method]


def _problem_response(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {PROBLEM_CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
