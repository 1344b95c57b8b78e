"""The health endpoints answer a load balancer that knows only an address and speaks no TLS."""

import time
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from adplatform import hot_settings
from campaigns.serving.store import snapshots
from tests.campaigns.serving_cast import make_live


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_is_neither_redirected_nor_refused_for_its_host(client, settings, path):
    settings.SECURE_SSL_REDIRECT = True
    settings.ALLOWED_HOSTS = ["ads.example.com"]
    response = client.get(path, headers={"Host": "10.0.0.7"})
    assert response.status_code == 200
    assert response.json()["status"] == "ok"


@pytest.mark.django_db
def test_every_other_page_still_wants_https_and_a_known_host(client, settings):
    settings.SECURE_SSL_REDIRECT = True
    settings.ALLOWED_HOSTS = ["ads.example.com"]
    assert client.get("/login/", headers={"Host": "10.0.0.7"}).status_code == 400
    assert client.get("/login/", headers={"Host": "ads.example.com"}).status_code == 301


@pytest.mark.django_db
def test_not_ready_while_events_wait_too_long_to_be_counted(client, settings, shop):
    from analytics.models import DirtyHour

    DirtyHour.objects.create(advertiser=shop, hour=timezone.now())
    assert client.get("/readyz").status_code == 200
    DirtyHour.objects.update(created_at=timezone.now() - timedelta(minutes=16))
    stale = client.get("/readyz")
    assert (stale.status_code, stale.json()["rollups"]) == (503, "stale")
    assert client.get("/healthz").status_code == 200
    settings.READY_STALE_SECONDS = 0
    assert client.get("/readyz").status_code == 200


# --- the hot group
@pytest.fixture
def outage(client, settings):
    """The answer of the hot group's /readyz while the database refuses every statement."""
    settings.MIDDLEWARE = hot_settings.MIDDLEWARE
    snapshots.clear()

    def refuse(*_):
        raise OperationalError("database is gone")

    def ask():
        with connection.execute_wrapper(refuse):
            answer = client.get("/readyz", headers={"Host": "10.0.0.7"})
        return answer.status_code, answer.json().get("serves_from")

    yield ask
    snapshots.clear()


@pytest.mark.django_db
def test_the_hot_group_stays_in_service_while_it_serves_without_its_database(
    shop, client, settings, outage, monkeypatch
):
    assert client.get("/readyz").status_code == 200
    assert outage() == (503, None), "a process that never read anything has nothing to serve"
    make_live(shop)
    snapshots.get(shop.pk)
    assert outage() == (200, "memory")
    late = time.monotonic() + settings.SERVING_STALE_SECONDS + 1
    monkeypatch.setattr(snapshots, "_clock", lambda: late)  # it may serve no more
    assert outage() == (503, None)


@pytest.mark.django_db
def test_pages_are_not_ready_without_a_database(shop, client, settings, outage):
    settings.MIDDLEWARE = ["adplatform.middleware.HealthMiddleware"]
    make_live(shop)
    snapshots.get(shop.pk)
    assert outage() == (503, None)
