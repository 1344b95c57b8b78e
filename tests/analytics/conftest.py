"""A process that remembers no key and no snapshot, and a shop's secret key."""

from __future__ import annotations

import pytest

from analytics.surplus import surplus
from campaigns.serving.keys import callers_forget
from campaigns.serving.store import snapshots
from tests import factories


@pytest.fixture(autouse=True)
def cold():
    callers_forget()
    snapshots.clear()
    surplus.forget()


@pytest.fixture
def secret(shop):
    return factories.make_key(shop)
