"""Saved views: a report's filters under a name, of one person or shared, and who gets them by e-mail."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.models import Advertiser, User
from adplatform.lib.errors import DomainError, NotFound
from analytics.models import ReportSchedule, SavedView
from analytics.report_query import ReportQuery

MOST = 100  # of one person at one advertiser


def saved_view_list(*, advertiser_id: UUID, user: User) -> QuerySet[SavedView]:
    """One's own and the shared ones, by name."""
    found = SavedView.objects.filter(Q(user=user) | Q(is_shared=True), advertiser_id=advertiser_id)
    return found.select_related("user").order_by("name", "pk")


def saved_view_get(*, advertiser_id: UUID, user: User, view_id: UUID) -> SavedView:
    """Raises NotFound, also for what another person has not shared."""
    found = saved_view_list(advertiser_id=advertiser_id, user=user).filter(pk=view_id).first()
    if found is None:
        raise NotFound("saved_view")
    return found


def saved_view_save(
    *, advertiser: Advertiser, user: User, name: str, query: ReportQuery, is_shared: bool
) -> SavedView:
    """Store the query under the name; one's own view of that name is replaced."""
    name = _name(name)
    with transaction.atomic():
        own = SavedView.objects.filter(advertiser=advertiser, user=user)
        if own.count() >= MOST and not own.filter(name=name).exists():
            raise DomainError("too_many_views", f"At most {MOST} saved views. Delete one first.")
        view, _ = SavedView.objects.update_or_create(
            advertiser=advertiser,
            user=user,
            name=name,
            defaults={"parameters": query.urlencode(), "is_shared": is_shared},
        )
    return view


def saved_view_change(
    *, advertiser_id: UUID, user: User, view_id: UUID, name: str | None = None, is_shared: bool | None = None
) -> SavedView:
    """Rename one's own view or share it. Raises NotFound, DomainError."""
    view = _own(advertiser_id, user, view_id)
    if name is not None:
        view.name = _name(name)
        others = SavedView.objects.filter(advertiser_id=advertiser_id, user=user, name=view.name)
        if others.exclude(pk=view.pk).exists():
            raise DomainError("name_taken", "You have a view of that name.")
    if is_shared is not None:
        view.is_shared = is_shared
    with transaction.atomic():
        view.save(update_fields=["name", "is_shared", "updated_at"])
        if not view.is_shared:  # nobody else may read it any more, by e-mail neither
            ReportSchedule.objects.filter(view=view).exclude(user=user).delete()
    return view


def saved_view_delete(*, advertiser_id: UUID, user: User, view_id: UUID) -> None:
    """Delete one's own view and its e-mails. Raises NotFound."""
    _own(advertiser_id, user, view_id).delete()


def schedule_set(*, advertiser_id: UUID, user: User, view_id: UUID, frequency: str) -> ReportSchedule | None:
    """Send the view to this person daily or weekly; blank: no more. Raises NotFound, DomainError."""
    view = saved_view_get(advertiser_id=advertiser_id, user=user, view_id=view_id)
    if not frequency:
        ReportSchedule.objects.filter(view=view, user=user).delete()
        return None
    if frequency not in ReportSchedule.Frequency.values:
        raise DomainError("bad_frequency", "Daily or weekly.")
    if not user.email:
        raise DomainError("no_address", "Your account has no e-mail address. An administrator can add one.")
    schedule, _ = ReportSchedule.objects.update_or_create(
        view=view,
        user=user,
        defaults={"advertiser_id": advertiser_id, "frequency": frequency, "changed_at": timezone.now()},
    )
    return schedule


def schedule_stop(*, schedule_id: UUID) -> bool:
    """Somebody followed the link of an e-mail; False when it was stopped before."""
    removed, _ = ReportSchedule.objects.filter(pk=schedule_id).delete()
    return removed > 0


def _own(advertiser_id: UUID, user: User, view_id: UUID) -> SavedView:
    view = SavedView.objects.filter(advertiser_id=advertiser_id, user=user, pk=view_id).first()
    if view is None:
        raise NotFound("saved_view")
    return view


def _name(text: str) -> str:
    name = " ".join(text.replace("\x00", "").split())
    if not name or len(name) > SavedView.NAME_LENGTH or not name.isprintable():
        raise DomainError("bad_name", f"A name of at most {SavedView.NAME_LENGTH} characters.")
    return name
