"""The API's shapes of the catalogue."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from adplatform.lib.media import media_url
from campaigns.models import CatalogImport, Product


class ProductFilterInput(serializers.Serializer[Any]):
    """What a list of products may be narrowed by."""

    search = serializers.CharField(
        required=False, max_length=200, help_text="Words of the title, brand or external id."
    )
    product_type = serializers.CharField(
        required=False, max_length=750, help_text="This kind and the kinds below it."
    )
    availability = serializers.ChoiceField(choices=Product.Availability.choices, required=False)
    has_picture = serializers.BooleanField(required=False, allow_null=True, default=None)


class ProductOutput(serializers.ModelSerializer[Product]):
    """A product of the catalogue. Money is in minor units; links to pictures expire after a day or two."""

    image_url = serializers.SerializerMethodField()
    cutout_url = serializers.SerializerMethodField()
    palette = serializers.ListField(child=serializers.CharField(), read_only=True)
    cutout_kind = serializers.ChoiceField(
        choices=Product.CutoutKind.choices, allow_blank=True, read_only=True
    )

    class Meta:
        model = Product
        fields = [
            "id",
            "external_id",
            "title",
            "description",
            "link",
            "image_link",
            "brand",
            "product_type",
            "availability",
            "price_cents",
            "sale_price_cents",
            "currency",
            "is_active",
            "image_url",
            "cutout_url",
            "cutout_kind",
            "palette",
            "created_at",
            "updated_at",
        ]
        read_only_fields = fields

    def get_image_url(self, product: Product) -> str:
        return self._url(product.image)

    def get_cutout_url(self, product: Product) -> str:
        return self._url(product.cutout)

    def _url(self, name: str) -> str:
        return self.context["request"].build_absolute_uri(media_url(name)) if name else ""


class CatalogImportInput(serializers.Serializer[Any]):
    """A feed as a file of a multipart form."""

    feed = serializers.FileField(allow_empty_file=True, help_text="TSV, CSV, RSS or Atom XML, or JSON lines.")
    images = serializers.FileField(
        required=False,
        allow_empty_file=True,
        help_text="A zip with the pictures that image_link names as paths.",
    )
    preview = serializers.BooleanField(
        required=False, default=False, help_text="Only say what would happen; apply it later."
    )


class CatalogProblemOutput(serializers.Serializer[Any]):
    """Something wrong, or worth knowing, in one row of a feed."""

    line = serializers.IntegerField()
    external_id = serializers.CharField()
    field = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()
    severity = serializers.ChoiceField(
        choices=["error", "notice"], help_text="error: the row is not imported."
    )


class CatalogImportOutput(serializers.ModelSerializer[CatalogImport]):
    """An import in a list."""

    format: serializers.Field[Any, Any, Any, Any] = serializers.ChoiceField(
        choices=CatalogImport.Format.choices, allow_blank=True, read_only=True
    )

    class Meta:
        model = CatalogImport
        fields = [
            "id",
            "source_name",
            "format",
            "status",
            "total",
            "created",
            "updated",
            "unchanged",
            "failed",
            "pictures_total",
            "pictures_done",
            "error_code",
            "error_message",
            "created_at",
            "applied_at",
        ]
        read_only_fields = fields


class CatalogImportDetailOutput(CatalogImportOutput):
    """An import with the first 1,000 problems of its rows, errors first."""

    problems = CatalogProblemOutput(many=True, read_only=True)

    class Meta(CatalogImportOutput.Meta):
        fields = [*CatalogImportOutput.Meta.fields, "problems"]
        read_only_fields = fields
