"""Settings, driven by the environment; ``.env.example`` lists every variable.

The defaults need nothing but Python: SQLite, a folder as task transport, local memory as cache.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from adplatform.environment import (  # noqa: F401 - Django reads them from here
    BASE_DIR,
    DEBUG,
    PRODUCTION,
    SECRET_KEY,
    SECRET_KEY_FALLBACKS,
    TESTING,
    VAR_DIR,
    env,
)
from adplatform.log_settings import LOG_LEVEL, LOGGING  # noqa: F401
from adplatform.product_settings import *  # noqa: F403
from adplatform.product_settings import S3_BUCKET

ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

# --- apps
INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "corsheaders",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "adplatform.apps.AdplatformConfig",
    "accounts.apps.AccountsConfig",
    "profiles.apps.ProfilesConfig",
    "generation.apps.GenerationConfig",
    "campaigns.apps.CampaignsConfig",
    "analytics.apps.AnalyticsConfig",
    "rights.apps.RightsConfig",
]

# --- traces, to the collector that it names (docs/operations.md); without it nothing of them is imported
TRACING = bool(env.str("OTEL_EXPORTER_OTLP_ENDPOINT", default=""))
TRACE_MIDDLEWARE = ["adplatform.tracing.TraceMiddleware"] if TRACING else []

MIDDLEWARE = [
    "adplatform.middleware.RequestIdMiddleware",
    "adplatform.middleware.HealthMiddleware",  # before anything that refuses or redirects
    *TRACE_MIDDLEWARE,
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.CurrentAdvertiserMiddleware",
    "accounts.middleware.AdminTwoStepMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "adplatform.middleware.RefuseNulMiddleware",  # after those that its answer page needs
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "adplatform.middleware.AdminPolicyMiddleware",
    "axes.middleware.AxesMiddleware",  # last: it turns a refused sign-in into the locked page
]
ROOT_URLCONF = "adplatform.urls"
WSGI_APPLICATION = "adplatform.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "accounts.context.current_advertiser",
            ],
        },
    },
]

# --- database
DATABASES = {"default": env.db_url("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'adplatform.sqlite3'}")}
SQLITE_SYNCHRONOUS = env.str("SQLITE_SYNCHRONOUS", default="NORMAL")
if SQLITE_SYNCHRONOUS not in ("NORMAL", "FULL"):
    raise ImproperlyConfigured(f"SQLITE_SYNCHRONOUS is {SQLITE_SYNCHRONOUS!r}; it must be NORMAL or FULL.")
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # WAL lets readers and the writer pass each other; IMMEDIATE takes the write lock at BEGIN, so a
    # busy database waits instead of failing half-way with "database is locked".
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        # secure_delete overwrites what is deleted: an erased name would stay in the file's free pages.
        # NORMAL: a commit outlives kill -9, not a power cut. FULL: that, too, for an fsync each.
        "init_command": f"PRAGMA journal_mode=WAL; PRAGMA synchronous={SQLITE_SYNCHRONOUS}; "
        "PRAGMA busy_timeout=20000; PRAGMA secure_delete=ON; "
        # 8 MB instead of 2: a report groups 20,000 roll-up rows without writing them to a temporary file.
        "PRAGMA cache_size=-8000;",
    }
else:
    # More than a process has threads (16 that serve, some that count and refresh). A request may hold its
    # connection while it waits for the one that writes for all; that one must never wait for a connection.
    DATABASE_POOL_SIZE = env.int("DATABASE_POOL_SIZE", default=24)
    DATABASES["default"].setdefault("OPTIONS", {})["pool"] = {
        "min_size": 1,
        "max_size": DATABASE_POOL_SIZE,
        "timeout": 5,
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {"default": env.cache_url("CACHE_URL", default="locmemcache://")}

# --- people
AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "overview"
LOGOUT_REDIRECT_URL = "login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("MinimumLengthValidator", "CommonPasswordValidator", "NumericPasswordValidator")
]
# Ten wrong passwords for one name from one address: 15 minutes' rest for that pair. Everybody else, and
# the same person elsewhere, signs in as before. Kept in the database, so every process counts the same.
# Many names from one address, or one from many, reach a looser limit (accounts/login_limits.py).
AXES_HANDLER = "accounts.login_limits.LoginLimits"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_LOCKOUT_TEMPLATE = "accounts/login_locked.html"
AXES_CLIENT_IP_CALLABLE = "accounts.addresses.client_address"
AXES_DISABLE_ACCESS_LOG = True  # no diary of who signed in when
AXES_ALLOWED_CORS_ORIGINS = "null"
AXES_VERBOSE = False
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "code"]  # a mistyped backup code is nearly one
OTP_TOTP_ISSUER = "Ad platform"  # what authenticator apps call it
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
SESSION_COOKIE_AGE = 7 * 24 * 3600
if PRODUCTION:  # __Host-: no other site of the same domain can set it
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-session", "__Host-csrf"
SECURE_SSL_REDIRECT = PRODUCTION
SECURE_HSTS_SECONDS = 31_536_000 if PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = PRODUCTION
# One proxy in front, which sets X-Forwarded-Proto and appends to X-Forwarded-For.
BEHIND_PROXY = env.bool("BEHIND_PROXY", default=False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
X_FRAME_OPTIONS = "DENY"

# Webhooks go to public addresses over HTTPS; with this also to this machine, for trying them out.
WEBHOOKS_ALLOW_LOOPBACK = env.bool("WEBHOOKS_ALLOW_LOOPBACK", default=DEBUG)

# --- language, time
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
USE_I18N = True
USE_TZ = True

# --- files
STATIC_URL = "static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", default=str(VAR_DIR / "static")))
STATIC_ROOT.mkdir(exist_ok=True)  # WhiteNoise warns about a missing folder
STATICFILES_DIRS = [BASE_DIR / "static"]
MEDIA_URL = "media/"
MEDIA_ROOT = VAR_DIR / "media"
STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "adplatform.lib.files.AtomicFileSystemStorage"},
    "staticfiles": {
        "BACKEND": (
            "whitenoise.storage.CompressedManifestStaticFilesStorage"
            if PRODUCTION
            else "django.contrib.staticfiles.storage.StaticFilesStorage"
        )
    },
}
# Media in a bucket, for several machines: private, read by our own media view, so that a link stays the
# capability that it is on a disk. Credentials come from where boto3 looks (AWS_ACCESS_KEY_ID, a role, ...).
if S3_BUCKET:
    STORAGES["default"] = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": S3_BUCKET,
            "endpoint_url": env.str("S3_ENDPOINT_URL", default="") or None,
            "region_name": env.str("S3_REGION", default="") or None,
            "default_acl": None,  # the bucket's own: private
            "file_overwrite": True,  # names carry the content's hash, so writing one again is harmless
        },
    }
# Outside production the files are served from where they lie, so that nothing has to be collected.
WHITENOISE_USE_FINDERS = not PRODUCTION
# Compressing these takes longer than all else together, and nobody asks for a source map compressed.
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = [
    "jpg", "jpeg", "png", "gif", "webp", "zip", "gz", "br", "woff", "woff2", "map",
]  # fmt: skip
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024

# --- Content-Security-Policy: everything from here; Plotly needs data: images
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        # By their hashes: the empty <style> that Plotly fills through the CSSOM, and Swagger's own.
        "style-src-elem": [
            "'self'",
            "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='",
            "'sha256-MMpT0iDxyjALd9PdfepImGX3DBfJPXZ4IlDWdPAgtn0='",
        ],
        "style-src-attr": ["'none'"],
        "img-src": ["'self'", "data:", "blob:"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        "form-action": ["'self'"],
    }
}
CORS_ALLOWED_ORIGINS = env.list("CORS_ALLOWED_ORIGINS", default=[])
# Only on CORS_URLS_REGEX: a publishable key is public and these endpoints read no cookie, so any shop's
# page may call them from its own origin.
CORS_ALLOW_ALL_ORIGINS = env.bool("CORS_ALLOW_ALL_ORIGINS", default=True)
CORS_URLS_REGEX = r"^/api/v1/(decisions|events|behaviours|consents)$"

# --- REST
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.ApiKeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.permissions.HasScope"],
    "DEFAULT_PARSER_CLASSES": ["adplatform.lib.json_bodies.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PAGINATION_CLASS": "adplatform.lib.api.PageNumberPagination",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "accounts.openapi.ProductSchema",
    "DEFAULT_THROTTLE_CLASSES": ["accounts.throttling.ApiKeyThrottle"],
    "DEFAULT_THROTTLE_RATES": dict.fromkeys(
        ("api_key", "consents"), env.str("API_THROTTLE", default="600/min")
    ),
    "EXCEPTION_HANDLER": "adplatform.lib.api.problem_exception_handler",
    "PAGE_SIZE": 50,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Ad platform API",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SERVE_PUBLIC": True,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "ENUM_NAME_OVERRIDES": {
        "RenderJobStatus": "generation.models.RenderJob.Status",
        "RenderBatchStatus": "generation.models.RenderBatch.Status",
        "CreativeStatus": "generation.models.Creative.Status",
        "CreativeRejectReason": "generation.models.Creative.RejectReason",
        "CampaignStatus": "campaigns.models.Campaign.Status",
        "ExperimentStatus": "campaigns.models.Experiment.Status",
        "ExperimentMetric": "campaigns.models.Experiment.Metric",
        "CatalogImportStatus": "campaigns.models.CatalogImport.Status",
    },
}

# --- background work (DESIGN: the database is the queue of record, messages are wake-ups)
CELERY_TASK_SOFT_TIME_LIMIT = env.int("RENDER_SOFT_TIME_LIMIT", default=540)
CELERY_TASK_TIME_LIMIT = env.int("RENDER_TIME_LIMIT", default=600)
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default="filesystem://")
if CELERY_BROKER_URL == "filesystem://":
    _broker_dir = VAR_DIR / "broker"
    for _name in ("queue", "control"):
        (_broker_dir / _name).mkdir(parents=True, exist_ok=True)
    CELERY_BROKER_TRANSPORT = "adplatform.folder_transport:FolderTransport"
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(_broker_dir / "queue"),
        "data_folder_out": str(_broker_dir / "queue"),
        "control_folder": str(_broker_dir / "control"),
        "polling_interval": 0.2,
    }
else:
    # kombu sweeps unacknowledged messages every interval x throttle: 100 s by default. A message that is not
    # acknowledged in time goes to another worker as well, so no task may run that long.
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "visibility_timeout": CELERY_TASK_TIME_LIMIT + 60,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
    }
# Whatever loads an image model has a queue of its own, so that GPU machines take nothing else, nothing waits
# behind a picture, and the other workers stay small.
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = {
    "generation.tasks.render_wake": {"queue": "gpu"},
    "generation.tasks.draft_wake": {"queue": "gpu"},
    "campaigns.tasks.pictures_fetch": {"queue": "pictures"},  # of hosts that may be slow
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# A child that was killed gives its place back after this, 10 s by default. Long enough for the answer of one
# that ended well to come through the pipe; an answer missed only repeats a wake-up.
CELERY_WORKER_LOST_WAIT = 1.0
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 30.0
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "celerybeat-schedule")

# --- e-mail: into the worker's log until a server is named, smtp+tls://user:password@host:587
_email = env.email_url("EMAIL_URL", default="consolemail://")
EMAIL_BACKEND, EMAIL_HOST, EMAIL_PORT = (
    _email["EMAIL_BACKEND"],
    _email["EMAIL_HOST"] or "localhost",
    _email["EMAIL_PORT"] or 25,
)
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _email["EMAIL_HOST_USER"] or "", _email["EMAIL_HOST_PASSWORD"] or ""
EMAIL_USE_TLS, EMAIL_USE_SSL = _email.get("EMAIL_USE_TLS", False), _email.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="reports@localhost")

# Plain msgspec views are unknown to DRF: each app adds its own to the schema.
SPECTACULAR_SETTINGS["POSTPROCESSING_HOOKS"] = [
    "drf_spectacular.hooks.postprocess_schema_enums",
    "campaigns.serving.openapi.decisions_document",
    "analytics.openapi.events_document",
    "adplatform.lib.openapi.problems_document",  # last: it completes what the others added
]

# Opening a SQLite connection and its PRAGMAs cost 2 ms a request, five times the query of a decision;
# threads keep theirs. (PostgreSQL has a pool, which wants 0.)
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["CONN_MAX_AGE"] = None
