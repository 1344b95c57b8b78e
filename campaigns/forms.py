"""Forms of the campaign pages. They check shapes; the services check meaning."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings

from accounts.models import Advertiser
from campaigns.models import Campaign, Placement
from campaigns.selectors import placement_list
from generation.composition.sizes import SIZES
from generation.composition.templates import templates_read
from generation.styles import STYLES


def ids_of(values: list[str]) -> set[UUID]:
    """The valid ids in a submitted list; anything else is left out."""
    found = set()
    for value in values:
        try:
            found.add(UUID(value))
        except ValueError:
            continue
    return found


class CampaignCreateForm(forms.Form):
    """The first page: enough for a draft."""

    name = forms.CharField(
        max_length=120,
        widget=forms.TextInput(
            attrs={"autofocus": True, "placeholder": "Spring hiking", "autocomplete": "off"}
        ),
    )
    language = forms.ChoiceField(choices=Campaign.Language.choices)


def _moment(label: str, help_text: str) -> forms.DateTimeField:
    return forms.DateTimeField(
        label=label,
        required=False,
        help_text=help_text,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )


class CampaignSettingsForm(forms.Form):
    """Step 3: how the creatives look, where and when they are shown."""

    name = forms.CharField(max_length=120)
    style = forms.ChoiceField(
        choices=[(style.key, style.label_en) for style in STYLES.values()], widget=forms.RadioSelect
    )
    template = forms.ChoiceField(
        choices=lambda: [
            ("", "Automatic: by style, and louder for a real saving"),
            *((template.key, template.name_en) for template in templates_read().values()),
        ],
        required=False,
    )
    language = forms.ChoiceField(
        choices=Campaign.Language.choices, help_text="Of headline, button and label."
    )
    headline = forms.CharField(
        max_length=60, required=False, help_text="Leave it empty and each segment gets its own."
    )
    placements = forms.ModelMultipleChoiceField(
        queryset=Placement.objects.none(), required=False, widget=forms.CheckboxSelectMultiple
    )
    starts_at = _moment("Starts", f"{settings.TIME_ZONE} time; empty: as soon as it is launched.")
    ends_at = _moment("Ends", f"{settings.TIME_ZONE} time; empty: until you end it.")
    priority = forms.IntegerField(
        min_value=1, max_value=100, help_text="When two campaigns want a placement, the smaller number wins."
    )
    model = forms.ChoiceField(label="Image model", required=False)
    keeps_product = forms.BooleanField(
        label="Paint the scene around the product",
        required=False,
        help_text="For models that can inpaint. Otherwise the product is set into a finished scene.",
    )

    def __init__(self, *args: Any, advertiser: Advertiser, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["placements"].queryset = placement_list(  # type: ignore[attr-defined]
            advertiser_id=advertiser.pk, only_active=True
        )
        default = settings.GENERATION_DEFAULT_MODEL
        self.fields["model"].choices = [  # type: ignore[attr-defined]
            ("", f"Default ({default})"),
            *((name, name) for name in settings.GENERATION_MODELS if name != default),
        ]

    @staticmethod
    def initial_of(campaign: Campaign) -> dict[str, Any]:
        """The campaign as the form shows it."""
        names = (
            "name", "style", "template", "language", "headline", "starts_at", "ends_at", "priority",
            "model", "keeps_product",
        )  # fmt: skip
        return {name: getattr(campaign, name) for name in names} | {
            "placements": list(campaign.placements.values_list("pk", flat=True))
        }


class PlacementForm(forms.Form):
    """A new placement."""

    name = forms.CharField(max_length=80, widget=forms.TextInput(attrs={"placeholder": "Home page, top"}))
    code = forms.SlugField(
        max_length=60,
        help_text="What the storefront's tag names.",
        widget=forms.TextInput(attrs={"placeholder": "home-top", "autocomplete": "off"}),
    )
    size = forms.ChoiceField(
        choices=[
            (f"{row.width}x{row.height}", f"{row.name} · {row.width} × {row.height}")
            for row in SIZES.values()
        ]
    )

    def size_of(self) -> tuple[int, int]:
        """The chosen (width, height)."""
        width, _, height = self.cleaned_data["size"].partition("x")
        return int(width), int(height)
