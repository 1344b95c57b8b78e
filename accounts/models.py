"""The tenant and its people. Every other table of the product belongs to an Advertiser."""

from __future__ import annotations

import hashlib
import secrets

from django.contrib.auth.models import AbstractUser
from django.db import models

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
    # Single-user installs may let an author approve their own creatives (DESIGN, invariant 1).
    allows_self_approval = models.BooleanField(default=False)
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
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @staticmethod
    def digest_of(key: str) -> str:
        """SHA-256 of a key. No slow hash: the key holds 256 random bits, so it cannot be guessed."""
        return hashlib.sha256(key.encode()).hexdigest()

    @classmethod
    def mint(cls, kind: str) -> str:
        """A new random key; the only moment at which its text exists."""
        return cls.PREFIX_BY_KIND[cls.Kind(kind)] + secrets.token_urlsafe(32)
