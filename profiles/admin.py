"""Raw records of profiles for the operator. What a shopper did can be looked at, not written."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from profiles.models import Behaviour, ConsentRecord, InterestProfile, Segment, SegmentMembership, Shopper


class ReadOnlyAdmin(ModelAdmin):
    """Rows that only the services write."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Shopper)
class ShopperAdmin(ReadOnlyAdmin):
    list_display = [
        "pseudonym", "advertiser", "language", "personalisation_allowed", "measurement_allowed",
        "has_objected", "is_minor", "is_simulated", "last_seen_at",
    ]  # fmt: skip
    list_filter = ["advertiser", "personalisation_allowed", "is_minor", "is_simulated", "language"]
    search_fields = ["pseudonym"]


# ShopperKey is left out: nobody looks at shops' keys.
@admin.register(ConsentRecord)
class ConsentRecordAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "shopper", "purposes", "objection", "text_version", "source"]
    list_filter = ["advertiser", "personalisation", "text_version", "source"]
    list_select_related = ["shopper"]


@admin.register(Behaviour)
class BehaviourAdmin(ReadOnlyAdmin):
    list_display = ["occurred_at", "kind", "text", "product_external_id", "interests", "shopper"]
    list_filter = ["advertiser", "kind"]
    list_select_related = ["shopper"]
    search_fields = ["event_id", "text", "product_external_id"]


@admin.register(InterestProfile)
class InterestProfileAdmin(ReadOnlyAdmin):
    list_display = ["shopper", "top_interest", "computed_at"]
    list_filter = ["advertiser", "top_interest"]
    list_select_related = ["shopper"]


@admin.register(Segment)
class SegmentAdmin(ReadOnlyAdmin):
    list_display = ["name", "advertiser", "kind", "size", "is_active", "refreshed_at"]
    list_filter = ["advertiser", "kind", "is_active"]
    search_fields = ["name", "slug"]


@admin.register(SegmentMembership)
class SegmentMembershipAdmin(ReadOnlyAdmin):
    list_display = ["segment", "shopper", "strength"]
    list_filter = ["segment"]
    list_select_related = ["segment", "shopper"]
