"""API routes of rights."""

from django.urls import URLPattern, URLResolver, path

from rights import api

urlpatterns: list[URLPattern | URLResolver] = [
    path("shopper-lookups", api.ShopperLookupApi.as_view(), name="api-shopper-lookup"),
    path("shopper-exports", api.ShopperExportApi.as_view(), name="api-shopper-export"),
    path("shopper-erasures", api.ShopperErasureApi.as_view(), name="api-shopper-erasure"),
    path("shoppers/<str:shopper_key>", api.ShopperDetailApi.as_view(), name="api-shopper-detail"),
]
