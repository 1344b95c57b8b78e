"""Raw records of accounts for the installation's own staff."""

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from unfold.admin import ModelAdmin

from accounts.models import Advertiser, ApiKey, Membership, User


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):
    pass


@admin.register(Advertiser)
class AdvertiserAdmin(ModelAdmin):
    list_display = ["name", "slug", "market", "currency", "created_at"]
    search_fields = ["name", "slug"]


@admin.register(Membership)
class MembershipAdmin(ModelAdmin):
    list_display = ["user", "advertiser", "role"]
    list_filter = ["advertiser", "role"]


@admin.register(ApiKey)
class ApiKeyAdmin(ModelAdmin):
    list_display = ["name", "advertiser", "kind", "prefix", "last_used_at", "revoked_at"]
    list_filter = ["advertiser", "kind"]
    readonly_fields = ["digest", "prefix", "last_used_at", "created_by"]
