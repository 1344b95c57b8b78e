"""API routes of profiles."""

from django.urls import URLPattern, URLResolver, path

from profiles import api, segments_api

urlpatterns: list[URLPattern | URLResolver] = [
    path("behaviours", api.BehaviourListApi.as_view(), name="api-behaviour-list"),
    path("consents", api.ConsentListApi.as_view(), name="api-consent-list"),
    path("interests", api.InterestListApi.as_view(), name="api-interest-list"),
    path("interests/map", api.InterestMapApi.as_view(), name="api-interest-map"),
    path("segments", segments_api.SegmentListApi.as_view(), name="api-segment-list"),
    path("segments/preview", segments_api.SegmentPreviewApi.as_view(), name="api-segment-preview"),
    path("segments/<uuid:segment_id>", segments_api.SegmentDetailApi.as_view(), name="api-segment-detail"),
]
