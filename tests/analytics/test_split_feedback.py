"""A split without an effect finds none, whatever its clicks teach the profiles: played through the engine."""

from __future__ import annotations

import random
import uuid
from collections import defaultdict
from datetime import timedelta

import pytest

from analytics.services import click_segment
from analytics.stats.sequential import compare_always_valid
from analytics.stats.statistics import Sums
from analytics.tracking import IncomingEvent
from campaigns.serving.engine import decide
from campaigns.serving.experiments import arm_of, standing_split
from campaigns.serving.snapshot import SlotFacts, snapshot_make
from campaigns.serving.tokens import token_make
from profiles.models import Behaviour, Shopper
from profiles.pseudonyms import pseudonym_of
from tests import factories
from tests.analytics.posting import post
from tests.analytics.tokens import decision_payload, event_of
from tests.campaigns.serving_cast import HERO, NOW, SHOP, SIZE, candidate_of, context_of

HIKERS, TEA = uuid.UUID(int=7), uuid.UUID(int=8)
OWN = candidate_of(1, segment_id=HIKERS)
PICTURES = [
    OWN,
    candidate_of(2, product_id=OWN.product_id),
    candidate_of(3, product_id=OWN.product_id, segment_id=TEA),
]
QUESTIONS = (("generic", "other_segment"), ("other_segment", "own_segment"), ("generic", "own_segment"))


def played(shoppers: int, days: int = 8) -> dict[str, Sums]:
    """Clicks and impressions by arm of hikers who click whatever picture alike, each at a rate of their own.

    A click's interests make one a member of their segment; hiking is forgotten after three days without any.
    """
    split = standing_split(OWN.campaign_id, 1.0)
    snapshot = snapshot_make(SHOP, [SlotFacts(HERO, "hero", *SIZE, True)], PICTURES, [split])
    rng = random.Random(4)
    seen: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    for number in range(shoppers):
        shopper, taste = f"s{number}", rng.betavariate(0.5, 4.5)
        until = {HIKERS: 3, TEA: -1}
        for day in range(days):
            segments = tuple(segment for segment, last in until.items() if day <= last)
            context = context_of(pseudonym=shopper, segment_ids=segments, now=NOW + timedelta(days=day))
            answer = decide(context, snapshot, random.Random(1)).slots[0]
            is_clicked = rng.random() < taste
            if answer.arm is not None:
                assert answer.arm == arm_of(split, shopper)
                seen[answer.arm.key][shopper][0] += 1
                seen[answer.arm.key][shopper][1] += is_clicked
            token = token_make(uuid.uuid4(), context, answer)
            click = IncomingEvent(
                SHOP,
                "c",
                "click",
                context.now,
                segment_id=token.segment_id,
                experiment_id=token.experiment_id,
            )
            if is_clicked and (taught := click_segment(click)) is not None:
                until[taught] = day + 3
    return {
        arm: Sums.of_pairs([clicks for _, clicks in mine.values()], [shown for shown, _ in mine.values()])
        for arm, mine in seen.items()
    }


def test_clicks_in_the_split_move_nobody_out_of_it():
    sums = played(3000)
    for before, after in QUESTIONS:
        found = compare_always_valid(sums[before], sums[after], tuned_for=3000)
        assert found.lift_low < 0 < found.lift_high, (before, after, found.lift)
    shown = [found.x / found.n for found in sums.values()]
    assert max(shown) == pytest.approx(min(shown), rel=0.02)


@pytest.mark.django_db
def test_a_click_on_a_picture_that_chance_chose_is_no_interest(shop):
    shopper = Shopper.objects.create(
        advertiser=shop,
        pseudonym=pseudonym_of(shop.pk, "s"),
        personalisation_allowed=True,
        measurement_allowed=True,
    )
    segment = factories.make_segment(shop, interests=("outdoor_hiking",))
    for arm in ("own_segment", "generic", "other_segment"):
        payload = decision_payload(shop, u=shopper.pseudonym, s=segment.pk, x=uuid.uuid4(), xa=arm)
        assert post([event_of(payload, "click")]).json()["accepted"] == 1
    assert not Behaviour.objects.exists()
    post([event_of(decision_payload(shop, u=shopper.pseudonym, s=segment.pk, xa="holdout"), "click")])
    assert Behaviour.objects.count() == 1
