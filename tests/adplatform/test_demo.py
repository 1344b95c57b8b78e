"""The demo's simulated people and their visits through the real API."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from adplatform.demo.people import THEMES, people
from adplatform.demo.visits import PAGES, Client, Taste, visits_play
from adplatform.management.commands.demo import Command
from analytics.models import Event
from profiles.services import consent_record
from profiles.text_mapping import mapper_get
from tests import factories
from tests.campaigns.serving_cast import make_live, make_variant

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_the_same_seed_makes_the_same_people():
    first, second = (list(people(NOW, random.Random(1), 40)) for _ in range(2))
    assert first == second
    assert len({person.key for person in first}) == 40
    assert {person.theme.key for person in first} == {theme.key for theme in THEMES}
    assert all(NOW - timedelta(days=31) < act.occurred_at < NOW for p in first for act in p.acts)


def test_every_process_of_the_demo_serves_its_own_small_segments(monkeypatch):
    """A theme has 125 of 500 people, who are no longer newly seen when the demo is a month old."""
    monkeypatch.delenv("PROFILES_SEGMENT_MIN_SHOPPERS", raising=False)
    children = Command().children("127.0.0.1", 8000, 1, 1)
    assert len(children) > 2
    for child in children:
        assert child.environment["PROFILES_SEGMENT_MIN_SHOPPERS"] == "20"


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.key)
def test_what_people_say_and_search_is_understood(theme):
    mapper = mapper_get()
    understood = [bool(mapper.map(text)) for text in (*theme.searches, *theme.stated)]
    assert sum(understood) >= len(understood) - 1


@pytest.mark.django_db(transaction=True)
def test_visits_leave_only_simulated_events_spread_over_the_days(live_server, shop):
    campaign, placement = make_live(shop)
    make_variant(campaign, placement)
    for code in {code for pages in PAGES.values() for page in pages for code in page}:
        campaign.placements.add(factories.make_placement(shop, code))
    crowd = list(people(timezone.now(), random.Random(2), 4))
    for person in crowd:
        consent_record(
            advertiser=shop,
            shopper_key=person.key,
            personalisation=True,
            text_version="1",
            source="test",
            is_simulated=True,
        )
    stored_by_day: list[tuple[datetime, int]] = []
    runs = visits_play(
        Client(live_server.url, factories.make_key(shop)),
        crowd,
        Taste(own_products={theme.key: set() for theme in THEMES}),
        count=40,
        now=timezone.now(),
        days=5,
        rng=random.Random(3),
        on_day=lambda day: stored_by_day.append((day, Event.objects.filter(occurred_at__gte=day).count())),
    )
    played = list(runs)[-1]
    events = Event.objects.filter(advertiser=shop)
    assert (played.visits, played.events) == (40, events.count())
    assert played.filled > 0
    assert not events.filter(is_simulated=False).exists()
    assert not events.filter(validity=Event.Validity.INVALID).exists()
    assert len({at.date() for at in events.values_list("occurred_at", flat=True)}) >= 3
    # In the order of time: as a day begins nothing of it is stored, and all before it is.
    assert len(stored_by_day) >= 3
    assert {later for _, later in stored_by_day} == {0}
