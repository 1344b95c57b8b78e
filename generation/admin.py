"""Raw records of generation. History is read-only: jobs move through services, reviews through review."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline

from generation.models import BrandKit, Creative, CreativeVersion, RenderAttempt, RenderJob, ReviewRecord


class ReadOnly:
    """Look, do not touch: nobody edits what happened, not even an administrator."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class RenderAttemptInline(ReadOnly, TabularInline):
    model = RenderAttempt
    fields = ("epoch", "worker", "started_at", "ended_at", "outcome", "error_code")
    ordering = ("-epoch",)
    extra = 0


class CreativeInline(ReadOnly, TabularInline):
    model = Creative
    fields = ("width", "height", "status", "byte_count", "file")
    extra = 0
    show_change_link = True


@admin.register(RenderJob)
class RenderJobAdmin(ReadOnly, ModelAdmin):
    list_display = (
        "id", "advertiser", "status", "motif", "model", "attempts", "crashes", "error_code", "render_ms",
        "created_at",
    )  # fmt: skip
    list_filter = ("status", "error_code", "model", "advertiser")
    search_fields = ("id", "fingerprint", "prompt")
    list_select_related = ("advertiser",)
    inlines = (RenderAttemptInline, CreativeInline)


@admin.register(RenderAttempt)
class RenderAttemptAdmin(ReadOnly, ModelAdmin):
    list_display = ("job", "epoch", "worker", "outcome", "error_code", "started_at", "ended_at")
    list_filter = ("outcome", "error_code", "advertiser")
    search_fields = ("job__id", "worker")


class ReviewRecordInline(ReadOnly, TabularInline):
    model = ReviewRecord
    fields = ("created_at", "reviewer_name", "action", "from_status", "to_status", "reason", "comment")
    extra = 0


class CreativeVersionInline(ReadOnly, TabularInline):
    model = CreativeVersion
    fields = ("number", "headline", "call_to_action", "sha256", "edited_by", "created_at")
    extra = 0


@admin.register(Creative)
class CreativeAdmin(ReadOnly, ModelAdmin):
    list_display = ("id", "advertiser", "size", "status", "headline", "byte_count", "created_at")
    list_filter = ("status", "reject_reason", "advertiser")
    search_fields = ("id", "sha256", "headline", "job__id")
    list_select_related = ("advertiser",)
    inlines = (CreativeVersionInline, ReviewRecordInline)


@admin.register(ReviewRecord)
class ReviewRecordAdmin(ReadOnly, ModelAdmin):
    list_display = ("created_at", "creative", "reviewer_name", "action", "from_status", "to_status", "reason")
    list_filter = ("action", "reason", "advertiser")


@admin.register(BrandKit)
class BrandKitAdmin(ModelAdmin):
    list_display = ("name", "advertiser", "primary_colour", "accent_colour", "updated_at")
    readonly_fields = ("advertiser", "updated_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False
