"""The product's settings with the few changes that tests need."""

import os
import tempfile

os.environ.setdefault("VAR_DIR", tempfile.mkdtemp(prefix="adplatform-tests-"))

from adplatform.settings import *  # noqa: F403
from adplatform.settings import REST_FRAMEWORK

TESTING = True
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # the default costs 0.2 s a login
CELERY_BROKER_URL = "memory://"
CELERY_BROKER_TRANSPORT = None  # of a folder: the address says it
CELERY_BROKER_TRANSPORT_OPTIONS = {}
REST_FRAMEWORK = {**REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": {"api_key": None, "consents": None}}
EVENTS_SOURCE_MINUTE = CLICKS_SOURCE_MINUTE = 0  # every test is the same source
SERVING_THREAD = False  # tests call what it does
GENERATION_MATCH_LOW = -1.0  # renderers of tests draw discs, which the built-in judge calls low
REPORTS_MIN_SHOPPERS = 1  # worlds of one shopper; tests of small groups set it
LOG_LEVEL = "WARNING"
