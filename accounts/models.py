"""The tenant and its people. Every other table of the product belongs to an Advertiser."""

from __future__ import annotations

import hashlib
import secrets

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils import timezone

from adplatform.lib.ids import uuid7


class User(AbstractUser):
    """A person who signs in. What they may do comes from their memberships."""


class Advertiser(models.Model):
    """A shop: the tenant. Nothing of one advertiser is ever visible to another."""

    class Market(models.TextChoices):
        CHINA = "cn", "China"
        INTERNATIONAL = "intl", "International"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=120)
    slug = models.SlugField(unique=True)
    market = models.CharField(max_length=8, choices=Market, default=Market.INTERNATIONAL)
    currency = models.CharField(max_length=3, default="EUR")
    shop_url = models.URLField(blank=True)
    # Who pays for the adverts, where that is somebody else (Digital Services Act, article 26); else the shop.
    payer_name = models.CharField(max_length=120, blank=True, default="", db_default="")
    # An IANA name: its days and hours are those of campaigns' schedules, budgets and caps.
    time_zone = models.CharField(max_length=40, default="UTC")
    # Single-user installs may let an author approve their own creatives (DESIGN, invariant 1).
    allows_self_approval = models.BooleanField(default=False)
    # Managers and admins without a second step of signing in reach no page but the one that turns it on.
    managers_use_two_steps = models.BooleanField(default=False, db_default=False)
    # A demo shop, none of whose shoppers is real: made-up visits count for budgets, learning and experiments.
    counts_simulated = models.BooleanField(default=False, db_default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class TenantModel(models.Model):
    """Base of every row that belongs to an advertiser; its id is time-ordered and safe to publish."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    advertiser = models.ForeignKey(Advertiser, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True


class Membership(TenantModel):
    """A person's role at an advertiser."""

    class Role(models.TextChoices):
        ADMIN = "admin", "Admin"  # everything, people and keys included
        MANAGER = "manager", "Campaign manager"  # catalogue, segments, campaigns, generation
        REVIEWER = "reviewer", "Reviewer"  # approves and rejects creatives
        REPORTER = "reporter", "Reporter"  # reads reports

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["advertiser", "user"], name="membership_once_per_advertiser")
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.role}"


class Invitation(TenantModel):
    """A role that waits for whoever has the link; the link's token stands here as its digest only."""

    name = models.CharField(max_length=80)  # what the admin calls the person; no account is looked up by it
    role = models.CharField(max_length=10, choices=Membership.Role)
    digest = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} · {self.role}"


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def live(self) -> ApiKeyQuerySet:
        """Those that are neither revoked nor past the end of their grace."""
        return self.filter(
            models.Q(expires_at=None) | models.Q(expires_at__gt=timezone.now()), revoked_at=None
        )


class ApiKey(TenantModel):
    """A hashed key. The publishable one sits in the storefront's page, the secret one on its server."""

    class Kind(models.TextChoices):
        PUBLISHABLE = "publishable", "Publishable (storefront page)"
        SECRET = "secret", "Secret (server)"

    class Scope(models.TextChoices):
        DECIDE = "decide", "Ask for decisions"
        TRACK = "track", "Send events and behaviour"
        READ = "read", "Read everything of the advertiser"
        WRITE = "write", "Change everything of the advertiser"

    # A publishable key is public by nature, so it can neither read nor change records.
    SCOPES_BY_KIND = {
        Kind.PUBLISHABLE: [Scope.DECIDE, Scope.TRACK],
        Kind.SECRET: [Scope.DECIDE, Scope.TRACK, Scope.READ, Scope.WRITE],
    }
    PREFIX_BY_KIND = {Kind.PUBLISHABLE: "pk_", Kind.SECRET: "sk_"}

    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=12, choices=Kind)
    scopes = models.JSONField(default=list)
    prefix = models.CharField(max_length=11)  # enough to recognise a key in a list
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    last_used_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)  # once another has taken its place
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = ApiKeyQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def is_live(self) -> bool:
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > timezone.now())

    @staticmethod
    def digest_of(key: str) -> str:
        """SHA-256 of a key. No slow hash: the key holds 256 random bits, so it cannot be guessed."""
        return hashlib.sha256(key.encode()).hexdigest()

    @classmethod
    def mint(cls, kind: str) -> str:
        """A new random key; the only moment at which its text exists."""
        return cls.PREFIX_BY_KIND[cls.Kind(kind)] + secrets.token_urlsafe(32)


