"""Pages of campaigns."""

from django.urls import URLPattern, URLResolver

from campaigns import serving_urls

urlpatterns: list[URLPattern | URLResolver] = []
urlpatterns += serving_urls.urlpatterns
