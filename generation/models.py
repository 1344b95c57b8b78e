"""Render jobs, the creatives they make, and the record of who approved what."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import TenantModel
from generation.styles import STYLES


class BrandKit(TenantModel):
    """How an advertiser's creatives look and talk; one per advertiser."""

    name = models.CharField(max_length=80)  # the brand's name as a shopper reads it
    primary_colour = models.CharField(max_length=7, default="#1f3a5f")
    accent_colour = models.CharField(max_length=7, default="#e4572e")
    background_colour = models.CharField(max_length=7, default="#f5f1e8")
    tone = models.CharField(max_length=40, default="warm")
    call_to_action_en = models.CharField(max_length=24, default="Shop now")
    call_to_action_zh = models.CharField(max_length=12, default="立即选购")
    logo = models.CharField(max_length=200, blank=True)  # storage name, RGBA PNG, for light grounds
    logo_dark = models.CharField(max_length=200, blank=True)  # for dark grounds; blank: the other one
    clear_space = models.FloatField(default=0.5)  # around the logo, as a share of its height
    headline_font = models.CharField(max_length=20, blank=True)  # a key of fonts.FACES; blank: the template's
    text_font = models.CharField(max_length=20, blank=True)
    forbidden_words = models.JSONField(default=list, blank=True)
    forbidden_colours = models.JSONField(default=list, blank=True)  # "#rrggbb"
    legal_lines = models.JSONField(default=dict, blank=True)  # market -> the line each creative must carry
    lora = models.CharField(max_length=40, blank=True)  # a folder of settings.GENERATION_LORA_DIR
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["advertiser"], name="brand_kit_once")]


class RenderBatch(TenantModel):
    """Render jobs that one click asked for: watched, paused, resumed, cancelled and moved together."""

    class Status(models.TextChoices):
        OPEN = "open", "Open"
        PAUSED = "paused", "Paused"  # none of its jobs is claimed; what is being rendered is finished
        CANCELLED = "cancelled", "Cancelled"

    class Priority(models.IntegerChoices):
        SOONER = 2, "Sooner"
        NORMAL = 5, "Normal"
        LATER = 8, "Later"

    name = models.CharField(max_length=120)
    status = models.CharField(max_length=9, choices=Status, default=Status.OPEN)
    priority = models.SmallIntegerField(choices=Priority, default=Priority.NORMAL)
    asked_count = models.PositiveIntegerField()  # pictures that the click asked for
    shared_count = models.PositiveIntegerField(default=0)  # of them there or on their way before
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["advertiser", "-created_at"], name="render_batch_newest")]


class RenderJob(TenantModel):
    """The queue of record: one picture to make. A message in the broker is only a wake-up for it."""

    class Status(models.TextChoices):
        QUEUED = "queued", "Waiting"
        LEASED = "leased", "Rendering"
        SUCCEEDED = "succeeded", "Done"
        REJECTED = "rejected", "Refused"  # policy or validation: never retried
        DEAD = "dead", "Failed"  # too many errors or crashes: a person may requeue
        CANCELLED = "cancelled", "Cancelled"

    TERMINAL = (Status.SUCCEEDED, Status.REJECTED, Status.DEAD, Status.CANCELLED)

    # --- what to make
    brief = models.JSONField()  # generation.briefs.Brief as a dict; holds no shopper's data
    fingerprint = models.CharField(max_length=64)  # SHA-256 of the canonical brief
    model = models.CharField(max_length=80)  # a key of settings.GENERATION_MODELS
    prompt = models.TextField()
    motif = models.CharField(max_length=200)
    negative_prompt = models.TextField(blank=True)
    prompt_parts = models.JSONField(default=list)  # [{"slot", "text", "from"}]: where each word came from
    prompt_template = models.CharField(max_length=40)  # "scene@1"
    seed = models.BigIntegerField()

    # --- where it is
    status = models.CharField(max_length=10, choices=Status, default=Status.QUEUED)
    priority = models.SmallIntegerField(default=5)  # smaller is sooner
    available_at = models.DateTimeField(default=timezone.now)
    lease_owner = models.CharField(max_length=120, blank=True)
    lease_epoch = models.PositiveIntegerField(default=0)  # the fencing token
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)  # real errors
    crashes = models.PositiveSmallIntegerField(default=0)  # leases that expired
    cancel_requested = models.BooleanField(default=False)
    stage = models.CharField(max_length=20, blank=True)  # loading, rendering, composing
    step = models.PositiveSmallIntegerField(default=0)
    steps = models.PositiveSmallIntegerField(default=0)
    error_code = models.CharField(max_length=60, blank=True)
    error_message = models.CharField(max_length=500, blank=True)

    # --- what came out
    picture = models.CharField(max_length=200, blank=True)  # storage name of the raw render
    picture_sha256 = models.CharField(max_length=64, blank=True)
    model_hash = models.CharField(max_length=64, blank=True)
    render_ms = models.PositiveIntegerField(null=True, blank=True)
    match_score = models.FloatField(null=True, blank=True)  # how well picture and brief agree, -1 to 1
    render_details = models.JSONField(default=dict)  # seed, scheduler, scorer, ... of the picture
    # The picture that this one was asked for in the place of, so that a reviewer sees what changed.
    replaces = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="successors"
    )
    batch = models.ForeignKey(
        RenderBatch, null=True, blank=True, on_delete=models.SET_NULL, related_name="jobs"
    )
    # A check renders a finished job once more and compares; it makes no creatives.
    checks = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="rechecks"
    )
    comparison = models.JSONField(null=True, blank=True)  # what a check found: generation.rechecking
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["advertiser", "fingerprint"], name="render_job_once_per_brief"),
            models.UniqueConstraint(
                fields=["checks"],
                condition=Q(status__in=["queued", "leased"]),
                name="render_job_one_check_at_a_time",
            ),
            models.CheckConstraint(
                condition=Q(status="leased") ^ Q(lease_owner="", lease_expires_at=None),
                name="render_job_lease_matches_status",
            ),
        ]
        indexes = [
            models.Index(
                fields=["priority", "available_at"], condition=Q(status="queued"), name="render_job_ready"
            ),
            models.Index(fields=["lease_expires_at"], condition=Q(status="leased"), name="render_job_leases"),
            models.Index(fields=["advertiser", "-created_at"], name="render_job_newest"),
        ]

    @property
    def render_seconds(self) -> float | None:
        """Time of the image model alone, for a page."""
        return None if self.render_ms is None else self.render_ms / 1000

    @property
    def style_label(self) -> str:
        """The style's name for a page; its key when the style is no longer there."""
        key = self.brief["style"]
        return STYLES[key].label_en if key in STYLES else key

    @property
    def progress_rate(self) -> float:
        """How much of the whole is done, 0 to 1: loading, then the sampler's steps, then composition."""
        if self.status == self.Status.SUCCEEDED:
            return 1.0
        if self.status != self.Status.LEASED:
            return 0.0
        done = self.step / self.steps if self.steps else 0.0
        first, share = {"rendering": (0.1, 0.75), "composing": (0.85, 0.15)}.get(self.stage, (0.03, 0.0))
        return first + share * done


