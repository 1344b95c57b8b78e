"""A process that knows nothing yet, a shop's keys, and a live campaign without a variant."""

from __future__ import annotations

import pytest

from accounts.models import ApiKey
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
