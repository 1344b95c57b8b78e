"""The only way to queue a task from a write: after the transaction that made its row has committed."""

from __future__ import annotations

from typing import Any

import structlog
from django.db import transaction

log = structlog.get_logger(__name__)


def queue_on_commit(task: Any, *ids: str) -> None:
    """Send a wake-up once the rows are visible; a lost broker delays work by one sweep, no more."""

    def send() -> None:
        try:
            task.apply_async(args=ids, retry=False)
        except (OSError, task.app.connection_for_write().connection_errors) as error:
            log.warning("wake_up_lost", task=task.name, error=str(error))

    transaction.on_commit(send)
