"""What happened: events as they came, and roll-ups rebuilt from them."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import models

from accounts.models import Advertiser, TenantModel
from analytics.attribution import Windows
from analytics.event_query import EventQuerySet
from analytics.experiment_models import ExperimentHour as ExperimentHour
from analytics.experiment_models import ExperimentShopper as ExperimentShopper
from analytics.fatigue_models import CreativeFatigue as CreativeFatigue
from analytics.fatigue_models import FatigueRecord as FatigueRecord
from analytics.report_models import ReportSchedule as ReportSchedule
from analytics.report_models import ReportSending as ReportSending
from analytics.report_models import SavedView as SavedView
from analytics.selfcheck_models import SelfCheckRun as SelfCheckRun


class Event(TenantModel):
    """One thing that happened to a served creative, or an order. Append-only, counted exactly once.

    The ids of the decision are plain columns: they come out of the signed token, and an event outlives
    the rows it speaks of. On PostgreSQL in a partition for each day of decisions (``event_partitions``): what
    is unique there holds the decision, or is an order's and in the one partition without decisions.
    """

    class Kind(models.TextChoices):
        IMPRESSION = "impression", "Impression"
        VIEWABLE = "viewable", "Viewable impression"
        CLICK = "click", "Click"
        CONVERSION = "conversion", "Conversion"
        REFUND = "refund", "Refund"

    class Validity(models.TextChoices):
        VALID = "valid", "Counted"
        INVALID = "invalid", "Kept, not counted"

    advertiser = models.ForeignKey(
        Advertiser, on_delete=models.CASCADE, related_name="+", db_index=False
    )  # event_by_time begins with it
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
    # Whom the shopper was decided for, whichever arm was shown; with an experiment only.
    drawn_segment_id = models.UUIDField(null=True, blank=True)

    objects = EventQuerySet.as_manager()

    class Meta:
        constraints = [
            # A decision has one advertiser, so an id is unique among its events; an order's among the orders.
            models.UniqueConstraint(
                fields=["decision_id", "event_id"],
                condition=models.Q(decision_id__isnull=False),
                name="event_once_per_decision",
            ),
            models.UniqueConstraint(
                fields=["advertiser", "event_id"],
                condition=models.Q(decision_id__isnull=True),
                name="event_once_undated",
            ),
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
            # Partial, both: the many events that are no order and in no experiment do not pay for them.
            models.Index(
                fields=["advertiser", "order_id"], condition=~models.Q(order_id=""), name="event_by_order"
            ),
            models.Index(
                fields=["experiment_id", "occurred_at"],
                condition=models.Q(experiment_id__isnull=False),
                name="event_by_experiment",
            ),
        ]


class DirtyHour(TenantModel):
    """A mark: an hour's roll-ups no longer match its events. Written in the transaction of the insert.

    Append-only, one row a transaction and hour, never updated by a writer: a counter on one row would make
    every writer of an advertiser wait for the commit of the one before. A rebuild removes the marks that it
    read before it looked at the events.
    """

    hour = models.DateTimeField()
    failures = models.PositiveIntegerField(default=0, db_default=0)  # rebuilds that ended in an error

    class Meta:
        indexes = [models.Index(fields=["hour", "advertiser"], name="dirty_hour_oldest_first")]


class RollupKey(TenantModel):
    """What a line of a roll-up is about. Ids are plain columns: figures outlive the rows they speak of."""

    campaign_id = models.UUIDField(null=True)  # null: a conversion that no creative led to
    placement_id = models.UUIDField(null=True)
    segment_id = models.UUIDField(null=True)  # null: the generic creative
    device = models.CharField(max_length=10, blank=True)
    is_simulated = models.BooleanField(default=False)

    class Meta:
        abstract = True


class RollupSums(RollupKey):
    """Sums of a period, rebuilt whole from its events and never incremented."""

    variant_id = models.UUIDField(null=True)
    creative_id = models.UUIDField(null=True)
    impressions = models.PositiveIntegerField(default=0)
    viewables = models.PositiveIntegerField(default=0)
    clicks = models.PositiveIntegerField(default=0)
    conversions = models.PositiveIntegerField(default=0)
    revenue_cents = models.BigIntegerField(default=0)  # after refunds
    refunds = models.PositiveIntegerField(default=0)  # of the orders counted here, whenever they came back
    refunded_cents = models.BigIntegerField(default=0)
    # Of the revenue: the advertiser's own, or that of orders without an exchange rate; blank without orders.
    currency = models.CharField(max_length=3, blank=True)
    invalid_events = models.PositiveIntegerField(default=0)
    computed_at = models.DateTimeField()

    class Meta:
        abstract = True


class HourlyRollup(RollupSums):
    """Sums of one hour, from the events."""

    hour = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["advertiser", "hour"], name="hourly_rollup_by_hour")]


class DailyRollup(RollupSums):
    """Sums of one UTC day, from its hours."""

    day = models.DateField()

    class Meta:
        indexes = [models.Index(fields=["advertiser", "day"], name="daily_rollup_by_day")]


class DailyCreativeRollup(RollupSums):
    """Sums of one UTC day over all places and devices: what reports read that are not filtered by these."""

    placement_id = None
    device = None  # type: ignore[assignment]
    day = models.DateField()

    class Meta:  # indexed as far as days are grouped, so that the database need not sort them
        indexes = [
            models.Index(fields=["advertiser", "day", "campaign_id", "currency"], name="daily_creative")
        ]


class InvalidSums(RollupKey):
    """What was kept but not counted in a period, by kind and reason; rebuilt together with RollupSums."""

    kind = models.CharField(max_length=10, choices=Event.Kind)
    reason = models.CharField(max_length=40)
    events = models.PositiveIntegerField(default=0)

    class Meta:
        abstract = True


class HourlyInvalid(InvalidSums):
    """Of one hour, from the events."""

    hour = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["advertiser", "hour"], name="hourly_invalid_by_hour")]


class DailyInvalid(InvalidSums):
    """Of one UTC day, from its hours."""

    day = models.DateField()

    class Meta:
        indexes = [models.Index(fields=["advertiser", "day"], name="daily_invalid_by_day")]


class ReachSketch(TenantModel):
    """Which shoppers saw a campaign: a HyperLogLog sketch. Sketches of several periods merge exactly."""

    campaign_id = models.UUIDField(null=True)  # null: any campaign
    sketch = models.BinaryField()

    class Meta:
        abstract = True


class HourlyReach(ReachSketch):
    """Shoppers of one hour."""

    hour = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["advertiser", "hour"], name="hourly_reach_by_hour")]


class DailyReach(ReachSketch):
    """Shoppers of one UTC day, merged from its hours."""

    day = models.DateField()

    class Meta:
        indexes = [models.Index(fields=["advertiser", "day"], name="daily_reach_by_day")]


class CreativeReachSketch(TenantModel):
    """Which shoppers saw a creative in a variant, so that a table by segment can hide small groups."""

    variant_id = models.UUIDField()
    creative_id = models.UUIDField()
    is_simulated = models.BooleanField(default=False)
    shoppers = models.PositiveIntegerField()  # what the sketch says
    sketch = models.BinaryField()

    class Meta:
        abstract = True


class HourlyCreativeReach(CreativeReachSketch):
    """Shoppers of one hour."""

    hour = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["advertiser", "hour"], name="hourly_creative_reach")]


class DailyCreativeReach(CreativeReachSketch):
    """Shoppers of one UTC day, merged from its hours."""

    day = models.DateField()

    class Meta:
        indexes = [models.Index(fields=["advertiser", "day"], name="daily_creative_reach")]


class ExchangeRate(TenantModel):
    """What one unit of a foreign currency was worth in the advertiser's own on one day."""

    day = models.DateField()
    currency = models.CharField(max_length=3)
    rate = models.DecimalField(max_digits=18, decimal_places=8)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["advertiser", "currency", "day"], name="exchange_rate_once_a_day")
        ]


