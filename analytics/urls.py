"""Pages of analytics, and the click redirect."""

from django.urls import path

from analytics import beacons, views

urlpatterns = [
    path("", views.overview, name="overview"),
    path("performance/", views.performance, name="performance"),
    path("performance/export.csv", views.performance_export, name="performance-export"),
    path("c/<str:token>", beacons.click, name="click"),
]
