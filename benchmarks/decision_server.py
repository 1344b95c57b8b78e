"""The hot worker group with an echo view beside its own, for ``decision_http.py``."""

import msgspec
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from adplatform import hot_wsgi


@csrf_exempt
def echo(request: HttpRequest) -> HttpResponse:
    """The floor: decode the same body, answer something constant."""
    from campaigns.serving.wire import decode

    return HttpResponse(msgspec.json.encode({"n": len(decode(request.body).placements)}))


from adplatform import hot_urls  # noqa: E402 - after hot_wsgi has set Django up

hot_urls.urlpatterns.append(path("echo", echo))
hot_wsgi.PREFIXES = (*hot_wsgi.PREFIXES, "/echo")
application = hot_wsgi.application
