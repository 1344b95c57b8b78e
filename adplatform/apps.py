from django.apps import AppConfig
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


class AdplatformConfig(AppConfig):
    name = "adplatform"

    def ready(self) -> None:
        from adplatform import checks  # noqa: F401 - registers itself
        from adplatform.lib import many_values  # noqa: F401 - registers its look-up

        if not settings.TRACING:
            return
        try:
            from adplatform.tracing import tracing_start

            tracing_start()
        except ModuleNotFoundError as error:
            raise ImproperlyConfigured(
                f"OTEL_EXPORTER_OTLP_ENDPOINT is set, but {error.name} is not installed: "
                "pip install -r requirements-extra.txt"
            ) from error
