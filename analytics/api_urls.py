"""API routes of analytics."""

from django.urls import path

from analytics.api import PerformanceReportApi
from analytics.events_api import events

urlpatterns = [
    path("events", events, name="api-events"),
    path("reports/performance", PerformanceReportApi.as_view(), name="api-performance-report"),
]
