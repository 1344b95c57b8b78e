"""What the demo shop finds out in its three weeks, all of it through the product's own services.

The first campaign's first experiment runs for five days in which the shop's page is broken on phones
(``visits.Taste.lost_until``), so its split is not what was planned and it gets no verdict. Mended, the second
one asks the same. The second campaign learns, has the standing split, and in the end compares two pictures.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from accounts.models import Advertiser
from adplatform.demo import shop
from adplatform.lib.errors import DomainError
from campaigns.experiment_services import ArmPlan, experiment_create, experiment_start, experiments_finish
from campaigns.models import Campaign, Experiment
from campaigns.weight_services import learning_configure

PLANNED_SHOPPERS = 2_000
BROKEN_DAYS = 5
PICTURE_DAYS = 3  # before the end: too few for a verdict
HOLDOUT_RATE, DIVIDEND_RATE = 0.2, 0.3  # large, because the demo's shoppers are few
FIRST, AGAIN, PICTURES = (
    "Own picture against generic",
    "Own picture against generic, page mended",
    "Studio packshot against the present picture",
)


class DemoExperiments:
    """The experiments of the demo's days; ``morning`` is called as each of them begins."""

    def __init__(self, advertiser: Advertiser, *, now: datetime, days: int) -> None:
        self.advertiser = advertiser
        self.began_at = _midnight(now - timedelta(days=days))
        self.mended_at = self.began_at + timedelta(days=BROKEN_DAYS)
        self.pictures_at = _midnight(now - timedelta(days=PICTURE_DAYS))
        self.ends_at = now

    def morning(self, day: datetime) -> list[str]:
        """Ends and begins what is due; what happened, a line each."""
        experiments_finish(now=day, advertiser_id=self.advertiser.pk)
        plans = [
            (self.began_at, FIRST, 0, ("generic", "own_segment"), BROKEN_DAYS),
            (self.mended_at, AGAIN, 0, ("generic", "own_segment"), 28),
            (self.pictures_at, PICTURES, 1, ("own_segment", "challenger"), 28),
        ]
        return [
            line
            for at, name, campaign, arms, days in plans
            if at <= day and (line := self._ensure(name, campaign, arms, day, days))
        ]

    def _ensure(self, name: str, number: int, arms: tuple[str, str], day: datetime, days: int) -> str:
        campaign = Campaign.objects.filter(
            advertiser=self.advertiser, name=shop.CAMPAIGNS[number]["name"]
        ).first()
        known = Experiment.objects.filter(advertiser=self.advertiser, name=name)
        if campaign is None or known.exists():
            return ""
        experiment = experiment_create(
            advertiser=self.advertiser,
            campaign_id=campaign.pk,
            name=name,
            hypothesis=HYPOTHESES[name],
            arms=[ArmPlan(arm) for arm in arms],
            min_effect_rate=0.3,
            planned_shoppers=PLANNED_SHOPPERS,
            planned_days=days,
        )
        try:
            experiment_start(advertiser=self.advertiser, experiment_id=experiment.pk, now=day)
        except DomainError as error:  # no product has both pictures approved
            return f"No experiment “{name}”: {error.message}"
        return f"{day:%d %b}: the experiment “{name}” begins"


HYPOTHESES = {
    FIRST: "Hikers and players click a picture made for them more often than one made for everybody.",
    AGAIN: "The same again: in the first days the page lost what phones saw of the generic pictures.",
    PICTURES: "A plain packshot in a studio says more of a bag or a lipstick than a loud offer.",
}


def _midnight(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


def demo_learning_ensure(advertiser: Advertiser, *, now: datetime) -> Campaign | None:
    """Learning and the standing split are on; None without the campaign, or where somebody set them."""
    campaign = Campaign.objects.filter(advertiser=advertiser, name=shop.CAMPAIGNS[1]["name"]).first()
    if campaign is None or campaign.learns or campaign.dividend_rate:
        return None
    return learning_configure(
        advertiser=advertiser,
        campaign_id=campaign.pk,
        now=now,
        learns=True,
        holdout_rate=HOLDOUT_RATE,
        dividend_rate=DIVIDEND_RATE,
    )
