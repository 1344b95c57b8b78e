"""Routes of serving: the decision API, public pictures, and the demo storefront."""

from django.urls import URLPattern, URLResolver, path, register_converter

from campaigns.decisions_api import decisions_decide
from campaigns.media_views import creative_media
from campaigns.storefront_views import product_photo, storefront_demo, storefront_product
from campaigns.why_views import why_shown


class DigestConverter:
    """The first 16 hexadecimal digits of a SHA-256."""

    regex = "[0-9a-f]{16}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class PictureExtensionConverter(DigestConverter):
    """The formats a creative or a photo may have."""

    regex = "webp|jpg|png|avif"


register_converter(DigestConverter, "sha16")
register_converter(PictureExtensionConverter, "picture")

api_urlpatterns: list[URLPattern | URLResolver] = [
    path("decisions", decisions_decide, name="decision-decide"),
]
# Answered by the hot worker group too, like the API above.
hot_urlpatterns: list[URLPattern | URLResolver] = [
    path("m/<uuid:creative_id>/<sha16:digest>.<picture:extension>", creative_media, name="creative-media"),
]
urlpatterns: list[URLPattern | URLResolver] = [
    *hot_urlpatterns,
    path("why/<str:token>", why_shown, name="why-shown"),
    path("p/<uuid:product_id>/<sha16:digest>.<picture:extension>", product_photo, name="product-photo"),
    path("storefront/<slug:slug>/", storefront_demo, name="storefront-demo"),
    path(
        "storefront/<slug:slug>/products/<path:external_id>/", storefront_product, name="storefront-product"
    ),
]
