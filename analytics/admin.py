"""Raw records, to look at and never to change: figures come from events, events from storefronts."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from analytics.models import DailyRollup, DirtyHour, Event, ExchangeRate, HourlyInvalid


class ReadOnlyAdmin(ModelAdmin):
    """No adding, no changing, no deleting."""

    list_select_related = ("advertiser",)
    show_full_result_count = False  # counting a large table costs seconds

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    list_display = (
        "occurred_at",
        "advertiser",
        "kind",
        "validity",
        "invalid_reason",
        "device",
        "is_simulated",
    )
    list_filter = ("kind", "validity", "invalid_reason", "is_simulated", "advertiser")
    search_fields = ("event_id", "order_id")
    ordering = ("-occurred_at",)


@admin.register(DailyRollup)
class DailyRollupAdmin(ReadOnlyAdmin):
    list_display = (
        "day",
        "advertiser",
        "device",
        "impressions",
        "viewables",
        "clicks",
        "conversions",
        "computed_at",
    )
    list_filter = ("is_simulated", "advertiser")
    ordering = ("-day",)


@admin.register(HourlyInvalid)
class HourlyInvalidAdmin(ReadOnlyAdmin):
    list_display = ("hour", "advertiser", "kind", "reason", "events")
    list_filter = ("kind", "reason", "advertiser")
    ordering = ("-hour",)


@admin.register(DirtyHour)
class DirtyHourAdmin(ReadOnlyAdmin):
    list_display = ("hour", "advertiser", "created_at")
    ordering = ("hour",)


@admin.register(ExchangeRate)
class ExchangeRateAdmin(ReadOnlyAdmin):
    list_display = ("day", "advertiser", "currency", "rate")
    list_filter = ("currency", "advertiser")
    ordering = ("-day",)
