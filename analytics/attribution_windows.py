"""How long a click or a view may claim an order: the installation's and those of single campaigns."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Min

from accounts.models import Advertiser
from adplatform.lib.errors import DomainError, NotFound
from analytics.attribution import Rules, Windows
from analytics.dirty_hours import LONGEST_WINDOW, hours_mark
from analytics.models import AttributionWindows, DirtyHour, HourlyRollup
from campaigns.selectors import campaign_get

LONGEST_DAYS = LONGEST_WINDOW.days


def default_windows() -> Windows:
    """What holds for a campaign without windows of its own."""
    return Windows(
        click=timedelta(days=settings.ATTRIBUTION_CLICK_DAYS),
        view=timedelta(days=settings.ATTRIBUTION_VIEW_DAYS),
    )


def rules_get(*, advertiser_id: UUID) -> Rules:
    """The rules in force for an advertiser's orders."""
    rows = AttributionWindows.objects.filter(advertiser_id=advertiser_id)
    return Rules(default_windows(), {row.campaign_id: row.windows for row in rows})


def windows_get(*, advertiser_id: UUID, campaign_id: UUID) -> tuple[Windows, bool]:
    """A campaign's windows, and whether they are its own. Raises NotFound."""
    campaign_get(advertiser_id=advertiser_id, campaign_id=campaign_id)
    row = AttributionWindows.objects.filter(advertiser_id=advertiser_id, campaign_id=campaign_id).first()
    return (row.windows, True) if row else (default_windows(), False)


@transaction.atomic
def windows_set(*, advertiser: Advertiser, campaign_id: UUID, click_days: int, view_days: int) -> None:
    """Give a campaign windows of its own; its orders so far are counted anew by them.

    Raises NotFound, DomainError ``bad_window``.
    """
    campaign = campaign_get(advertiser_id=advertiser.pk, campaign_id=campaign_id)
    if not 1 <= click_days <= LONGEST_DAYS or not 0 <= view_days <= LONGEST_DAYS:
        raise DomainError(
            "bad_window", f"Clicks count for 1 to {LONGEST_DAYS} days, views for 0 (never) to {LONGEST_DAYS}."
        )
    AttributionWindows.objects.update_or_create(
        campaign=campaign,
        defaults={"advertiser": advertiser, "click_days": click_days, "view_days": view_days},
    )
    _orders_recount(advertiser.pk, campaign_id)


@transaction.atomic
def windows_reset(*, advertiser: Advertiser, campaign_id: UUID) -> None:
    """The installation's windows hold again. Raises NotFound where the campaign had none."""
    deleted, _ = AttributionWindows.objects.filter(advertiser=advertiser, campaign_id=campaign_id).delete()
    if not deleted:
        raise NotFound("attribution windows")
    _orders_recount(advertiser.pk, campaign_id)


def _orders_recount(advertiser_id: UUID, campaign_id: UUID) -> None:
    """Any counted order since the campaign was first seen may belong to it now, or no longer.

    An hour that waits may be under way by the windows before: a mark made now outlives that. Asked before the
    counted ones, so that one that is swapped in between the two questions is among those.
    """
    waiting = DirtyHour.objects.filter(advertiser_id=advertiser_id).values_list("hour", flat=True)
    hours = set(waiting.distinct())
    rows = HourlyRollup.objects.filter(advertiser_id=advertiser_id)
    first = rows.filter(campaign_id=campaign_id).aggregate(first=Min("hour"))["first"]
    if first is not None:
        counted = rows.filter(hour__gte=first, conversions__gt=0).order_by().values_list("hour", flat=True)
        hours |= set(counted.distinct())
    hours_mark(hours={(advertiser_id, hour) for hour in hours})
