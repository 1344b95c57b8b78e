"""Template filters that every page shares. ``{% load product %}``."""

from __future__ import annotations

from typing import Any

from django import template
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from adplatform.lib import media
from adplatform.lib.money import money_text
from adplatform.navigation import NAVIGATION, Group

register = template.Library()

# One colour a state, the same on every page.
_TONES = {
    "queued": "neutral", "leased": "info", "succeeded": "good", "rejected": "bad", "dead": "bad",
    "cancelled": "neutral", "in_review": "warn", "approved": "good", "withdrawn": "neutral",
    "open": "info", "draft": "neutral", "live": "good", "paused": "warn", "ended": "neutral",
    "preview": "info",
    "applied": "good", "failed": "bad", "in_stock": "good", "out_of_stock": "warn", "preorder": "info",
    "backorder": "info", "valid": "good", "invalid": "bad",
    "pending": "info", "delivered": "good", "waiting": "info", "fetched": "good", "refused": "bad",
}  # fmt: skip


@register.filter
def media_url(name: str) -> str:
    """``{{ creative.file|media_url }}``"""
    return media.media_url(name)


@register.filter
def money(cents: int | None, currency: str) -> str:
    """``{{ product.price_cents|money:product.currency }}`` -> ``89.90 EUR``"""
    return "–" if cents is None else money_text(cents, currency)


@register.filter
def percent(rate: float | None, digits: int = 2) -> str:
    """A fraction as a percentage; an en dash when there is none."""
    return "–" if rate is None else f"{rate * 100:.{digits}f} %"


@register.filter
def share(rate: float | None) -> int:
    """A fraction as whole percents, for a bar's class: ``w-{{ rate|share }}``."""
    return round(100 * min(max(rate or 0.0, 0.0), 1.0))


@register.simple_tag
def status_badge(row: Any, field: str = "status") -> SafeString:
    """``{% status_badge job %}``: the row's status in its colour, in words."""
    value = getattr(row, field)
    return format_html(
        '<span class="badge badge-{}">{}</span>',
        _TONES.get(value, "neutral"),
        getattr(row, f"get_{field}_display")(),
    )


@register.simple_tag(takes_context=True)
def query(context: dict[str, Any], **changes: Any) -> str:
    """The page's query string with some parameters changed: ``<a href="{% query page=3 %}">``."""
    request: HttpRequest = context["request"]
    parameters = request.GET.copy()
    for name, value in changes.items():
        if value in (None, ""):
            parameters.pop(name, None)
        else:
            parameters[name] = value
    return f"?{parameters.urlencode()}"


@register.simple_tag
def navigation() -> tuple[Group, ...]:
    """``{% navigation as groups %}``"""
    return NAVIGATION
