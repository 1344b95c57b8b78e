"""One picture from a web address, within limits of time, size, kind and place. No database. For workers only.

Nothing that the host says is believed: what comes back is bytes that ``catalog_pictures`` checks and draws
anew. No text of an answer ever reaches a person or a log.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from fnmatch import fnmatchcase
from urllib.parse import urljoin, urlsplit

import requests
from django.conf import settings
from requests_hardened.ip_filter import InvalidIPAddress
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as UrllibTimeout

from adplatform.lib.inside_names import is_inside_name
from adplatform.lib.outgoing import TooLong, session_make, time_limit
from campaigns.catalog_pictures import MAX_BYTES
from campaigns.feeds.rows import url_problem
from campaigns.remote_words import TRANSIENT, FetchCode

USER_AGENT = "adplatform-pictures/1"
TIMEOUT_SECONDS = (5.0, 8.0)  # to connect, between two pieces of the answer
MAX_REDIRECTS = 3
CHUNK = 64 * 1024
RETRY_LONGEST = timedelta(hours=6)  # of what a host may ask for
# S3 and its like say octet-stream of what they know nothing of; the bytes decide in any case.
CONTENT_TYPES = frozenset(
    {
        "image/jpeg", "image/jpg", "image/pjpeg", "image/png", "image/webp", "image/gif", "image/bmp",
        "image/x-ms-bmp", "image/avif", "application/octet-stream", "binary/octet-stream", "",
    }
)  # fmt: skip


class FetchError(Exception):
    """No picture; ``retry_after`` is what the host asked for."""

    def __init__(self, code: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.retry_after = retry_after

    @property
    def is_transient(self) -> bool:
        return self.code in TRANSIENT


@dataclass(frozen=True)
class Fetched:
    """``content`` is None when the host says that the picture is still the one with these marks."""

    content: bytes | None
    etag: str = ""
    last_modified: str = ""


def address_check(url: str) -> None:
    """Refuse an address before anything is sent. Raises FetchError."""
    if not settings.REMOTE_PICTURES:
        raise FetchError(FetchCode.FETCHING_OFF)
    if url_problem(url):
        raise FetchError(FetchCode.ADDRESS_INVALID)
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".").lower()
    if parts.scheme != "https":
        raise FetchError(FetchCode.NOT_HTTPS)
    if (parts.port or 443) not in settings.REMOTE_PICTURES_PORTS:
        raise FetchError(FetchCode.PORT_NOT_ALLOWED)
    allowed = settings.REMOTE_PICTURES_HOSTS
    if allowed and not any(fnmatchcase(host, pattern.lower()) for pattern in allowed):
        raise FetchError(FetchCode.HOST_NOT_ALLOWED)
    if is_inside_name(host):
        raise FetchError(FetchCode.ADDRESS_FORBIDDEN)


def picture_fetch(url: str, *, etag: str = "", last_modified: str = "", now: datetime) -> Fetched:
    """Ask for a picture, or, with the marks of the one we have, whether it changed. Raises FetchError."""
    marks = {"If-None-Match": etag, "If-Modified-Since": last_modified}
    headers = {name: value for name, value in marks.items() if value}
    end = time.monotonic() + settings.REMOTE_PICTURES_SECONDS
    for _ in range(MAX_REDIRECTS + 1):
        address_check(url)
        found = _exchange(url, headers, end - time.monotonic(), now)
        if isinstance(found, Fetched):
            return found
        try:
            url = urljoin(url, found)
        except ValueError:  # its text would be the host's
            raise FetchError(FetchCode.ADDRESS_INVALID) from None
    raise FetchError(FetchCode.TOO_MANY_REDIRECTS)


def _exchange(url: str, headers: dict[str, str], seconds: float, now: datetime) -> Fetched | str:
    """The picture, or the address to ask instead."""
    if seconds <= 0:
        raise FetchError(FetchCode.TIMED_OUT)
    host = urlsplit(url).hostname or ""
    session = session_make(
        user_agent=USER_AGENT,
        timeout_seconds=TIMEOUT_SECONDS,
        allow_loopback=host in settings.REMOTE_PICTURES_LOOPBACK_HOSTS,
        ca_file=settings.REMOTE_PICTURES_CA,
    )
    asked = {
        "Accept": "image/avif,image/webp,image/png,image/jpeg,image/*;q=0.8",
        "Accept-Encoding": "identity",
    }
    try:
        given = {**asked, **headers}
        with time_limit(seconds), session, session.get(url, headers=given, stream=True) as response:
            return _answer(response, now)
    except (TooLong, requests.Timeout, TimeoutError, UrllibTimeout):
        raise FetchError(FetchCode.TIMED_OUT) from None
    except InvalidIPAddress:
        raise FetchError(FetchCode.ADDRESS_FORBIDDEN) from None
    except (requests.exceptions.InvalidURL, UnicodeError):
        raise FetchError(FetchCode.ADDRESS_INVALID) from None
    except requests.exceptions.SSLError:
        raise FetchError(FetchCode.TLS_FAILED) from None
    except (requests.RequestException, HTTPError, OSError, ValueError):
        raise FetchError(FetchCode.CONNECTION_FAILED) from None


def _answer(response: requests.Response, now: datetime) -> Fetched | str:
    status, headers = response.status_code, response.headers
    if status == 304:
        return Fetched(None)
    if status in (301, 302, 303, 307, 308) and headers.get("Location"):
        return headers["Location"]
    if status in (404, 410):
        raise FetchError(FetchCode.NOT_FOUND)
    if status in (401, 402, 403, 407, 451):
        raise FetchError(FetchCode.ACCESS_DENIED)
    if status == 429:
        raise FetchError(FetchCode.RATE_LIMITED, retry_after=_retry_after(headers, now))
    if status >= 500:
        raise FetchError(FetchCode.SERVER_ERROR, retry_after=_retry_after(headers, now))
    if status != 200:
        raise FetchError(FetchCode.UNEXPECTED_ANSWER)
    kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if "svg" in kind:
        raise FetchError(FetchCode.IMAGE_SVG)
    if kind not in CONTENT_TYPES:
        raise FetchError(FetchCode.NOT_AN_IMAGE)
    if headers.get("Content-Encoding", "identity").strip().lower() not in ("identity", ""):
        raise FetchError(FetchCode.ENCODING_REFUSED)
    length = headers.get("Content-Length", "").strip()
    if length.isdecimal() and int(length[:20]) > MAX_BYTES:
        raise FetchError(FetchCode.IMAGE_TOO_LARGE)
    content = bytearray()
    while chunk := response.raw.read1(CHUNK, decode_content=False):
        content += chunk
        if len(content) > MAX_BYTES:
            raise FetchError(FetchCode.IMAGE_TOO_LARGE)
    if length.isdecimal() and len(content) < int(length[:20]):  # it broke off: the next try may be whole
        raise FetchError(FetchCode.CONNECTION_FAILED)
    if _is_markup(bytes(content[:512])):
        raise FetchError(FetchCode.IMAGE_SVG if b"<svg" in content[:4096].lower() else FetchCode.NOT_AN_IMAGE)
    return Fetched(
        bytes(content), _mark(headers.get("ETag", ""), 256), _mark(headers.get("Last-Modified", ""), 64)
    )


def _is_markup(start: bytes) -> bool:
    return start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def _mark(value: str, limit: int) -> str:
    """What may be sent back later: a short line of plain characters, or nothing."""
    value = value.strip()
    return value if len(value) <= limit and value.isascii() and value.isprintable() else ""


def _retry_after(headers: requests.structures.CaseInsensitiveDict[str], now: datetime) -> timedelta | None:
    value = headers.get("Retry-After", "").strip()
    if value.isdecimal():
        wait = timedelta(seconds=int(value[:6]))
    else:
        try:
            at = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return None
        wait = (at if at.tzinfo else at.replace(tzinfo=UTC)) - now
    return min(max(wait, timedelta()), RETRY_LONGEST)
