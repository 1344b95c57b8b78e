"""Simulated shopper visits through the real HTTP API: decide, see, click, buy.

Everything they leave is marked as simulated. What they like is planted (``Taste``): a shopper clicks a
product of their own theme more often, a favourite of it most, more so when the picture was made for their
segment, and less so each time they see the same picture again; one picture wears out by itself, and for some
days the page of the shop is broken on phones. So the pages show something that is there.
"""

from __future__ import annotations

import http.client
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from adplatform.demo.people import Person

VIEWABLE_RATE = 0.72
CLICK_RATE = 0.025  # of a creative that has nothing to do with the shopper
OWN_THEME_FACTOR = 2.5
# Of a picture made for the shopper's segment; to a plain scene with a tool it adds less than to tea or dress.
OWN_SEGMENT_FACTOR = {"outdoors": 1.65, "play": 1.65, "tea_and_coffee": 3.2, "style": 3.2}
FAVOURITE_FACTOR = 1.6
TIRED_FACTOR = 0.95  # with each time that a shopper has seen the picture before
BUY_RATE = 0.25  # of clicks
EVENTS_A_REQUEST = 200

# What a page of the storefront shows, by device; each device with the user agent of a common browser.
PAGES = {
    "desktop": (("home-hero", "sidebar"), ("leaderboard", "skyscraper"), ("product-grid", "sidebar")),
    "mobile": (("phone-strip", "sidebar"), ("product-grid", "sidebar")),
}
USER_AGENTS = {
    "desktop": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Safari/537.36",
    "mobile": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
}


@dataclass(frozen=True)
class Taste:
    """What the made-up shoppers like, and what goes wrong: the planted truth."""

    own_products: Mapping[str, Set[str]]  # theme -> product titles, as they stand in a creative's alt text
    own_creatives: Mapping[str, Set[str]] = field(default_factory=dict)  # theme -> made for its segment
    favourites: Set[str] = frozenset()  # product titles
    worn_creatives: Set[str] = frozenset()  # wear out after their first week
    began_at: datetime | None = None  # of the first week
    # Until then phones report nothing of generic pictures of these products.
    lost_until: datetime | None = None
    lost_products: Set[str] = frozenset()

    def click_rate(self, theme: str, creative: str, alt: str, at: datetime, seen_before: int) -> float:
        """Of somebody who has seen the creative so often before."""
        rate = CLICK_RATE * TIRED_FACTOR**seen_before
        if any(title in alt for title in self.own_products[theme]):
            rate *= OWN_THEME_FACTOR
        if any(title in alt for title in self.favourites):
            rate *= FAVOURITE_FACTOR
        if creative in self.own_creatives.get(theme, ()):
            rate *= OWN_SEGMENT_FACTOR[theme]
        if creative in self.worn_creatives and self.began_at is not None:
            rate *= worn_factor((at - self.began_at) / timedelta(days=1))
        return rate

    def is_lost(self, device: str, match: str, alt: str, at: datetime) -> bool:
        """Whether the broken page says nothing of what it shows."""
        return (
            self.lost_until is not None
            and at < self.lost_until
            and device == "mobile"
            and match == "generic"
            and any(title in alt for title in self.lost_products)
        )


def worn_factor(age_days: float) -> float:
    """The share of its first clicks that a worn picture still gets: a fifth from its second week on."""
    return max(0.2, min(1.0, 1.0 - (age_days - 7) * 0.8))


class ApiError(Exception):
    """The API answered with something else than success."""


@dataclass
class Client:
    """A storefront's server: one kept-open connection and the secret key."""

    url: str
    key: str
    _connection: http.client.HTTPConnection | None = None

    def post(self, path: str, body: dict[str, Any], device: str) -> dict[str, Any]:
        """POST JSON and return the JSON answer. Raises ApiError, OSError."""
        if self._connection is None:
            self._connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=30)
        headers = {
            "Authorization": f"Bearer {self.key}",
            "Content-Type": "application/json",
            "User-Agent": USER_AGENTS[device],
        }
        self._connection.request("POST", path, json.dumps(body), headers)
        response = self._connection.getresponse()
        content = response.read()
        if response.status >= 300:
            raise ApiError(f"{path} answered {response.status}: {content[:300].decode(errors='replace')}")
        return json.loads(content)


