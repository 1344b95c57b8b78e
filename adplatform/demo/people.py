"""Simulated shoppers with browsing histories in English and Chinese, 500 at first and 2,000 with the visits.

Each has one strong interest, sometimes a second, and some noise. The strong interest is the planted
truth that the simulated visits act on, so what the dashboard finds can be checked.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

SHOPPERS = 500  # at the start: enough for segments, and quick to load
CROWD = 2_000  # with the visits: a split has to be of some hundreds to tell anything


@dataclass(frozen=True)
class Theme:
    """A kind of shopper: what they search for and look at."""

    key: str
    searches: tuple[str, ...]
    views: tuple[str, ...]
    stated: tuple[str, ...]


THEMES = (
    Theme(
        "outdoors",
        ("hiking boots waterproof", "camping tent 2 person", "徒步鞋 防水", "露营装备", "mountain backpack"),
        ("Ridge Trail hiking boot", "Switchback 28 L backpack", "登山杖 碳纤维", "天幕帐篷 露营"),
        ("weekends in the mountains", "喜欢露营和徒步"),
    ),
    Theme(
        "tea_and_coffee",
        ("手冲咖啡豆", "茶壶 功夫茶", "coffee beans medium roast", "普洱茶", "pour over coffee"),
        ("青瓷功夫茶壶", "山野手冲咖啡", "espresso cups", "乌龙茶 礼盒"),
        ("每天一杯手冲咖啡", "I collect teapots"),
    ),
    Theme(
        "style",
        ("连衣裙 法式", "口红 显白", "lipstick red matte", "手提包 通勤", "summer dress"),
        ("法式碎花连衣裙", "丝绒雾面口红", "通勤托特手提包", "velvet lipstick"),
        ("喜欢复古穿搭", "make-up and dresses"),
    ),
    Theme(
        "play",
        ("wireless headphones", "游戏手柄", "video game controller", "降噪耳机", "gaming laptop"),
        ("Quiet One headphones", "Arcade One game controller", "电竞键盘", "console games"),
        ("video games after work", "打游戏 听音乐"),
    ),
)


@dataclass(frozen=True)
class Act:
    """One behaviour in the history of a shopper."""

    event_id: str
    shopper_key: str
    kind: str
    text: str
    occurred_at: datetime


@dataclass(frozen=True)
class Person:
    """A simulated shopper; ``theme`` is the planted truth."""

    key: str
    theme: Theme
    language: str
    acts: tuple[Act, ...]


def people(now: datetime, rng: random.Random, count: int = SHOPPERS) -> Iterator[Person]:
    """The shoppers with their histories of the last 30 days; the same for the same ``rng`` seed."""
    for number in range(count):
        key = f"demo-shopper-{number:03d}"
        theme = THEMES[number % len(THEMES)]
        yield Person(
            key=key,
            theme=theme,
            language="zh" if rng.random() < 0.6 else "en",
            acts=tuple(_acts(key, theme, now, rng)),
        )


def _acts(key: str, theme: Theme, now: datetime, rng: random.Random) -> Iterator[Act]:
    second = rng.choice(THEMES)
    for index in range(rng.randint(6, 14)):
        source = theme if rng.random() < 0.75 else second
        kind, texts = rng.choices(
            [("search", source.searches), ("view", source.views), ("cart", source.views),
             ("interest", source.stated)],
            weights=[4, 6, 1, 1],
        )[0]  # fmt: skip
        yield Act(
            event_id=f"{key}-{index}",
            shopper_key=key,
            kind=kind,
            text=rng.choice(texts),
            occurred_at=now - timedelta(hours=rng.uniform(1, 24 * 30)),
        )
