"""A shopper with an unmistakable key and contacts in what they type: neither is found in any row or file."""

from __future__ import annotations

import pytest
from django.utils import timezone

from profiles import services
from profiles.behaviours import contacts_removed
from profiles.models import Behaviour
from profiles.snapshots import BehaviourInput
from tests import factories
from tests.rights.cast import KEY, agree, dump, everywhere


def test_neither_key_nor_contacts_are_found_anywhere(shop):
    agree(shop)
    text = "hiking boots, write to zoe.marked@example.com or +49 170 5550123"
    now = timezone.now()
    items = [BehaviourInput(f"{KEY.upper()}:{n}", KEY, "interest", now, text=text) for n in (1, 1, 2)]
    first, again = (services.behaviours_record(advertiser=shop, items=items, now=now) for _ in range(2))
    assert (first.accepted, first.duplicates, again.accepted, again.duplicates) == (2, 1, 0, 3)
    Behaviour.objects.first().delete()
    assert Behaviour.objects.get().text == "hiking boots, write to or"
    everywhere(shop, factories.make_campaign(shop))
    found = dump()
    for mark in (KEY, KEY.upper(), "unmistakable", "zoe.marked", "5550123"):
        assert mark not in found


@pytest.mark.parametrize(
    "text", ["iPhone 17 Pro 256GB", "双11 2026", "size 42 EU 8.5 US", "4006381333931 pens"[:4]]
)
def test_words_of_products_stay(text):
    assert contacts_removed(text) == text
