"""Pure: hosts that no request of ours may go to, as far as their names tell."""

from __future__ import annotations

import ipaddress

_INSIDE = ("localhost", ".localhost", ".local", ".internal", ".home.arpa")


def is_loopback_name(host: str) -> bool:
    """Whether a URL's host names this machine."""
    name = host.rstrip(".").lower()
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return name == "localhost"


def is_inside_name(host: str) -> bool:
    """Whether a URL's host lies inside a private network, as far as its name tells.

    A name that only resolves to such an address is found out when it is connected to.
    """
    name = host.rstrip(".").lower()
    try:
        address = ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        # A last label of digits: 127.1 and its like are addresses too.
        return name.endswith(_INSIDE) or "." not in name or name.rpartition(".")[2].isdigit()
    return not address.is_global or address.is_multicast
