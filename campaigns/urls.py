"""Pages of campaigns."""

from django.urls import URLPattern, URLResolver, path

from campaigns import (
    catalog_urls,
    challenger_views,
    diagnosis_views,
    draft_views,
    headline_views,
    payer,
    placement_views,
    serving_urls,
    views,
    wizard_views,
)

urlpatterns: list[URLPattern | URLResolver] = [
    path("campaigns/", views.campaign_list_view, name="campaign-list"),
    path("advertiser/payer/", payer.advertiser_payer, name="advertiser-payer"),
    path("headlines/", headline_views.headline_list, name="headline-list"),
    path("campaigns/new/", wizard_views.campaign_new, name="campaign-create"),
    path("campaigns/<uuid:campaign_id>/", views.campaign_detail, name="campaign-detail"),
    path("campaigns/<uuid:campaign_id>/products/", wizard_views.campaign_products, name="campaign-products"),
    path("campaigns/<uuid:campaign_id>/segments/", wizard_views.campaign_segments, name="campaign-segments"),
    path("campaigns/<uuid:campaign_id>/settings/", wizard_views.campaign_settings, name="campaign-settings"),
    path("campaigns/<uuid:campaign_id>/preview/", wizard_views.campaign_preview, name="campaign-preview"),
    path("campaigns/<uuid:campaign_id>/draft/", draft_views.campaign_draft, name="campaign-draft"),
    path(
        "campaigns/<uuid:campaign_id>/generate/",
        wizard_views.campaign_generate_view,
        name="campaign-generate",
    ),
    path("campaigns/<uuid:campaign_id>/progress/", views.campaign_progress, name="campaign-progress"),
    path("campaigns/<uuid:campaign_id>/variants/", views.campaign_matrix, name="campaign-matrix"),
    path(
        "campaigns/<uuid:campaign_id>/challengers/", challenger_views.challenger_list, name="challenger-list"
    ),
    path(
        "campaigns/<uuid:campaign_id>/challengers/ask/",
        challenger_views.challenger_ask,
        name="challenger-ask",
    ),
    path(
        "campaigns/<uuid:campaign_id>/challengers/<uuid:variant_id>/drop/",
        challenger_views.challenger_take_back,
        name="challenger-drop",
    ),
    path("campaigns/<uuid:campaign_id>/launch/", views.campaign_launch, name="campaign-launch"),
    path("campaigns/<uuid:campaign_id>/pause/", views.campaign_pause, name="campaign-pause"),
    path("campaigns/<uuid:campaign_id>/end/", views.campaign_end, name="campaign-end"),
    path("campaigns/<uuid:campaign_id>/retry/", views.campaign_retry, name="campaign-retry"),
    path("campaigns/<uuid:campaign_id>/refresh/", views.campaign_refresh, name="campaign-refresh"),
    path("campaigns/<uuid:campaign_id>/delete/", views.campaign_delete, name="campaign-delete"),
    path(
        "campaigns/<uuid:campaign_id>/variants/<uuid:variant_id>/regenerate/",
        views.variant_regenerate,
        name="variant-regenerate",
    ),
    path("render-jobs/<uuid:job_id>/regenerate", views.picture_regenerate, name="picture-regenerate"),
    path("placements/", placement_views.placement_list_view, name="placement-list"),
    path("placements/why/", diagnosis_views.serving_diagnosis, name="serving-diagnosis"),
    path("placements/<uuid:placement_id>/switch/", placement_views.placement_switch, name="placement-switch"),
]
urlpatterns += serving_urls.urlpatterns
urlpatterns += catalog_urls.page_urlpatterns
