"""Routes of the catalogue, included by ``campaigns.urls`` and ``campaigns.api_urls``."""

from django.urls import URLPattern, URLResolver, path

from campaigns import catalog_api, catalog_views, product_views

page_urlpatterns: list[URLPattern | URLResolver] = [
    path("catalog/", catalog_views.product_list_view, name="product-list"),
    path("catalog/products/<uuid:product_id>/", catalog_views.product_detail, name="product-detail"),
    path("catalog/products/new/", product_views.product_new, name="product-new"),
    path("catalog/products/<uuid:product_id>/edit/", product_views.product_edit, name="product-edit"),
    path(
        "catalog/products/<uuid:product_id>/picture/retry/",
        product_views.product_picture_retry,
        name="product-picture-retry",
    ),
    path("catalog/pictures/retry/", product_views.pictures_retry, name="pictures-retry"),
    path("catalog/imports/", catalog_views.catalog_import, name="catalog-import"),
    path("catalog/imports/<uuid:import_id>/", catalog_views.import_detail, name="catalog-import-detail"),
    path("catalog/imports/<uuid:import_id>/apply/", catalog_views.import_apply, name="catalog-import-apply"),
]
api_urlpatterns: list[URLPattern | URLResolver] = [
    path("catalog/products", catalog_api.ProductListApi.as_view(), name="api-product-list"),
    path("catalog/products/<uuid:product_id>", catalog_api.ProductApi.as_view(), name="api-product"),
    path(
        "catalog/products/<uuid:product_id>/picture/retry",
        catalog_api.ProductPictureRetryApi.as_view(),
        name="api-product-picture-retry",
    ),
    path("catalog/pictures/retry", catalog_api.PicturesRetryApi.as_view(), name="api-pictures-retry"),
    path("catalog/imports", catalog_api.CatalogImportListApi.as_view(), name="api-catalog-import-list"),
    path(
        "catalog/imports/<uuid:import_id>",
        catalog_api.CatalogImportApi.as_view(),
        name="api-catalog-import",
    ),
    path(
        "catalog/imports/<uuid:import_id>/apply",
        catalog_api.CatalogImportApplyApi.as_view(),
        name="api-catalog-import-apply",
    ),
]
