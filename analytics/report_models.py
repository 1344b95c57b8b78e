"""Saved views of reports, who gets them by e-mail, and what was sent. Registered through ``models``."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from accounts.models import TenantModel


class SavedView(TenantModel):
    """A report's URL parameters under a name: one person's, or shared with everybody of the advertiser."""

    NAME_LENGTH = 80

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=NAME_LENGTH)
    parameters = models.TextField(blank=True)  # as ReportQuery.urlencode writes them
    is_shared = models.BooleanField(default=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["advertiser", "user", "name"], name="saved_view_name_once")
        ]

    def __str__(self) -> str:
        return self.name


class ReportSchedule(TenantModel):
    """Who gets a saved view by e-mail, and how often."""

    class Frequency(models.TextChoices):
        DAILY = "daily", "Every day"
        WEEKLY = "weekly", "Every Monday"

    view = models.ForeignKey(SavedView, on_delete=models.CASCADE, related_name="schedules")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    frequency = models.CharField(max_length=6, choices=Frequency)
    changed_at = models.DateTimeField()  # nothing that was due before is sent

    class Meta:
        constraints = [models.UniqueConstraint(fields=["view", "user"], name="report_schedule_once_a_person")]


class ReportSending(TenantModel):
    """One e-mail of one day. The row is there before the e-mail is, so that nothing is ever sent twice.

    A worker that dies in between leaves it at ``sending``: whether it went out is then unknown, and it is not
    tried again.
    """

    class Status(models.TextChoices):
        SENDING = "sending", "Handed over"
        SENT = "sent", "Sent"
        FAILED = "failed", "Refused"

    schedule = models.ForeignKey(
        ReportSchedule, null=True, on_delete=models.SET_NULL, related_name="sendings"
    )
    view_name = models.CharField(max_length=SavedView.NAME_LENGTH)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    day = models.DateField()  # of the advertiser's time zone
    status = models.CharField(max_length=7, choices=Status, default=Status.SENDING)
    attempts = models.PositiveSmallIntegerField(default=1)
    error_code = models.CharField(max_length=60, blank=True)
    tried_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["schedule", "day"], name="report_sent_once_a_day")]
        indexes = [models.Index(fields=["advertiser", "-tried_at"], name="report_sending_newest")]
