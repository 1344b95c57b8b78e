"""What every request passes before any view."""

from __future__ import annotations

from collections.abc import Callable

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse

from adplatform.views import bad_request


class RefuseNulMiddleware:
    """400 for a NUL in the path or the query.

    No text of ours holds one, and PostgreSQL answers a comparison with one by an error: one check here
    spares every filter and search box its own.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "\x00" in request.path_info or "%00" in request.META.get("QUERY_STRING", ""):
            return bad_request(request, SuspiciousOperation("NUL in the address"))
        return self.get_response(request)
