"""What every log line says of where it comes from, and what none says of whom."""

from __future__ import annotations

import logging
import re
import secrets

REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{7,63}")


def request_id_of(sent: str) -> str:
    """The id that the proxy or the caller gave the request, where it is one, else a new one."""
    return sent if REQUEST_ID.fullmatch(sent) else secrets.token_hex(8)


class RouteFilter(logging.Filter):
    """Django's lines about a request name its route, ``/api/v1/shoppers/<str:shopper_key>``, not its address:
    addresses hold shoppers' keys and signed tokens.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        request = getattr(record, "request", None)
        if request is not None and isinstance(record.args, tuple) and record.args:
            match = getattr(request, "resolver_match", None)
            route = f"/{match.route}" if match is not None else "no route"
            path = getattr(request, "path", None)
            record.args = tuple(route if argument == path else argument for argument in record.args)
        return True
