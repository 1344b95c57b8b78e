"""``manage.py demo_visits``: the second half of the demo, beside a running server.

Waits for the creatives, lets the demo's reviewer approve all but a few, launches the campaigns, switches on
learning and the standing split, begins experiments as their days come, and plays shopper visits through the
HTTP API. Then it asks the worker for what the visits tell, and for a small self-check of the statistics.
"""

from __future__ import annotations

import random
import time
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.models import Advertiser, ApiKey, User
from accounts.services import api_key_create, api_key_revoke
from adplatform.demo import shop
from adplatform.demo.experiment import DemoExperiments, demo_learning_ensure
from adplatform.demo.visits import Client, Taste, visits_play
from analytics.experiment_services import report_request
from analytics.models import Event, SelfCheckRun, StoredReport
from analytics.rollups import rollups_refresh
from analytics.selfcheck_services import selfcheck_request
from analytics.stored_reports import stored_report_request
from campaigns.models import Campaign, Experiment, Product
from campaigns.services import campaign_launch
from generation.models import Creative, RenderJob
from generation.review import creative_approve

KEPT_FOR_REVIEW = 4  # jobs whose creatives are left, so that there is something to review
SNAPSHOT_SECONDS = 2.0  # a serving process looks for changes every second
ENOUGH_EVENTS = 2_000  # a shop with this many is not visited again
SIMULATIONS, EXPERIMENTS = 1_000, 10  # of the self-check: about two minutes at the lowest priority


class Command(BaseCommand):
    help = "Wait for the demo's creatives, approve them and play simulated visits."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", default="http://127.0.0.1:8000")
        parser.add_argument("--visits", type=int, default=14000)
        # Three weeks: a picture's fatigue is told from its first week and the two last ones.
        parser.add_argument("--days", type=int, default=21)

    def handle(self, *args: Any, **options: Any) -> None:
        advertiser = shop.demo_advertiser_get()
        if advertiser is None:
            raise CommandError("There is no demo shop yet: run manage.py demo.")
        self._creatives_wait(advertiser)
        self._creatives_approve(advertiser)
        for campaign in Campaign.objects.filter(advertiser=advertiser, status=Campaign.Status.DRAFT):
            if campaign.name in {plan["name"] for plan in shop.CAMPAIGNS}:
                campaign_launch(advertiser=advertiser, campaign_id=campaign.pk)
        if Event.objects.filter(advertiser=advertiser, is_simulated=True).count() < ENOUGH_EVENTS:
            since = timezone.now() - timedelta(days=options["days"])  # the first of the visits below
            if demo_learning_ensure(advertiser, now=since) is not None:
                self.stdout.write("  Learning and the standing split are on in the second campaign")
            self._play(advertiser, options["url"], options["visits"], options["days"])
            self._reports_request(advertiser)
        if not SelfCheckRun.objects.exists():
            selfcheck_request(simulations=SIMULATIONS, experiments=EXPERIMENTS, seed=shop.SEED)
            self.stdout.write(
                "  The worker checks the statistics by simulation; the page Statistics shows it"
            )

    def _creatives_wait(self, advertiser: Advertiser) -> None:
        jobs = RenderJob.objects.filter(advertiser=advertiser)
        started, shown = time.monotonic(), -1
        while True:
            total, open_jobs = jobs.count(), jobs.exclude(status__in=RenderJob.TERMINAL).count()
            if total - open_jobs != shown:
                shown = total - open_jobs
                if shown in {1, total} or shown % 6 == 0:
                    seconds = time.monotonic() - started
                    self.stdout.write(f"  {shown} of {total} pictures rendered ({seconds:.0f} s)")
            if open_jobs == 0:
                break
            time.sleep(1)
        failed = jobs.exclude(status=RenderJob.Status.SUCCEEDED)
        if failed.count() == total:
            raise CommandError(f"No picture could be rendered: {failed.first().error_message}")  # type: ignore[union-attr]

    def _creatives_approve(self, advertiser: Advertiser) -> None:
        reviewer = User.objects.get(username=shop.REVIEWER)
        if Creative.objects.filter(advertiser=advertiser, status=Creative.Status.APPROVED).exists():
            return
        jobs = RenderJob.objects.filter(advertiser=advertiser, status=RenderJob.Status.SUCCEEDED)
        # Not those that are compared, nor the one that wears out: the first campaign's newest.
        spare = jobs.filter(variants__campaign__name=shop.CAMPAIGNS[0]["name"]).order_by("-created_at")
        kept = list(spare.values_list("pk", flat=True)[:KEPT_FOR_REVIEW])
        waiting = Creative.objects.filter(advertiser=advertiser, status=Creative.Status.IN_REVIEW)
        approved = 0
        for creative_id in waiting.exclude(job__in=kept).values_list("pk", flat=True):
            creative_approve(
                advertiser=advertiser, creative_id=creative_id, reviewer=reviewer, comment="Demo shop"
            )
            approved += 1
        self.stdout.write(f"  {approved} creatives approved by the demo's reviewer; the rest wait for you")

    def _reports_request(self, advertiser: Advertiser) -> None:
        rollups_refresh()  # of the last visits, before the figures are asked for
        now = timezone.now()
        for experiment in Experiment.objects.filter(advertiser=advertiser):
            report_request(advertiser=advertiser, experiment_id=experiment.pk, now=now)
        for campaign in Campaign.objects.filter(advertiser=advertiser, status=Campaign.Status.LIVE):
            for kind in StoredReport.Kind.values:
                stored_report_request(advertiser=advertiser, campaign_id=campaign.pk, kind=kind, now=now)

    def _play(self, advertiser: Advertiser, url: str, count: int, days: int) -> None:
        key, text = api_key_create(advertiser=advertiser, name="Demo visits", kind=ApiKey.Kind.SECRET)
        now = timezone.now()
        everyone = shop.demo_crowd_ensure(advertiser, now)
        experiments = DemoExperiments(advertiser, now=now, days=days)

        def morning(day: datetime) -> None:
            _learn(day)
            lines = experiments.morning(day)
            for line in lines:
                self.stdout.write(f"  {line}")
            if lines:
                time.sleep(SNAPSHOT_SECONDS)  # until every serving process knows of it

        rng = random.Random(shop.SEED)
        try:
            for played in visits_play(
                Client(url, text),
                everyone,
                _taste(advertiser, experiments),
                count=count,
                now=now,
                days=days,
                rng=rng,
                on_day=morning,
            ):
                if played.visits % 1000 == 0 or played.visits == count:
                    self.stdout.write(
                        f"  {played.visits} of {count} simulated visits: {played.events} events, "
                        f"{played.orders} orders"
                    )
        finally:
            api_key_revoke(advertiser=advertiser, key_id=str(key.pk))


