"""Saved views by e-mail: what is due, the message, and a log in which each day has one row a schedule.

The row is inserted, or taken back from a refusal, by one guarded statement before the message is handed to
the mail server; whoever does not get it leaves it alone. So a restarted worker, or two at once, send nothing
twice.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import parse_qs
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import IntegrityError, transaction
from django.db.models import F
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from accounts.models import Membership
from adplatform.lib.tokens import token_read, token_sign
from analytics.models import ReportSchedule, ReportSending
from analytics.report_query import query_parse
from analytics.tiles import figures_make

log = structlog.get_logger(__name__)
HOUR = time(7)  # in the advertiser's time zone
ATTEMPTS = 3
LEADERS = 5
PURPOSE = "report_unsubscribe"
LINK_LIFE = timedelta(days=400)


def reports_send(*, now: datetime | None = None) -> int:
    """Send what is due; the number sent."""
    now = now or timezone.now()
    schedules = ReportSchedule.objects.select_related("view", "user", "advertiser").order_by("pk")
    return sum(_send_if_due(schedule, now) for schedule in schedules.iterator(chunk_size=200))


def due_day(schedule: ReportSchedule, now: datetime) -> date | None:
    """The local day whose e-mail should be out by now; None before the first one is due."""
    zone = ZoneInfo(schedule.advertiser.time_zone)
    day = now.astimezone(zone).date()
    if schedule.frequency == ReportSchedule.Frequency.WEEKLY:
        day -= timedelta(days=day.weekday())
    due_at = datetime.combine(day, HOUR, zone)
    return day if schedule.changed_at <= due_at <= now else None


def _send_if_due(schedule: ReportSchedule, now: datetime) -> bool:
    day = due_day(schedule, now)
    if day is None or not _may_read(schedule):
        return False
    sending = _claim(schedule, day, now)
    if sending is None:
        return False
    try:
        mail_make(schedule, day, now=now).send()
    except Exception as error:  # a mail server's refusals are of many kinds; the next round tries again
        log.warning("report_mail_refused", schedule=str(schedule.pk), error=type(error).__name__)
        sending.status, sending.error_code = ReportSending.Status.FAILED, _code(error)
    else:
        sending.status = ReportSending.Status.SENT
    sending.save(update_fields=["status", "error_code"])
    return sending.status == ReportSending.Status.SENT


def _may_read(schedule: ReportSchedule) -> bool:
    """Still a member, still with an address, and the view is theirs or shared."""
    user, view = schedule.user, schedule.view
    return (
        user.is_active
        and bool(user.email)
        and (view.is_shared or view.user_id == user.pk)
        and Membership.objects.filter(advertiser_id=schedule.advertiser_id, user=user).exists()
    )


def _claim(schedule: ReportSchedule, day: date, now: datetime) -> ReportSending | None:
    """The day's row, for whoever is first to insert it or to take it back from a refusal."""
    try:
        with transaction.atomic():
            return ReportSending.objects.create(
                advertiser_id=schedule.advertiser_id,
                schedule=schedule,
                view_name=schedule.view.name,
                user=schedule.user,
                day=day,
                tried_at=now,
            )
    except IntegrityError:
        pass
    refused = ReportSending.objects.filter(
        schedule=schedule, day=day, status=ReportSending.Status.FAILED, attempts__lt=ATTEMPTS
    )
    taken = refused.update(
        status=ReportSending.Status.SENDING, attempts=F("attempts") + 1, error_code="", tried_at=now
    )
    return ReportSending.objects.get(schedule=schedule, day=day) if taken else None


def _code(error: Exception) -> str:
    """``SMTPRecipientsRefused`` -> ``smtp_recipients_refused``"""
    name = type(error).__name__.replace("SMTP", "Smtp")
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).strip("_")[:60]


def mail_make(schedule: ReportSchedule, day: date, *, now: datetime) -> EmailMultiAlternatives:
    """The view up to the day before, in text and HTML.

    Days of reports are UTC: at seven in Tokyo (22:00 UTC) the day before has two hours to go, so there the
    last whole day is one earlier.
    """
    from analytics.reports import report_get  # pandas: a worker without a due e-mail never loads it

    last_whole = now.astimezone(UTC).date() - timedelta(days=1)
    query, _ = query_parse(parse_qs(schedule.view.parameters), today=min(day - timedelta(days=1), last_whole))
    report = report_get(advertiser=schedule.advertiser, query=query, leader_limit=LEADERS)
    base = settings.PUBLIC_URL.rstrip("/")
    unsubscribe = base + reverse("report-unsubscribe", args=[unsubscribe_token(schedule)])
    context = {
        "schedule": schedule,
        "report": report,
        "query": query,
        "figures": figures_make(report),
        "link": f"{base}{reverse('performance')}?{schedule.view.parameters}",
        "unsubscribe": unsubscribe,
    }
    message = EmailMultiAlternatives(
        subject=f"{schedule.view.name} · {schedule.advertiser.name} · {query.end:%-d %b %Y}",
        body=render_to_string("analytics/mail/report.txt", context),
        to=[schedule.user.email],
        headers={
            "List-Unsubscribe": f"<{unsubscribe}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
    )
    message.attach_alternative(render_to_string("analytics/mail/report.html", context), "text/html")
    return message


def unsubscribe_token(schedule: ReportSchedule) -> str:
    """Whoever holds it may stop this schedule and nothing else."""
    return token_sign({"s": str(schedule.pk)}, purpose=PURPOSE)


def unsubscribe_read(token: str) -> UUID:
    """The schedule that a link of an e-mail names. Raises TokenError."""
    return UUID(token_read(token, purpose=PURPOSE, max_age=LINK_LIFE)["s"])
