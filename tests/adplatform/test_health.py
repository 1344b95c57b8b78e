"""The health endpoints answer a load balancer that knows only an address and speaks no TLS."""

from datetime import timedelta

import pytest
from django.utils import timezone


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
