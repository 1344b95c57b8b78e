"""Tombstones for the operator to look at."""

from django.contrib import admin

from profiles.admin import ReadOnlyAdmin
from rights.models import Erasure


@admin.register(Erasure)
class ErasureAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "advertiser", "origin", "settled_at", "counts"]
    list_filter = ["advertiser", "origin"]
    exclude = ["pseudonyms", "stand_in"]
