"""URLs of the hot worker group: what storefronts and shoppers call, thousands of times a second."""

from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from adplatform.lib.api import problem_response
from adplatform.views import SENTENCES
from analytics.beacons import click, pixel
from analytics.events_api import events
from campaigns.serving_urls import api_urlpatterns, hot_urlpatterns

urlpatterns = [
    path("api/v1/events", events, name="api-events"),
    path("api/v1/", include(api_urlpatterns)),
    path("c/<str:token>", click, name="click"),
    path("i/<str:token>", pixel, name="pixel"),
    path("", include(hot_urlpatterns)),
]
# What begins like one of these is answered here; everything else belongs to the pages.
PREFIXES = ("/api/v1/decisions", "/api/v1/events", "/c/", "/i/", "/m/")


def _error(request: HttpRequest, status: int) -> HttpResponse:
    code, title, sentence = SENTENCES[status]
    if request.path.startswith("/api/"):
        answer = problem_response(code, sentence, status)
    else:  # no template: those of pages link to pages, which have no names here
        text = "text/plain; charset=utf-8"
        answer = HttpResponse(f"{title}. {sentence}\n", status=status, content_type=text)
    # A 404 without it may be kept by anybody on the way (RFC 9111, 4.2.2).
    answer["Cache-Control"] = "no-store"
    return answer


def handler400(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _error(request, 400)


def handler403(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _error(request, 403)


def handler404(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _error(request, 404)


def handler500(request: HttpRequest) -> HttpResponse:
    return _error(request, 500)
