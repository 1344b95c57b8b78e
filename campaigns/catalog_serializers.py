"""The API's shapes of the catalogue."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from adplatform.lib.media import media_url
from campaigns.models import CatalogImport, Product, RemotePicture
from campaigns.remote_pictures import remote_picture_counts
from campaigns.remote_words import reason_words


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
    picture_status = serializers.ChoiceField(
        choices=RemotePicture.Status.choices,
        required=False,
        help_text="What became of a picture with a web address.",
    )


class ProductInput(serializers.Serializer[Any]):
    """A product in Google Merchant Center's words, as a feed's row would hold it."""

    id = serializers.CharField(max_length=50, help_text="Of the shop; writing it again replaces the product.")
    title = serializers.CharField(max_length=150)
    link = serializers.CharField(max_length=2000, help_text="Where a click leads.")
    image_link = serializers.CharField(
        max_length=2000, help_text="An https address; the picture is fetched after the answer."
    )
    price = serializers.CharField(max_length=40, help_text='Such as "12.50 EUR".')
    sale_price = serializers.CharField(max_length=40, required=False, allow_blank=True)
    availability = serializers.CharField(max_length=40, required=False, allow_blank=True)
    description = serializers.CharField(max_length=5000, required=False, allow_blank=True)
    brand = serializers.CharField(max_length=70, required=False, allow_blank=True)
    product_type = serializers.CharField(max_length=750, required=False, allow_blank=True)


class RemotePictureOutput(serializers.ModelSerializer[RemotePicture]):
    """What became of a picture that has a web address."""

    reason = serializers.SerializerMethodField(
        help_text="What is wrong, in a sentence; empty when nothing is."
    )
    what_to_do = serializers.SerializerMethodField()

    class Meta:
        model = RemotePicture
        fields = [
            "status",
            "code",
            "reason",
            "what_to_do",
            "attempts",
            "available_at",
            "checked_at",
            "fetched_at",
        ]
        read_only_fields = fields

    def get_reason(self, picture: RemotePicture) -> str:
        return reason_words(picture.code)[0]

    def get_what_to_do(self, picture: RemotePicture) -> str:
        return reason_words(picture.code)[1]


class PictureCountsOutput(serializers.Serializer[Any]):
    """How many pictures with a web address are in each state."""

    waiting = serializers.IntegerField()
    fetched = serializers.IntegerField()
    refused = serializers.IntegerField()


class PicturesRetriedOutput(serializers.Serializer[Any]):
    """How many refused pictures are asked for again."""

    asked = serializers.IntegerField()


class ProductOutput(serializers.ModelSerializer[Product]):
    """A product of the catalogue. Money is in minor units; links to pictures expire after a day or two."""

    image_url = serializers.SerializerMethodField()
    cutout_url = serializers.SerializerMethodField()
    remote_picture = serializers.SerializerMethodField()
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
            "remote_picture",
            "created_at",
            "updated_at",
        ]
        read_only_fields = fields

    def get_image_url(self, product: Product) -> str:
        return self._url(product.image)

    def get_cutout_url(self, product: Product) -> str:
        return self._url(product.cutout)

    @extend_schema_field(RemotePictureOutput(allow_null=True))
    def get_remote_picture(self, product: Product) -> Any:
        """None when the picture came as a file."""
        found = getattr(product, "remote_picture", None)
        return RemotePictureOutput(found).data if found else None

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
    remote_pictures = serializers.SerializerMethodField()

    class Meta(CatalogImportOutput.Meta):
        fields = [*CatalogImportOutput.Meta.fields, "problems", "remote_pictures"]
        read_only_fields = fields

    @extend_schema_field(PictureCountsOutput)
    def get_remote_pictures(self, record: CatalogImport) -> Any:
        """Of the pictures with web addresses that this import asked for."""
        return remote_picture_counts(advertiser_id=record.advertiser_id, catalog_import=record)
