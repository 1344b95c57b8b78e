"""One port for everything: the relay between the hot worker group and the pages, and the group itself."""

from __future__ import annotations

import io
import os
import socketserver
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler
from wsgiref.util import setup_testing_defaults

import pytest
from django.urls import get_resolver

from adplatform import hot_urls
from adplatform.relay import IN_FLIGHT_MAX, Relay, relayed
from adplatform.supervisor import web_children


class Handler(WSGIRequestHandler):
    """wsgiref's, for a socket without a peer address."""

    def address_string(self):
        return "local"

    def log_message(self, *args):
        pass


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """A WSGI server behind a Unix socket, standing in for granian's pages group."""

    daemon_threads = True
    # All that the relay lets through at once may wait: a full queue refuses (granian holds 1,024).
    request_queue_size = IN_FLIGHT_MAX
    server_name, server_port = "localhost", 80

    def get_request(self):
        request, _ = super().get_request()
        return request, ("local", 0)

    def get_app(self):
        return self.application

    @property
    def base_environ(self):
        return {"SERVER_NAME": "localhost", "SERVER_PORT": "80", "GATEWAY_INTERFACE": "CGI/1.1"}


@pytest.fixture
def behind():
    """``behind(application)`` is a relay to it."""
    folder = tempfile.TemporaryDirectory(prefix="relay-")
    servers = []

    def start(application):
        path = f"{folder.name}/s{len(servers)}"
        server = Server(path, Handler)
        server.application = application
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        servers.append(server)
        return Relay(path)

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
    folder.cleanup()


def call(application, path="/", *, method="GET", body=b"", query="", **environ):
    """Status, headers and body."""
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "REMOTE_ADDR": "203.0.113.9",
        "wsgi.url_scheme": "https",
        "wsgi.input": io.BytesIO(body),
        "HTTP_HOST": "shop.example",
        **({"CONTENT_LENGTH": str(len(body))} if body else {}),
        **environ,
    }
    setup_testing_defaults(environ)
    started = []
    found = application(environ, lambda status, headers, *_: started.append((status, headers)))
    try:
        content = b"".join(found)
    finally:
        if hasattr(found, "close"):
            found.close()
    status, headers = started[0]
    return int(status.split()[0]), headers, content


def mirror(environ, start_response):
    """Answers what it saw."""
    size = int(environ.get("CONTENT_LENGTH") or 0)
    lines = [
        environ["REQUEST_METHOD"],
        environ["PATH_INFO"].encode("latin-1").decode(),
        environ["QUERY_STRING"],
        environ["HTTP_HOST"],
        environ["REMOTE_ADDR"],
        environ["wsgi.url_scheme"],
        environ.get("HTTP_COOKIE", ""),
        str(len(environ["wsgi.input"].read(size))),
    ]
    start_response("200 OK", [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("Content-Type", "text/plain")])
    return ["\n".join(lines).encode()]


def test_a_page_sees_the_request_as_it_came_and_the_browser_the_whole_answer(behind):
    relay = behind(relayed(mirror))
    path = "/产品/a b?c%".encode().decode("latin-1")  # as PEP 3333 has it
    status, headers, body = call(
        relay, path, method="POST", query="q=%C3%A9&x=1", body=b"x" * 300_000,
        HTTP_COOKIE="session=1", HTTP_CONNECTION="keep-alive",
    )  # fmt: skip
    assert status == 200
    assert body.decode().split("\n") == [
        "POST", "/产品/a b?c%", "q=%C3%A9&x=1", "shop.example", "203.0.113.9", "https", "session=1", "300000",
    ]  # fmt: skip
    assert [value for name, value in headers if name == "Set-Cookie"] == ["a=1", "b=2"]


def test_nobody_can_claim_another_address_through_the_relay(behind):
    forged = {"HTTP_X_RELAYED_FOR": "198.51.100.1", "HTTP_X_RELAYED_PROTO": "http"}
    _, _, body = call(behind(relayed(mirror)), **forged)
    assert body.decode().split("\n")[4:6] == ["203.0.113.9", "https"]


def test_a_long_answer_comes_in_pieces_and_an_empty_one_not_at_all(behind):
    def application(environ, start_response):
        if environ["PATH_INFO"] == "/none":
            start_response("304 Not Modified", [("ETag", '"x"')])
            return []
        start_response("200 OK", [("Content-Type", "text/plain")])
        return (b"y" * 50_000 for _ in range(40))

    relay = behind(application)
    assert call(relay, "/long")[2] == b"y" * 2_000_000
    assert call(relay, "/none")[::2] == (304, b"")


