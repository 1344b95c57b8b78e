"""What we show: the catalogue, campaigns, placements and variants."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models

from accounts.models import TenantModel
from campaigns.count_models import DecisionCount, FilledDecisionCount
from campaigns.learning_models import AllocationPeriod, WeightRecord
from campaigns.remote_models import PictureHost, PictureRest, RemotePicture

__all__ = [
    "AllocationPeriod",
    "DecisionCount",
    "FilledDecisionCount",
    "PictureHost",
    "PictureRest",
    "RemotePicture",
    "WeightRecord",
]

NOTHING = models.Value({}, models.JSONField())  # in the database: a release before inserts rows without it
DEVICES = ("desktop", "mobile", "tablet", "other")  # what a storefront may say of the page's device


class Product(TenantModel):
    """One row of the advertiser's feed, in Google Merchant Center's terms."""

    class Availability(models.TextChoices):
        IN_STOCK = "in_stock", "In stock"
        OUT_OF_STOCK = "out_of_stock", "Out of stock"
        PREORDER = "preorder", "Preorder"
        BACKORDER = "backorder", "Backorder"

    class CutoutKind(models.TextChoices):
        ALPHA = "alpha", "Transparency supplied with the picture"
        FLOOD_FILL = "flood_fill", "Plain background removed"
        CARD = "card", "Photo shown in a card"

    external_id = models.CharField(max_length=120)  # the feed's id
    title = models.CharField(max_length=150)
    description = models.TextField(blank=True)
    link = models.URLField(max_length=2000)
    image_link = models.CharField(max_length=2000, blank=True)  # as the feed says it
    brand = models.CharField(max_length=70, blank=True)
    product_type = models.CharField(max_length=750, blank=True)
    availability = models.CharField(max_length=12, choices=Availability, default=Availability.IN_STOCK)
    price_cents = models.PositiveBigIntegerField()
    sale_price_cents = models.PositiveBigIntegerField(null=True, blank=True)
    currency = models.CharField(max_length=3)
    is_active = models.BooleanField(default=True)

    image = models.CharField(max_length=200, blank=True)  # storage name of the re-encoded original
    image_sha256 = models.CharField(max_length=64, blank=True)
    # Of the picture as received and the cut-out code's version: an equal one is not worked on again.
    image_fingerprint = models.CharField(max_length=64, blank=True)
    cutout = models.CharField(max_length=200, blank=True)  # storage name, RGBA PNG, trimmed
    cutout_sha256 = models.CharField(max_length=64, blank=True)
    cutout_kind = models.CharField(max_length=10, choices=CutoutKind, blank=True)
    palette = models.JSONField(default=list)  # dominant colours of the cut-out, "#rrggbb", strongest first
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["external_id"]
        constraints = [
            models.UniqueConstraint(fields=["advertiser", "external_id"], name="product_once_per_advertiser")
        ]
        indexes = [models.Index(fields=["advertiser", "product_type"], name="product_by_type")]

    def __str__(self) -> str:
        return self.title


class CatalogImport(TenantModel):
    """One reading of a feed: what was created, changed, left alone and refused, row by row."""

    class Status(models.TextChoices):
        PREVIEW = "preview", "Preview"
        APPLIED = "applied", "Imported"
        FAILED = "failed", "Refused"

    class Format(models.TextChoices):
        TSV = "tsv", "TSV"
        CSV = "csv", "CSV"
        XML = "xml", "RSS or Atom XML"
        JSONL = "jsonl", "JSON lines"

    source_name = models.CharField(max_length=255)
    feed = models.CharField(max_length=200, blank=True)  # storage name of the feed as received
    images = models.CharField(max_length=200, blank=True)  # storage name of the zip with its pictures
    format = models.CharField(max_length=6, choices=Format, blank=True)
    status = models.CharField(max_length=8, choices=Status, default=Status.PREVIEW)
    total = models.PositiveIntegerField(default=0)
    created = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    # Pictures are worked on before the rows are written, and a page does it in several requests.
    pictures_total = models.PositiveIntegerField(default=0)
    pictures_done = models.PositiveIntegerField(default=0)
    # [{"line", "external_id", "field", "code", "message"}], the first 1,000
    problems = models.JSONField(default=list)
    error_code = models.CharField(max_length=60, blank=True)  # why the whole feed was refused
    error_message = models.CharField(max_length=500, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    applied_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]


class Placement(TenantModel):
    """A place in the storefront that shows one creative of one size."""

    name = models.CharField(max_length=80)
    code = models.SlugField(max_length=60)  # what the storefront's tag names
    width = models.PositiveSmallIntegerField()
    height = models.PositiveSmallIntegerField()
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["advertiser", "code"], name="placement_code_once_per_advertiser")
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.width}x{self.height})"

    @property
    def size(self) -> str:
        return f"{self.width}x{self.height}"


class Campaign(TenantModel):
    """Products shown to segments in placements, for a time."""

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        LIVE = "live", "Live"
        PAUSED = "paused", "Paused"
        ENDED = "ended", "Ended"

    class Language(models.TextChoices):
        ENGLISH = "en", "English"
        CHINESE = "zh", "中文"

    class RateUnit(models.TextChoices):
        THOUSAND_IMPRESSIONS = "cpm", "for 1,000 impressions"
        CLICK = "cpc", "for a click"

    name = models.CharField(max_length=120)
    status = models.CharField(max_length=8, choices=Status, default=Status.DRAFT)
    language = models.CharField(max_length=2, choices=Language, default=Language.ENGLISH)
    style = models.CharField(max_length=40)  # a key of generation.styles.STYLES
    template = models.CharField(max_length=40, blank=True)  # an id of generation/layouts; blank: automatic
    model = models.CharField(max_length=80, blank=True)  # blank: settings.GENERATION_DEFAULT_MODEL
    keeps_product = models.BooleanField(default=False)  # the model paints the scene around the product
    headline = models.CharField(max_length=60, blank=True)  # blank: from the segment's copy template
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    priority = models.SmallIntegerField(default=5, validators=[MinValueValidator(1)])  # smaller wins
    is_house = models.BooleanField(default=False)  # shown only where nothing else may be

    # Where and when, in the advertiser's time zone; empty: on every device, at all times.
    devices = models.JSONField(default=list, blank=True)  # of DEVICES
    weekdays = models.JSONField(default=list, blank=True)  # 0 is Monday
    hour_from = models.PositiveSmallIntegerField(null=True, blank=True)  # first hour of the day, 0-23
    hour_until = models.PositiveSmallIntegerField(null=True, blank=True)  # first hour after, 1-24

    # How often and for how much; null: without a limit.
    cap_daily = models.PositiveSmallIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    cap_weekly = models.PositiveSmallIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    rate_unit = models.CharField(max_length=3, choices=RateUnit, default=RateUnit.THOUSAND_IMPRESSIONS)
    rate_cents = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    budget_cents = models.PositiveBigIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    daily_budget_cents = models.PositiveBigIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)]
    )
    is_paced = models.BooleanField(default=True)  # a day's budget is spread over the day

    # Off by default, both. A share of the draws stays by the weights that people set, to compare with.
    learns = models.BooleanField(default=False)
    learning_holdout_rate = models.FloatField(default=0.1)
    # The standing split: so many of its shoppers see own, other and generic pictures in equal parts.
    dividend_rate = models.FloatField(default=0.0)

    products = models.ManyToManyField(Product, related_name="campaigns")
    segments = models.ManyToManyField("profiles.Segment", related_name="campaigns", blank=True)
    placements = models.ManyToManyField(Placement, related_name="campaigns")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.name


class Variant(TenantModel):
    """What a campaign can show: one product for one segment (none: generic), as its creatives."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="variants")
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="variants")
    segment = models.ForeignKey(
        "profiles.Segment", null=True, blank=True, on_delete=models.CASCADE, related_name="variants"
    )
    job = models.ForeignKey(
        "generation.RenderJob", null=True, blank=True, on_delete=models.SET_NULL, related_name="variants"
    )
    # What was shown before ``job``: on the air in each size until the creative of ``job`` is decided about.
    former_job = models.ForeignKey(
        "generation.RenderJob",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="former_variants",
    )
    # A second picture, shown by an experiment's arm of that name alone.
    challenger_job = models.ForeignKey(
        "generation.RenderJob",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="challenged_variants",
    )
    # Style, template or model in place of the campaign's: of ``job``, since a challenger with it won, and of
    # the challenger.
    look = models.JSONField(default=dict, db_default=NOTHING, blank=True)
    challenger_look = models.JSONField(default=dict, db_default=NOTHING, blank=True)
    weight = models.FloatField(default=1.0, validators=[MinValueValidator(0.0)])

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "product", "segment"], name="variant_once_per_segment"
            ),
            models.UniqueConstraint(
                fields=["campaign", "product"], condition=models.Q(segment=None), name="generic_variant_once"
            ),
        ]


