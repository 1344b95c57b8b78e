"""Links to stored files. The media folder is not public: a link is a capability that expires.

Pages and the API hand out links only for rows their reader may see; the signature covers the file's
name and the day, so a link lives 24 to 48 hours and stays the same within a day, for the browser's
cache.
"""

from __future__ import annotations

import mimetypes
from datetime import UTC, date, datetime, timedelta

from django.core.files.storage import default_storage
from django.core.signing import Signer
from django.http import FileResponse, Http404, HttpRequest, HttpResponseBase
from django.urls import reverse
from django.utils.crypto import constant_time_compare


def _signature(name: str, day: date) -> str:
    return Signer(salt="adplatform.media.v1").signature(f"{day.isoformat()}/{name}")


def media_url(name: str) -> str:
    """An expiring link to a storage name; the empty string for the empty name."""
    if not name:
        return ""
    return f"{reverse('media', args=[name])}?s={_signature(name, datetime.now(UTC).date())}"


def media_view(request: HttpRequest, name: str) -> HttpResponseBase:
    """The stored file, for a link made today or yesterday; 404 otherwise."""
    given = request.GET.get("s", "")
    today = datetime.now(UTC).date()
    if not any(
        constant_time_compare(given, _signature(name, day)) for day in (today, today - timedelta(days=1))
    ):
        raise Http404
    try:
        file = default_storage.open(name, "rb")
    except FileNotFoundError:
        raise Http404 from None
    response = FileResponse(file, content_type=mimetypes.guess_type(name)[0] or "application/octet-stream")
    response["Cache-Control"] = "private, max-age=86400, immutable"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response
