"""Pages of generation."""

from django.urls import URLPattern, URLResolver, path

from generation import brand_views

urlpatterns: list[URLPattern | URLResolver] = [
    path("brand/", brand_views.brand_kit, name="brand-kit"),
]
