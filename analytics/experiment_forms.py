"""The experiment wizard's form: shapes only; the service checks meaning."""

from __future__ import annotations

from typing import Any

from django import forms

from accounts.models import Advertiser
from campaigns.experiment_services import ArmPlan, Guardrail
from campaigns.models import Campaign, Experiment, ExperimentArm

DESIGNS = {
    "match": (
        "Own segment against generic",
        "Does a picture made for the shopper's segment beat one made for everybody?",
        (ExperimentArm.Rule.GENERIC, ExperimentArm.Rule.OWN_SEGMENT),
    ),
    "dividend": (
        "Own, other and generic",
        "Is it the match that works, or merely a livelier picture? A third arm shows another segment's.",
        (
            ExperimentArm.Rule.GENERIC,
            ExperimentArm.Rule.OWN_SEGMENT,
            ExperimentArm.Rule.OTHER_SEGMENT,
        ),
    ),
    "pictures": (
        "Picture against picture",
        "Which creative is better for the same product and the same shoppers? One arm shows the present "
        "picture, the other its challenger.",
        (ExperimentArm.Rule.OWN_SEGMENT, ExperimentArm.Rule.CHALLENGER),
    ),
}
NO_GUARDRAIL = ""


def _percent(
    label: str, help_text: str, low: float, high: float, initial: float, *, is_required: bool = True
) -> forms.FloatField:
    return forms.FloatField(
        label=label,
        required=is_required,
        min_value=low,
        max_value=high,
        initial=initial,
        help_text=help_text,
        widget=forms.NumberInput(attrs={"step": "any"}),
    )


class ExperimentForm(forms.Form):
    """Everything of an experiment on one page."""

    campaign = forms.ModelChoiceField(queryset=Campaign.objects.none(), empty_label="Choose a campaign")
    name = forms.CharField(
        max_length=120, widget=forms.TextInput(attrs={"placeholder": "Hiking: own picture"})
    )
    hypothesis = forms.CharField(
        max_length=1000,
        widget=forms.Textarea(
            attrs={
                "rows": 3,
                "placeholder": "Hikers click a picture with mountains more often than a plain one, "
                "because they see themselves in it.",
            }
        ),
    )
    design = forms.ChoiceField(
        choices=[(key, label) for key, (label, _, _) in DESIGNS.items()],
        widget=forms.RadioSelect,
        initial="match",
    )
    control_percent = _percent(
        "Control, % of shoppers",
        "The generic arm, or the present picture; the other arms share the rest.",
        1,
        98,
        50,
    )
    traffic_percent = _percent(
        "Take part, % of shoppers",
        "A limit on the traffic: the rest sees the usual and is not compared. The holdout to compare with "
        "is the arm of the own segment, which sees the usual too.",
        1,
        100,
        100,
    )
    primary_metric = forms.ChoiceField(choices=Experiment.Metric.choices, label="Primary metric")
    effect_percent = _percent("Smallest lift worth finding, %", "Relative to the control.", 0.1, 1000, 10)
    guardrail = forms.ChoiceField(
        choices=[(NO_GUARDRAIL, "None"), *Experiment.Metric.choices],
        required=False,
        help_text="A metric that must not fall.",
    )
    margin_percent = _percent("Guardrail may fall by, %", "Beyond this margin nothing ships.", 0.1, 50, 5)
    guardrail_2 = forms.ChoiceField(
        label="Second guardrail", choices=[(NO_GUARDRAIL, "None"), *Experiment.Metric.choices], required=False
    )
    margin_percent_2 = _percent("It may fall by, %", "", 0.1, 50, 5, is_required=False)
    layer = forms.SlugField(
        max_length=40,
        required=False,
        help_text="Experiments of one layer never share a shopper. Empty: on its own.",
    )
    planned_shoppers = forms.IntegerField(label="Planned shoppers", min_value=1, max_value=1_000_000_000)
    planned_days = forms.IntegerField(
        label="Planned days", min_value=1, max_value=365, initial=14, help_text="Full weeks; 7 at the least."
    )

    def __init__(self, *args: Any, advertiser: Advertiser, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["campaign"].queryset = Campaign.objects.filter(  # type: ignore[attr-defined]
            advertiser=advertiser
        ).exclude(status=Campaign.Status.ENDED)

    def arms(self) -> list[ArmPlan]:
        """The arms of the design, the control first."""
        data = self.cleaned_data
        rules = DESIGNS[data["design"]][2]
        control = data["control_percent"]
        rest = (100 - control) / (len(rules) - 1)
        return [ArmPlan(rule, control if position == 0 else rest) for position, rule in enumerate(rules)]

    def plan(self) -> dict[str, Any]:
        """Arguments of ``experiment_create``."""
        data = self.cleaned_data
        margins = {
            data["guardrail"]: data["margin_percent"],
            data["guardrail_2"]: data["margin_percent_2"] or data["margin_percent"],
        }
        guardrails = [
            Guardrail(metric, margin / 100)
            for metric, margin in margins.items()
            if metric and metric != data["primary_metric"]
        ]
        return {
            "campaign_id": data["campaign"].pk,
            "name": data["name"],
            "hypothesis": data["hypothesis"],
            "arms": self.arms(),
            "primary_metric": data["primary_metric"],
            "guardrails": guardrails,
            "min_effect_rate": data["effect_percent"] / 100,
            "planned_shoppers": data["planned_shoppers"],
            "planned_days": data["planned_days"],
            "traffic_rate": data["traffic_percent"] / 100,
            "layer": data["layer"],
        }


class PlanForm(ExperimentForm):
    """The part of the form that the power calculation needs; it is asked while the rest is still empty."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        needed = {
            "campaign",
            "design",
            "control_percent",
            "traffic_percent",
            "primary_metric",
            "effect_percent",
        }
        for name in set(self.fields) - needed:
            del self.fields[name]
