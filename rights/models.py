"""Tombstones of erased shoppers, and when each class of data was last thinned out."""

from __future__ import annotations

from django.db import models

from accounts.models import TenantModel


class Erasure(TenantModel):
    """One erasure. While it is under way it knows whom; once it has settled only a keyed hash is left."""

    class Origin(models.TextChoices):
        API = "api", "API"
        PAGE = "page", "Page"
        COMMAND = "command", "Command"
        REPLAY = "replay", "After a restore"

    subject = models.CharField(max_length=64)  # keyed hash of the pseudonym, rights/tombstones.py
    origin = models.CharField(max_length=7, choices=Origin)
    # Of the time until it has settled, empty afterwards: the pseudonyms, and the random name that the
    # events bear in their place.
    pseudonyms = models.JSONField(default=list)
    stand_in = models.CharField(max_length=64, blank=True)
    until_at = models.DateTimeField()  # what came later is of a shopper who came back
    counts = models.JSONField(default=dict)  # rows by what they held
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["subject"], name="erasures_by_subject"),
            models.Index(
                fields=["created_at"], name="erasures_to_settle", condition=models.Q(settled_at__isnull=True)
            ),
        ]


class SensitiveFinding(TenantModel):
    """What the nightly scan found and put an end to; never the words themselves."""

    class Kind(models.TextChoices):
        SEGMENT = "segment", "Segment switched off"
        BEHAVIOUR = "behaviour", "Texts of behaviours emptied"
        CREATIVE = "creative", "Creative of a segment taken out"
        JOB = "job", "Picture for a segment not drawn"
        WORDS = "words", "Words to look at"  # a person has to: they may be harmless where they stand

    class Place(models.TextChoices):
        CAMPAIGN = "campaign", "Campaign"
        PRODUCT = "product", "Product"
        BRAND = "brand", "Brand kit"
        EXPERIMENT = "experiment", "Experiment"
        BATCH = "batch", "Batch"
        CREATIVE = "creative", "Creative"
        JOB = "job", "Render job"

    kind = models.CharField(max_length=9, choices=Kind)
    category = models.CharField(max_length=20)
    rows = models.PositiveIntegerField(default=1)
    place = models.CharField(max_length=10, choices=Place, blank=True, default="", db_default="")
    subject_id = models.UUIDField(null=True)  # of the row at that place; told of once while it lasts
    segment = models.ForeignKey("profiles.Segment", null=True, on_delete=models.SET_NULL, related_name="+")


class RetentionRun(models.Model):
    """The last time a class of data was thinned out, for all advertisers."""

    name = models.CharField(max_length=30, primary_key=True)
    ran_at = models.DateTimeField()
    removed = models.PositiveBigIntegerField(default=0)  # by the last run that found something
    removed_total = models.PositiveBigIntegerField(default=0)
    is_complete = models.BooleanField(default=True)  # False: more waits for the next run
