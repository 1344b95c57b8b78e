"""Made-up shoppers with a planted truth who walk the product's own path: decision, token, intake, event.

A stage is one advertiser with many running experiments. Its traffic is played in the order of time, so that
what a look sees is what was stored by then. The serving engine decides who sees what, in a snapshot whose
experiments come from the database; only the HTTP around it is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import numpy as np
from django.conf import settings

from accounts.models import Advertiser
from accounts.services import advertiser_create
from adplatform.lib.ids import uuid7
from analytics.intake import Batch, EventItem, Sender, batch_check
from analytics.services import events_record
from analytics.tracking import Refusal
from campaigns.experiment_services import ArmPlan, experiment_create
from campaigns.models import Campaign, Experiment
from campaigns.serving.context import ServeContext
from campaigns.serving.engine import decide
from campaigns.serving.loading import snapshot_load
from campaigns.serving.snapshot import Candidate, SlotFacts, Snapshot, SnapshotCreative, snapshot_make
from campaigns.serving.tokens import token_make, tokens_make
from profiles.models import Shopper
from profiles.pseudonyms import pseudonym_of

ARMS = ("generic", "own_segment")
RATE, SPREAD, IMPRESSIONS = 0.08, 40.0, 3.0  # clicks by impression; how alike people are; mean by shopper
ORDER_RATE = 0.25  # of clicks
DAYS = 14
SEND_EVERY = 1000  # events a request
TWICE_EVERY = 50  # one impression in so many is sent again; every other one of these under a new id
SIZE = (300, 250)
AGENTS = {
    "desktop": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/142.0 Safari/537.36",
    "mobile": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) Mobile Safari/604.1",
}


@dataclass(frozen=True)
class Truth:
    """What is planted: how much better the own picture is, and which share of its shoppers gets lost."""

    key: str
    lift: float = 0.0
    lost: float = 0.0


@dataclass
class Played:
    """One experiment, and by arm what its shoppers really did."""

    experiment: Experiment
    truth: Truth
    shoppers: dict[str, set[str]] = field(default_factory=lambda: {arm: set() for arm in ARMS})
    impressions: Counter[str] = field(default_factory=Counter)
    clicks: Counter[str] = field(default_factory=Counter)


@dataclass
class _Person:
    key: str
    pseudonym: str
    rates: tuple[float, float]  # of a click, by arm
    is_lost: bool  # in the second arm: the picture never shows


class Stage:
    """An advertiser, its experiments and the visits to come."""

    def __init__(
        self, *, name: str, truths: Sequence[Truth], shoppers: int, seed: Sequence[int], now: datetime
    ) -> None:
        """``shoppers``: of each experiment, its planned sample. It ends ``now``, after two weeks."""
        self.rng = Random(str(seed))
        self.numbers = np.random.default_rng(list(seed))
        self.started_at, self.ended_at = now - timedelta(days=DAYS), now
        self.advertiser = advertiser_create(
            slug=name, name=name, shop_url="https://shop.example", counts_simulated=True
        )
        self.orders = self.revenue_cents = self.decisions = self.events = 0
        self.played = [
            Played(self._experiment(f"{name} {number}", truth, shoppers), truth)
            for number, truth in enumerate(truths)
        ]
        self._placement = SlotFacts(uuid7(), "hero", *SIZE, is_active=True)
        self._segment = uuid7()
        self._snapshots = self._snapshots_make()
        self._people = [
            self._people_make(number, played, shoppers) for number, played in enumerate(self.played)
        ]
        self._visits = self._visits_make(shoppers)

    def _experiment(self, name: str, truth: Truth, shoppers: int) -> Experiment:
        campaign = Campaign.objects.create(
            advertiser=self.advertiser, name=name, style="soft_3d", status=Campaign.Status.LIVE
        )
        experiment = experiment_create(
            advertiser=self.advertiser,
            campaign_id=campaign.pk,
            name=name,
            hypothesis=f"Planted: {truth.key}.",
            arms=[ArmPlan(arm) for arm in ARMS],
            min_effect_rate=max(truth.lift, 0.1),
            planned_shoppers=shoppers,
            planned_days=DAYS,
        )
        experiment.status = Experiment.Status.RUNNING
        experiment.started_at, experiment.planned_end_at = self.started_at, self.ended_at
        experiment.save()
        return experiment

    def _snapshots_make(self) -> list[Snapshot]:
        """One product with a generic and an own picture for each campaign; the experiments as stored."""
        running = snapshot_load(self.advertiser.pk).experiments
        return [
            snapshot_make(
                self.advertiser.pk,
                [self._placement],
                _pictures(played.experiment, self._placement, self._segment),
                [running[played.experiment.campaign_id]],
            )
            for played in self.played
        ]

    def _people_make(self, number: int, played: Played, shoppers: int) -> list[_Person]:
        keys = [f"{number}-{place}" for place in range(shoppers)]
        rates = [RATE, RATE * (1 + played.truth.lift)]
        own = [self.numbers.beta(rate * SPREAD, (1 - rate) * SPREAD, shoppers) for rate in rates]
        lost = self.numbers.random(shoppers) < played.truth.lost
        people = [
            _Person(key, pseudonym_of(self.advertiser.pk, key), (a, b), bool(gone))
            for key, a, b, gone in zip(keys, *(rate.tolist() for rate in own), lost, strict=True)
        ]
        Shopper.objects.bulk_create(
            [_shopper(self.advertiser, person.pseudonym) for person in people], batch_size=SEND_EVERY
        )
        return people

    def _visits_make(self, shoppers: int) -> list[tuple[float, int, int]]:
        """(seconds since the start, experiment, shopper), the last first."""
        # The last order follows its impression by five seconds and still lies before the end.
        span = (self.ended_at - self.started_at).total_seconds() - 10
        times, owners, people = [], [], []
        for number in range(len(self.played)):
            count = 1 + self.numbers.poisson(IMPRESSIONS - 1, shoppers)
            first = np.repeat(self.numbers.random(shoppers) * span, count)
            times.append(first + self.numbers.random(count.sum()) * (span - first))
            owners.append(np.full(count.sum(), number))
            people.append(np.repeat(np.arange(shoppers), count))
        at, owner, person = (np.concatenate(part) for part in (times, owners, people))
        order = np.argsort(-at)
        return list(zip(at[order].tolist(), owner[order].tolist(), person[order].tolist(), strict=True))

    def play_until(self, moment: datetime) -> None:
        """Everything that happens before ``moment`` reaches the database, as it would in a request."""
        sender = Sender(
            received_at=moment,
            max_age=timedelta(days=settings.EVENTS_MAX_AGE_DAYS),
            advertiser_id=self.advertiser.pk,
            may_convert=True,
            is_server=True,
        )
        items: list[EventItem | Refusal] = []
        end = (moment - self.started_at).total_seconds()
        while self._visits and self._visits[-1][0] < end:
            items += self._visit(*self._visits.pop())
            if len(items) >= SEND_EVERY:
                self._send(items, sender)
                items = []
        self._send(items, sender)

    def _visit(self, seconds: float, number: int, place: int) -> Iterator[EventItem]:
        played, person = self.played[number], self._people[number][place]
        at = self.started_at + timedelta(seconds=seconds)
        context = ServeContext(
            advertiser_id=self.advertiser.pk,
            placements=(self._placement.code,),
            now=at,
            pseudonym=person.pseudonym,
            segment_ids=(self._segment,),
            is_simulated=True,  # so that the intake takes the past for what it is
        )
        answer = decide(context, self._snapshots[number], self.rng).slots[0]
        self.decisions += 1
        assert answer.arm is not None  # noqa: S101  (everybody takes part)
        arm = answer.arm.key
        if person.is_lost and arm == ARMS[1]:
            return
        decision_id = uuid7(at)
        impression, click = tokens_make(token_make(decision_id, context, answer))
        agent = AGENTS["mobile" if place % 2 else "desktop"]
        key = decision_id.hex

        def item(kind: str, delay: float, token: str = "", **more: Any) -> EventItem:
            moment = (at + timedelta(seconds=delay)).isoformat()
            return EventItem(
                event_id=f"{key}:{kind}", kind=kind, token=token, occurred_at=moment, user_agent=agent, **more
            )

        played.shoppers[arm].add(person.pseudonym)
        played.impressions[arm] += 1
        yield item("impression", 0, impression)
        if self.decisions % TWICE_EVERY == 0:
            again = item("impression", 0, impression)
            if self.decisions % (2 * TWICE_EVERY) == 0:
                again.event_id = f"{key}:again"
            yield again
        if self.rng.random() >= person.rates[ARMS.index(arm)]:
            return
        played.clicks[arm] += 1
        yield item("click", 2, click)
        if self.rng.random() < ORDER_RATE:
            value = self.rng.randrange(500, 20_000)
            self.orders, self.revenue_cents = self.orders + 1, self.revenue_cents + value
            yield item(
                "conversion", 5, order_id=key, value_cents=value, currency=self.advertiser.currency,
                shopper=person.key,
            )  # fmt: skip

    def _send(self, items: list[EventItem | Refusal], sender: Sender) -> None:
        intake = batch_check(Batch(items, sent_at=None), sender)
        assert not intake.rejected, intake.rejected[:3]  # noqa: S101
        self.events += events_record(events=intake.events, received_at=sender.received_at).accepted


def _shopper(advertiser: Advertiser, pseudonym: str) -> Shopper:
    return Shopper(advertiser=advertiser, pseudonym=pseudonym, measurement_allowed=True, is_simulated=True)


def _pictures(experiment: Experiment, placement: SlotFacts, segment_id: UUID) -> list[Candidate]:
    product_id = uuid7()
    return [
        Candidate(
            variant_id=uuid7(),
            campaign_id=experiment.campaign_id,
            campaign_name="",
            campaign_status=Campaign.Status.LIVE,
            priority=5,
            starts_at=None,
            ends_at=None,
            placement_ids=frozenset({placement.placement_id}),
            language="en",
            product_id=product_id,
            product_external_id="P",
            product_title="Product",
            is_product_active=True,
            is_buyable=True,
            has_price_changed=False,
            segment_id=segment,
            weight=1.0,
            creatives={SIZE: SnapshotCreative(uuid7(), *SIZE, "", "", "", "", "")},
        )
        for segment in (None, segment_id)
    ]