def test_pages_that_are_away_are_a_502_and_too_many_at_once_a_503(behind):
    go_on = threading.Event()

    def slow(environ, start_response):
        go_on.wait(10)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"done"]

    assert call(Relay("nobody-listens-here"))[0] == 502
    relay, found = behind(slow), []
    threads = [
        threading.Thread(target=lambda: found.append(call(relay)[0])) for _ in range(IN_FLIGHT_MAX + 3)
    ]
    for thread in threads:
        thread.start()
    end = time.monotonic() + 10
    while len(found) < 3 and time.monotonic() < end:
        time.sleep(0.02)
    assert found == [503] * 3
    go_on.set()
    for thread in threads:
        thread.join()
    assert sorted(found) == [200] * IN_FLIGHT_MAX + [503] * 3
    assert call(relay)[0] == 200  # every place is free again


def test_the_hot_group_answers_what_the_whole_product_answers_under_the_same_names():
    whole = get_resolver("adplatform.urls")
    for pattern in get_resolver("adplatform.hot_urls").url_patterns:
        for route in getattr(pattern, "url_patterns", [pattern]):
            name, arguments = route.name, {k: SAMPLES[k] for k in route.pattern.converters}
            path = get_resolver("adplatform.hot_urls").reverse(name, **arguments)
            assert whole.reverse(name, **arguments) == path
            assert f"/{path}".startswith(hot_urls.PREFIXES)


SAMPLES = {
    "token": "x",
    "creative_id": "01a20d69-0000-7000-8000-000000000000",
    "digest": "0123456789abcdef",
    "extension": "webp",
}

SEED = """
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from accounts.models import ApiKey
from tests import factories
from tests.campaigns.serving_cast import make_live, make_variant
shop = factories.make_advertiser("shop")
make_variant(*make_live(shop))
print(factories.make_key(shop, ApiKey.Kind.PUBLISHABLE))
"""
PAUSE = """
import django
django.setup()
from campaigns.models import Campaign
from campaigns.services import campaign_pause
campaign = Campaign.objects.get()
campaign_pause(advertiser=campaign.advertiser, campaign_id=campaign.pk)
"""


def run(code, environment):
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


def ask(port, key):
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/v1/decisions",
        b'{"placements": ["hero"]}',
        {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        return answer.read()


def test_two_real_processes_obey_a_pause_within_two_seconds_and_leave_their_counts(tmp_path, unused_port):
    environment = {
        **os.environ,
        "VAR_DIR": str(tmp_path),
        "DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3",
        "DJANGO_SETTINGS_MODULE": "adplatform.settings",
        "ALLOWED_HOSTS": "127.0.0.1",
    }
    key = run(SEED, environment)
    pages, hot = web_children("127.0.0.1", unused_port, 2, 1)
    for child in (pages, hot):
        child.environment = {**environment, **child.environment}
        child.start()
    try:
        end = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{unused_port}/readyz", timeout=5) as answer:
                    assert answer.status == 200  # through the relay
                    break
            except (urllib.error.URLError, OSError):
                assert time.monotonic() < end
                time.sleep(0.2)
        with urllib.request.urlopen(f"http://127.0.0.1:{unused_port}/login/", timeout=10) as answer:
            assert b"csrfmiddlewaretoken" in answer.read()
        # A new connection each: both processes answer some of them.
        assert all(b'"filled":true' in ask(unused_port, key) for _ in range(40))
        run(PAUSE, environment)  # returns after its commit
        time.sleep(2.0)
        answers = [ask(unused_port, key) for _ in range(40)]
        assert all(b'"reason":"campaign_not_live"' in answer for answer in answers)
    finally:
        for child in (hot, pages):
            child.ask_to_stop()
        for child in (hot, pages):
            child.wait_or_kill()
    with sqlite3.connect(Path(tmp_path) / "db.sqlite3") as database:
        rows = dict(
            database.execute("SELECT outcome, SUM(decisions) FROM campaigns_decisioncount GROUP BY outcome")
        )
    assert rows == {"generic": 40, "none": 40}


@pytest.fixture
def unused_port():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
