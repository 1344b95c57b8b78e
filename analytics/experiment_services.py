"""What pages and API do with experiments beyond campaigns' own services: reports, planning, decisions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from accounts.models import Advertiser, User
from adplatform.lib.commit import queue_on_commit
from adplatform.lib.errors import DomainError
from analytics.baselines import PLANNING_DAYS, baseline_get
from analytics.experiment_models import ExperimentHour
from analytics.models import ExperimentReport
from analytics.stats.samplecheck import days_needed, sample_needed
from analytics.verdict import Code
from campaigns import experiment_services as campaigns_services
from campaigns.experiment_selectors import experiment_get
from campaigns.models import Experiment

# Beacons that waited for a connection and batches in the buffer arrive within it.
LATE_EVENTS = timedelta(hours=1)


@dataclass(frozen=True)
class Plan:
    """How long an experiment would take, from the campaign's own traffic of the last two weeks."""

    computed_at: datetime | None  # None: the worker has not looked at the campaign yet
    shoppers_seen: int
    shoppers_a_day: float
    value: float | None
    needed: int | None  # None: the traffic does not tell
    days: int | None

    @property
    def full_weeks(self) -> int:
        """Days rounded up to whole weeks, because weekends differ; 14 where nothing tells."""
        return -(-self.days // 7) * 7 if self.days else 14

    def warnings(self, *, shoppers: int, days: int) -> list[str]:
        """What is wrong with planning for so many shoppers and days."""
        if self.needed is None:
            return []
        found = []
        if shoppers < self.needed:
            found.append(
                f"{shoppers:,} planned shoppers are fewer than the {self.needed:,} needed: "
                "a lift of this size would be missed more often than once in five times."
            )
        if (coming := self.shoppers_a_day * days) < self.needed:
            found.append(f"In {days} days about {coming:,.0f} shoppers come, of {self.needed:,} needed.")
        return found


def experiments_due(*, now: datetime) -> QuerySet[Experiment]:
    """Those whose figures a worker should compute now: what runs, what somebody waits for, and what has
    stopped: once at its end, once more when late events have come, and whenever its orders changed since."""
    at_end = Q(report__isnull=True) | Q(report__computed_at__lt=F("stopped_at"))
    late = Q(stopped_at__lte=now - LATE_EVENTS, report__computed_at__lt=F("stopped_at") + LATE_EVENTS)
    # Late orders, refunds and new rates that the stored figures do not hold yet.
    changed = ExperimentHour.objects.filter(experiment=OuterRef("pk"), mark__isnull=False)
    return Experiment.objects.filter(
        Q(status=Experiment.Status.RUNNING)
        | Q(report__requested_at__isnull=False)
        | Q(status=Experiment.Status.STOPPED) & (at_end | late | Q(Exists(changed)))
    )


def report_find(*, experiment: Experiment) -> ExperimentReport | None:
    """The newest stored report."""
    return ExperimentReport.objects.filter(
        advertiser_id=experiment.advertiser_id, experiment=experiment
    ).first()


def report_content(*, experiment: Experiment) -> dict[str, Any]:
    """The figures to show: once decided those that the person saw, else the newest; empty: none yet."""
    if experiment.decision_report:
        return experiment.decision_report
    report = report_find(experiment=experiment)
    return report.content if report is not None else {}


def report_request(*, advertiser: Advertiser, experiment_id: UUID, now: datetime) -> ExperimentReport:
    """Ask a worker for fresh figures. Raises DomainError before the start."""
    from analytics.tasks import experiment_report_refresh

    experiment = experiment_get(advertiser_id=advertiser.pk, experiment_id=experiment_id)
    if experiment.started_at is None:
        raise DomainError("experiment_not_started", "A draft has no figures; start it first.", status=409)
    report, _ = ExperimentReport.objects.update_or_create(
        experiment=experiment,
        defaults={"requested_at": now},
        create_defaults={
            "advertiser": advertiser,
            "content": {},
            "computed_at": experiment.started_at,
            "requested_at": now,
        },
    )
    queue_on_commit(experiment_report_refresh, str(experiment.pk))
    return report


def experiment_decide(
    *,
    advertiser: Advertiser,
    experiment_id: UUID,
    outcome: str,
    comment: str,
    now: datetime,
    arm: str = "",
    seen_at: datetime | None = None,
    user: User | None = None,
) -> Experiment:
    """Decide with the stored report frozen beside it; an unhealthy experiment ships nothing.

    ``seen_at`` is when the figures that the person saw were computed. Raises DomainError ``report_changed``
    (409) when newer ones have come since; None: nobody looked.
    """
    experiment = experiment_get(advertiser_id=advertiser.pk, experiment_id=experiment_id)
    report = report_find(experiment=experiment)
    content = report.content if report is not None and report.content else None
    if (
        content is not None
        and seen_at is not None
        and datetime.fromisoformat(content["computed_at"]) > seen_at
    ):
        raise DomainError(
            "report_changed",
            "Newer figures have come since you looked. Look at them, then decide.",
            status=409,
        )
    if outcome == Experiment.Outcome.SHIP:
        if content is None:
            raise DomainError(
                "experiment_without_report", "There are no figures yet: compute them first.", status=409
            )
        if content["verdict"]["code"] == Code.UNHEALTHY:
            raise DomainError(
                "experiment_unhealthy", "An experiment that is not healthy cannot ship anything.", status=409
            )
    return campaigns_services.experiment_decide(
        advertiser=advertiser,
        experiment_id=experiment_id,
        outcome=outcome,
        comment=comment,
        now=now,
        arm=arm,
        report=content,
        user=user,
    )


def plan_make(
    *,
    advertiser: Advertiser,
    campaign_id: UUID,
    metric: str,
    effect: float,
    weights: list[float],
    traffic_rate: float = 1.0,
) -> Plan:
    """The sample that finds ``effect``, and the days until so many shoppers have come.

    Only shoppers who were shown a creative of their segment count: the others would not take part.
    """
    baseline, computed_at = baseline_get(advertiser_id=advertiser.pk, campaign_id=campaign_id, metric=metric)
    needed = sample_needed(baseline, effect=effect, weights=weights)
    daily = baseline.n / PLANNING_DAYS * traffic_rate
    return Plan(
        computed_at=computed_at,
        shoppers_seen=baseline.n,
        shoppers_a_day=daily,
        value=baseline.value,
        needed=needed,
        days=days_needed(needed, shoppers_a_day=daily),
    )
