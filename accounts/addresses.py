"""Where a request comes from."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

from django.conf import settings
from django.http import HttpRequest
from rest_framework.request import Request


def client_address(request: HttpRequest | Request) -> str:
    """The peer's address; behind a proxy, what that proxy appended to X-Forwarded-For.

    What stands before the last entry was sent by the client and proves nothing. Of an IPv6 address it is the
    network of its connection: limits for single ones would be none, as anybody has 2^64 of them.
    """
    peer = str(request.META.get("REMOTE_ADDR", ""))
    if settings.BEHIND_PROXY:
        forwarded = _without_port(request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip())
        return network_of(forwarded) or network_of(peer) or peer
    return network_of(peer) or peer


def network_of(address: str) -> str:
    """What a limit counts as one: an IPv4 address, the /64 of an IPv6 one, which is one customer's. Empty for
    what is no address."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or IPv6Address(int(parsed) >> 64 << 64))


def _without_port(text: str) -> str:
    """Some proxies append it: ``192.0.2.1:443``, ``[2001:db8::1]:443``."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
