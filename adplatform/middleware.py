"""What every request passes before any view."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from structlog.contextvars import bind_contextvars

from adplatform.lib.log_context import request_id_of
from adplatform.metrics import metrics
from adplatform.views import bad_request, healthz, hot_readyz, readyz


class HealthMiddleware:
    """Answers health and metrics before anything can redirect to HTTPS or refuse the host name.

    Who asks is a load balancer, Prometheus or our own supervisor, by address and without TLS.
    """

    views: ClassVar = {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics}

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        view = self.views.get(request.path_info)
        return self.get_response(request) if view is None else view(request)


class HotHealthMiddleware(HealthMiddleware):
    """The same of the hot group, which goes on for a while without its database."""

    views: ClassVar = {**HealthMiddleware.views, "/readyz": hot_readyz}


class RequestIdMiddleware:
    """Gives each request an id: in every log line of it, and in its answer, for who reports a failure."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = request_id_of(request.META.get("HTTP_X_REQUEST_ID", ""))
        # Stays until this thread's next request: Django logs a refusal after the last middleware.
        bind_contextvars(request_id=request_id)
        request.request_id = request_id  # type: ignore[attr-defined]
        response = self.get_response(request)
        response["X-Request-ID"] = request_id
        return response


class AdminPolicyMiddleware:
    """Lets the admin theme, for staff only, use its inline style and Alpine, which evaluates attributes."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path_info.startswith("/admin/"):
            response._csp_replace = {  # type: ignore[attr-defined]
                "script-src": ["'self'", "'unsafe-eval'"],
                "style-src-elem": ["'self'", "'unsafe-inline'"],
                "style-src-attr": ["'unsafe-inline'"],
            }
        return response


class RefuseNulMiddleware:
    """400 for a NUL in the path, the query or a page's form.

    No text of ours holds one, and PostgreSQL answers it by an error: one check here spares every filter,
    search box and text field its own. (The API's serializers refuse it field by field.)
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "\x00" in request.path_info or "%00" in request.META.get("QUERY_STRING", ""):
            return bad_request(request, SuspiciousOperation("NUL in the address"))
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        if request.method != "POST" or request.path_info.startswith("/api/"):
            return None
        if any("\x00" in text for texts in dict(request.POST.lists()).values() for text in texts):
            return bad_request(request, SuspiciousOperation("NUL in a form"))
        return None