def _taste(advertiser: Advertiser, experiments: DemoExperiments) -> Taste:
    """What the crowd likes, by the ids that this shop's pictures have."""
    titles = dict(Product.objects.filter(advertiser=advertiser).values_list("external_id", "title"))
    creatives = Creative.objects.filter(advertiser=advertiser)
    made_for: dict[str, set[str]] = {}
    for theme, slug in shop.SEGMENT_OF_THEME.items():
        shown = creatives.filter(job__variants__segment__slug=slug).values_list("pk", flat=True)
        second = creatives.filter(job__challenged_variants__segment__slug=slug).values_list("pk", flat=True)
        made_for[theme] = {str(pk) for pk in (*shown, *second)}
    worn = creatives.filter(
        job__variants__campaign__name=shop.CAMPAIGNS[2]["name"], job__variants__segment__isnull=False
    )
    return Taste(
        own_products={
            "outdoors": {titles[f"PL-{number}"] for number in range(101, 108)},
            "play": {titles[f"PL-{number}"] for number in range(108, 113)},
            "tea_and_coffee": {titles[f"PL-{number}"] for number in range(201, 207)},
            "style": {titles[f"PL-{number}"] for number in range(207, 213)},
        },
        own_creatives=made_for,
        favourites={titles[pk] for pk in shop.FAVOURITES},
        worn_creatives={str(pk) for pk in worn.values_list("pk", flat=True)},
        began_at=experiments.began_at,
        lost_until=experiments.mended_at,
        lost_products={titles[pk] for pk in shop.CAMPAIGNS[0]["products"]},
    )


def _learn(day: datetime) -> None:
    """As the worker does every half hour, on the past day that is being played."""
    from analytics.learning import learning_refresh

    rollups_refresh()
    learning_refresh(now=day)
