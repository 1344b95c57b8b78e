"""Background work of analytics."""

import structlog
from celery import shared_task
from django.db import OperationalError
from django.utils import timezone

from analytics import delivery, rollups
from analytics.event_partitions import partitions_ensure

log = structlog.get_logger(__name__)


@shared_task(ignore_result=True)
def rollups_refresh() -> None:
    """Every few seconds: rebuild what events made dirty. Running twice at once is harmless."""
    try:
        rollups.rollups_refresh()
    finally:
        delivery.delivery_refresh()  # of the sums, as fresh as they are: budgets, pace and caps


@shared_task(ignore_result=True)
def rollups_catch_up() -> None:
    """Every hour: days that a release without some roll-up has counted beside this one."""
    rollups.days_catch_up()


@shared_task(ignore_result=True)
def reports_send() -> None:
    """Every few minutes: the e-mails that are due. Running twice at once sends nothing twice."""
    from analytics.report_mail import reports_send as send

    send()


# The statistics' libraries cost 150 MB and seconds to import, so the tasks bring them in themselves: the web
# imports this module for its names.
@shared_task(ignore_result=True)
def experiment_reports_refresh() -> None:
    """Every few minutes: fresh figures for running experiments, and an end for those that are over."""
    from analytics.baselines import baselines_refresh
    from analytics.experiment_services import experiments_due

    baselines_refresh(now=timezone.now())

    if experiments_due(now=timezone.now()).exists():
        from analytics import experiment_reports

        experiment_reports.reports_refresh()


@shared_task(ignore_result=True)
def experiment_report_refresh(experiment_id: str) -> None:
    """Somebody asked for it on the page. A lost message is caught up by the sweep above."""
    from uuid import UUID

    from analytics import experiment_reports

    experiment_reports.report_refresh(experiment_id=UUID(experiment_id))


@shared_task(ignore_result=True)
def learning_refresh() -> None:
    """Every half hour: new shares for the campaigns that learn."""
    from analytics import learning
    from campaigns.models import Campaign

    if Campaign.objects.filter(learns=True).exists():
        learning.learning_refresh()


@shared_task(ignore_result=True)
def stored_report_refresh(report_id: str) -> None:
    """Somebody asked for it on a page. A lost message is caught up by the sweep below."""
    from uuid import UUID

    from analytics import stored_reports

    stored_reports.stored_report_compute(UUID(report_id))


@shared_task(ignore_result=True)
def stored_reports_refresh() -> None:
    """Every minute: what somebody still waits for."""
    from analytics import past_test_services, selfcheck_services, stored_reports

    stored_reports.stored_reports_refresh()
    past_test_services.past_imports_read()
    selfcheck_services.selfchecks_start()


@shared_task(ignore_result=True)
def selfchecks_start() -> None:
    """Somebody asked for a self-check of the statistics. A lost message is caught up by the sweep above."""
    from analytics import selfcheck_services

    selfcheck_services.selfchecks_start()


@shared_task(ignore_result=True)
def past_import_read(past_import_id: str) -> None:
    """A file of old tests whose columns were named. A lost message is caught up by the minute's sweep."""
    from uuid import UUID

    from analytics import past_test_services

    past_test_services.past_import_read(past_import_id=UUID(past_import_id))


@shared_task(ignore_result=True)
def event_partitions_ensure() -> None:
    """Every hour: a partition for each day to come, where the database has partitions. Twice is harmless."""
    try:
        made = partitions_ensure(today=timezone.now().date())
    except OperationalError as error:  # somebody reads the events, a backup for one; there is a week to spare
        log.warning("event_partitions_wait", error=str(error))
    else:
        if made:
            log.info("event_partitions_made", days=[str(day) for day in made])
