"""Endpoints of the catalogue: products are read here and written by imports."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.idempotency import idempotent
from accounts.tenant_api import TenantApi
from adplatform.lib.errors import DomainError
from adplatform.lib.json_bodies import StrictJSONParser
from campaigns.catalog_selectors import (
    catalog_import_get,
    catalog_import_list,
    product_get,
    product_list,
)
from campaigns.catalog_serializers import (
    CatalogImportDetailOutput,
    CatalogImportInput,
    CatalogImportOutput,
    PicturesRetriedOutput,
    ProductFilterInput,
    ProductInput,
    ProductOutput,
)
from campaigns.catalog_services import catalog_apply, catalog_preview_upload
from campaigns.models import CatalogImport
from campaigns.product_services import product_save
from campaigns.remote_pictures import remote_pictures_retry


class ProductListApi(TenantApi):
    """All products."""

    serializer_class = ProductOutput

    @extend_schema(
        operation_id="list_products",
        summary="List and search products",
        parameters=[ProductFilterInput],
        responses=ProductOutput(many=True),
        tags=["catalogue"],
    )
    def get(self, request: Request) -> Response:
        filters = ProductFilterInput(data=request.query_params)
        filters.is_valid(raise_exception=True)
        page = self.paginate_queryset(
            product_list(advertiser_id=self.advertiser.pk, **filters.validated_data)
        )
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(
        operation_id="save_product",
        summary="Create or replace one product",
        description="By its `id` of the shop. The product is there at once; its picture is fetched from "
        "`image_link` afterwards, see `remote_picture`. Writing the same again changes nothing.",
        request=ProductInput,
        responses={200: ProductOutput, 201: ProductOutput},
        tags=["catalogue"],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        product, is_new = product_save(
            advertiser=self.advertiser, values=self.checked(ProductInput), user=self.person
        )
        code = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        return Response(self.get_serializer(product).data, status=code)


class ProductApi(TenantApi):
    """One product."""

    serializer_class = ProductOutput

    @extend_schema(
        operation_id="get_product", summary="Read a product", responses=ProductOutput, tags=["catalogue"]
    )
    def get(self, request: Request, product_id: UUID) -> Response:
        product = product_get(advertiser_id=self.advertiser.pk, product_id=product_id)
        return Response(self.get_serializer(product).data)


class ProductPictureRetryApi(TenantApi):
    """One picture again."""

    serializer_class = ProductOutput

    @extend_schema(
        operation_id="retry_product_picture",
        summary="Fetch a product's picture again",
        description="Whatever became of it last time, and even if the host says that it is the same.",
        request=None,
        responses={202: ProductOutput},
        tags=["catalogue"],
    )
    @idempotent
    def post(self, request: Request, product_id: UUID) -> Response:
        product_get(advertiser_id=self.advertiser.pk, product_id=product_id)
        remote_pictures_retry(advertiser=self.advertiser, product_id=product_id)
        product = product_get(advertiser_id=self.advertiser.pk, product_id=product_id)
        return Response(self.get_serializer(product).data, status=status.HTTP_202_ACCEPTED)


class PicturesRetryApi(TenantApi):
    """All refused pictures again."""

    serializer_class = PicturesRetriedOutput

    @extend_schema(
        operation_id="retry_refused_pictures",
        summary="Fetch all refused pictures again",
        request=None,
        responses={202: PicturesRetriedOutput},
        tags=["catalogue"],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        asked = remote_pictures_retry(advertiser=self.advertiser)
        return Response({"asked": asked}, status=status.HTTP_202_ACCEPTED)


class CatalogImportListApi(TenantApi):
    """The imports, and new ones."""

    serializer_class = CatalogImportOutput
    parser_classes = [MultiPartParser]

    @extend_schema(
        operation_id="list_catalog_imports",
        summary="List imports, newest first",
        responses=CatalogImportOutput(many=True),
        tags=["catalogue"],
    )
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(catalog_import_list(advertiser_id=self.advertiser.pk))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(
        operation_id="create_catalog_import",
        summary="Import a product feed",
        description="Importing the same feed again changes nothing. A feed that cannot be read at all is "
        "refused with status 422 and a code; single bad rows are listed in `problems` and the others "
        "are imported.",
        request={"multipart/form-data": CatalogImportInput},
        responses={201: CatalogImportDetailOutput},
        tags=["catalogue"],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        given = self.checked(CatalogImportInput)
        record = catalog_preview_upload(
            advertiser=self.advertiser, feed=given["feed"], images=given.get("images"), user=self.person
        )
        if record.status == CatalogImport.Status.FAILED:
            raise DomainError(record.error_code, record.error_message, status=422)
        if not given["preview"]:
            record = catalog_apply(catalog_import=record)
        return Response(CatalogImportDetailOutput(record).data, status=status.HTTP_201_CREATED)


class CatalogImportApi(TenantApi):
    """One import."""

    serializer_class = CatalogImportDetailOutput

    @extend_schema(
        operation_id="get_catalog_import",
        summary="Read an import with the problems of its rows",
        responses=CatalogImportDetailOutput,
        tags=["catalogue"],
    )
    def get(self, request: Request, import_id: UUID) -> Response:
        record = catalog_import_get(advertiser_id=self.advertiser.pk, import_id=import_id)
        return Response(self.get_serializer(record).data)


class CatalogImportApplyApi(TenantApi):
    """Turns a preview into products."""

    serializer_class = CatalogImportDetailOutput
    parser_classes = [StrictJSONParser, MultiPartParser]

    @extend_schema(
        operation_id="apply_catalog_import",
        summary="Apply a previewed import",
        description="Applying it again answers with the same import and changes nothing.",
        request=None,
        responses=CatalogImportDetailOutput,
        tags=["catalogue"],
    )
    @idempotent
    def post(self, request: Request, import_id: UUID) -> Response:
        record = catalog_import_get(advertiser_id=self.advertiser.pk, import_id=import_id)
        return Response(self.get_serializer(catalog_apply(catalog_import=record)).data)
