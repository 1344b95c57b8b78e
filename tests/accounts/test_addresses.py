"""What counts as one source: an IPv4 address, or the /64 network of an IPv6 one."""

from __future__ import annotations

import pytest
from django.test import Client, RequestFactory

from accounts.addresses import client_address
from tests import factories


def of(peer: str, forwarded: str = "") -> str:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    return client_address(RequestFactory().get("/", REMOTE_ADDR=peer, headers=headers))


@pytest.mark.parametrize(
    ("peer", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::"),
        ("2001:db8:1:3::1", "2001:db8:1:3::"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::"),
        ("", ""),
    ],
)
def test_an_address_is_that_of_its_connection(peer, network):
    assert of(peer) == network


@pytest.mark.parametrize(
    ("forwarded", "network"),
    [
        ("203.0.113.9, 198.51.100.4", "198.51.100.4"),
        ("198.51.100.4:51234", "198.51.100.4"),
        ("[2001:db8:1:2::9]:443", "2001:db8:1:2::"),
        ("2001:db8:1:2::9", "2001:db8:1:2::"),
        ("unknown", "192.0.2.7"),
    ],
)
def test_behind_a_proxy_its_last_entry_counts_and_the_peer_where_that_is_none(settings, forwarded, network):
    settings.BEHIND_PROXY = True
    assert of("192.0.2.7", forwarded) == network


def test_wrong_passwords_from_one_network_lock_it_however_many_addresses_it_uses(db, settings):
    factories.make_advertiser("shop")
    statuses = [
        Client(REMOTE_ADDR=f"2001:db8:1:2::{number:x}")
        .post("/login/", {"username": "alice", "password": "wrong"})
        .status_code
        for number in range(1, 30)
    ]
    assert statuses[0] == 200
    assert statuses[-1] in (403, 429)
