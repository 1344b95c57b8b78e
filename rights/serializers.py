"""What the rights' API takes and gives."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from profiles.pseudonyms import SHOPPER_KEY_LIMIT


class ShopperKeySerializer(serializers.Serializer[Any]):
    """In the body, not in the path: addresses are written to logs."""

    shopper = serializers.CharField(max_length=SHOPPER_KEY_LIMIT, help_text="Your own key of the shopper.")


class ErasureSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    counts = serializers.DictField(child=serializers.IntegerField(), help_text="Rows by what they held.")
    settled_at = serializers.DateTimeField(
        allow_null=True, help_text="When nothing was under way any more; within a minute."
    )


class ShopperExportSerializer(serializers.Serializer[Any]):
    """Everything held of a shopper; ``legend`` says in words what each part is."""

    format = serializers.CharField()
    exported_at = serializers.DateTimeField()
    advertiser = serializers.CharField()
    legend = serializers.DictField(child=serializers.CharField())
    shopper = serializers.DictField()
    consents = serializers.ListField(child=serializers.DictField())
    behaviours = serializers.ListField(child=serializers.DictField())
    interests = serializers.ListField(child=serializers.DictField())
    segments = serializers.ListField(child=serializers.DictField())
    events = serializers.ListField(child=serializers.DictField())
    caps = serializers.ListField(child=serializers.DictField())
