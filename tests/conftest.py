"""The cast: Alice manages the shop, Rita reviews for it, Mallory manages another and must see nothing."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from django.db import connection
from django.db.backends.sqlite3.base import DatabaseWrapper
from django.test import Client
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from rest_framework.test import APIClient

from accounts import failed_keys
from accounts.models import Advertiser, Membership, User
from tests import factories

# A worker holds every app, torch and 3,600 tests; looking through them as usual costs a tenth of the run.
gc.set_threshold(100_000, 20, 100)
# The time of one example says nothing on a shared machine: it is measured under benchmarks/.
hypothesis_settings.register_profile(
    "shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("shared machine")
DATABASE_FIXTURES = {"db", "transactional_db", "django_db_serialized_rollback", "live_server"}


def pytest_collection_modifyitems(config, items):
    """On PostgreSQL run what asks a database; the rest ran on SQLite and would only do the same again."""
    if connection.vendor == "sqlite":
        return
    asking = [item for item in items if asks_a_store(item)]
    config.hook.pytest_deselected(items=[item for item in items if not asks_a_store(item)])
    items[:] = asking


def asks_a_store(item: pytest.Item) -> bool:
    """Whether a test uses Django's database, or PostgreSQL, Redis or RabbitMQ by itself (``stores``)."""
    is_marked = any(item.get_closest_marker(name) for name in ("django_db", "stores"))
    return is_marked or not DATABASE_FIXTURES.isdisjoint(item.fixturenames)


@pytest.fixture(scope="session", autouse=True)
def flush_past_the_ledger():
    """SQLite empties tables row by row, which the consent ledger refuses: reduce its lines first."""
    operations = DatabaseWrapper.ops_class
    original = operations.sql_flush

    def sql_flush(self, style, tables, **options):
        statements = original(self, style, tables, **options)
        if "profiles_consentrecord" in tables:
            reduce = "UPDATE profiles_consentrecord SET shopper_id = NULL WHERE shopper_id IS NOT NULL"
            return [reduce, *statements]
        return statements

    patch = pytest.MonkeyPatch()
    patch.setattr(operations, "sql_flush", sql_flush)
    yield
    patch.undo()


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.RIGHTS_TOMBSTONE_LOG = str(tmp_path / "erasures.log")


@pytest.fixture(autouse=True)
def no_wrong_keys():
    failed_keys.forget()


@pytest.fixture
def shop(db) -> Advertiser:
    return factories.make_advertiser("shop", name="Shop")


@pytest.fixture
def alice(shop: Advertiser) -> User:
    return factories.make_member(shop, Membership.Role.MANAGER, "alice")


@pytest.fixture
def rita(shop: Advertiser) -> User:
    return factories.make_member(shop, Membership.Role.REVIEWER, "rita")


@pytest.fixture
def other_shop(db) -> Advertiser:
    return factories.make_advertiser("other", name="Other")


@pytest.fixture
def mallory(other_shop: Advertiser) -> User:
    return factories.make_member(other_shop, Membership.Role.ADMIN, "mallory")


def _signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def alice_client(alice: User) -> Client:
    return _signed_in(alice)


@pytest.fixture
def rita_client(rita: User) -> Client:
    return _signed_in(rita)


@pytest.fixture
def mallory_client(mallory: User) -> Client:
    return _signed_in(mallory)


@pytest.fixture
def api(shop: Advertiser) -> APIClient:
    """A server-side client of the shop with a secret key."""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {factories.make_key(shop)}")
    return client


@pytest.fixture
def other_api(other_shop: Advertiser) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {factories.make_key(other_shop)}")
    return client


@pytest.fixture
def rows(shop: Advertiser, alice: User) -> dict[str, Any]:
    """One row of everything that a path can name, all of the shop and all marked; parameter -> id."""
    from tests.routes import MARK, rows_make  # the URL table, which few tests need

    return rows_make(shop, alice, MARK)
