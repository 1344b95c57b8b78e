"""Pages of saved views and their e-mails."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from accounts.permissions import MemberRequest, member_required
from adplatform.lib.errors import DomainError, NotFound
from adplatform.lib.tokens import TokenError
from analytics.models import ReportSchedule, ReportSending
from analytics.report_mail import unsubscribe_read
from analytics.report_query import query_parse
from analytics.saved_views import (
    saved_view_change,
    saved_view_delete,
    saved_view_list,
    saved_view_save,
    schedule_set,
    schedule_stop,
)
from analytics.windows import today

SENDINGS = 20


@member_required()
def saved_view_page(request: MemberRequest) -> HttpResponse:
    """One's own and the shared views, and what was sent."""
    views = saved_view_list(advertiser_id=request.advertiser.pk, user=request.user)
    sent = ReportSending.objects.filter(advertiser=request.advertiser, user=request.user)
    mine = ReportSchedule.objects.filter(advertiser=request.advertiser, user=request.user)
    frequencies = dict(mine.values_list("view_id", "frequency"))
    context = {
        "views": [(view, frequencies.get(view.pk, "")) for view in views],
        "frequencies": ReportSchedule.Frequency.choices,
        "sendings": sent.order_by("-tried_at")[:SENDINGS],
        "address": request.user.email,
    }
    return render(request, "analytics/saved_views.html", context)


@require_POST
@member_required()
def saved_view_create(request: MemberRequest) -> HttpResponse:
    """Store the report that is shown under a name."""
    parameters = request.POST.get("parameters", "")[:8000]
    query, _ = query_parse(dict(QueryDict(parameters).lists()), today=today())
    try:
        view = saved_view_save(
            advertiser=request.advertiser,
            user=request.user,
            name=request.POST.get("name", ""),
            query=query,
            is_shared="is_shared" in request.POST,
        )
        messages.success(request, f"Saved as “{view.name}”.")
    except DomainError as error:
        messages.error(request, error.message)
    return redirect(f"{reverse('performance')}?{query.urlencode()}")


@require_POST
@member_required()
def saved_view_update(request: MemberRequest, view_id: UUID) -> HttpResponse:
    """``do``: rename, share, hide, delete, or send (with ``frequency``)."""
    do = request.POST.get("do", "")
    common: dict[str, Any] = {
        "advertiser_id": request.advertiser.pk,
        "user": request.user,
        "view_id": view_id,
    }
    try:
        if do == "rename":
            saved_view_change(**common, name=request.POST.get("name", ""))
        elif do in ("share", "hide"):
            saved_view_change(**common, is_shared=do == "share")
        elif do == "send":
            schedule_set(**common, frequency=request.POST.get("frequency", ""))
        elif do == "delete":
            saved_view_delete(**common)
        else:
            raise NotFound("saved_view")
        messages.success(request, "Done.")
    except NotFound:
        raise Http404 from None
    except DomainError as error:
        messages.error(request, error.message)
    return redirect("saved-view-list")


@csrf_exempt  # the mail program of the person posts it (RFC 8058); the signed token is the authority
@require_http_methods(["GET", "POST"])
def report_unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """A GET only asks, because mail scanners follow links; a POST stops the e-mail."""
    try:
        schedule_id = unsubscribe_read(token)
    except (TokenError, ValueError, KeyError, TypeError):
        raise Http404 from None
    is_done = request.method == "POST"
    if is_done:
        schedule_stop(schedule_id=schedule_id)
    return render(request, "analytics/unsubscribe.html", {"is_done": is_done})
