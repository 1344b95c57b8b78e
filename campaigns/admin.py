"""Raw records for operators. Every edit here reaches serving the same way as one made on the pages."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from campaigns.models import Campaign, CatalogImport, Placement, Product, Variant
from campaigns.remote_pictures import remote_pictures_follow
from campaigns.serving_version import serving_version_bump


class ServedAdmin(ModelAdmin):
    """Base of rows that serving's snapshot is made of."""

    list_filter = ["advertiser"]
    list_select_related = ["advertiser"]
    list_per_page = 50

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """A row never moves to another advertiser."""
        return [*super().get_readonly_fields(request, obj), *(["advertiser"] if obj else [])]

    @transaction.atomic
    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        serving_version_bump(obj.advertiser_id)

    @transaction.atomic
    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        super().delete_model(request, obj)
        serving_version_bump(obj.advertiser_id)

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        advertisers = set(queryset.values_list("advertiser_id", flat=True))
        super().delete_queryset(request, queryset)
        for advertiser_id in advertisers:
            serving_version_bump(advertiser_id)


@admin.register(Product)
class ProductAdmin(ServedAdmin):
    list_display = [
        "external_id",
        "title",
        "advertiser",
        "price_cents",
        "currency",
        "availability",
        "is_active",
    ]
    list_filter = ["advertiser", "availability", "is_active", "cutout_kind"]
    search_fields = ["external_id", "title", "brand"]

    @transaction.atomic
    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        remote_pictures_follow(advertiser_id=obj.advertiser_id, links={obj.external_id: obj.image_link})


@admin.register(CatalogImport)
class CatalogImportAdmin(ModelAdmin):
    """The history of imports is read, not written."""

    list_display = [
        "source_name",
        "advertiser",
        "status",
        "total",
        "created",
        "updated",
        "failed",
        "created_at",
    ]
    list_filter = ["advertiser", "status", "format"]
    search_fields = ["source_name"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Placement)
class PlacementAdmin(ServedAdmin):
    list_display = ["name", "code", "width", "height", "advertiser", "is_active"]
    list_filter = ["advertiser", "is_active"]
    search_fields = ["name", "code"]


@admin.register(Campaign)
class CampaignAdmin(ServedAdmin):
    """Shown only: the status, which moves through the lifecycle's rules, and what a record is kept of."""

    list_display = ["name", "advertiser", "status", "language", "style", "priority", "starts_at", "ends_at"]
    list_filter = ["advertiser", "status", "style", "language"]
    search_fields = ["name"]
    readonly_fields = ["status", "learns", "learning_holdout_rate", "dividend_rate"]
    raw_id_fields = ["products", "segments", "placements", "created_by"]


@admin.register(Variant)
class VariantAdmin(ServedAdmin):
    list_display = ["campaign", "product", "segment", "advertiser", "weight", "job"]
    list_filter = ["advertiser"]
    list_select_related = ["advertiser", "campaign", "product", "segment", "job"]
    search_fields = ["campaign__name", "product__title"]
    raw_id_fields = ["campaign", "product", "segment", "job"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """A weight changes through its service, which keeps the record."""
        return [*super().get_readonly_fields(request, obj), *(["weight"] if obj else [])]
