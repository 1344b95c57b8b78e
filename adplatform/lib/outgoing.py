"""Requests to addresses that somebody else wrote down: never to the inside, never without an end.

requests-hardened resolves a name once, refuses private addresses and connects to the very address that it
checked, so a name that resolves to another one afterwards gains nothing. What it lacks is here: addresses
that are merely not public, and an end to answers that come one byte at a time, whose every byte starts the
usual timeout anew. Brings requests: for workers, not for the web.
"""

from __future__ import annotations

import ipaddress
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
from requests_hardened import Config, HTTPSession
from requests_hardened.ip_filter import InvalidIPAddress
from requests_hardened.ip_filter_adapter import IPFilterAdapter


class TooLong(Exception):
    """An exchange's time is over. No OSError: requests would take it for the network's and explain it."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raises TooLong in the block when they have passed, whatever it waits for but the name's resolution.

    A worker's task runs in the main thread of its process; elsewhere there is no such limit.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(*_: object) -> None:
        raise TooLong

    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def session_make(
    *, user_agent: str, timeout_seconds: tuple[float, float], allow_loopback: bool = False, ca_file: str = ""
) -> HTTPSession:
    """A session for one exchange, to be held within ``time_limit``. No redirects, no proxies, no ``.netrc``:
    they would go around the filter.

    ``timeout_seconds``: to connect, between two pieces of the answer. Its requests raise ``InvalidIPAddress``
    for addresses that are not public; ``allow_loopback`` permits this machine. ``ca_file``: certificates to
    believe instead of the public ones.
    """
    config = Config(
        ip_filter_enable=True,
        ip_filter_allow_loopback_ips=allow_loopback,
        never_redirect=True,
        default_timeout=timeout_seconds,
        user_agent_override=user_agent,
    )
    session = _Session(config)
    session.trust_env = False
    session.verify = ca_file or True
    session.mount("https://", _Adapter(is_https_proto=True, allow_loopback=allow_loopback))
    session.mount("http://", _Adapter(is_https_proto=False, allow_loopback=allow_loopback))
    return session


class _Session(HTTPSession):
    """requests-hardened's, to which no answer is a redirect.

    Told not to follow one, requests still prepares ``response.next``, and for that reads and unpacks the
    whole body, streamed or not. Callers read ``Location`` themselves.
    """

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


class _Adapter(IPFilterAdapter):
    """requests-hardened's, which also refuses what Python itself calls not public."""

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> tuple[Any, Any]:
        host_params, pool_kwargs = super().build_connection_pool_key_attributes(request, verify, cert)
        address = ipaddress.ip_address(host_params["host"].strip("[]"))
        if not address.is_global and not (self._allow_loopback and address.is_loopback):
            raise InvalidIPAddress(address)
        return host_params, pool_kwargs
