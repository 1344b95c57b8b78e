"""Settings of the hot worker group: the same product without what only pages need.

No session, sign-in, CSRF check, messages, language or page policy: the hot endpoints read no cookie, and
those middlewares cost more than a decision itself.
"""

from adplatform.settings import *  # noqa: F403
from adplatform.settings import TRACE_MIDDLEWARE

ROOT_URLCONF = "adplatform.hot_urls"
MIDDLEWARE = [
    "adplatform.middleware.RequestIdMiddleware",
    "adplatform.middleware.HotHealthMiddleware",  # before anything that refuses or redirects
    *TRACE_MIDDLEWARE,
    "django.middleware.security.SecurityMiddleware",
    "corsheaders.middleware.CorsMiddleware",
]
