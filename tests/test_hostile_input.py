"""Hostile bodies and texts on every route: no 5xx, no script, nothing half saved."""

from __future__ import annotations

import shutil
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import Membership
from analytics.exports import Table, csv_bytes
from generation.models import RenderJob
from tests import factories
from tests.routes import FIXED, ROUTES, TENANT_ROUTES, rows_make

DEEP = 100_000
BODIES: dict[str, bytes] = {
    "empty": b"",
    "not JSON": b"{",
    "two documents": b"{}{}",
    "NUL": b'{"name": "a\\u0000b", "shopper": "a\\u0000b", "rule": {"any": [{"interest": "\\u0000"}]}}',
    "a raw NUL": b'{"name": "a\x00b"}',
    "lone surrogate": b'{"name": "\\ud800", "text": "\\udfff", "rule": {"any": [{"interest": "\\ud800"}]}}',
    "invalid UTF-8": b'{"name": "\xff\xfe"}',
    "UTF-8 surrogate": b'{"name": "\xed\xa0\x80"}',
    "UTF-16": '{"name": "x"}'.encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf{}",
    "deep lists": b"[" * DEEP + b"]" * DEEP,
    "deep objects": b'{"rule":' * DEEP + b"1" + b"}" * DEEP,
    "NaN": b'{"name": NaN, "width": NaN, "height": Infinity, "priority": -Infinity}',
    "a huge integer": b'{"width": ' + b"9" * 5000 + b', "name": "x"}',
    "a huge float": b'{"width": 1e999, "height": 1e308, "min_effect_rate": 1e308}',
    "64 bits and more": b'{"width": 9223372036854775808, "planned_shoppers": 99999999999999999999}',
    "another type at the top": b"[]",
    "a text at the top": b'"x"',
    "null at the top": b"null",
    "other types within": b'{"name": {}, "products": {"a": 1}, "rule": 7, "behaviours": 7, "events": {}, '
    b'"placements": "x", "reason": [], "sha256": 5, "comment": [], "arms": 5, "guardrails": "x"}',
    "lists of other types": b'{"behaviours": [1, null, [], "x"], "events": [1, null, [], "x"], '
    b'"placements": [1, null], "products": [1, null, {}], "arms": [1, null], "rule": {"any": [1, null]}}',
    "duplicate keys": b'{"name": "a", "name": {}}',
    "far times": b'{"starts_at": "0001-01-01T00:00:00+14:00", "ends_at": "9999-12-31T23:59:59-14:00", '
    b'"name": "x", "style": "soft_3d"}',
    "10 MB": b'{"name": "' + b"a" * 10_000_000 + b'"}',
}
CONTENT_TYPES = (
    "application/json",
    "application/json; charset=bogus",
    "application/json; charset=utf-16",
    "text/plain",
    "multipart/form-data",
    "multipart/form-data; boundary=x",
    "application/x-www-form-urlencoded",
    "\x00/\x00",
)
FORM = "application/x-www-form-urlencoded"
WRITE_METHODS = ("POST", "PUT", "PATCH", "DELETE")
API_ROUTES = [r for r in ROUTES if r.is_api and r.name not in ("api-schema", "api-docs")]
PAGE_ROUTES = [route for route in TENANT_ROUTES if not route.is_api]

SCRIPT = "<script>alert(1)</script>"
HOSTILE = f"\"'><img src=x onerror=alert(2)>{SCRIPT}{{{{7*7}}}}"
FORM_TEXTS = (
    "a\x00b",
    "\ud800",
    "9" * 400,
    "-1",
    "NaN",
    "x" * 20_000,
    HOSTILE,
    "0001-01-01T00:00",
    "\u202e",
)


@pytest.fixture
def rows(shop, alice) -> dict[str, Any]:
    return rows_make(shop, alice, "Zebrafish") | FIXED


@pytest.fixture
def secret(shop) -> APIClient:
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {factories.make_key(shop)}")
    return client


