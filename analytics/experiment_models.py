"""What experiments' reports are made from: computed from the events, and nothing that they do not say."""

from __future__ import annotations

from django.db import models

from accounts.models import TenantModel


class ExperimentShopper(TenantModel):
    """What one shopper did in an experiment, rebuilt whole from their events and never incremented."""

    experiment = models.ForeignKey("campaigns.Experiment", on_delete=models.CASCADE, related_name="+")
    shopper_pseudonym = models.CharField(max_length=64)
    arm = models.CharField(max_length=20)  # of the first exposure
    is_mixed = models.BooleanField()  # seen in more than one arm
    first_at = models.DateTimeField()  # the exposure: nothing before it counts
    touched_at = models.DateTimeField()  # the last impression, viewable impression or click
    last_at = models.DateTimeField()  # or order
    # Of the first exposure.
    device = models.CharField(max_length=10, blank=True)
    placement_id = models.UUIDField(null=True)
    variant_id = models.UUIDField(null=True)
    drawn_segment_id = models.UUIDField(null=True)
    days = models.JSONField()  # analytics.experiment_shoppers.ShopperSums
    before = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["experiment", "shopper_pseudonym"], name="experiment_shopper_once"
            )
        ]
        indexes = [
            models.Index(fields=["advertiser", "shopper_pseudonym"], name="experiment_shopper_by_name"),
            models.Index(fields=["experiment", "last_at"], name="experiment_shopper_by_last"),
        ]


class ExperimentHour(TenantModel):
    """An hour of an experiment: what its events were by arm, and a mark when some of them changed."""

    experiment = models.ForeignKey("campaigns.Experiment", on_delete=models.CASCADE, related_name="+")
    hour = models.DateTimeField()
    mark = models.UUIDField(null=True)  # null: counts and shoppers match the events
    arms = models.JSONField(null=True)  # arm -> events: [robots, others not counted, all]; null: not yet
    pictures = models.JSONField(default=list)  # [variant, placement, creative, arm] that were shown

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["experiment", "hour"], name="experiment_hour_once"),
        ]
