"""What learning and people left behind: periods of fixed shares, and every change by hand."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.models import TenantModel


class AllocationPeriod(TenantModel):
    """The learned shares of a campaign's variants in one placement for one segment, while they were in force.

    Never changed but for its end: traffic of different shares must not be pooled when it is analysed.
    """

    class Reason(models.TextChoices):
        COLD_START = "cold_start", "Too little data: by the pictures' match alone"
        LEARNED = "learned", "Learned from what was counted"

    campaign = models.ForeignKey("campaigns.Campaign", on_delete=models.CASCADE, related_name="allocations")
    placement = models.ForeignKey("campaigns.Placement", on_delete=models.CASCADE, related_name="+")
    segment = models.ForeignKey(
        "profiles.Segment", null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    shares = models.JSONField()  # {variant id: share}, sum 1; before the holdout is mixed in
    # [{"variant_id", "impressions", "clicks", "prior_impressions", "prior_rate", "chance_best", ...}]
    evidence = models.JSONField(default=list)
    reason = models.CharField(max_length=12, choices=Reason)
    holdout_rate = models.FloatField()
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-started_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "placement", "segment"],
                condition=Q(ended_at__isnull=True, segment__isnull=False),
                name="allocation_open_once",
            ),
            models.UniqueConstraint(
                fields=["campaign", "placement"],
                condition=Q(ended_at__isnull=True, segment__isnull=True),
                name="allocation_generic_open_once",
            ),
        ]
        indexes = [models.Index(fields=["advertiser", "campaign", "started_at"], name="allocation_by_start")]


class WeightRecord(TenantModel):
    """A change of the draw by a person or an API key: who, when, from what to what, why. Append-only."""

    class Setting(models.TextChoices):
        WEIGHTS = "weights", "Weights"  # {variant id: weight} of those that changed
        LEARNING = "learning", "Learning"  # {"learns", "holdout_rate", "dividend_rate"} that changed

    campaign = models.ForeignKey("campaigns.Campaign", on_delete=models.CASCADE, related_name="+")
    setting = models.CharField(max_length=8, choices=Setting)
    old = models.JSONField()
    new = models.JSONField()
    comment = models.CharField(max_length=500, blank=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    changed_at = models.DateTimeField()

    class Meta:
        ordering = ["-changed_at", "-id"]
        indexes = [models.Index(fields=["campaign", "changed_at"], name="weights_by_change")]
