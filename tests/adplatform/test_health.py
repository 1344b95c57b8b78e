"""The health endpoints answer a load balancer that knows only an address and speaks no TLS."""

import pytest


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
