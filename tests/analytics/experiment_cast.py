"""A live campaign with own and generic creatives, and shoppers whose taste is planted."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.utils import timezone

from adplatform.lib.ids import uuid7
from analytics.dirty_hours import hour_of, hours_mark
from analytics.experiment_reports import report_refresh
from analytics.models import Event
from campaigns.experiment_services import ArmPlan, experiment_create, experiment_start
from campaigns.models import Experiment
from campaigns.serving.experiments import Arm, RunningExperiment, arm_of
from profiles.models import Segment, SegmentMembership, Shopper
from profiles.pseudonyms import pseudonym_of
from tests import factories
from tests.analytics.tokens import CHROME
from tests.campaigns.serving_cast import make_live, make_variant

BODY = {
    "name": "Own picture",
    "hypothesis": "Hikers click a picture with mountains more often.",
    "arms": [{"rule": "generic", "weight": 1}, {"rule": "own_segment", "weight": 1}],
    "primary_metric": "click_rate",
    "guardrails": [{"metric": "conversion_rate", "margin_rate": 0.5}],
    "min_effect_rate": 0.2,
    "planned_shoppers": 600,
    "planned_days": 14,
}
PLAN: dict[str, Any] = {**BODY, "arms": [ArmPlan("generic"), ArmPlan("own_segment")], "guardrails": []}


def make_experiment(advertiser: Any, campaign: Any = None, **changes: Any) -> Experiment:
    """A draft."""
    campaign = campaign or make_storefront(advertiser)[0]
    experiment = experiment_create(advertiser=advertiser, campaign_id=campaign.pk, **{**PLAN, **changes})
    # Real ones are random; a test sees the same split on every run.
    experiment.salt = "salt"
    experiment.save()
    return experiment


def make_running(
    advertiser: Any, campaign: Any = None, *, days_ago: float = 10, **changes: Any
) -> Experiment:
    """Running since ``days_ago``."""
    experiment = make_experiment(advertiser, campaign, **changes)
    started = timezone.now() - timedelta(days=days_ago)
    return experiment_start(advertiser=advertiser, experiment_id=experiment.pk, now=started)


def make_touches(
    experiment: Experiment,
    shoppers: int,
    *,
    click_rates: dict[str, float],
    impressions: int = 3,
    order_rate: float = 0.0,
    value_cents: int = 5000,
    seed: int = 1,
    skip: Any = None,
) -> None:
    """Events of so many shoppers, as serving and storefront would have left them, straight into the table."""
    rng = random.Random(seed)
    total = sum(arm.weight for arm in experiment.arms.all())
    running = RunningExperiment(
        id=experiment.pk,
        campaign_id=experiment.campaign_id,
        salt=experiment.salt,
        arms=tuple(Arm(a.key, a.rule, a.weight / total) for a in experiment.arms.all()),
    )
    end = min(timezone.now(), experiment.planned_end_at)
    span = (end - experiment.started_at).total_seconds() - 120
    rows = []

    def row(kind: str, shopper: str, arm: str, at: Any, decision: Any, **more: Any) -> None:
        rows.append(
            Event(
                advertiser_id=experiment.advertiser_id,
                event_id=f"{decision}:{kind}",
                kind=kind,
                occurred_at=at,
                received_at=at,
                decision_id=decision,
                campaign_id=experiment.campaign_id,
                shopper_pseudonym=shopper,
                device="mobile" if int(shopper.partition("-")[2]) % 2 else "desktop",
                experiment_id=experiment.pk,
                arm=arm,
                **more,
            )
        )

    for number in range(shoppers):
        shopper = f"shopper-{number}"
        arm = arm_of(running, shopper).key
        if skip is not None and skip(number, arm):
            continue
        for _ in range(impressions):
            at = experiment.started_at + timedelta(seconds=rng.random() * span)
            decision = uuid7(at)
            row("impression", shopper, arm, at, decision)
            if rng.random() < click_rates[arm]:
                row("click", shopper, arm, at + timedelta(seconds=10), decision)
        if rng.random() < order_rate:
            rows.append(
                Event(
                    advertiser_id=experiment.advertiser_id,
                    event_id=f"order-{shopper}",
                    kind="conversion",
                    order_id=f"order-{shopper}",
                    occurred_at=end - timedelta(seconds=30),
                    received_at=end,
                    shopper_pseudonym=shopper,
                    value_cents=value_cents,
                    currency=experiment.advertiser.currency,
                )
            )
    Event.objects.bulk_create(rows, batch_size=2000)
    touched(experiment)


def touched(experiment: Experiment) -> None:
    """After a test wrote or changed events by itself: their hours are marked, as the store marks them."""
    times = Event.objects.filter(advertiser_id=experiment.advertiser_id).values_list("occurred_at", flat=True)
    hours_mark(hours={(experiment.advertiser_id, hour_of(at)) for at in times})


def make_storefront(advertiser: Any, code: str = "hero") -> tuple[Any, Segment]:
    """A live campaign whose product has a creative for two segments and for everybody; the first segment."""
    segment = factories.make_segment(advertiser, f"hikers-{code}", interests=("outdoor_hiking",))
    campaign, placement = make_live(advertiser, code)
    product = factories.make_product(advertiser)
    make_variant(campaign, placement, product=product, segment=segment)
    make_variant(campaign, placement, product=product)
    other = factories.make_segment(advertiser, f"tea-{code}", interests=("food_tea",))
    make_variant(campaign, placement, product=product, segment=other)
    return campaign, segment


def make_shoppers(advertiser: Any, segment: Segment, count: int) -> list[str]:
    """Simulated shoppers of the segment, with consent; their keys. The shop is a demo shop from now on."""
    advertiser.counts_simulated = True
    advertiser.save(update_fields=["counts_simulated"])
    keys = [f"visitor-{number}" for number in range(count)]
    people = [
        Shopper(
            advertiser=advertiser,
            pseudonym=pseudonym_of(advertiser.pk, key),
            personalisation_allowed=True,
            measurement_allowed=True,
            is_simulated=True,
        )
        for key in keys
    ]
    Shopper.objects.bulk_create(people)
    SegmentMembership.objects.bulk_create(
        SegmentMembership(advertiser=advertiser, segment=segment, shopper=person, strength=0.9)
        for person in people
    )
    Segment.objects.filter(pk=segment.pk).update(size=max(count, 1000))
    return keys


def visit(api: Any, key: str, at: Any, *, click: bool, order: bool = False) -> dict[str, Any]:
    """One page view through HTTP: decision, impression, perhaps a click and an order; the decision."""
    context = {"simulated_at": at.isoformat()}
    answer = api.post(
        "/api/v1/decisions", {"shopper": key, "placements": ["hero"], "context": context}, format="json"
    )
    assert answer.status_code == 200, answer.content
    decision = answer.json()["decisions"][0]
    token = decision["impression_token"]
    when = (at + timedelta(seconds=5)).isoformat()
    events = [
        {"event_id": decision["decision_id"], "kind": "impression", "token": token, "occurred_at": when}
    ]
    if click:
        click_token = urlsplit(decision["click_url"]).path.removeprefix("/c/")
        events.append(
            {
                "event_id": f"{decision['decision_id']}:c",
                "kind": "click",
                "token": click_token,
                "occurred_at": when,
            }
        )
    if order:
        events.append(
            {
                "event_id": f"{decision['decision_id']}:o",
                "kind": "conversion",
                "order_id": decision["decision_id"],
                "value_cents": 4900,
                "currency": "EUR",
                "shopper": key,
                "occurred_at": (at + timedelta(minutes=2)).isoformat(),
            }
        )
    sent = api.post("/api/v1/events", {"events": events}, format="json", HTTP_USER_AGENT=CHROME)
    assert sent.json()["rejected"] == [], sent.json()
    return decision


def report_compute(experiment: Any, *, now: Any) -> dict[str, Any]:
    """What a worker stores of the experiment now."""
    row = report_refresh(experiment_id=experiment.pk, now=now)
    assert row is not None
    return row.content
