"""A process that knows nothing yet, a shop's keys, a live campaign without a variant, and a draft."""

from __future__ import annotations

import socket

import pytest

from accounts.models import ApiKey
from campaigns.models import Campaign
from campaigns.serving import keys
from campaigns.serving.store import snapshots
from tests import factories
from tests.campaigns.picture_host import NAME, Names, PictureHostServer
from tests.campaigns.serving_cast import make_live
from tests.campaigns.tag_page import browser, tag  # noqa: F401  (fixtures)


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


@pytest.fixture
def host(tmp_path, settings, monkeypatch):
    """A real HTTPS host of pictures whose name leads to this machine, and a worker that may ask it."""
    server = PictureHostServer(tmp_path)
    settings.REMOTE_PICTURES_CA = str(server.ca)
    settings.REMOTE_PICTURES_LOOPBACK_HOSTS = (NAME,)
    settings.REMOTE_PICTURES_PORTS = (443, server.server_port)
    settings.REMOTE_PICTURES_SECONDS = 1.5
    settings.REMOTE_PICTURES_HOST_PAUSE_SECONDS = 0.0
    monkeypatch.setattr(socket, "getaddrinfo", Names(pictures_test=["127.0.0.1"]))
    yield server
    server.shutdown()
    server.server_close()
