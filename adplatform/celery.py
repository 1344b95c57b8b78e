"""The Celery app and the whole beat schedule. Messages are wake-ups only: rows carry the truth."""

import os
from typing import Any

from celery import Celery
from celery.schedules import crontab

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "adplatform.settings")

app = Celery("adplatform")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

# A message that waited longer than its period is dropped, the next one is there: behind a long task wait no
# copies that all do the same. Not under half a minute, because a beat's clock and a worker's may differ.
LEAST_EXPIRY = 30.0

_schedule: dict[str, dict[str, Any]] = {
    "render_sweep": {"task": "generation.tasks.render_sweep", "schedule": 5.0},
    "media_sweep": {"task": "generation.tasks.media_sweep", "schedule": 3600.0},
    "segments_refresh": {"task": "profiles.tasks.segments_refresh", "schedule": 60.0},
    "rollups_refresh": {"task": "analytics.tasks.rollups_refresh", "schedule": 10.0},
    "webhooks_send": {"task": "accounts.tasks.webhooks_send", "schedule": 10.0},
    "pictures_fetch": {"task": "campaigns.tasks.pictures_fetch", "schedule": 10.0},
    "erasures_settle": {"task": "rights.tasks.erasures_settle", "schedule": 10.0},
    "retention_run": {"task": "rights.tasks.retention_run", "schedule": 3600.0},
    "sensitive_scan": {"task": "rights.tasks.sensitive_scan", "schedule": crontab(hour=3, minute=20)},
    "accounts_purge": {"task": "accounts.tasks.accounts_purge", "schedule": 3600.0},
    "rollups_catch_up": {"task": "analytics.tasks.rollups_catch_up", "schedule": 3600.0},
    "event_partitions_ensure": {"task": "analytics.tasks.event_partitions_ensure", "schedule": 3600.0},
    "learning_refresh": {"task": "analytics.tasks.learning_refresh", "schedule": 1800.0},
    "stored_reports_refresh": {"task": "analytics.tasks.stored_reports_refresh", "schedule": 60.0},
    "reports_send": {"task": "analytics.tasks.reports_send", "schedule": 300.0},
    "experiment_reports_refresh": {
        "task": "analytics.tasks.experiment_reports_refresh",
        "schedule": 300.0,
    },
}
for _entry in _schedule.values():
    _period = _entry["schedule"] if isinstance(_entry["schedule"], float) else 86_400.0  # the nightly ones
    _entry["options"] = {"expires": max(_period, LEAST_EXPIRY)}
# Set, never read, while this module is imported: reading loads the settings, and the hot group has not yet
# said which are its own (adplatform.hot_wsgi).
app.conf.beat_schedule = _schedule
