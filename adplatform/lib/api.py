"""What all management endpoints share: problem+json errors and pagination."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, JsonResponse
from rest_framework import exceptions, pagination
from rest_framework.response import Response
from rest_framework.views import exception_handler

from adplatform.lib.errors import DomainError, problem

PROBLEM_CONTENT_TYPE = "application/problem+json"


def problem_response(
    code: str, detail: str, status: int, errors: dict[str, Any] | None = None
) -> HttpResponse:
    """A problem+json answer for a plain Django view."""
    return JsonResponse(
        problem(code, detail, status, errors), status=status, content_type=PROBLEM_CONTENT_TYPE
    )


def problem_exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: every refusal becomes problem+json with a stable code (RFC 9457)."""
    if isinstance(exc, DomainError):
        refusal = _problem(exc.code, exc.message, exc.status, exc.errors)
        if exc.retry_after is not None:
            refusal["Retry-After"] = str(exc.retry_after)
        return refusal
    if isinstance(exc, Http404):
        exc = exceptions.NotFound()
    elif isinstance(exc, PermissionDenied):
        exc = exceptions.PermissionDenied()
    response = exception_handler(exc, context)  # sets WWW-Authenticate and Retry-After
    if response is None or not isinstance(exc, exceptions.APIException):
        return response
    errors = exc.detail if isinstance(exc, exceptions.ValidationError) else None
    if errors is not None:
        code, detail = "invalid", "The request has invalid fields."
        if isinstance(errors, list):
            errors = {"non_field_errors": errors}
    else:
        code, detail = str(exc.get_codes()), str(exc.detail)
    answer = _problem(code, detail, response.status_code, errors)
    for header in ("WWW-Authenticate", "Retry-After"):
        if header in response.headers:
            answer[header] = response.headers[header]
    return answer


def _problem(code: str, detail: str, status: int, errors: Any = None) -> Response:
    return Response(problem(code, detail, status, errors), status=status, content_type=PROBLEM_CONTENT_TYPE)


class PageNumberPagination(pagination.PageNumberPagination):
    """``?page=2&page_size=100``; 50 rows by default, 200 at the most."""

    page_size_query_param = "page_size"
    max_page_size = 200
