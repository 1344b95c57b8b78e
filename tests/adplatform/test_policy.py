"""The Content-Security-Policy: strict on every page, looser only for the staff's raw records."""

import re
from pathlib import Path

import pytest
from django.conf import settings

from adplatform import hot_settings
from tests.routes import FIXED, ROUTES, random_ids, rows_make


@pytest.mark.django_db
def test_no_page_may_run_or_style_what_stands_in_it(client):
    policy = client.get("/login/")["Content-Security-Policy"]
    directives = dict(part.strip().partition(" ")[::2] for part in policy.split(";"))
    assert directives["script-src"] == "'self'"
    assert "unsafe" not in directives["style-src"] + directives["style-src-elem"]
    assert directives["object-src"] == directives["base-uri"] == directives["frame-ancestors"] == "'none'"


def test_no_template_styles_in_an_attribute():
    """The policy drops it (style-src-attr 'none'), so the page would look another way than written."""
    pages = [
        path for path in Path(settings.BASE_DIR, "templates").rglob("*.html") if "mail" not in path.parts
    ]
    assert len(pages) > 100
    assert [path.name for path in pages if re.search(r"\sstyle=\"", path.read_text())] == []


@pytest.mark.django_db
def test_only_the_admin_may_evaluate(client):
    assert "'unsafe-eval'" in client.get("/admin/login/")["Content-Security-Policy"]
    for path in ("/login/", "/api/v1/docs", "/campaigns/", "/nowhere/", "/healthz"):
        assert "unsafe-eval" not in client.get(path).get("Content-Security-Policy", ""), path


def _is_strict(response) -> bool:
    policy = response.get("Content-Security-Policy", "")
    return "default-src 'self'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy


@pytest.mark.django_db
def test_every_page_of_the_url_table_has_it_and_every_refusal_of_one(shop, alice, client):
    rows = rows_make(shop, alice, "Zebrafish") | FIXED
    client.force_login(alice)
    wanting, seen = [], 0
    for route in ROUTES:
        for values in (rows, random_ids() | FIXED):
            try:
                url = route.url(rows | values)
            except KeyError:
                url = "/" + route.pattern.partition("<")[0] + "x"
            for method in ("get", "post"):
                if route.name in ("logout", "password-change"):
                    continue
                response = getattr(client, method)(url)
                if response.get("Content-Type", "").startswith("text/html"):
                    seen += 1
                    if not _is_strict(response):
                        wanting.append((method, url, response.status_code))
    assert seen > 100
    assert not wanting


@pytest.mark.django_db
def test_a_page_that_fails_before_the_middleware_has_it_too(client, settings):
    """The redirect to https asks for the host's name, which is refused there."""
    settings.SECURE_SSL_REDIRECT = True
    response = client.get("/campaigns/", headers={"Host": "evil.example"})
    assert response.status_code == 400
    assert _is_strict(response)


@pytest.mark.django_db
@pytest.mark.parametrize(("path", "host"), [("/c/forged", "testserver"), ("/c/forged", "evil.example")])
def test_the_hot_groups_errors_are_no_pages(client, settings, path, host):
    settings.ROOT_URLCONF, settings.MIDDLEWARE = hot_settings.ROOT_URLCONF, hot_settings.MIDDLEWARE
    settings.SECURE_SSL_REDIRECT = host != "testserver"
    response = client.get(path, headers={"Host": host})
    assert response["Content-Type"].startswith("text/plain")
    assert response.status_code in (400, 404)
