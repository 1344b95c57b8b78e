"""Pictures of products that the feed names by web address: what became of each, and whose turn is next."""

from __future__ import annotations

from django.db import models

from accounts.models import TenantModel


class RemotePicture(TenantModel):
    """The address that one product's picture comes from. The rows are the queue of record.

    ``available_at`` is when it may be asked for (again); none: not before somebody asks. A worker holds a
    row by its ``epoch``: what it brings counts only while no one else has taken the row since.
    """

    class Status(models.TextChoices):
        WAITING = "waiting", "Waiting"
        FETCHED = "fetched", "Fetched"
        REFUSED = "refused", "Refused"

    product = models.OneToOneField(
        "campaigns.Product", on_delete=models.CASCADE, related_name="remote_picture"
    )
    # The import that named the address, for its counts.
    catalog_import = models.ForeignKey(
        "campaigns.CatalogImport", null=True, on_delete=models.SET_NULL, related_name="remote_pictures"
    )
    url = models.CharField(max_length=2000)
    host = models.CharField(max_length=255)  # its turn is shared by all advertisers
    status = models.CharField(max_length=8, choices=Status, default=Status.WAITING)
    code = models.CharField(max_length=40, blank=True)  # why not, a key of campaigns.remote_words.REASONS
    attempts = models.PositiveSmallIntegerField(default=0)  # since somebody asked, or the last answer
    epoch = models.PositiveIntegerField(default=0)
    available_at = models.DateTimeField(null=True)
    checked_at = models.DateTimeField(null=True)  # last answer, also "nothing new"
    fetched_at = models.DateTimeField(null=True)  # last picture taken over
    # What the host said of the picture that we have, to be asked whether it is still that one.
    etag = models.CharField(max_length=256, blank=True)
    last_modified = models.CharField(max_length=64, blank=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["advertiser", "available_at"],
                condition=models.Q(available_at__isnull=False),
                name="remote_picture_due",
            )
        ]


class PictureHost(models.Model):
    """When a host may next be asked for a picture, by any worker for any advertiser."""

    host = models.CharField(max_length=255, primary_key=True)
    next_at = models.DateTimeField(db_index=True)


class PictureRest(TenantModel):
    """Until when one advertiser's pictures of a host wait, because it failed or asked for patience.

    Its word is about that advertiser's address; those who share the host are not held up by it.
    """

    host = models.CharField(max_length=255)
    next_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["advertiser", "host"], name="picture_rest_once_per_host")
        ]
