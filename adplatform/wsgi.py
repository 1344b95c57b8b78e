"""WSGI entry point of the whole product, served by granian.

Behind ``PAGES_SOCKET`` it is the worker group of pages, to which ``adplatform.hot_wsgi`` hands requests.
"""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "adplatform.settings")

application = get_wsgi_application()

from adplatform.figures import figures_preload  # noqa: E402 - after the apps are ready
from adplatform.relay import relayed  # noqa: E402
from campaigns.serving.background import serving_thread  # noqa: E402

serving_thread.start()
figures_preload()
if os.environ.get("PAGES_SOCKET"):
    application = relayed(application)  # type: ignore[assignment]
