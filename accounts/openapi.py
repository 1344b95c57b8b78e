"""What every operation's schema says by itself, without a line at the view."""

from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter

from accounts.idempotency import HEADER, KEY_LIMIT

_KEY = OpenApiParameter(
    HEADER,
    {"type": "string", "maxLength": KEY_LIMIT},
    OpenApiParameter.HEADER,
    description="Your own random text for this request. Sent again with the same body within 24 hours, the "
    "stored answer comes back with `Idempotent-Replayed: true`; with another body 422 "
    "`idempotency_key_reused`, while the first is being worked on 409 `idempotency_in_flight`.",
)


class ProductSchema(AutoSchema):
    """Names the Idempotency-Key of the operations that take one."""

    def get_override_parameters(self) -> list[Any]:
        handler = getattr(self.view, self.method.lower(), None)
        return [_KEY] if getattr(handler, "is_idempotent", False) else []
