"""The one exception a service raises when it says no, and its shape on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class DomainError(Exception):
    """A refusal with a stable code, a sentence for a person, and an HTTP status for the edges.

    ``errors`` may carry one message a field, ``retry_after`` the seconds until asking again may succeed.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int = 400,
        errors: Mapping[str, Any] | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.errors = dict(errors or {})
        self.retry_after = retry_after


class NotFound(DomainError):
    """The row does not exist, or belongs to another advertiser: the two look the same from outside."""

    def __init__(self, noun: str) -> None:
        super().__init__("not_found", f"No such {noun}.", status=404)


def problem(code: str, detail: str, status: int, errors: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The body of an error answer, as in RFC 9457 with our ``code`` beside it."""
    body: dict[str, Any] = {
        "type": f"urn:adplatform:error:{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "detail": detail,
        "code": code,
    }
    if errors:
        body["errors"] = dict(errors)
    return body
