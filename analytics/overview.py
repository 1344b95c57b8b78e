"""What the first page says: what needs a person, how the week went, what runs, what is new."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from django.db.models import Q
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from accounts.models import Advertiser
from analytics import selectors
from analytics.fatigue_services import fatigued_counts
from analytics.periods import Period, days_get
from analytics.selectors import Counts, DayPoint, Totals
from analytics.stats.changes import Change
from analytics.tiles import Figure, change_of, week_figures_make
from campaigns.models import Campaign, Placement, Product, Variant
from generation.models import Creative, RenderJob
from profiles.models import Segment

WEEK = 7
LATEST = 8


@dataclass(frozen=True)
class Task:
    """Something that waits for a person."""

    text: str
    url: str
    tone: str  # warning or error


@dataclass(frozen=True)
class Step:
    """One step of the way from an empty account to a running campaign."""

    title: str
    text: str
    url: str
    is_done: bool


@dataclass(frozen=True)
class Week:
    """Seven days beside the seven before."""

    now: Period
    before: Period

    @property
    def totals(self) -> Totals:
        return self.now.totals

    @property
    def series(self) -> list[DayPoint]:
        return self.now.series

    def change(self, name: str) -> Change | None:
        return change_of(name, self.now.series, self.before.series)


@dataclass(frozen=True)
class RunningCampaign:
    """A live campaign with its week."""

    campaign: Campaign
    counts: Counts
    approved_count: int


@dataclass(frozen=True)
class Overview:
    """Everything the first page says."""

    tasks: list[Task]
    steps: list[Step]
    figures: list[Figure]
    totals: Totals
    campaigns: list[RunningCampaign]
    creatives: list[Creative]
    freshness: selectors.Freshness

    @property
    def is_set_up(self) -> bool:
        return all(step.is_done for step in self.steps)

    @property
    def next_step(self) -> Step | None:
        return next((step for step in self.steps if not step.is_done), None)


def overview_get(*, advertiser: Advertiser, today: date) -> Overview:
    """The last seven days, today included, beside the seven before."""
    start = today - timedelta(days=WEEK - 1)
    before = start - timedelta(days=WEEK)
    days = days_get(advertiser_id=advertiser.pk, spans=[(before, today)], currency=advertiser.currency)
    week = Week(days.period(start, today), days.period(before, start - timedelta(days=1)))
    freshness = selectors.freshness_get(advertiser_id=advertiser.pk)
    return Overview(
        tasks=_tasks(advertiser.pk, freshness),
        steps=_steps(advertiser.pk),
        figures=week_figures_make(week),
        totals=week.totals,
        campaigns=_running(advertiser.pk, days.campaigns(start, today)),
        creatives=list(
            Creative.objects.filter(advertiser_id=advertiser.pk).exclude(
                status__in=(Creative.Status.REJECTED, Creative.Status.WITHDRAWN)
            )[:LATEST]
        ),
        freshness=freshness,
    )


def _link(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return "#"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _tasks(advertiser_id: UUID, freshness: selectors.Freshness) -> list[Task]:
    tasks = []
    waiting = Creative.objects.filter(advertiser_id=advertiser_id, status=Creative.Status.IN_REVIEW).count()
    if waiting:
        verb = "waits" if waiting == 1 else "wait"
        text = f"{_counted(waiting, 'creative')} {verb} for review."
        tasks.append(Task(text, _link("creative-review"), "warning"))
    failed = RenderJob.objects.filter(
        advertiser_id=advertiser_id,
        status__in=(RenderJob.Status.DEAD, RenderJob.Status.REJECTED),
        finished_at__gte=timezone.now() - timedelta(days=WEEK),
    ).count()
    if failed:
        text = f"{_counted(failed, 'render job')} failed in the last seven days."
        tasks.append(Task(text, _link("render-job-list"), "error"))
    worn = fatigued_counts(advertiser_id=advertiser_id)
    for pk, name in Campaign.objects.filter(pk__in=worn).order_by("name").values_list("pk", "name"):
        verb = "is" if worn[pk] == 1 else "are"
        text = f"{_counted(worn[pk], 'creative')} of “{name}” {verb} fatigued."
        tasks.append(Task(text, reverse("fatigue", args=[pk]), "warning"))
    for name in _silent_campaigns(advertiser_id):
        text = f"“{name}” is live without an approved creative, so nothing of it is shown."
        tasks.append(Task(text, _link("campaign-list"), "error"))
    if freshness.is_stale:
        text = "The figures are behind: events wait to be counted. Is the worker running?"
        tasks.append(Task(text, _link("performance"), "error"))
    return tasks


def _silent_campaigns(advertiser_id: UUID) -> list[str]:
    served = Variant.objects.filter(
        advertiser_id=advertiser_id, job__creatives__status=Creative.Status.APPROVED
    ).values("campaign_id")
    return list(
        Campaign.objects.filter(advertiser_id=advertiser_id, status=Campaign.Status.LIVE)
        .exclude(pk__in=served)
        .values_list("name", flat=True)[:5]
    )


def _steps(advertiser_id: UUID) -> list[Step]:
    def exists(rows: type, *conditions: Q, **values: object) -> bool:
        return rows.objects.filter(*conditions, advertiser_id=advertiser_id, **values).exists()  # type: ignore[attr-defined]

    return [
        Step(
            "Import the catalogue",
            "Upload the product feed of your shop.",
            _link("product-list"),
            exists(Product),
        ),
        Step(
            "Form segments",
            "Send shoppers' behaviour, or write the first rule by hand.",
            _link("segment-list"),
            exists(Segment),
        ),
        Step(
            "Say where creatives appear",
            "A placement is a spot of one size in the storefront.",
            _link("placement-list"),
            exists(Placement),
        ),
        Step(
            "Make a campaign",
            "Choose products and segments, read the prompts, start the rendering.",
            _link("campaign-list"),
            exists(Campaign),
        ),
        Step(
            "Review the creatives",
            "Only what a person approved is ever shown.",
            _link("creative-review"),
            exists(Creative, status=Creative.Status.APPROVED),
        ),
        Step(
            "Connect the storefront",
            "Put the tag into your pages; the first impression appears within seconds.",
            _link("api-key-list"),
            selectors.has_data(advertiser_id=advertiser_id),
        ),
    ]


def _running(advertiser_id: UUID, counts: dict[UUID, Counts]) -> list[RunningCampaign]:
    campaigns = list(
        Campaign.objects.filter(advertiser_id=advertiser_id, status=Campaign.Status.LIVE).order_by(
            "-created_at"
        )[:6]
    )
    approved = _approved_counts(advertiser_id, [campaign.pk for campaign in campaigns])
    return [
        RunningCampaign(
            campaign,
            counts.get(campaign.pk, selectors.NO_COUNTS),
            approved.get(campaign.pk, 0),
        )
        for campaign in campaigns
    ]


def _approved_counts(advertiser_id: UUID, campaign_ids: list[UUID]) -> dict[UUID, int]:
    pairs = (
        Variant.objects.filter(
            advertiser_id=advertiser_id,
            campaign_id__in=campaign_ids,
            job__creatives__status=Creative.Status.APPROVED,
        )
        .values_list("campaign_id", "job__creatives")
        .distinct()
    )
    found: dict[UUID, int] = {}
    for campaign_id, _creative in pairs:
        found[campaign_id] = found.get(campaign_id, 0) + 1
    return found
