"""The page of attribution windows."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from accounts.permissions import WRITING_ROLES, MemberRequest, member_required
from adplatform.lib.errors import DomainError, NotFound
from analytics.attribution_windows import LONGEST_DAYS, default_windows, windows_reset, windows_set
from analytics.models import AttributionWindows
from campaigns.models import Campaign

PAGE_SIZE = 50


@member_required(roles=WRITING_ROLES)
def attribution_list(request: MemberRequest) -> HttpResponse:
    """The default windows and the campaigns with their own; a POST gives one of them windows."""
    if request.method == "POST":
        try:
            windows_set(
                advertiser=request.advertiser,
                campaign_id=UUID(request.POST.get("campaign", "")),
                click_days=int(request.POST.get("click_days", "")),
                view_days=int(request.POST.get("view_days", "")),
            )
            messages.success(request, "Stored; orders are being counted anew.")
            return redirect("attribution-list")
        except NotFound:
            raise Http404 from None
        except DomainError as error:
            messages.error(request, error.message)
        except ValueError:
            messages.error(request, "Choose a campaign and give both numbers of days.")
    rows = AttributionWindows.objects.filter(advertiser=request.advertiser).select_related("campaign")
    default = default_windows()
    context = {
        "page_obj": Paginator(rows.order_by("campaign__name", "pk"), PAGE_SIZE).get_page(
            request.GET.get("page")
        ),
        "campaigns": Campaign.objects.filter(advertiser=request.advertiser).order_by("name").only("name"),
        "click_days": default.click.days,
        "view_days": default.view.days,
        "longest_days": LONGEST_DAYS,
    }
    return render(request, "analytics/attribution_list.html", context)


@require_POST
@member_required(roles=WRITING_ROLES)
def attribution_reset(request: MemberRequest, campaign_id: UUID) -> HttpResponse:
    try:
        windows_reset(advertiser=request.advertiser, campaign_id=campaign_id)
        messages.success(request, "The default windows hold again; orders are being counted anew.")
    except NotFound:
        raise Http404 from None
    return redirect("attribution-list")
