"""What is known of creatives wearing out: the state of each today, and every change of it."""

from __future__ import annotations

from django.db import models

from accounts.models import TenantModel
from analytics.stats.fatigue_states import State

STATES = [(state.value, state.value.capitalize()) for state in State]


class CreativeFatigue(TenantModel):
    """One creative of a campaign as the worker's last look has it."""

    campaign = models.ForeignKey("campaigns.Campaign", on_delete=models.CASCADE, related_name="+")
    creative = models.ForeignKey("generation.Creative", on_delete=models.CASCADE, related_name="+")
    variant_id = models.UUIDField(null=True)
    state = models.CharField(max_length=8, choices=STATES)
    since = models.DateTimeField()  # when the state was first found
    looked_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["campaign", "creative"], name="creative_fatigue_once")]
        indexes = [models.Index(fields=["advertiser", "state"], name="creative_fatigue_by_state")]


class FatigueRecord(TenantModel):
    """A change of a creative's state, with the figures that made it. Append-only."""

    campaign = models.ForeignKey("campaigns.Campaign", on_delete=models.CASCADE, related_name="+")
    creative = models.ForeignKey("generation.Creative", on_delete=models.CASCADE, related_name="+")
    before = models.CharField(max_length=8, choices=STATES, blank=True)
    state = models.CharField(max_length=8, choices=STATES)
    reason = models.CharField(max_length=300)
    change = models.FloatField(null=True)  # of the click rate, at equal exposure number
    low = models.FloatField(null=True)
    high = models.FloatField(null=True)
    changed_at = models.DateTimeField()

    class Meta:
        ordering = ["-changed_at", "-id"]
        indexes = [models.Index(fields=["campaign", "-changed_at"], name="fatigue_record_newest")]
