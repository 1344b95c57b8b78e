"""API routes of analytics."""

from django.urls import path

from analytics import (
    attribution_api,
    exchange_rates_api,
    experiments_api,
    learning_api,
    orders_api,
    past_tests_api,
)
from analytics.api import PerformanceReportApi
from analytics.events_api import events
from analytics.report_events_api import ReportEventsApi

urlpatterns = [
    path("past-tests", past_tests_api.PastTestListApi.as_view(), name="api-past-test-list"),
    path("past-tests/imports", past_tests_api.PastImportListApi.as_view(), name="api-past-import-list"),
    path(
        "past-tests/imports/<uuid:past_import_id>",
        past_tests_api.PastImportApi.as_view(),
        name="api-past-import",
    ),
    path("past-tests/<uuid:past_test_id>", past_tests_api.PastTestApi.as_view(), name="api-past-test"),
    path("statistics/selfcheck", past_tests_api.SelfCheckApi.as_view(), name="api-statistics-selfcheck"),
    path(
        "campaigns/<uuid:campaign_id>/learning",
        learning_api.LearningApi.as_view(),
        name="api-campaign-learning",
    ),
    path(
        "campaigns/<uuid:campaign_id>/attribution",
        attribution_api.AttributionApi.as_view(),
        name="api-campaign-attribution",
    ),
    path(
        "campaigns/<uuid:campaign_id>/reports/<slug:kind>",
        learning_api.StoredReportApi.as_view(),
        name="api-stored-report",
    ),
    path("events", events, name="api-events"),
    path("conversions", orders_api.ConversionApi.as_view(), name="api-conversion"),
    path("refunds", orders_api.RefundApi.as_view(), name="api-refund"),
    path("reports/events", ReportEventsApi.as_view(), name="api-report-events"),
    path("reports/performance", PerformanceReportApi.as_view(), name="api-performance-report"),
    path("exchange-rates", exchange_rates_api.ExchangeRateListApi.as_view(), name="api-exchange-rate-list"),
    path(
        "exchange-rates/<uuid:rate_id>",
        exchange_rates_api.ExchangeRateApi.as_view(),
        name="api-exchange-rate",
    ),
    path("experiments", experiments_api.ExperimentListApi.as_view(), name="api-experiment-list"),
    path("experiments/<uuid:experiment_id>", experiments_api.ExperimentApi.as_view(), name="api-experiment"),
    path(
        "campaigns/<uuid:campaign_id>/fatigue/replacements",
        learning_api.FatigueReplacementApi.as_view(),
        name="api-fatigue-replacements",
    ),
    path(
        "experiments/<uuid:experiment_id>/start",
        experiments_api.ExperimentStartApi.as_view(),
        name="api-experiment-start",
    ),
    path(
        "experiments/<uuid:experiment_id>/stop",
        experiments_api.ExperimentStopApi.as_view(),
        name="api-experiment-stop",
    ),
    path(
        "experiments/<uuid:experiment_id>/decide",
        experiments_api.ExperimentDecideApi.as_view(),
        name="api-experiment-decide",
    ),
    path(
        "experiments/<uuid:experiment_id>/ask",
        experiments_api.ExperimentAskApi.as_view(),
        name="api-experiment-ask",
    ),
    path(
        "experiments/<uuid:experiment_id>/decline",
        experiments_api.ExperimentDeclineApi.as_view(),
        name="api-experiment-decline",
    ),
    path(
        "experiments/<uuid:experiment_id>/report",
        experiments_api.ExperimentReportApi.as_view(),
        name="api-experiment-report",
    ),
]
