"""Runs of the self-check of the statistics."""

from __future__ import annotations

from django.db import models

from adplatform.lib.ids import uuid7


class SelfCheckRun(models.Model):
    """One run of ``manage.py statistics_selfcheck``: the installation's own, of no advertiser."""

    class Status(models.TextChoices):
        WAITING = "waiting", "Waiting for a worker"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)  # in the order they were asked for
    status = models.CharField(
        max_length=7, choices=Status, default=Status.RUNNING, db_default=Status.DONE.value
    )
    beat_at = models.DateTimeField(null=True, blank=True)  # the last sign of life
    ran_at = models.DateTimeField(null=True, blank=True)  # its end
    seconds = models.FloatField(default=0.0)
    version = models.CharField(max_length=20, blank=True, db_default="")  # of the product
    seed = models.BigIntegerField()
    simulations = models.PositiveIntegerField(default=0, db_default=0)  # on arrays, of each kind
    experiments = models.PositiveIntegerField(default=0, db_default=0)  # through the pipeline, of each kind
    played = models.PositiveIntegerField(default=0, db_default=0)  # of these, so far
    outcomes = models.JSONField(default=list)  # ``stats.outcomes.Outcome.as_dict``
    is_passed = models.BooleanField(default=False)

    class Meta:
        ordering = ["-id"]