class Draft(TenantModel):
    """A quick look at a brief while a person edits it: one small creative, never reviewed, never served.

    One row a brief, so asking again for what was seen before shows it at once.
    """

    class Status(models.TextChoices):
        WAITING = "waiting", "Being drawn"
        MADE = "made", "Drawn"
        FAILED = "failed", "Failed"

    brief = models.JSONField()  # generation.briefs.Brief as a dict, of the draft model and one size
    fingerprint = models.CharField(max_length=64)
    status = models.CharField(max_length=7, choices=Status, default=Status.WAITING)
    tries = models.PositiveSmallIntegerField(default=0)  # counted before each, so that a kill counts too
    file = models.CharField(max_length=200, blank=True)  # storage name
    made_ms = models.PositiveIntegerField(null=True, blank=True)  # picture and composition
    error_code = models.CharField(max_length=60, blank=True)
    error_message = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["advertiser", "fingerprint"], name="draft_once")]
        indexes = [
            models.Index(fields=["created_at"], condition=Q(status="waiting"), name="draft_waiting"),
            models.Index(fields=["advertiser", "created_at"], name="draft_age"),
        ]


class RenderAttempt(TenantModel):
    """One try of a worker at a job."""

    class Outcome(models.TextChoices):
        RUNNING = "running", "Running"
        SUCCEEDED = "succeeded", "Succeeded"
        ERROR = "error", "Error"
        LOST = "lost", "Lost its lease"
        RELEASED = "released", "Released at shutdown"
        CANCELLED = "cancelled", "Cancelled"

    job = models.ForeignKey(RenderJob, on_delete=models.CASCADE, related_name="tries")
    epoch = models.PositiveIntegerField()
    worker = models.CharField(max_length=120)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=10, choices=Outcome, default=Outcome.RUNNING)
    error_code = models.CharField(max_length=60, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job", "epoch"], name="attempt_once_per_epoch")]

    @property
    def seconds(self) -> float | None:
        """How long the try took; None while it runs."""
        return (self.ended_at - self.started_at).total_seconds() if self.ended_at else None


def _template(inspection: dict[str, Any], job: RenderJob) -> str:
    # Creatives from before it was recorded could only be composed with the version that their brief names.
    return str(inspection.get("template") or job.brief.get("template", ""))


class Creative(TenantModel):
    """A finished picture in one placement size. Only an approved one is ever served."""

    class Status(models.TextChoices):
        IN_REVIEW = "in_review", "In review"
        APPROVED = "approved", "Approved"
        REJECTED = "rejected", "Rejected"
        WITHDRAWN = "withdrawn", "Withdrawn"

    class RejectReason(models.TextChoices):
        SPACE_MISMATCH = "space_mismatch", "Product does not sit in the scene"
        SIZE_MISMATCH = "size_mismatch", "Product too big or too small"
        INDISTINCT_PRODUCT = "indistinct_product", "Product hard to make out"
        SHAPE_HALLUCINATION = "shape_hallucination", "Picture shows wrong or broken shapes"
        OFF_BRAND = "off_brand", "Does not fit the brand"
        BAD_COPY = "bad_copy", "Wrong or poor text"
        UNSUITABLE = "unsuitable", "Unsuitable content"
        OTHER = "other", "Other (say why)"

    job = models.ForeignKey(RenderJob, on_delete=models.CASCADE, related_name="creatives")
    width = models.PositiveSmallIntegerField()
    height = models.PositiveSmallIntegerField()
    file = models.CharField(max_length=200)  # storage name
    sha256 = models.CharField(max_length=64)
    byte_count = models.PositiveIntegerField()
    pixels_sha256 = models.CharField(max_length=64, blank=True)  # finds a copy whose metadata was stripped
    alt_text = models.CharField(max_length=200)
    version = models.PositiveSmallIntegerField(default=1)  # an edit of the copy makes the next one
    headline = models.CharField(max_length=200)
    call_to_action = models.CharField(max_length=40, blank=True)
    price_text = models.CharField(max_length=40, blank=True)
    inspection = models.JSONField(default=dict)  # measured values: contrast, coverage, ...
    edited_by = models.ForeignKey(  # who wrote this version's copy; None for the first
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    status = models.CharField(max_length=10, choices=Status, default=Status.IN_REVIEW)
    approved_sha256 = models.CharField(max_length=64, blank=True)  # approval belongs to these bytes
    reject_reason = models.CharField(max_length=20, choices=RejectReason, blank=True)
    reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    reviewed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "width"]
        constraints = [
            models.UniqueConstraint(fields=["job", "width", "height"], name="creative_once_per_size"),
            models.CheckConstraint(
                condition=~Q(status="approved") | Q(approved_sha256=models.F("sha256")),
                name="approval_belongs_to_the_bytes",
            ),
        ]
        indexes = [
            models.Index(fields=["advertiser", "status", "-created_at"], name="creative_queue"),
            models.Index(fields=["advertiser", "pixels_sha256"], name="creative_by_pixels"),
        ]

    @property
    def size(self) -> str:
        return f"{self.width}x{self.height}"

    @property
    def template(self) -> str:
        """What it was composed with, as ``id@version``; blank for an old one whose brief left that open."""
        return _template(self.inspection, self.job)


class CreativeVersion(TenantModel):
    """What a creative was before an edit of its copy; kept for ever, so that an old approval can be shown."""

    creative = models.ForeignKey(Creative, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveSmallIntegerField()
    file = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)
    byte_count = models.PositiveIntegerField()
    pixels_sha256 = models.CharField(max_length=64, blank=True)
    alt_text = models.CharField(max_length=200)
    headline = models.CharField(max_length=200)
    call_to_action = models.CharField(max_length=40, blank=True)
    price_text = models.CharField(max_length=40, blank=True)
    inspection = models.JSONField(default=dict)
    edited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["creative", "number"], name="creative_version_once")]

    @property
    def template(self) -> str:
        """What it was composed with, as a creative's."""
        return _template(self.inspection, self.creative.job)


