"""Background work of analytics."""

from celery import shared_task

from analytics import rollups


@shared_task(ignore_result=True)
def rollups_refresh() -> None:
    """Every few seconds: rebuild what events made dirty. Running twice at once is harmless."""
    rollups.rollups_refresh()
