"""The page "why does my creative not serve?": the decision itself, run for a made-up shopper."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from random import Random
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from accounts.models import Advertiser
from accounts.permissions import MemberRequest, member_required
from campaigns.models import DEVICES, Campaign, Placement
from campaigns.selectors import placement_list
from campaigns.serving.context import ServeContext
from campaigns.serving.engine import Explanation, SlotDecision, decide, explain
from campaigns.serving.limits import ageless
from campaigns.serving.loading import snapshot_load
from campaigns.serving.reasons import NUMBERS, SENTENCES
from generation.models import Creative
from profiles.models import Segment

SOMEONE = "someone"
MOMENT = "%Y-%m-%dT%H:%M"


class DiagnosisForm(forms.Form):
    """The page view to try: every field has a default, so that a bare link works."""

    placement = forms.ModelChoiceField(queryset=Placement.objects.none(), empty_label=None)
    device = forms.ChoiceField(
        choices=[("", "Unknown"), *((device, device.capitalize()) for device in DEVICES)], required=False
    )
    moment = forms.DateTimeField(
        label="When",
        required=False,
        input_formats=[MOMENT],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=MOMENT),
    )
    shopper = forms.CharField(
        max_length=40, required=False, help_text="Any name: another one may win another draw or test arm."
    )
    segments = forms.ModelMultipleChoiceField(
        label="In the segments",
        queryset=Segment.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args: Any, advertiser: Advertiser, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["placement"].queryset = placement_list(  # type: ignore[attr-defined]
            advertiser_id=advertiser.pk
        )
        self.fields["segments"].queryset = Segment.objects.filter(  # type: ignore[attr-defined]
            advertiser_id=advertiser.pk, is_active=True
        ).order_by("name")
        self.fields["moment"].help_text = f"{advertiser.time_zone}; empty: now."

    def clean_moment(self) -> datetime | None:
        """Within a century: at the edges of the calendar another time zone's clock does not exist."""
        moment = self.cleaned_data["moment"]
        if moment is not None and not 2000 <= moment.year < 2100:
            raise forms.ValidationError("Choose a moment of this century.")
        return moment


@dataclass(frozen=True)
class Line:
    """A candidate as the table shows it."""

    explanation: Explanation
    segment_name: str
    is_subject: bool  # what the page was asked about

    @property
    def number(self) -> int | None:
        reason = self.explanation.reason
        return NUMBERS[reason] if reason else None

    @property
    def percent(self) -> str:
        return f"{self.explanation.propensity:.1%}"

    @property
    def sentence(self) -> str:
        reason = self.explanation.reason
        return SENTENCES[reason] if reason else "Shown."


@member_required()
def serving_diagnosis(request: MemberRequest) -> HttpResponse:
    """Every candidate of a placement and why it lost, for a page view of the visitor's choice."""
    advertiser = request.advertiser
    campaign = _mine(Campaign, advertiser, request.GET.get("campaign", ""))
    creative = _mine(Creative, advertiser, request.GET.get("creative", ""))
    data = request.GET.copy()
    form = DiagnosisForm(data, advertiser=advertiser)
    if "placement" not in data:
        data["placement"] = _likely_placement(form, campaign, creative)
    if not data.get("shopper"):
        data["shopper"] = SOMEONE
    context: dict[str, Any] = {"form": form, "campaign": campaign, "creative": creative}
    if form.is_valid():
        context |= _diagnosis(advertiser, form.cleaned_data, campaign, creative)
    return render(request, "campaigns/serving_diagnosis.html", context)


def _mine(model: type[Any], advertiser: Advertiser, given: str) -> Any:
    """The advertiser's row, None for anything else: the page works without a subject."""
    try:
        return model.objects.filter(advertiser=advertiser, pk=UUID(given)).first()
    except ValueError:
        return None


def _likely_placement(form: DiagnosisForm, campaign: Any, creative: Any) -> Any:
    """The first placement in which the subject could be shown, or simply the first."""
    found = form.fields["placement"].queryset  # type: ignore[attr-defined]
    if campaign is not None:
        fitting = found.filter(campaigns=campaign)
    elif creative is not None:
        sized = found.filter(width=creative.width, height=creative.height)
        fitting = sized.filter(campaigns__variants__job=creative.job_id) or sized
    else:
        fitting = found
    placement = fitting.first() or found.first()
    return placement.pk if placement is not None else ""


def _diagnosis(advertiser: Advertiser, asked: dict[str, Any], campaign: Any, creative: Any) -> dict[str, Any]:
    snapshot = snapshot_load(advertiser.pk)  # not this process's own: it may be a second old
    moment = _moment(asked["moment"], advertiser)
    if moment > timezone.now():  # the counts of that moment will have been taken by then
        snapshot = replace(snapshot, delivery=ageless(snapshot.delivery))
    context = ServeContext(
        advertiser_id=advertiser.pk,
        placements=(asked["placement"].code,),
        now=moment,
        pseudonym=asked["shopper"],
        segment_ids=tuple(segment.pk for segment in asked["segments"]),
        device=asked["device"],
    )
    answer = decide(context, snapshot, Random(asked["shopper"])).slots[0]
    names = dict(Segment.objects.filter(advertiser=advertiser).values_list("pk", "name"))
    lines = [
        Line(
            line,
            names.get(line.candidate.segment_id, "") if line.candidate.segment_id else "",
            _is_subject(line, campaign, creative),
        )
        for line in explain(context, answer, snapshot)
    ]
    lines.sort(key=lambda line: not line.is_subject)  # stable: the subject's first
    return {
        "answer": answer,
        "lines": lines,
        "sentence": SENTENCES[answer.reason] if answer.reason else "",
        "number": NUMBERS[answer.reason] if answer.reason else None,
        "verdict": _verdict(lines, answer, campaign, creative),
    }


def _moment(given: datetime | None, advertiser: Advertiser) -> datetime:
    if given is None:
        return timezone.now()
    return given.replace(tzinfo=ZoneInfo(advertiser.time_zone))


def _is_subject(line: Explanation, campaign: Any, creative: Any) -> bool:
    candidate = line.candidate
    if creative is not None:
        # The picture before the present one is on the air until that is approved.
        shown = {found.id for found in candidate.creatives.values()}
        return candidate.job_id == creative.job_id or creative.pk in shown
    return campaign is not None and candidate.campaign_id == campaign.pk


def _verdict(lines: list[Line], answer: SlotDecision, campaign: Any, creative: Any) -> str:
    """What became of the subject, in one sentence; empty without a subject."""
    if campaign is None and creative is None:
        return ""
    mine = [line for line in lines if line.is_subject]
    if any(line.explanation.reason is None for line in mine):
        return "It is what this shopper would see."
    if answer.slot is not None and not answer.slot.is_active:
        return "The placement is switched off, so nothing is shown in it."
    if not mine:
        return "It is no candidate at all: its campaign has ended, or no campaign uses it."
    chance = sum(line.explanation.propensity for line in mine)
    if chance:
        return f"It may be shown here: {chance:.0%} of such shoppers would see it, and this one sees another."
    # The closest one's reason: the engine lists refused candidates from the closest on.
    return f"It is not shown here. {mine[0].sentence}"
