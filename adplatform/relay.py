"""Hands requests from the public port to the worker group of pages, over a socket that only we can open.

So one port serves everything while pages have processes of their own. A machine with a proxy in front needs
none of this: the proxy tells the two groups apart by path (docs/operations.md).
"""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import structlog

log = structlog.get_logger(__name__)

CHUNK_BYTES = 64 * 1024
WHOLE_BYTES = 1024 * 1024
TIMEOUT_SECONDS = 300.0  # an export of a large report
# At most so many page requests of a worker at once: a blocking thread each, and the others are for decisions.
IN_FLIGHT_MAX = 12
ADDRESS, SCHEME = "HTTP_X_RELAYED_FOR", "HTTP_X_RELAYED_PROTO"
HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer"}
    | {"transfer-encoding", "upgrade", "proxy-connection"}
)
# RFC 3986's characters that may stand in a path as they are.
PATH_SAFE = "/:@!$&'()*+,;=~-._"

StartResponse = Callable[..., Any]
Environ = dict[str, Any]


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=TIMEOUT_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Relay:
    """A WSGI application that is another one, behind a Unix socket."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._free = threading.BoundedSemaphore(IN_FLIGHT_MAX)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if not self._free.acquire(blocking=False):
            return _refusal(start_response, HTTPStatus.SERVICE_UNAVAILABLE, "Too many pages at once.")
        connection = _UnixConnection(self._path)
        try:
            response = _ask(connection, environ)
        except (OSError, http.client.HTTPException) as error:
            # Not the address: it may hold a shopper's key or a signed token.
            log.warning("pages_unreachable", method=environ["REQUEST_METHOD"], error=repr(error))
            self._end(connection)
            return _refusal(start_response, HTTPStatus.BAD_GATEWAY, "The pages do not answer right now.")
        except BaseException:
            self._end(connection)
            raise
        headers = [(name, value) for name, value in response.getheaders() if name.lower() not in HOP_BY_HOP]
        start_response(f"{response.status} {response.reason}", headers)
        body = _Body(response, lambda: self._end(connection))
        if response.length is None or response.length > WHOLE_BYTES:
            return body
        try:  # a page: taken whole, so that a slow reader keeps nothing busy
            return [b"".join(body)]
        finally:
            body.close()

    def _end(self, connection: _UnixConnection) -> None:
        connection.close()
        self._free.release()


class _Body:
    """The answer's body as it arrives; ends the request when the server is done with it."""

    def __init__(self, response: http.client.HTTPResponse, end: Callable[[], None]) -> None:
        self._response = response
        self._end: Callable[[], None] | None = end

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self._response.read1(CHUNK_BYTES):
            yield chunk

    def close(self) -> None:
        end, self._end = self._end, None
        if end is not None:
            end()


def _ask(connection: _UnixConnection, environ: Environ) -> http.client.HTTPResponse:
    target = quote(environ["PATH_INFO"].encode("latin-1"), safe=PATH_SAFE) or "/"
    if environ.get("QUERY_STRING"):
        target += "?" + environ["QUERY_STRING"]
    connection.putrequest(environ["REQUEST_METHOD"], target, skip_host=True, skip_accept_encoding=True)
    length = environ.get("CONTENT_LENGTH", "")
    is_chunked = not length and "HTTP_TRANSFER_ENCODING" in environ
    for name, value in _headers(environ):
        connection.putheader(name, value)
    if is_chunked:
        connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    if length or is_chunked:
        for chunk in iter(lambda: environ["wsgi.input"].read(CHUNK_BYTES), b""):
            connection.send(b"%x\r\n%s\r\n" % (len(chunk), chunk) if is_chunked else chunk)
        if is_chunked:
            connection.send(b"0\r\n\r\n")
    return connection.getresponse()


def _headers(environ: Environ) -> Iterator[tuple[str, str]]:
    """The request's own headers, and whom it came from; a sender's word about that is not passed on."""
    yield "Host", environ.get("HTTP_HOST") or f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}"
    for key, name in (("CONTENT_TYPE", "Content-Type"), ("CONTENT_LENGTH", "Content-Length")):
        if environ.get(key):
            yield name, environ[key]
    for key, value in environ.items():
        name = key.removeprefix("HTTP_").replace("_", "-").title()
        is_ours = key in ("HTTP_HOST", ADDRESS, SCHEME)
        if key.startswith("HTTP_") and not is_ours and name.lower() not in HOP_BY_HOP:
            yield name, value
    yield "X-Relayed-For", environ.get("REMOTE_ADDR", "")
    yield "X-Relayed-Proto", environ["wsgi.url_scheme"]
    yield "Connection", "close"


def _refusal(start_response: StartResponse, status: HTTPStatus, sentence: str) -> list[bytes]:
    body = f"{sentence} Try again in a moment.\n".encode()
    headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(body))), ("Retry-After", "2")]
    start_response(f"{status.value} {status.phrase}", headers)
    return [body]


def relayed(application: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    """The other end: the application sees the address and scheme of the request that was relayed to it.

    Only for an application that listens on nothing but the relay's socket.
    """

    def restored(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        environ["REMOTE_ADDR"] = environ.pop(ADDRESS, "")
        environ["wsgi.url_scheme"] = environ.pop(SCHEME, "http")
        return application(environ, start_response)

    return restored
