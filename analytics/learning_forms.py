"""Forms of learning: shapes only; the service checks meaning."""

from __future__ import annotations

from typing import Any

from django import forms

from campaigns.models import Campaign


class LearningForm(forms.Form):
    """What a campaign learns by."""

    learns = forms.BooleanField(
        label="Learn the weights",
        required=False,
        help_text="Half an hour after each change in what was counted.",
    )
    holdout_percent = forms.FloatField(
        label="Holdout, % of the shoppers",
        min_value=5,
        max_value=50,
        help_text="For them all pictures are drawn alike, to compare with.",
    )
    dividend_percent = forms.FloatField(
        label="Standing split, % of the shoppers",
        min_value=0,
        max_value=30,
        help_text="They see own, other and generic pictures in equal parts. 0: none.",
    )

    comment = forms.CharField(label="Why", max_length=500, required=False, help_text="Kept with the change.")

    @staticmethod
    def initial_of(campaign: Campaign) -> dict[str, Any]:
        """The campaign as the form shows it."""
        return {
            "learns": campaign.learns,
            "holdout_percent": round(campaign.learning_holdout_rate * 100, 2),
            "dividend_percent": round(campaign.dividend_rate * 100, 2),
        }

    def changes(self) -> dict[str, Any]:
        """What ``learning_configure`` takes."""
        data = self.cleaned_data
        return {
            "learns": data["learns"],
            "holdout_rate": data["holdout_percent"] / 100,
            "dividend_rate": data["dividend_percent"] / 100,
            "comment": data["comment"],
        }
