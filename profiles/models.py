"""Who the shopper is, as far as they agreed to."""

from __future__ import annotations

from django.db import models

from accounts.models import TenantModel
from adplatform.lib.append_only import AppendOnlyModel, AppendOnlyQuerySet
from profiles.group_sizes import size_words


class Shopper(TenantModel):
    """A shopper under a pseudonym; the shop's own key stands encrypted in ``ShopperKey`` and nowhere else."""

    pseudonym = models.CharField(max_length=64)  # keyed HMAC of the shop's shopper key
    language = models.CharField(max_length=10, blank=True)
    # What the newest ConsentRecord says, kept here because every decision asks (profiles/consent.py).
    personalisation_allowed = models.BooleanField(default=False)
    measurement_allowed = models.BooleanField(default=False)
    has_objected = models.BooleanField(default=False)  # outweighs consent until it is taken back
    is_minor = models.BooleanField(default=False)
    # What the newest answer of a secret key agreed to: a publishable one grants no more. Null: none came.
    purposes_most = models.JSONField(null=True, blank=True)
    # Taxonomy ids that the shopper took away: they stay out of the profile whatever is learnt later.
    muted_interests = models.JSONField(default=list)
    is_simulated = models.BooleanField(default=False)
    last_seen_at = models.DateTimeField(null=True, blank=True)
    # Since when behaviours wait to enter the profile; null when it is up to date.
    stale_since = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["advertiser", "pseudonym"], name="shopper_once_per_advertiser")
        ]
        indexes = [
            models.Index(
                fields=["advertiser", "stale_since"],
                name="shoppers_to_rebuild",
                condition=models.Q(stale_since__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return self.pseudonym[:12]


class ShopperKey(TenantModel):
    """The shop's own key of a shopper, encrypted: what a rotation of the pseudonyms' key needs.

    The one table in which it stands. Nothing reads it but the rotation and the shopper's own export.
    """

    shopper = models.OneToOneField(Shopper, on_delete=models.CASCADE, related_name="shop_key")
    sealed = models.TextField()
    key_version = models.CharField(max_length=20)  # of the pseudonym and of the seal

    class Meta:
        indexes = [models.Index(fields=["key_version"], name="shopper_keys_by_version")]


class ConsentRecordQuerySet(AppendOnlyQuerySet["ConsentRecord"]):
    """Reads, inserts, and the one change that the database lets through."""

    def reduce(self, *, tombstone: str) -> int:
        """Take the shopper off these lines, leave the tombstone's keyed hash; return how many."""
        return models.QuerySet.update(self.filter(shopper__isnull=False), shopper=None, tombstone=tombstone)

    def purge(self) -> int:
        """Delete lines that were reduced before; the database refuses all others."""
        return self.filter(shopper=None)._raw_delete(using=self.db)


class ConsentRecord(TenantModel, AppendOnlyModel):
    """One line of the consent ledger: what a shopper answered to which text, and where.

    Append-only, here and by triggers of the database. The one exception is erasure, which takes the shopper
    off and leaves a keyed hash: the proof that somebody once agreed.
    """

    shopper = models.ForeignKey(Shopper, null=True, on_delete=models.SET_NULL, related_name="consents")
    purposes = models.JSONField(default=list)  # of profiles.consent.Purpose, those agreed to
    personalisation = models.BooleanField()  # whether they allow a profile to be made and used
    objection = models.BooleanField(null=True)  # null: nothing was said about it
    is_minor = models.BooleanField(null=True)
    was_opted_out = models.BooleanField(default=False)  # Sec-GPC came with it, so nothing is granted
    text_version = models.CharField(max_length=40)
    source = models.CharField(max_length=40)
    tombstone = models.CharField(max_length=64, blank=True)

    objects = ConsentRecordQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["tombstone"], name="consents_of_erased", condition=~models.Q(tombstone=""))
        ]


class Behaviour(TenantModel):
    """Something a shopper did, as the storefront told us; append-only."""

    class Kind(models.TextChoices):
        VIEW = "view", "Viewed a product"
        SEARCH = "search", "Searched"
        CART = "cart", "Put in the cart"
        PURCHASE = "purchase", "Bought"
        INTEREST = "interest", "Stated an interest"
        CLICK = "click", "Clicked a creative"

    shopper = models.ForeignKey(Shopper, on_delete=models.CASCADE, related_name="behaviours")
    event_id = models.CharField(max_length=64)  # the sender's own id: sending twice stores once
    kind = models.CharField(max_length=10, choices=Kind)
    text = models.CharField(max_length=500, blank=True)  # search words, a stated interest, a title
    product_external_id = models.CharField(max_length=120, blank=True)
    interests = models.JSONField(default=dict)  # taxonomy id -> share, as mapped at arrival
    occurred_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["advertiser", "event_id"], name="behaviour_once")]
        indexes = [models.Index(fields=["shopper", "-occurred_at"], name="behaviour_of_shopper")]


class InterestProfile(TenantModel):
    """A shopper's decayed interest weights, rebuilt from their behaviours."""

    shopper = models.OneToOneField(Shopper, on_delete=models.CASCADE, related_name="profile")
    weights = models.JSONField(default=dict)  # taxonomy id -> weight in 0..1, as of computed_at
    top_interest = models.CharField(max_length=60, blank=True, db_index=True)
    computed_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["advertiser", "computed_at"], name="profiles_by_age")]


class Segment(TenantModel):
    """A group of shoppers by interest: the unit for which creatives are made."""

    class Kind(models.TextChoices):
        RULE = "rule", "Rule"
        TOP_INTEREST = "top_interest", "Top interest (automatic)"

    name = models.CharField(max_length=80)
    slug = models.SlugField(max_length=80)
    kind = models.CharField(max_length=12, choices=Kind, default=Kind.RULE)
    # {"any": [{"interest": id, "min_weight": 0.2}], "all": [...], "none": [...]}
    rule = models.JSONField(default=dict)
    # The interests that enter prompts, strongest first: [taxonomy id, ...]
    interests = models.JSONField(default=list)
    size = models.PositiveIntegerField(default=0)  # members seen lately (PROFILES_SEGMENT_ACTIVE_DAYS)
    refreshed_at = models.DateTimeField(null=True, blank=True)  # null: its members are not known yet
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["advertiser", "slug"], name="segment_slug_once_per_advertiser")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def size_words(self) -> str:
        """The size as pages may tell it."""
        return size_words(self.size)


class SegmentMembership(TenantModel):
    """Which shopper is in which segment, rewritten whenever either changes."""

    segment = models.ForeignKey(Segment, on_delete=models.CASCADE, related_name="memberships")
    shopper = models.ForeignKey(Shopper, on_delete=models.CASCADE, related_name="segment_memberships")
    strength = models.FloatField()  # how well the shopper fits, 0..1: the best segment is served
    # The shopper's own interests that put them there, separated by spaces: what "why this ad" names.
    interests = models.TextField(blank=True, default="", db_default="")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["segment", "shopper"], name="member_once")]
        indexes = [models.Index(fields=["shopper", "-strength"], name="segments_of_shopper")]
