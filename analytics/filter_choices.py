"""What the filter bar of a report offers, and what of it is chosen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from analytics import labels
from analytics.report_query import DEVICES, GENERIC, ReportQuery
from campaigns.models import Product
from generation.models import RenderJob
from generation.styles import STYLES

MOST = 300  # products offered; more are found by their campaign


@dataclass(frozen=True)
class Option:
    """One value of a filter."""

    value: str
    text: str
    is_chosen: bool


@dataclass(frozen=True)
class Choice:
    """One filter: any number of its options may be chosen, none meaning all."""

    name: str
    label: str
    options: list[Option]

    @property
    def chosen(self) -> list[Option]:
        return [option for option in self.options if option.is_chosen]

    @property
    def is_long(self) -> bool:
        return len(self.options) > 8


@dataclass(frozen=True)
class Chip:
    """A filter in force, with the query string that is without it."""

    label: str
    text: str
    without: str


def choices_make(*, advertiser_id: UUID, query: ReportQuery) -> list[Choice]:
    """Every filter of the bar, in its order."""
    generic = (GENERIC, labels.GENERIC_LABEL)
    found: tuple[tuple[str, str, Iterable[tuple[str, str]]], ...] = (
        ("campaign", "Campaign", _named(labels.campaign_labels(advertiser_id=advertiser_id))),
        ("product", "Product", _products(advertiser_id, query)),
        ("segment", "Segment", [generic, *_named(labels.segment_labels(advertiser_id=advertiser_id))]),
        ("placement", "Placement", _named(labels.placement_labels(advertiser_id=advertiser_id))),
        ("device", "Device", [(device, device.title()) for device in DEVICES]),
        ("style", "Style", [(style.key, style.label_en) for style in STYLES.values()]),
        ("template", "Prompt template", [(name, name) for name in _templates(advertiser_id)]),
    )
    given = query.parameters()
    if creatives := query.filters.get("creatives"):  # chosen by a link, so only shown where one is
        named = labels.creative_labels(advertiser_id=advertiser_id, ids=creatives)
        texts = [(str(pk), f"{label.headline} {label.size}") for pk, label in named.items()]
        found = (*found, ("creative", "Creative", texts))
    return [_choice(name, label, options, given.get(name, [])) for name, label, options in found]


def _choice(name: str, label: str, options: Iterable[tuple[str, str]], given: list[str]) -> Choice:
    offered = dict(options)
    for value in given:  # of a row that is gone, whose figures stay
        offered.setdefault(value, f"Unknown {label.lower()}")
    return Choice(name, label, [Option(value, text, value in given) for value, text in offered.items()])


def chips_make(choices: list[Choice], query: ReportQuery) -> list[Chip]:
    """One for each chosen value, so that each can be taken away by itself."""
    chips = [
        Chip(choice.label, option.text, query.urlencode_without(choice.name, option.value))
        for choice in choices
        for option in choice.chosen
    ]
    if "is_simulated" in query.filters:
        text = "only" if query.filters["is_simulated"] else "left out"
        chips.append(Chip("Simulated traffic", text, query.urlencode(simulated="")))
    return chips


def _named(found: dict[UUID, str]) -> list[tuple[str, str]]:
    return [(str(pk), name) for pk, name in found.items()]


def _products(advertiser_id: UUID, query: ReportQuery) -> list[tuple[str, str]]:
    """Products that a campaign shows; the chosen ones always."""
    products = Product.objects.filter(advertiser_id=advertiser_id).order_by("title", "pk")
    shown = products.filter(variants__isnull=False).distinct().values_list("pk", "title")[:MOST]
    chosen = products.filter(pk__in=query.filters.get("products", ())).values_list("pk", "title")
    return _named({**dict(shown), **dict(chosen)})


def _templates(advertiser_id: UUID) -> list[str]:
    names = RenderJob.objects.filter(advertiser_id=advertiser_id).exclude(prompt_template="")
    return list(names.order_by("prompt_template").values_list("prompt_template", flat=True).distinct())
