"""Pages of rights."""

from django.urls import URLPattern, URLResolver, path

from rights import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("privacy/", views.privacy, name="privacy"),
    path("privacy/export", views.privacy_export, name="privacy-export"),
    path("privacy/erase", views.privacy_erase, name="privacy-erase"),
]
