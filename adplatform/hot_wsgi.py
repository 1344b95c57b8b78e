"""WSGI entry point of the hot worker group.

It answers the hot endpoints itself. With ``PAGES_SOCKET`` it hands everything else to the worker group of
pages behind that socket, so that one port serves the whole product; without it, that is 404 here and a proxy
in front tells the two groups apart.
"""

import os
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

# The parent process set the other one.
os.environ["DJANGO_SETTINGS_MODULE"] = "adplatform.hot_settings"

_django = get_wsgi_application()
if settings.ROOT_URLCONF != "adplatform.hot_urls":  # something read the settings before the line above
    raise ImproperlyConfigured("The hot group has the settings of the pages.")

from adplatform.hot_urls import PREFIXES  # noqa: E402 - after the apps are ready
from adplatform.lib.garbage import loaded_is_kept  # noqa: E402
from adplatform.relay import Relay  # noqa: E402
from campaigns.serving.background import serving_thread  # noqa: E402

loaded_is_kept()
serving_thread.start()
_pages = Relay(os.environ["PAGES_SOCKET"]) if os.environ.get("PAGES_SOCKET") else _django


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """The hot endpoints here, the rest where the pages are."""
    if not environ["PATH_INFO"].startswith(PREFIXES):
        return _pages(environ, start_response)
    response = _django(environ, start_response)
    try:
        return [b"".join(response)]  # a list is sent at once and with its length, an iterator in chunks
    finally:
        response.close()