@dataclass
class Played:
    """What a run of visits did."""

    visits: int = 0
    filled: int = 0
    events: int = 0
    orders: int = 0


def visits_play(
    client: Client,
    people: list[Person],
    taste: Taste,
    *,
    count: int,
    now: datetime,
    days: int,
    rng: random.Random,
    on_day: Callable[[datetime], None] = lambda day: None,
) -> Iterator[Played]:
    """Play ``count`` visits of the last ``days`` in the order of time; yields the running totals.

    ``on_day`` is called as each new day begins, with all before it stored.
    """
    played = Played()
    pending: dict[str, list[dict[str, Any]]] = {device: [] for device in PAGES}
    seen: Counter[tuple[str, str]] = Counter()
    today = None
    for number, at in enumerate(sorted(_visit_time(now, days, rng) for _ in range(count))):
        if at.date() != today:
            today = at.date()
            played.events += _send(client, pending, 1)
            on_day(at.replace(hour=0, minute=0, second=0, microsecond=0))
        person = rng.choice(people)
        device = "mobile" if rng.random() < 0.6 else "desktop"
        answer = client.post(
            "/api/v1/decisions",
            {
                "shopper": person.key,
                "placements": list(rng.choice(PAGES[device])),
                "context": {"device": device, "simulated_at": at.isoformat()},
            },
            device,
        )
        played.visits += 1
        for decision in answer["decisions"]:
            if decision["filled"]:
                played.filled += 1
                looks = person.key, decision["creative"]["id"]
                creative = decision["creative"]
                if taste.is_lost(device, decision["match"], creative["alt"], at):
                    continue
                theme = person.theme.key
                rate = taste.click_rate(theme, creative["id"], creative["alt"], at, seen[looks])
                events = list(_events(decision, person, rate, at, rng))
                seen[looks] += 1
                played.orders += sum(event["kind"] == "conversion" for event in events)
                pending[device] += events
        played.events += _send(client, pending, EVENTS_A_REQUEST)
        if number % 200 == 199:
            yield played
    played.events += _send(client, pending, 1)
    yield played


def _visit_time(now: datetime, days: int, rng: random.Random) -> datetime:
    """More visits in the evening than at night, and a slow growth over the days."""
    day = days * (1 - rng.random() ** 0.85)
    hour = min(23.5, max(0.0, rng.gauss(19, 4) if rng.random() < 0.7 else rng.uniform(7, 24)))
    midnight = (now - timedelta(days=day)).replace(hour=0, minute=0, second=0, microsecond=0)
    return min(midnight + timedelta(hours=hour, seconds=rng.uniform(0, 1800)), now - timedelta(minutes=15))


def _events(
    decision: dict[str, Any],
    person: Person,
    click_rate: float,
    at: datetime,
    rng: random.Random,
) -> Iterator[dict[str, Any]]:
    decision_id = decision["decision_id"]

    def event(kind: str, seconds: float, token: str) -> dict[str, Any]:
        return {
            "event_id": f"{decision_id}:{kind}",
            "kind": kind,
            "token": token,
            "occurred_at": (at + timedelta(seconds=seconds)).isoformat(),
        }

    yield event("impression", 1, decision["impression_token"])
    if rng.random() >= VIEWABLE_RATE:
        return
    yield event("viewable", 3, decision["impression_token"])
    if rng.random() >= click_rate:
        return
    yield event("click", 8, urlsplit(decision["click_url"]).path.removeprefix("/c/"))
    if rng.random() < BUY_RATE:
        yield {
            "event_id": f"{decision_id}:order",
            "kind": "conversion",
            "order_id": f"SIM-{decision_id}",
            "value_cents": rng.randrange(5_900, 129_900, 100),
            "currency": "CNY",
            "shopper": person.key,
            "occurred_at": (at + timedelta(minutes=10)).isoformat(),
        }


def _send(client: Client, pending: dict[str, list[dict[str, Any]]], at_least: int) -> int:
    """Send what has gathered, by device; returns how many events were stored."""
    stored = 0
    for device, events in pending.items():
        if events and len(events) >= at_least:
            answer = client.post("/api/v1/events", {"events": events}, device)
            if answer["rejected"]:
                raise ApiError(f"events were refused: {answer['rejected'][:3]}")
            stored += answer["accepted"]
            events.clear()
    return stored
