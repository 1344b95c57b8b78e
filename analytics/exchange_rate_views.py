"""The page of exchange rates."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from accounts.permissions import WRITING_ROLES, MemberRequest, member_required
from adplatform.lib.errors import DomainError, NotFound
from analytics.currencies import CARRIED
from analytics.exchange_rates import exchange_rate_delete, exchange_rates_set, line_parse, rates_parse
from analytics.models import ExchangeRate
from analytics.windows import today

PAGE_SIZE = 50


@member_required(roles=WRITING_ROLES)
def exchange_rate_list(request: MemberRequest) -> HttpResponse:
    """All rates; a POST stores one, or a pasted table."""
    if request.method == "POST":
        form = request.POST
        try:
            lines = (
                rates_parse(form["table"])
                if "table" in form
                else [
                    line_parse(
                        day=form.get("day", ""), currency=form.get("currency", ""), rate=form.get("rate", "")
                    )
                ]
            )
            stored = exchange_rates_set(advertiser=request.advertiser, lines=lines)
            text = f"{stored} rate{'' if stored == 1 else 's'} stored; orders are being counted anew."
            messages.success(request, text)
            return redirect("exchange-rate-list")
        except DomainError as error:
            messages.error(request, error.message)
    rates = ExchangeRate.objects.filter(advertiser=request.advertiser).order_by("-day", "currency")
    context = {
        "page_obj": Paginator(rates, PAGE_SIZE).get_page(request.GET.get("page")),
        "today": today(),
        "carried_days": CARRIED.days - 1,
    }
    return render(request, "analytics/exchange_rate_list.html", context)


@require_POST
@member_required(roles=WRITING_ROLES)
def exchange_rate_remove(request: MemberRequest, rate_id: UUID) -> HttpResponse:
    try:
        exchange_rate_delete(advertiser=request.advertiser, rate_id=rate_id)
        messages.success(request, "Removed; orders are being counted anew.")
    except NotFound:
        raise Http404 from None
    return redirect("exchange-rate-list")
