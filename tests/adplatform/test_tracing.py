"""Traces: what a span says of a request, a task and a render; what it never says; what they cost when off."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from celery.contrib.testing.worker import start_worker
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import include, path
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from accounts.models import Membership
from adplatform.celery import app
from adplatform.lib.commit import queue_on_commit
from adplatform.lib.tracing import span
from adplatform.tracing import tracing_start, tracing_stop
from tests import factories

ROOT = Path(__file__).resolve().parents[2]
SECRETS = ("ann-shopper-key", "ann@example.com", "sk_", "pk_", "10.9.8.7", "ann's browser")
MIDDLEWARE = [*settings.MIDDLEWARE[:2], "adplatform.tracing.TraceMiddleware", *settings.MIDDLEWARE[2:]]


@app.task(name="tests.probe")
def probe(fails: str = "") -> None:
    if fails:
        raise RuntimeError("ann@example.com")
    app.send_task("tests.probe_next")


@app.task(name="tests.probe_next")
def probe_next() -> None:
    pass


def queueing(request: HttpRequest, fails: str) -> HttpResponse:
    queue_on_commit(probe, fails)
    return HttpResponse("queued")


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("ann@example.com")


urlpatterns = [
    path("queueing/<str:fails>", queueing),
    path("queueing/", queueing, {"fails": ""}),
    path("broken", broken),
    path("", include("adplatform.urls")),
]


@pytest.fixture
def spans():
    """The spans that ended, as the collector would get them."""
    exporter = InMemorySpanExporter()
    tracing_start(SimpleSpanProcessor(exporter))
    with override_settings(MIDDLEWARE=MIDDLEWARE, ROOT_URLCONF=__name__):
        yield exporter.get_finished_spans
    tracing_stop()


def everything_of(spans) -> str:
    return "\n".join(span.to_json() for span in spans)


def test_a_request_is_a_span_of_its_route_with_the_id_that_its_answer_names(db, spans) -> None:
    answer = Client().get("/api/v1/shoppers/ann-shopper-key?token=secret")
    Client().get("/healthz")  # asked every few seconds by load balancers: none of it is told
    (one,) = spans()
    assert one.name == "GET /api/v1/shoppers/<str:shopper_key>"
    assert dict(one.attributes) == {
        "http.request.method": "GET",
        "http.route": "/api/v1/shoppers/<str:shopper_key>",
        "http.response.status_code": answer.status_code,
        "request.id": answer["X-Request-ID"],
    }


def test_it_goes_on_from_the_proxys_span_and_a_forged_one_does_no_harm(db, spans) -> None:
    trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    Client().get("/login/", headers={"traceparent": f"00-{trace}-{parent}-01"})
    for sent in ("nonsense", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "00-" + "f" * 90000, "\ud7ff"):
        Client().get("/login/", HTTP_TRACEPARENT=sent)
    first, *others = spans()
    assert (f"{first.context.trace_id:032x}", f"{first.parent.span_id:016x}") == (trace, parent)
    assert [other.parent for other in others] == [None] * 4


def test_a_view_that_fails_and_an_address_that_leads_nowhere(db, spans) -> None:
    client = Client(raise_request_exception=False)
    client.get("/broken")
    client.get("/nowhere/ann-shopper-key")
    client.generic("ann-shopper-key", "/login/")
    failed, lost, odd = spans()
    assert (failed.status.status_code, failed.attributes["http.response.status_code"]) == (
        StatusCode.ERROR,
        500,
    )
    assert (lost.name, lost.status.status_code) == ("GET no route", StatusCode.UNSET)
    assert odd.attributes["http.request.method"] == "_OTHER"
    assert not failed.events, "an exception's text may quote a shopper"
    assert not [word for word in SECRETS if word in everything_of(spans())]


def test_no_span_holds_personal_data_or_a_token(shop, api, spans) -> None:
    key = SECRETS[0]
    for client in (api, Client(REMOTE_ADDR="10.9.8.7", HTTP_USER_AGENT="ann's browser")):
        client.post("/api/v1/consents", {"shopper": key, "personalisation": True, "text_version": "1"})
        client.post("/api/v1/behaviours", {"shopper": key, "behaviours": [{"id": SECRETS[1]}]})
        client.get(f"/api/v1/shoppers/{key}?mail={SECRETS[1]}")
        client.delete(f"/api/v1/shoppers/{key}")
        client.get(f"/c/{key}", headers={"referer": f"https://shop.example/?mail={SECRETS[1]}"})
        client.get(f"/why/{key}")
        client.post("/api/v1/decisions", {"placements": ["top"], "shopper": key})
        client.post("/login/", {"username": SECRETS[1], "password": "pw"})
    person = Client()
    person.force_login(factories.make_member(shop, Membership.Role.ADMIN))
    person.get(f"/shoppers/lookup?shopper={key}")
    assert len(spans()) == 17
    assert not [word for word in SECRETS if word in everything_of(spans())]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("fails", ["", "fails"])
def test_a_request_goes_on_in_the_task_that_it_queued_and_a_task_not_in_the_next(spans, fails) -> None:
    wanted = 2 if fails else 3
    with start_worker(app, pool="solo", perform_ping_check=False):
        assert Client().get(f"/queueing/{fails}").status_code == 200
        end = time.monotonic() + 20
        while len(spans()) < wanted and time.monotonic() < end:
            time.sleep(0.05)
    found = {span.name: span for span in spans()}
    request = next(span for name, span in found.items() if name.startswith("GET /queueing"))
    task = found["tests.probe"]
    assert task.context.trace_id == request.context.trace_id
    assert task.parent.span_id == request.context.span_id
    if fails:
        assert (task.status.status_code, task.status.description) == (StatusCode.ERROR, "RuntimeError")
        assert "example.com" not in everything_of(spans())
    else:
        assert found["tests.probe_next"].parent is None, (
            "wake-ups that wake the next would be one endless trace"
        )


def test_a_span_within_a_span_tells_of_the_error_by_its_kind_alone(spans) -> None:
    def render() -> None:
        with span("render", {"job": "1"}) as note:
            note({"outcome": "failed"})
            with span("render.draw"):
                raise ValueError("ann@example.com")

    with pytest.raises(ValueError, match="ann"):
        render()
    draw, outer = spans()
    assert draw.parent.span_id == outer.context.span_id
    assert dict(outer.attributes) == {"job": "1", "outcome": "failed"}
    assert {draw.status.description, outer.status.description} == {"ValueError"}
    assert not draw.events


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    start = "import os, sys; os.environ['DJANGO_SETTINGS_MODULE'] = 'tests.settings'\n"
    return subprocess.run(  # noqa: S603
        [sys.executable, "-c", start + code],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


SETUP = "import django; django.setup(); import adplatform.urls, adplatform.celery\n"
IMPORTED = "print([name for name in sys.modules if name.startswith('opentelemetry')][:1])\n"


@pytest.mark.parametrize("name", ["adplatform.settings", "adplatform.hot_settings"])
def test_without_the_setting_nothing_is_imported_and_no_middleware_runs(name) -> None:
    code = (
        SETUP
        + f"from {name} import MIDDLEWARE\n"
        + IMPORTED
        + "print([m for m in MIDDLEWARE if 'trac' in m])"
    )
    assert run(code).stdout.split("\n")[-3:] == ["[]", "[]", ""]
    done = run(code, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    assert done.stdout.split("\n")[-3:] == ["['opentelemetry']", "['adplatform.tracing.TraceMiddleware']", ""]


def test_with_the_setting_and_without_the_package_it_says_what_to_install() -> None:
    done = run(
        "sys.modules['opentelemetry'] = None\n" + SETUP, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9"
    )
    assert done.returncode
    assert "pip install -r requirements-extra.txt" in done.stderr
