"""Pages of analytics, and the click redirect."""

from django.urls import path

from analytics import (
    attribution_views,
    beacons,
    counted_event_views,
    exchange_rate_views,
    experiment_views,
    export_views,
    funnel_views,
    learning_views,
    past_test_views,
    saved_view_views,
    selfcheck_views,
    views,
)

urlpatterns = [
    path("", views.overview, name="overview"),
    path("performance/", views.performance, name="performance"),
    path("performance/creatives/<uuid:creative_id>", views.creative_serves, name="creative-serves"),
    path("performance/views/", saved_view_views.saved_view_page, name="saved-view-list"),
    path("performance/views/create/", saved_view_views.saved_view_create, name="saved-view-create"),
    path("performance/views/<uuid:view_id>/", saved_view_views.saved_view_update, name="saved-view-update"),
    path(
        "performance/unsubscribe/<str:token>/",
        saved_view_views.report_unsubscribe,
        name="report-unsubscribe",
    ),
    path("performance/events/", counted_event_views.performance_events, name="performance-events"),
    path(
        "performance/export.csv", export_views.performance_export, {"form": "csv"}, name="performance-export"
    ),
    path(
        "performance/export.xlsx",
        export_views.performance_export,
        {"form": "xlsx"},
        name="performance-export-xlsx",
    ),
    path(
        "performance/export.parquet",
        export_views.performance_export,
        {"form": "parquet"},
        name="performance-export-parquet",
    ),
    path(
        "performance/events/export.csv",
        export_views.performance_events_export,
        {"form": "csv"},
        name="performance-events-export",
    ),
    path(
        "performance/events/export.xlsx",
        export_views.performance_events_export,
        {"form": "xlsx"},
        name="performance-events-export-xlsx",
    ),
    path(
        "performance/events/export.parquet",
        export_views.performance_events_export,
        {"form": "parquet"},
        name="performance-events-export-parquet",
    ),
    path("placements/funnels", funnel_views.placement_funnels, name="placement-funnels"),
    path("campaigns/<uuid:campaign_id>/funnel", funnel_views.campaign_funnel, name="campaign-funnel"),
    path("attribution/", attribution_views.attribution_list, name="attribution-list"),
    path(
        "attribution/<uuid:campaign_id>/reset/", attribution_views.attribution_reset, name="attribution-reset"
    ),
    path("exchange-rates/", exchange_rate_views.exchange_rate_list, name="exchange-rate-list"),
    path(
        "exchange-rates/<uuid:rate_id>/remove/",
        exchange_rate_views.exchange_rate_remove,
        name="exchange-rate-remove",
    ),
    path("experiments/", experiment_views.experiment_list_view, name="experiment-list"),
    path("experiments/new/", experiment_views.experiment_create, name="experiment-create"),
    path("experiments/pictures/", experiment_views.experiment_pictures, name="experiment-pictures"),
    path("experiments/plan/", experiment_views.experiment_plan, name="experiment-plan"),
    path("experiments/<uuid:experiment_id>/", experiment_views.experiment_detail, name="experiment-detail"),
    path(
        "experiments/<uuid:experiment_id>/start/", experiment_views.experiment_start, name="experiment-start"
    ),
    path(
        "experiments/<uuid:experiment_id>/delete/",
        experiment_views.experiment_delete,
        name="experiment-delete",
    ),
    path("experiments/<uuid:experiment_id>/stop/", experiment_views.experiment_stop, name="experiment-stop"),
    path(
        "experiments/<uuid:experiment_id>/decide/",
        experiment_views.experiment_decide,
        name="experiment-decide",
    ),
    path("experiments/<uuid:experiment_id>/ask/", experiment_views.experiment_ask, name="experiment-ask"),
    path(
        "experiments/<uuid:experiment_id>/decline/",
        experiment_views.experiment_decline,
        name="experiment-decline",
    ),
    path(
        "experiments/<uuid:experiment_id>/refresh/",
        experiment_views.experiment_refresh,
        name="experiment-refresh",
    ),
    path(
        "experiments/<uuid:experiment_id>/waiting/",
        experiment_views.experiment_waiting,
        name="experiment-waiting",
    ),
    path("experiments/past/", past_test_views.past_test_list_view, name="past-test-list"),
    path("experiments/past/import/", past_test_views.past_import_create, name="past-import-create"),
    path(
        "experiments/past/import/<uuid:past_import_id>/",
        past_test_views.past_import_detail,
        name="past-import-detail",
    ),
    path(
        "experiments/past/import/<uuid:past_import_id>/run/",
        past_test_views.past_import_run,
        name="past-import-run",
    ),
    path(
        "experiments/past/import/<uuid:past_import_id>/delete/",
        past_test_views.past_import_delete,
        name="past-import-delete",
    ),
    path("experiments/past/<uuid:past_test_id>/", past_test_views.past_test_detail, name="past-test-detail"),
    path("statistics/", selfcheck_views.selfcheck, name="statistics-selfcheck"),
    path("statistics/waiting/", selfcheck_views.selfcheck_waiting, name="statistics-selfcheck-waiting"),
    path("learning/", learning_views.learning_list, name="learning-list"),
    path("learning/<uuid:campaign_id>/", learning_views.learning_detail, name="learning-detail"),
    path("learning/<uuid:campaign_id>/settings/", learning_views.learning_settings, name="learning-settings"),
    path("learning/<uuid:campaign_id>/what-if/", learning_views.what_if, name="what-if"),
    path("learning/<uuid:campaign_id>/dividend/", learning_views.dividend, name="dividend"),
    path(
        "learning/<uuid:campaign_id>/fatigue/replace/", learning_views.fatigue_replace, name="fatigue-replace"
    ),
    path("learning/<uuid:campaign_id>/fatigue/", learning_views.fatigue, name="fatigue"),
    path(
        "learning/<uuid:campaign_id>/<slug:kind>/refresh/",
        learning_views.stored_report_refresh,
        name="stored-report-refresh",
    ),
    path(
        "learning/<uuid:campaign_id>/<slug:kind>/waiting/",
        learning_views.stored_report_waiting,
        name="stored-report-waiting",
    ),
    path("c/<str:token>", beacons.click, name="click"),
    path("i/<str:token>", beacons.pixel, name="pixel"),
]