class ServingVersion(models.Model):
    """A number per advertiser that every edit bumps in its own transaction; serving reloads on a change."""

    advertiser = models.OneToOneField(
        "accounts.Advertiser", on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    number = models.PositiveBigIntegerField(default=0)
    delivery_number = models.PositiveBigIntegerField(default=0)  # moves with the counts of limited campaigns


class CampaignDelivery(TenantModel):
    """What a limited campaign has delivered, counted from its events by ``analytics`` and written whole."""

    campaign = models.OneToOneField(Campaign, on_delete=models.CASCADE, related_name="delivery")
    impressions = models.PositiveBigIntegerField(default=0)  # since the beginning
    clicks = models.PositiveBigIntegerField(default=0)
    day = models.DateField()  # of the advertiser's time zone
    day_impressions = models.PositiveBigIntegerField(default=0)
    day_clicks = models.PositiveBigIntegerField(default=0)
    counted_at = models.DateTimeField()  # events received before this moment are in the counts
    told_budget_cents = models.PositiveBigIntegerField(null=True)  # the whole budget last told as spent


class CappedShopper(TenantModel):
    """A shopper who has seen a campaign as often as its cap allows, until the cap's day or week is over."""

    class Period(models.TextChoices):
        DAY = "day", "Day"
        WEEK = "week", "Week"

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="+")
    shopper_pseudonym = models.CharField(max_length=64)
    period = models.CharField(max_length=4, choices=Period)
    until_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "shopper_pseudonym", "period", "until_at"], name="capped_once"
            )
        ]
        indexes = [models.Index(fields=["advertiser", "until_at"], name="capped_by_end")]