def test_no_body_makes_the_api_fail(rows, secret) -> None:
    failures, tried = [], 0
    for route in API_ROUTES:
        url = route.url(rows)
        answers = {
            method: secret.generic(method, url, b"{}", content_type="application/json")
            for method in WRITE_METHODS
        }
        taken = [method for method, response in answers.items() if response.status_code != 405]
        tried += len(taken)
        for name, body in BODIES.items():
            for method in taken if name != "10 MB" else ("POST",):
                status = secret.generic(method, url, body, content_type="application/json").status_code
                if status >= 500:
                    failures.append((route.name, method, name, status))
        for content_type in CONTENT_TYPES:
            status = secret.generic("POST", url, b'{"name": "x"}', content_type=content_type).status_code
            if status >= 500:
                failures.append((route.name, content_type, status))
    assert not failures


def test_a_refusal_says_nothing_of_the_inside(rows, secret) -> None:
    for route in API_ROUTES:
        for name in ("NUL", "deep lists", "other types within", "a huge integer"):
            response = secret.generic("POST", route.url(rows), BODIES[name], content_type="application/json")
            if response.status_code >= 400:
                text = response.content.decode()
                assert response["Content-Type"] == "application/problem+json", (route.name, name)
                for word in ("Traceback", 'File "', "/work", "SELECT ", "sqlite", "psycopg"):
                    assert word not in text, (route.name, name, text)


FIELD_TAGS = ("input", "select", "textarea", "button")