class WebhookEndpoint(TenantModel):
    """Where a shop's server wants to be told what happens here."""

    class Kind(models.TextChoices):
        CREATIVE_APPROVED = "creative.approved", "A creative was approved"
        CREATIVE_FATIGUED = "creative.fatigued", "A creative is worn out"
        APPROVAL_REQUESTED = "experiment.approval_requested", "Approval of an experiment was asked for"
        EXPERIMENT_DECIDED = "experiment.decided", "An experiment was decided"
        BUDGET_SPENT = "budget.spent", "A campaign's budget is spent"

    url = models.CharField(max_length=500)
    kinds = models.JSONField(default=list)
    # Readable, because it has to sign; whoever can read this table can read what is signed as well.
    secret = models.CharField(max_length=80, editable=False)
    previous_secret = models.CharField(max_length=80, blank=True, editable=False)
    previous_until = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)  # in a row
    disabled_at = models.DateTimeField(null=True, blank=True)
    disabled_reason = models.CharField(max_length=40, blank=True)

    def __str__(self) -> str:
        return self.url


class WebhookDelivery(TenantModel):
    """One message to one endpoint, written in the transaction of what it tells; sent by a worker.

    ``available_at`` is when it may be tried next. A worker that takes one moves it into the future first,
    so that another leaves it alone and a lost worker's message comes up again.
    """

    class Status(models.TextChoices):
        PENDING = "pending", "Waiting"
        DELIVERED = "delivered", "Delivered"
        FAILED = "failed", "Given up"

    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.CASCADE, related_name="deliveries")
    kind = models.CharField(max_length=40)
    body = models.TextField()  # exactly the bytes that are signed, at every attempt
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    available_at = models.DateTimeField()
    attempted_at = models.DateTimeField(null=True, blank=True)
    answer_ms = models.PositiveIntegerField(null=True, blank=True)
    answer_status = models.PositiveSmallIntegerField(null=True, blank=True)  # of HTTP
    error = models.CharField(max_length=40, blank=True)  # why there was no answer

    class Meta:
        indexes = [
            models.Index(
                fields=["available_at"], condition=models.Q(status="pending"), name="webhook_delivery_due"
            ),
            models.Index(fields=["endpoint", "-created_at"], name="webhook_delivery_log"),
        ]


class RefusedCount(models.Model):
    """How often a route has refused something with a code, of all advertisers, since the beginning."""

    route = models.CharField(max_length=20)  # events, clicks, decisions
    code = models.CharField(max_length=60)
    number = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["route", "code"], name="refused_count_once")]


class LastRun(models.Model):
    """When something that an operator runs last succeeded."""

    name = models.CharField(max_length=30, primary_key=True)  # backup
    ran_at = models.DateTimeField()


class IdempotentRequest(TenantModel):
    """A request that carried an Idempotency-Key: what it asked, and the answer once there is one."""

    route = models.CharField(max_length=80, db_default="")  # the operation's name in the URL table
    key = models.CharField(max_length=255)  # its keyed digest: shops put their shoppers' keys into it
    fingerprint = models.CharField(max_length=64)  # keyed digest of method, path and body
    locked_until = models.DateTimeField()  # a process that died with it blocks the key no longer than this
    status = models.PositiveSmallIntegerField(null=True, blank=True)  # null: being worked on
    answer = models.JSONField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["advertiser", "route", "key"], name="idempotent_request_once")
        ]
