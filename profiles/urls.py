"""Pages of profiles."""

from django.urls import URLPattern, URLResolver, path

from profiles import segment_views, views

urlpatterns: list[URLPattern | URLResolver] = [
    path("segments/", segment_views.segment_list_view, name="segment-list"),
    path("segments/new/", segment_views.segment_create, name="segment-create"),
    path("segments/rows", segment_views.segment_rows, name="segment-rows"),
    path("segments/size", segment_views.segment_size, name="segment-size"),
    path("segments/<uuid:segment_id>/", segment_views.segment_detail, name="segment-detail"),
    path("segments/<uuid:segment_id>/edit/", segment_views.segment_edit, name="segment-edit"),
    path("segments/<uuid:segment_id>/delete", segment_views.segment_delete, name="segment-delete"),
    path("shoppers/", views.shopper_list, name="shopper-list"),
    path("shoppers/lookup", views.shopper_lookup, name="shopper-lookup"),
    path("shoppers/text", views.text_try, name="shopper-text-try"),
]
