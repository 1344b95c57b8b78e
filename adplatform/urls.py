"""All URLs of the product; each app brings its pages (``urls``) and its API (``api_urls``)."""

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from adplatform.lib.media import media_view
from adplatform.metrics import metrics
from adplatform.views import healthz, readyz

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
    path("media/<path:name>", media_view, name="media"),
    path("admin/", admin.site.urls),
    path("api/v1/schema", SpectacularAPIView.as_view(), name="api-schema"),
    path("api/v1/docs", SpectacularSwaggerSplitView.as_view(url_name="api-schema"), name="api-docs"),
    path("api/v1/", include("profiles.api_urls")),
    path("api/v1/", include("rights.api_urls")),
    path("api/v1/", include("generation.api_urls")),
    path("api/v1/", include("campaigns.api_urls")),
    path("api/v1/", include("analytics.api_urls")),
    path("", include("accounts.urls")),
    path("", include("profiles.urls")),
    path("", include("generation.urls")),
    path("", include("campaigns.urls")),
    path("", include("analytics.urls")),
    path("", include("rights.urls")),
]

handler400 = "adplatform.views.bad_request"
handler403 = "adplatform.views.forbidden"
handler404 = "adplatform.views.not_found"
handler500 = "adplatform.views.server_error"
