"""The sidebar: groups of pages, in the order of the work."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.urls import reverse


@dataclass(frozen=True)
class Entry:
    """A page of the sidebar; ``also`` are the url names of the pages that belong to it."""

    label: str
    url_name: str
    also: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        return reverse(self.url_name)

    @property
    def names(self) -> tuple[str, ...]:
        return (self.url_name, *self.also)


@dataclass(frozen=True)
class Group:
    label: str
    entries: tuple[Entry, ...] = field(default=())


NAVIGATION = (
    Group("", (Entry("Overview", "overview"),)),
    Group(
        "Prepare",
        (
            Entry(
                "Catalogue",
                "product-list",
                ("product-detail", "catalog-import", "catalog-import-detail"),
            ),
            Entry("Segments", "segment-list", ("segment-detail", "segment-create", "segment-edit")),
            Entry("Shoppers", "shopper-list"),
        ),
    ),
    Group(
        "Create",
        (
            Entry(
                "Campaigns",
                "campaign-list",
                (
                    "campaign-detail",
                    "campaign-create",
                    "campaign-products",
                    "campaign-segments",
                    "campaign-settings",
                    "campaign-preview",
                ),
            ),
            Entry(
                "Generation queue",
                "render-job-list",
                ("render-job-detail", "render-batch-list", "render-batch-detail"),
            ),
            Entry("Creatives", "creative-list", ("creative-detail", "creative-passport")),
            Entry("Review", "creative-review", ("creative-review-grid", "creative-review-job")),
        ),
    ),
    Group(
        "Learn",
        (
            Entry("Performance", "performance", ("performance-events", "saved-view-list")),
            Entry(
                "Experiments",
                "experiment-list",
                (
                    "experiment-create",
                    "experiment-detail",
                    "past-test-list",
                    "past-test-detail",
                    "past-import-create",
                    "past-import-detail",
                ),
            ),
            Entry("Learning", "learning-list", ("learning-detail", "what-if", "dividend", "fatigue")),
        ),
    ),
    Group("Trust", (Entry("Privacy", "privacy"), Entry("Statistics", "statistics-selfcheck"))),
    Group(
        "Set up",
        (
            Entry("Placements", "placement-list", ("serving-diagnosis",)),
            Entry("Brand kit", "brand-kit"),
            Entry("Templates", "template-list"),
            Entry("Headlines", "headline-list"),
            Entry("Attribution", "attribution-list"),
            Entry("Exchange rates", "exchange-rate-list"),
            Entry("API keys", "api-key-list"),
            Entry("Webhooks", "webhook-list", ("webhook-detail",)),
            Entry("People", "member-list"),
            Entry("API reference", "api-docs"),
        ),
    ),
)
