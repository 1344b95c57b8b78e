"""How many decisions were made, by what they ended in and by what they showed; no row a decision."""

from __future__ import annotations

from django.db import models

from accounts.models import TenantModel


class DecisionCount(TenantModel):
    """How many decisions an hour brought a placement, by what they ended in; no row a decision."""

    hour_at = models.DateTimeField()
    placement_id = models.UUIDField()  # all zeros: codes that no placement has
    outcome = models.CharField(max_length=7)  # segment, generic, house, none
    reason = models.CharField(max_length=30, blank=True)  # a campaigns.serving.reasons.Reason
    is_simulated = models.BooleanField(default=False)
    decisions = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["advertiser", "hour_at", "placement_id", "outcome", "reason", "is_simulated"],
                name="decision_count_once",
            )
        ]


class FilledDecisionCount(TenantModel):
    """How many decisions of a UTC day showed a creative: ``DecisionCount``'s filled ones by what they showed.

    Ids are plain columns, as in a roll-up: a count outlives the rows it speaks of.
    """

    day = models.DateField()
    placement_id = models.UUIDField()
    variant_id = models.UUIDField()
    creative_id = models.UUIDField()
    campaign_id = models.UUIDField()  # the variant's, and its segment
    segment_id = models.UUIDField(null=True)  # null: the generic creative
    is_simulated = models.BooleanField(default=False)
    decisions = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["advertiser", "day", "placement_id", "variant_id", "creative_id", "is_simulated"],
                name="filled_decision_count_once",
            )
        ]
