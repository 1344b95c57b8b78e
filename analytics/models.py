"""What happened: events as they came, and roll-ups rebuilt from them."""

from __future__ import annotations

from django.db import models

from accounts.models import TenantModel


class Event(TenantModel):
    """One thing that happened to a served creative, or an order. Append-only, counted exactly once.

    The ids of the decision are plain columns: they come out of the signed token, and an event outlives
    the rows it speaks of.
    """

    class Kind(models.TextChoices):
        IMPRESSION = "impression", "Impression"
        VIEWABLE = "viewable", "Viewable impression"
        CLICK = "click", "Click"
        CONVERSION = "conversion", "Conversion"

    class Validity(models.TextChoices):
        VALID = "valid", "Counted"
        INVALID = "invalid", "Kept, not counted"

    event_id = models.CharField(max_length=64)  # the sender's own id: sending twice stores once
    kind = models.CharField(max_length=10, choices=Kind)
    validity = models.CharField(max_length=8, choices=Validity, default=Validity.VALID)
    invalid_reason = models.CharField(max_length=40, blank=True)
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField()
    clock_flag = models.CharField(max_length=10, blank=True)  # how occurred_at differs from what was sent
    decision_id = models.UUIDField(null=True, blank=True)  # null on a conversion
    campaign_id = models.UUIDField(null=True, blank=True)
    variant_id = models.UUIDField(null=True, blank=True)
    creative_id = models.UUIDField(null=True, blank=True)
    placement_id = models.UUIDField(null=True, blank=True)
    segment_id = models.UUIDField(null=True, blank=True)
    propensity = models.FloatField(null=True, blank=True)
    shopper_pseudonym = models.CharField(max_length=64, blank=True)
    device = models.CharField(max_length=10, blank=True)  # desktop, mobile, tablet, other
    order_id = models.CharField(max_length=64, blank=True)
    value_cents = models.BigIntegerField(null=True, blank=True)
    currency = models.CharField(max_length=3, blank=True)
    is_simulated = models.BooleanField(default=False)
    experiment_id = models.UUIDField(null=True, blank=True)  # the shopper's draw decided this creative
    arm = models.CharField(max_length=20, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["advertiser", "event_id"], name="event_once"),
            # A decision is shown, seen and clicked at most once in the counts, however it is replayed.
            models.UniqueConstraint(
                fields=["decision_id", "kind"],
                condition=models.Q(validity="valid", decision_id__isnull=False),
                name="event_kind_once_per_decision",
            ),
            models.UniqueConstraint(
                fields=["advertiser", "order_id"],
                condition=models.Q(kind="conversion", validity="valid"),
                name="conversion_once_per_order",
            ),
        ]
        indexes = [
            models.Index(fields=["advertiser", "occurred_at"], name="event_by_time"),
            models.Index(fields=["advertiser", "shopper_pseudonym", "occurred_at"], name="event_by_shopper"),
            # Partial: the many events outside experiments do not pay for it.
            models.Index(
                fields=["experiment_id", "occurred_at"],
                condition=models.Q(experiment_id__isnull=False),
                name="event_by_experiment",
            ),
        ]


class DirtyDay(TenantModel):
    """A day whose roll-ups no longer match its events; marked in the transaction of the insert."""

    day = models.DateField()
    marks = models.PositiveIntegerField(default=1)  # a rebuild removes the row only if this did not move

    class Meta:
        constraints = [models.UniqueConstraint(fields=["advertiser", "day"], name="dirty_day_once")]


class DailyRollup(TenantModel):
    """Sums of one day, rebuilt whole from the events of that day and never incremented."""

    day = models.DateField()
    campaign_id = models.UUIDField(null=True)  # null: a conversion that no creative led to
    variant_id = models.UUIDField(null=True)
    creative_id = models.UUIDField(null=True)
    placement_id = models.UUIDField(null=True)
    segment_id = models.UUIDField(null=True)  # null: the generic creative
    device = models.CharField(max_length=10, blank=True)
    is_simulated = models.BooleanField(default=False)
    impressions = models.PositiveIntegerField(default=0)
    viewables = models.PositiveIntegerField(default=0)
    clicks = models.PositiveIntegerField(default=0)
    conversions = models.PositiveIntegerField(default=0)
    revenue_cents = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3, blank=True)  # of the revenue; blank where there is none
    invalid_events = models.PositiveIntegerField(default=0)
    computed_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["advertiser", "day"], name="daily_rollup_by_day")]


class DailyInvalid(TenantModel):
    """What was kept but not counted on one day, by kind and reason; rebuilt together with DailyRollup."""

    day = models.DateField()
    kind = models.CharField(max_length=10, choices=Event.Kind)
    reason = models.CharField(max_length=40)
    campaign_id = models.UUIDField(null=True)
    segment_id = models.UUIDField(null=True)
    placement_id = models.UUIDField(null=True)
    device = models.CharField(max_length=10, blank=True)
    is_simulated = models.BooleanField(default=False)
    events = models.PositiveIntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["advertiser", "day"], name="daily_invalid_by_day")]


class ExperimentReport(TenantModel):
    """The newest figures of an experiment, computed in a worker; a request only reads them."""

    experiment = models.OneToOneField("campaigns.Experiment", on_delete=models.CASCADE, related_name="report")
    content = models.JSONField()
    computed_at = models.DateTimeField()
    requested_at = models.DateTimeField(null=True, blank=True)  # somebody waits for a newer one
