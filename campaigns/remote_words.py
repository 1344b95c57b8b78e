"""Pure: why a product's picture did not come from its web address, and what to do about it."""

from __future__ import annotations

from enum import StrEnum


class FetchCode(StrEnum):
    """Why not; the codes of the picture itself are those of ``campaigns.feeds.rows.RowCode``."""

    FETCHING_OFF = "fetching_off"
    HOST_NOT_ALLOWED = "host_not_allowed"
    NOT_HTTPS = "not_https"
    PORT_NOT_ALLOWED = "port_not_allowed"
    ADDRESS_FORBIDDEN = "address_forbidden"
    ADDRESS_INVALID = "address_invalid"
    TOO_MANY_REDIRECTS = "too_many_redirects"
    CONNECTION_FAILED = "connection_failed"
    TLS_FAILED = "tls_failed"
    TIMED_OUT = "timed_out"
    NOT_FOUND = "not_found"
    ACCESS_DENIED = "access_denied"
    UNEXPECTED_ANSWER = "unexpected_answer"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    NOT_AN_IMAGE = "not_an_image"
    IMAGE_SVG = "image_svg"
    ENCODING_REFUSED = "encoding_refused"
    IMAGE_TOO_LARGE = "image_too_large"
    IMAGE_TOO_SMALL = "image_too_small"
    IMAGE_BROKEN = "image_broken"
    WORKER_LOST = "worker_lost"


# These pass by themselves: they are tried again.
TRANSIENT = frozenset(
    {
        FetchCode.CONNECTION_FAILED,
        FetchCode.TLS_FAILED,
        FetchCode.TIMED_OUT,
        FetchCode.RATE_LIMITED,
        FetchCode.SERVER_ERROR,
    }
)
REASONS: dict[str, tuple[str, str]] = {
    FetchCode.FETCHING_OFF: (
        "Fetching pictures from web addresses is switched off here.",
        "Bring the picture as a file, or ask the operator for REMOTE_PICTURES.",
    ),
    FetchCode.HOST_NOT_ALLOWED: (
        "Pictures are fetched from certain hosts only, and this one is not among them.",
        "Bring the picture as a file, or ask the operator to add the host to REMOTE_PICTURES_HOSTS.",
    ),
    FetchCode.NOT_HTTPS: (
        "The address, or one that it leads to, is not https.",
        "Name an address that begins with https:// and stays there.",
    ),
    FetchCode.PORT_NOT_ALLOWED: (
        "The address names another port than that of https.",
        "Name an address without a port.",
    ),
    FetchCode.ADDRESS_FORBIDDEN: (
        "The address, or one that it leads to, lies inside a private network.",
        "Name an address that anybody on the internet can open.",
    ),
    FetchCode.ADDRESS_INVALID: (
        "The address, or one that it leads to, is not a web address.",
        "Correct image_link in the feed.",
    ),
    FetchCode.TOO_MANY_REDIRECTS: (
        "The address leads on and on.",
        "Name the address that the picture really has.",
    ),
    FetchCode.CONNECTION_FAILED: (
        "The host cannot be reached.",
        "Open the address in a browser; when that works, try again.",
    ),
    FetchCode.TLS_FAILED: (
        "The host's certificate is not valid.",
        "Have the certificate renewed, then try again.",
    ),
    FetchCode.TIMED_OUT: (
        "The answer took too long.",
        "Make the picture smaller or the host faster, then try again.",
    ),
    FetchCode.NOT_FOUND: ("There is no picture at the address.", "Correct image_link in the feed."),
    FetchCode.ACCESS_DENIED: (
        "The host does not hand the picture out.",
        "Let pictures be read without signing in, also by adplatform-pictures.",
    ),
    FetchCode.UNEXPECTED_ANSWER: (
        "The host gave an answer that is no picture.",
        "Open the address in a browser; when that works, try again.",
    ),
    FetchCode.RATE_LIMITED: (
        "The host asks for patience.",
        "It is asked again later; if it goes on, let adplatform-pictures ask more often.",
    ),
    FetchCode.SERVER_ERROR: ("The host has a fault.", "It is asked again later; tell who runs it."),
    FetchCode.NOT_AN_IMAGE: (
        "What lies at the address is not a picture.",
        "Name the picture itself, not a page that shows it.",
    ),
    FetchCode.IMAGE_SVG: (
        "The picture is an SVG, which can hold programs.",
        "Bring it as PNG, JPEG or WebP.",
    ),
    FetchCode.ENCODING_REFUSED: (
        "The host packs the picture once more (Content-Encoding).",
        "Switch packing off for pictures on that host.",
    ),
    FetchCode.IMAGE_TOO_LARGE: (
        "The picture has more than 10 MB or more than 16 megapixels.",
        "Name a smaller picture.",
    ),
    FetchCode.IMAGE_TOO_SMALL: (
        "The picture has fewer than 32 pixels on a side.",
        "Name a larger picture.",
    ),
    FetchCode.IMAGE_BROKEN: (
        "The picture cannot be decoded.",
        "Name a JPEG, PNG, WebP, GIF, BMP or AVIF that opens in a browser.",
    ),
    FetchCode.WORKER_LOST: (
        "Working on the picture ended the worker, more than once.",
        "Bring another picture; tell the operator.",
    ),
}


def reason_words(code: str) -> tuple[str, str]:
    """(what is wrong, what to do) as sentences; two empty ones without a code."""
    return REASONS.get(code, ("", ""))