class Forms(HTMLParser):
    """The forms and htmx calls of a page: (method, action, field names)."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {key: value or "" for key, value in attributes}
        if tag == "form":
            self.forms.append((given.get("method", "get").lower(), given.get("action", ""), {}))
        name = given.get("name")
        if tag in FIELD_TAGS and self.forms and name and name != "csrfmiddlewaretoken":
            self.forms[-1][2].setdefault(name, given.get("value", ""))
        for verb in ("get", "post"):
            if f"hx-{verb}" in given:
                self.forms.append((verb, given[f"hx-{verb}"], {}))


def test_no_text_in_any_form_makes_a_page_fail(rows, shop) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(factories.make_member(shop, Membership.Role.ADMIN))
    failures, sent = [], set()
    for route in PAGE_ROUTES:
        page = client.get(route.url(rows))
        if page.status_code != 200 or "text/html" not in page["Content-Type"]:
            continue
        found = Forms()
        found.feed(page.content.decode("utf-8", "replace"))
        for method, action, fields in found.forms:
            url = (action or page.request["PATH_INFO"]).partition("?")[0]
            if (method, url, *fields) in sent or url.endswith(("/remove/", "/delete/", "logout/")):
                continue
            sent.add((method, url, *fields))
            for text in FORM_TEXTS:
                # All fields at once; the worst texts also in each alone, among sensible others.
                alone = fields if text in FORM_TEXTS[:3] and len(fields) < 12 else ()
                for hostile in (None, *alone):
                    values = {
                        name: text if hostile in (None, name) else value for name, value in fields.items()
                    }
                    encoded = urlencode(values, errors="surrogatepass")
                    if method == "get":
                        response = client.get(f"{url}?{encoded}")
                    else:
                        response = client.post(url, encoded, content_type=FORM)
                    if response.status_code >= 500:
                        failures.append((method, url, hostile, text[:20]))
    assert len(sent) > 15, "the pages have forms"
    assert not failures


def test_no_address_makes_a_page_fail(rows, shop) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(factories.make_member(shop, Membership.Role.ADMIN))
    names = ("q", "search", "page", "status", "kind", "size", "job", "campaign", "segment", "days", "start")
    failures = []
    for route in ROUTES:
        values = {"slug": "shop", "external_id": "x", "name": "x", "token": "x", "digest": "0" * 16}
        url = route.url(rows | values | {"extension": "png"})
        for text in ("%00", "%ED%A0%80", "%FF", "9" * 400, "-1", "NaN", "x" * 4000, "%22%3E%3Cscript%3E"):
            status = client.get(f"{url}?" + "&".join(f"{name}={text}" for name in names)).status_code
            if status >= 500:
                failures.append((route.name, text[:20], status))
        if "token" in route.parameters or "slug" in route.parameters or "external_id" in route.parameters:
            for text in ("%00", "%FF", "..%2f..%2fetc%2fpasswd", "x" * 4000):
                bad = route.url(rows | dict.fromkeys(values, text) | {"extension": "png"})
                status = client.get(bad).status_code
                if status >= 500:
                    failures.append((bad[:60], status))
    assert not failures


# --- stored texts


@pytest.fixture
def hostile_rows(shop, alice) -> dict[str, Any]:
    """Every text that a feed, a person or a storefront can bring is markup."""
    rows = rows_make(shop, alice, HOSTILE) | FIXED
    shop.name = HOSTILE
    shop.save()
    job = RenderJob.objects.get(pk=rows["job_id"])
    brief = job.brief | {"product": job.brief["product"] | {"title": HOSTILE}}
    RenderJob.objects.filter(pk=job.pk).update(
        brief=brief,
        prompt=HOSTILE,
        negative_prompt=HOSTILE,
        motif=HOSTILE,
        error_message=HOSTILE,
        prompt_parts=[{"slot": "subject", "text": HOSTILE, "from": HOSTILE}],
    )
    return rows


def pages(rows: dict[str, Any]) -> list[str]:
    """Addresses of all pages, with the hostile text in their search boxes too."""
    plain = [route.url(rows) for route in PAGE_ROUTES if not route.name.endswith("-export")]
    return [
        *plain,
        *(f"{url}?q=%3Cscript%3Ealert(1)%3C/script%3E&search=%22%3E%3Cb%20id=q%3E" for url in plain),
    ]


def test_stored_markup_is_shown_as_text_on_every_page(hostile_rows, shop) -> None:
    client = Client()
    client.force_login(factories.make_member(shop, Membership.Role.ADMIN))
    seen = 0
    for url in [*pages(hostile_rows), "/storefront/shop/"]:
        response = client.get(url)
        if response.status_code != 200 or response.streaming:
            continue
        text = response.content.decode("utf-8", "replace")
        assert SCRIPT not in text, url
        assert "<img src=x" not in text, url
        assert "<b id=q>" not in text, url
        seen += "&lt;script&gt;alert(1)" in text or "\\u003Cscript" in text
    assert seen > 15, "the texts are on the pages"


def test_no_stored_text_becomes_a_formula_in_an_export() -> None:
    cells = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "＝1", -5)
    text = csv_bytes(Table("x", ("name",), [(cell,) for cell in cells])).decode()
    lines = text.removeprefix("\ufeff").replace('"', "").split("\r\n")[1:]
    assert all(line.startswith("'") for line in lines if line and line != "-5"), lines
    assert "-5" in lines


def test_the_policy_of_every_page_allows_nothing_inline(rows, shop) -> None:
    client = Client()
    client.force_login(factories.make_member(shop, Membership.Role.ADMIN))
    for route in PAGE_ROUTES:
        response = client.get(route.url(rows))
        if not response.get("Content-Type", "").startswith("text/html"):
            continue
        policy = response["Content-Security-Policy"]
        assert "unsafe" not in policy, route.name
        assert "style-src-attr 'none'" in policy, route.name
        assert " style=" not in response.content.decode(), route.name


def _staff(shop: Any) -> Any:
    user = factories.make_member(shop, Membership.Role.ADMIN)
    user.is_staff = user.is_superuser = True
    user.save()
    return user


@pytest.mark.browser
@pytest.mark.skipif(shutil.which("chromedriver") is None, reason="needs chromium and chromedriver")
def test_no_page_runs_a_stored_script_or_breaks_its_policy(
    transactional_db, live_server, client, hostile_rows, shop
) -> None:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1280,900"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    options.set_capability("unhandledPromptBehavior", "ignore")
    browser = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        client.force_login(_staff(shop))
        browser.get(f"{live_server.url}/login/")
        name = settings.SESSION_COOKIE_NAME
        browser.add_cookie({"name": name, "value": client.cookies[name].value})
        complaints = []
        # Chromium shows a bare picture in a page of its own, whose inline style is not ours.
        plain = [url for url in pages(hostile_rows) if "?" not in url and not url.endswith(".webp")]
        for url in [*plain, "/storefront/shop/", "/api/v1/docs", "/admin/"]:
            browser.get(live_server.url + url)
            # Any dialog would make this call fail with UnexpectedAlertPresentException.
            assert browser.execute_script("return document.readyState")
            for line in browser.get_log("browser"):
                if "Content Security Policy" in line["message"] or "alert" in line["message"]:
                    complaints.append((url, line["message"][:300]))
        assert not complaints
    finally:
        browser.quit()