class AttributionWindows(TenantModel):
    """A campaign's own windows; without a row the installation's hold."""

    campaign = models.OneToOneField(
        "campaigns.Campaign", on_delete=models.CASCADE, related_name="attribution"
    )
    click_days = models.PositiveSmallIntegerField()
    view_days = models.PositiveSmallIntegerField()  # 0: a view never gets an order

    @property
    def windows(self) -> Windows:
        return Windows(click=timedelta(days=self.click_days), view=timedelta(days=self.view_days))


class ExperimentReport(TenantModel):
    """The newest figures of an experiment, computed in a worker; a request only reads them."""

    experiment = models.OneToOneField("campaigns.Experiment", on_delete=models.CASCADE, related_name="report")
    content = models.JSONField()
    sums = models.JSONField(default=dict)  # what the content was made from: analytics.experiment_figures
    computed_at = models.DateTimeField()
    requested_at = models.DateTimeField(null=True, blank=True)  # somebody waits for a newer one


class CampaignBaseline(TenantModel):
    """Per-shopper sums of a campaign's last two weeks by metric, computed in a worker for planning."""

    campaign = models.OneToOneField("campaigns.Campaign", on_delete=models.CASCADE, related_name="baseline")
    content = models.JSONField()
    computed_at = models.DateTimeField()