class ReviewRecord(TenantModel):
    """One line of the append-only review trail."""

    class Action(models.TextChoices):
        APPROVE = "approve", "Approved"
        REJECT = "reject", "Rejected"
        WITHDRAW = "withdraw", "Withdrawn"
        RESTORE = "restore", "Put back into review"
        EDIT = "edit", "Copy edited"
        REPLACE = "replace", "Replaced by a newer picture"
        COMMENT = "comment", "Comment"

    # Restricted: who approved what is never lost with a row that somebody deletes.
    creative = models.ForeignKey(Creative, on_delete=models.RESTRICT, related_name="reviews")
    action = models.CharField(max_length=8, choices=Action)
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    reviewer_name = models.CharField(max_length=150, blank=True)  # outlives the person's account
    from_status = models.CharField(max_length=10, choices=Creative.Status)
    to_status = models.CharField(max_length=10, choices=Creative.Status)
    reason = models.CharField(max_length=20, choices=Creative.RejectReason, blank=True)
    comment = models.CharField(max_length=500, blank=True)
    sha256 = models.CharField(max_length=64)  # of the bytes it is about; an edit's are the new ones

    class Meta:
        indexes = [
            models.Index(fields=["creative", "-created_at"], name="review_trail"),
            models.Index(fields=["advertiser", "id"], name="review_newest"),  # serving asks every second
        ]

    @property
    def who(self) -> str:
        """The person as they were called then; without one it was an API key or a change of a campaign."""
        return self.reviewer_name or ("A campaign" if self.action == self.Action.REPLACE else "API key")
