"""A process that knows nothing yet, a shop's keys, a live campaign without a variant, and a draft."""

from __future__ import annotations

import pytest

from accounts.models import ApiKey
from campaigns.models import Campaign
from campaigns.serving import keys
from campaigns.serving.store import snapshots
from tests import factories
from tests.campaigns.serving_cast import make_live


@pytest.fixture(autouse=True)
def cold():
    snapshots.clear()
    keys.callers_forget()


@pytest.fixture
def pk(shop):
    return factories.make_key(shop, ApiKey.Kind.PUBLISHABLE)


@pytest.fixture
def sk(shop):
    return factories.make_key(shop)


@pytest.fixture
def live(shop):
    return make_live(shop)


@pytest.fixture
def campaign(shop) -> Campaign:
    """Two products for two segments in placements of two sizes."""
    return factories.make_campaign(
        shop,
        products=[factories.make_product(shop), factories.make_product(shop)],
        segments=[
            factories.make_segment(shop, "hikers", ("outdoor_hiking",)),
            factories.make_segment(shop, "coffee", ("food_coffee",)),
        ],
        placements=[
            factories.make_placement(shop),
            factories.make_placement(shop),
            factories.make_placement(shop, width=728, height=90),
        ],
    )