class StoredReport(TenantModel):
    """Figures that read events, computed in a worker and kept for the pages; one row a kind and campaign."""

    class Kind(models.TextChoices):
        LEARNING = "learning", "Learning"
        DIVIDEND = "dividend", "Personalisation dividend"
        FATIGUE = "fatigue", "Fatigue"
        WHAT_IF = "what_if", "What if"

    kind = models.CharField(max_length=10, choices=Kind)
    campaign = models.ForeignKey("campaigns.Campaign", on_delete=models.CASCADE, related_name="+")
    parameters = models.JSONField(default=dict)  # of the newest request
    content = models.JSONField(default=dict)
    computed_at = models.DateTimeField(null=True, blank=True)
    requested_at = models.DateTimeField(null=True, blank=True)  # somebody waits for a newer one

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "kind"], name="stored_report_once_a_campaign")
        ]


class PastTestImport(TenantModel):
    """A CSV of experiments that ran elsewhere, and how its columns are read."""

    class Status(models.TextChoices):
        MAPPING = "mapping", "Columns to be named"
        WAITING = "waiting", "Being read"
        DONE = "done", "Read"

    class Shape(models.TextChoices):
        SUMS = "sums", "A row an arm: shoppers and sums"
        EVENTS = "events", "A row an event: test, shopper, arm, kind"

    source_name = models.CharField(max_length=255)
    shape = models.CharField(max_length=6, choices=Shape, default=Shape.SUMS)
    status = models.CharField(max_length=7, choices=Status, default=Status.MAPPING)
    text = models.TextField(blank=True)  # the file, until it was read
    columns = models.JSONField(default=list)
    mapping = models.JSONField(default=dict)  # field -> column
    test_count = models.PositiveIntegerField(default=0)
    problems = models.JSONField(default=list)  # [{"line", "test", "code", "message"}], the first 1,000
    problem_count = models.PositiveIntegerField(default=0)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ["-created_at"]


class PastTest(TenantModel):
    """An experiment that ran elsewhere, judged by the same code as our own."""

    test_import = models.ForeignKey(PastTestImport, on_delete=models.CASCADE, related_name="tests")
    name = models.CharField(max_length=200)
    started_on = models.DateField(null=True, blank=True)
    ended_on = models.DateField(null=True, blank=True)
    metric = models.CharField(max_length=40)
    shoppers = models.PositiveBigIntegerField(default=0)
    lift = models.FloatField(null=True, blank=True)  # of the best arm by its lift
    verdict = models.CharField(max_length=12)
    sums = models.JSONField()
    content = models.JSONField()

    class Meta:
        ordering = ["-started_on", "name", "id"]
        indexes = [models.Index(fields=["advertiser", "verdict"], name="past_test_by_verdict")]
