"""What a host of pictures may do to us, from a real HTTPS host that does all a host can do."""

from __future__ import annotations

import gzip
import socket
import time
import tracemalloc
from datetime import timedelta

import pytest
from django.utils import timezone
from structlog.testing import capture_logs

from adplatform.lib.outgoing import session_make
from campaigns import remote_fetching, remote_working
from campaigns.models import Product, RemotePicture
from campaigns.remote_fetching import FetchError, picture_fetch
from campaigns.remote_words import FetchCode
from tests.campaigns.catalog_cast import feed, line, run
from tests.campaigns.picture_host import (
    Names,
    ask,
    bomb,
    drip,
    drip_headers,
    endless,
    picture,
)

pytestmark = pytest.mark.django_db


HOSTILE = {
    "svg": (
        FetchCode.IMAGE_SVG,
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        {"Content_Type": "image/svg+xml"},
    ),
    "svg said to be a png": (FetchCode.IMAGE_SVG, b"<?xml version='1.0'?><svg onload='alert(1)'/>", {}),
    "html said to be a png": (FetchCode.NOT_AN_IMAGE, b"\n <html><script>alert(1)</script>", {}),
    "html": (FetchCode.NOT_AN_IMAGE, b"<html>", {"Content_Type": "text/html"}),
    "bomb of pixels": (FetchCode.IMAGE_TOO_LARGE, bomb(), {}),
    "17 megapixels": (FetchCode.IMAGE_TOO_LARGE, bomb(4124), {}),
    "tiny": (FetchCode.IMAGE_TOO_SMALL, picture(size=(8, 8)), {}),
    "cut off": (FetchCode.IMAGE_BROKEN, picture()[:90], {}),
    "empty": (FetchCode.IMAGE_BROKEN, b"", {}),
    "noise": (FetchCode.IMAGE_BROKEN, b"\x00\x01" * 99, {}),
    "packed": (FetchCode.ENCODING_REFUSED, gzip.compress(b"\0" * 10**7), {"Content_Encoding": "gzip"}),
    "gone": (FetchCode.NOT_FOUND, b"no", {"status": 404}),
    "private": (FetchCode.ACCESS_DENIED, b"no", {"status": 403}),
    "teapot": (FetchCode.UNEXPECTED_ANSWER, b"no", {"status": 418}),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_usable_picture_is_refused_for_good_with_its_code(shop, host, name):
    code, body, options = HOSTILE[name]
    row = ask(shop, host.give("/x", body, **options))
    assert (row.status, row.code, row.available_at) == ("refused", code, None)
    assert Product.objects.get().image == ""


def test_a_header_that_promises_10_gb_is_believed_and_nothing_is_read(shop, host):
    row = ask(shop, host.give("/x", picture(), Content_Length=str(10 * 2**30)))
    assert (row.status, row.code) == ("refused", "image_too_large")


def test_a_stream_without_an_end_is_left_at_10_mb(shop, host):
    host.answers["/x"] = endless
    began = time.monotonic()
    row = ask(shop, host.url("/x"))
    assert (row.status, row.code) == ("refused", "image_too_large")
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("answer", [drip, drip_headers])
def test_a_slow_drip_ends_at_the_time_limit_and_is_tried_again_later(shop, host, answer):
    host.answers["/x"] = answer
    began = time.monotonic()
    row = ask(shop, host.url("/x"))
    assert 1.4 < time.monotonic() - began < 4
    assert (row.status, row.code, row.attempts) == ("waiting", "timed_out", 1)
    assert row.available_at > timezone.now() + timedelta(seconds=50)


@pytest.mark.parametrize(
    ("to", "code"),
    [
        ("http://pictures.test/a.png", "not_https"),
        ("https://127.0.0.1/a.png", "address_forbidden"),
        ("https://[::1]/a.png", "address_forbidden"),
        ("https://[::ffff:127.0.0.1]/a.png", "address_forbidden"),
        ("https://[64:ff9b::7f00:1]/a.png", "address_forbidden"),
        ("https://169.254.169.254/latest/meta-data/", "address_forbidden"),
        ("https://10.1.2.3/", "address_forbidden"),
        ("https://2130706433/", "address_forbidden"),
        ("https://0x7f000001/", "address_forbidden"),
        ("https://127.1/", "address_forbidden"),
        ("https://localhost/", "address_forbidden"),
        ("https://metadata.google.internal/", "address_forbidden"),
        ("https://rebound.test/", "address_forbidden"),
        ("https://six.test/", "address_forbidden"),
        ("https://mapped.test/", "address_forbidden"),
        ("https://user:word@shop.test/a.png", "address_invalid"),
        ("https://shop.test:22/", "port_not_allowed"),
        ("ftp://shop.test/a.png", "address_invalid"),
        ("file:///etc/passwd", "address_invalid"),
        ("https://[", "address_invalid"),
        ("//[words of the host]/a.png", "address_invalid"),
        ("/x", "too_many_redirects"),
    ],
)  # fmt: skip
def test_a_redirect_leads_nowhere_inside(shop, host, to, code, monkeypatch):
    names = Names(
        pictures_test=["127.0.0.1"], rebound_test=["127.0.0.1"], six_test=["fd00::1"],
        mapped_test=["::ffff:10.0.0.1"],
    )  # fmt: skip
    monkeypatch.setattr(socket, "getaddrinfo", names)
    row = ask(shop, host.lead("/x", to))
    assert (row.status, row.code) == ("refused", code)
    assert {path for path, _ in host.seen} == {"/x"}


@pytest.mark.parametrize("found", ["https://[", "//a\u2100b.example/a.png", "https://[words]/a.png"])
def test_a_redirect_to_what_is_no_address_is_an_invalid_address(monkeypatch, found):
    monkeypatch.setattr(remote_fetching, "_exchange", lambda *_: found)
    with pytest.raises(FetchError) as caught:
        picture_fetch("https://pictures.test/a.png", now=timezone.now())
    assert caught.value.code == FetchCode.ADDRESS_INVALID


@pytest.mark.parametrize("asked", ["Mon, 01 Jan 2020 00:00:00 +99999999999999", "soon", "\xb2"])
def test_a_wait_that_nobody_can_read_is_none(shop, host, asked):
    row = ask(shop, host.give("/x", b"", 429, Retry_After=asked))
    assert (row.status, row.code, row.attempts) == ("waiting", "rate_limited", 1)


def test_a_host_that_leads_nowhere_ends_no_other_shops_turn(shop, other_shop, host):
    run(shop, feed(line("A1", image_link=host.lead("/bad.png", "https://["))))
    run(other_shop, feed(line("B1", image_link=host.give("/good.png", picture()))))
    remote_working.pictures_fetch()
    assert RemotePicture.objects.get(advertiser=shop).code == "address_invalid"
    assert RemotePicture.objects.get(advertiser=other_shop).status == "fetched"


def test_nor_does_an_error_that_nobody_has_met_yet(shop, other_shop, host, monkeypatch):
    exchange = remote_fetching._exchange

    def broken(url, *rest):
        if url.endswith("/bad.png"):
            raise RecursionError("words of the host")
        return exchange(url, *rest)

    monkeypatch.setattr(remote_fetching, "_exchange", broken)
    run(shop, feed(*(line(f"A{number}", image_link=host.url("/bad.png")) for number in range(2))))
    run(other_shop, feed(line("B1", image_link=host.give("/good.png", picture()))))
    with capture_logs() as logs:
        remote_working.pictures_fetch()
    assert RemotePicture.objects.get(advertiser=other_shop).status == "fetched"
    (row,) = RemotePicture.objects.filter(advertiser=shop, attempts__gt=0)  # one in a call
    assert (row.status, row.attempts) == ("waiting", 1)
    assert row.available_at > timezone.now() + timedelta(seconds=100)  # the lease
    assert [entry["error"] for entry in logs if entry["event"] == "picture_broke"] == ["RecursionError"]
    assert "words of the host" not in str(logs)


def test_the_body_of_a_redirect_is_not_unpacked(host):
    packed = gzip.compress(bytes(10**8))
    host.give("/b.png", picture())
    url = host.give("/x", packed, 302, Location="/b.png", Content_Encoding="gzip")
    tracemalloc.start()
    try:
        assert picture_fetch(url, now=timezone.now()).content == picture()
        assert tracemalloc.get_traced_memory()[1] < 10**7
    finally:
        tracemalloc.stop()


def test_redirects_to_good_places_are_followed(shop, host):
    host.give("/b.png", picture())
    row = ask(shop, host.lead("/a", "/b.png", 301))
    assert row.status == "fetched"


@pytest.mark.parametrize(
    "answer",
    ["127.0.0.1", "10.0.0.7", "169.254.169.254", "::1", "fe80::1", "64:ff9b::a00:1", "0.0.0.0"],  # noqa: S104
)
def test_a_public_name_that_resolves_to_the_inside_is_never_connected_to(shop, host, monkeypatch, answer):
    monkeypatch.setattr(socket, "getaddrinfo", Names(rebound_test=[answer]))
    row = ask(shop, host.url("/a.png", "rebound.test"))
    assert (row.status, row.code) == ("refused", "address_forbidden")
    assert not host.seen


def test_a_name_is_resolved_once_and_that_address_is_connected_to(host, monkeypatch):
    """Rebinding: the second answer, were it asked for, leads inside; the connection goes to the first."""
    names = Names(rebound_test=["203.0.113.9", "127.0.0.1"])
    monkeypatch.setattr(socket, "getaddrinfo", names)
    with (
        pytest.raises(Exception, match=r"203\.0\.113\.9"),
        session_make(user_agent="t", timeout_seconds=(0.3, 0.3)) as session,
    ):
        session.get(host.url("/a.png", "rebound.test"))
    assert not host.seen


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://pictures.test/a.png", "not_https"),
        ("https://127.0.0.1/a.png", "address_forbidden"),
        ("https://shop.test:8443/a.png", "port_not_allowed"),
        ("https://nowhere.test/a.png", "connection_failed"),
    ],
)
def test_an_address_itself_is_held_to_the_same(shop, host, url, code):
    assert ask(shop, url).code == code


def test_a_certificate_of_a_stranger_is_not_believed(shop, host, settings):
    settings.REMOTE_PICTURES_CA = ""
    row = ask(shop, host.give("/a.png", picture()))
    assert (row.status, row.code) == ("waiting", "tls_failed")
    assert not host.seen
