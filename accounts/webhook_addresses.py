"""Pure: hosts that no webhook may be sent to, as far as their names tell.

A name that only resolves to such an address is found out when the message is sent: the address that is
checked is then the one that is connected to.
"""

from __future__ import annotations

import ipaddress

from django.conf import settings

_INSIDE = ("localhost", ".localhost", ".local", ".internal", ".home.arpa")


def address_problem(host: str) -> str:
    """Why not, in a sentence; the empty string when the name itself is no reason."""
    name = host.rstrip(".").lower()
    try:
        address = ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        is_loopback, is_inside = name == "localhost", name.endswith(_INSIDE) or "." not in name
        is_inside = is_inside or name.rpartition(".")[2].isdigit()  # 127.1 and its like are addresses too
    else:
        is_loopback, is_inside = address.is_loopback, not address.is_global or address.is_multicast
    if not is_inside or (is_loopback and settings.WEBHOOKS_ALLOW_LOOPBACK):
        return ""
    return "The address lies inside a private network; webhooks go to public ones only."
