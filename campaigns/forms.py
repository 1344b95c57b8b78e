"""Forms of the campaign pages. They check shapes; the services check meaning."""

from __future__ import annotations

from calendar import day_abbr
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings

from accounts.models import Advertiser
from adplatform.lib.money import exponent_of
from campaigns.limit_checks import LIMIT_FIELDS
from campaigns.models import DEVICES, Campaign, Placement
from campaigns.selectors import placement_list
from generation.composition.sizes import SIZES
from generation.composition.templates import templates_read
from generation.styles import STYLES

MONEY_FIELDS = ("rate", "budget", "daily_budget")


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


class ChallengerForm(forms.Form):
    """What of a second picture differs; empty: as it is."""

    style = forms.ChoiceField(
        choices=[("", "As it is"), *((style.key, style.label_en) for style in STYLES.values())],
        required=False,
    )
    template = forms.ChoiceField(
        choices=lambda: [("", "As it is"), *((t.key, t.name_en) for t in templates_read().values())],
        required=False,
    )
    model = forms.ChoiceField(
        label="Image model",
        choices=lambda: [("", "As it is"), *((name, name) for name in settings.GENERATION_MODELS)],
        required=False,
    )


def _moment(label: str, help_text: str) -> forms.DateTimeField:
    return forms.DateTimeField(
        label=label,
        required=False,
        help_text=help_text,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )


def _hour(label: str, hours: range) -> forms.TypedChoiceField:
    choices = [("", "–"), *((hour, f"{hour:02}:00") for hour in hours)]
    return forms.TypedChoiceField(
        label=label, choices=choices, coerce=int, required=False, help_text="Empty: the whole day."
    )


def _count(label: str, help_text: str) -> forms.IntegerField:
    return forms.IntegerField(label=label, required=False, min_value=1, max_value=32767, help_text=help_text)


def _money(label: str, help_text: str) -> forms.DecimalField:
    return forms.DecimalField(
        label=label, required=False, min_value=0, max_digits=13, decimal_places=3, help_text=help_text
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
    is_house = forms.BooleanField(
        label="House campaign", required=False, help_text="Shown only where nothing else may be."
    )
    devices = forms.MultipleChoiceField(
        choices=[(device, device.capitalize()) for device in DEVICES],
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    weekdays = forms.TypedMultipleChoiceField(
        choices=list(enumerate(day_abbr)), coerce=int, required=False, widget=forms.CheckboxSelectMultiple
    )
    hour_from = _hour("From", range(24))
    hour_until = _hour("Until", range(1, 25))
    cap_daily = _count("Each shopper, a day", "Impressions; empty: without a limit.")
    cap_weekly = _count("Each shopper, a week", "From Monday; a shopper without consent cannot be counted.")
    rate = _money("Rate", "A change re-values what was shown before.")
    rate_unit = forms.ChoiceField(label="The rate is", choices=Campaign.RateUnit.choices, required=False)
    budget = _money("Whole budget", "Empty: without a limit.")
    daily_budget = _money("Budget of a day", "Empty: without a limit.")
    is_paced = forms.BooleanField(label="Spread the day's budget over the day", required=False)

    def __init__(self, *args: Any, advertiser: Advertiser, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._minor = 10 ** exponent_of(advertiser.currency)
        for name in MONEY_FIELDS:
            if (cents := self.initial.get(f"{name}_cents")) is not None:
                self.initial[name] = f"{cents / self._minor:.{exponent_of(advertiser.currency)}f}"
            label = self.fields[name].label
            self.fields[name].label = f"{label}, {advertiser.currency}"
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
            "model", "keeps_product", *LIMIT_FIELDS,
        )  # fmt: skip
        return {name: getattr(campaign, name) for name in names} | {
            "placements": list(campaign.placements.values_list("pk", flat=True))
        }

    def changes(self) -> dict[str, Any]:
        """What ``campaign_update`` takes: money in minor units, an empty choice as None."""
        changes = dict(self.cleaned_data)
        for name in MONEY_FIELDS:
            amount = changes.pop(name)
            changes[f"{name}_cents"] = None if amount is None else round(amount * self._minor)
        for name in ("hour_from", "hour_until"):
            changes[name] = None if changes[name] == "" else changes[name]
        changes["rate_unit"] = changes["rate_unit"] or Campaign.RateUnit.THOUSAND_IMPRESSIONS
        return changes

    def refuse(self, errors: dict[str, list[str]]) -> None:
        """Show a service's refusals beside the fields that they are about."""
        for name, sentences in errors.items():
            shown = name.removesuffix("_cents")
            self.add_error(shown if shown in self.fields else None, sentences)


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
