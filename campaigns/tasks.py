"""Background work of campaigns. A message only says "look": the rows are the queue."""

from __future__ import annotations

from celery import shared_task


@shared_task(name="campaigns.tasks.pictures_fetch", ignore_result=True, expires=60)
def pictures_fetch() -> None:
    """Fetch products' pictures from their web addresses for a few seconds; come back while some are due."""
    from campaigns.remote_working import pictures_fetch as fetch  # brings requests: not for the web

    if fetch():
        pictures_fetch.apply_async(retry=False)
