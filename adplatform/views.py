"""Health endpoints, and the answers of last resort."""

from csp.utils import build_policy
from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from adplatform.lib.api import problem_response
from analytics.freshness import rollups_behind
from campaigns.serving.store import snapshots

SENTENCES = {
    400: ("bad_request", "Bad request", "The request could not be understood."),
    403: (
        "forbidden",
        "Not allowed",
        "Your role does not include this page; an admin can change it.",
    ),
    404: ("not_found", "Not found", "There is nothing here, or it belongs to another advertiser."),
    500: ("internal_error", "Something broke", "The error is in the server's log. Nothing was half saved."),
}


def healthz(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> JsonResponse:
    """The process can do its work: the database answers, and the figures are not far behind."""
    try:
        behind = round(rollups_behind().total_seconds())
    except DatabaseError as error:
        return JsonResponse({"status": "unavailable", "database": type(error).__name__}, status=503)
    is_stale = 0 < settings.READY_STALE_SECONDS < behind
    body = {
        "status": "unavailable" if is_stale else "ok",
        "database": "ok",
        "rollups": "stale" if is_stale else "ok",
        "rollups_behind_seconds": behind,
    }
    return JsonResponse(body, status=503 if is_stale else 200)


def hot_readyz(request: HttpRequest) -> JsonResponse:
    """The hot group can do its work: it serves from memory, takes events into the buffer, or has a database.

    In this order: an outage of the database is what the first two are for, and to ask it then costs seconds.
    """
    if snapshots.can_serve():
        return JsonResponse({"status": "ok", "serves_from": "memory"})
    if settings.EVENTS_BUFFER_URL:
        from analytics.event_buffer import answers  # brings redis

        if answers():
            return JsonResponse({"status": "ok", "serves_from": "buffer"})
    return readyz(request)


def _error(request: HttpRequest, status: int) -> HttpResponse:
    code, title, sentence = SENTENCES[status]
    if request.path.startswith(("/api/", "/i/")):  # what programs ask
        answer = problem_response(code, sentence, status)
    else:
        answer = render(request, "error.html", {"title": title, "sentence": sentence}, status=status)
        # Here and not only in the middleware, which what fails before it never reaches.
        answer["Content-Security-Policy"] = build_policy(settings.CONTENT_SECURITY_POLICY["DIRECTIVES"])
        answer["X-Frame-Options"] = settings.X_FRAME_OPTIONS
    # A 404 without it may be kept by anybody on the way (RFC 9111, 4.2.2).
    answer["Cache-Control"] = "no-store"
    return answer


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _error(request, 400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _error(request, 403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _error(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    return _error(request, 500)