class Experiment(TenantModel):
    """Shoppers of one campaign split at random, to learn which picture of the same product works better.

    Once it runs nothing of its design changes: a changed split or metric would make its figures lie.
    """

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        RUNNING = "running", "Running"
        STOPPED = "stopped", "Stopped"
        DECIDED = "decided", "Decided"

    class Metric(models.TextChoices):
        CLICK_RATE = "click_rate", "Clicks by impression"
        CONVERSION_RATE = "conversion_rate", "Shoppers who order"
        REVENUE_CENTS = "revenue_cents", "Revenue by shopper"

    class Outcome(models.TextChoices):
        SHIP = "ship", "Ship"
        ROLL_BACK = "roll_back", "Roll back"
        NO_CHANGE = "no_change", "Leave as it is"

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="experiments")
    name = models.CharField(max_length=120)
    hypothesis = models.CharField(max_length=1000)
    status = models.CharField(max_length=8, choices=Status, default=Status.DRAFT)
    primary_metric = models.CharField(max_length=16, choices=Metric, default=Metric.CLICK_RATE)
    # [{"metric": "revenue_cents", "margin_rate": 0.05}]: may fall by 5 % at the most
    guardrails = models.JSONField(default=list)
    min_effect_rate = models.FloatField()  # the smallest lift worth finding
    planned_shoppers = models.PositiveIntegerField()  # in all arms together; also tunes the intervals
    planned_days = models.PositiveSmallIntegerField()
    traffic_rate = models.FloatField(default=1.0)  # share of shoppers who take part; the rest is held out
    salt = models.CharField(max_length=32)
    # Experiments of one layer never share a shopper: each has a range of the layer's hash, from its start on.
    layer = models.SlugField(max_length=40, blank=True)
    layer_start = models.FloatField(null=True, blank=True)
    # What somebody asked another person to approve.
    asked_action = models.CharField(max_length=10, blank=True)  # start, ship
    asked_arm = models.CharField(max_length=20, blank=True)
    asked_comment = models.CharField(max_length=1000, blank=True)
    asked_at = models.DateTimeField(null=True, blank=True)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    started_at = models.DateTimeField(null=True, blank=True)
    planned_end_at = models.DateTimeField(null=True, blank=True)
    stopped_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=9, choices=Outcome, blank=True)
    decided_arm = models.CharField(max_length=20, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    decision_report = models.JSONField(null=True, blank=True)  # the report as the person saw it
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            # Experiments of one campaign exclude each other, so none disturbs another's figures.
            models.UniqueConstraint(
                fields=["campaign"], condition=models.Q(status="running"), name="experiment_runs_alone"
            )
        ]

    def __str__(self) -> str:
        return self.name


class ExperimentArm(TenantModel):
    """One of the pictures that are compared, and its share of the shoppers. Position 0 is the control."""

    class Rule(models.TextChoices):
        OWN_SEGMENT = "own_segment", "Creative of the shopper's own segment"
        GENERIC = "generic", "Generic creative"
        OTHER_SEGMENT = "other_segment", "Creative of another segment"
        CHALLENGER = "challenger", "Challenger: another creative for the same segment"

    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="arms")
    position = models.PositiveSmallIntegerField()
    key = models.SlugField(max_length=20)
    rule = models.CharField(max_length=13, choices=Rule)
    weight = models.FloatField(validators=[MinValueValidator(0.0)])

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["experiment", "key"], name="arm_key_once"),
            models.UniqueConstraint(fields=["experiment", "position"], name="arm_position_once"),
        ]


class ExperimentRecord(TenantModel):
    """The decision log: who did what, when and why. Append-only."""

    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="records")
    action = models.CharField(max_length=20)
    comment = models.CharField(max_length=1000, blank=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["created_at", "id"]
