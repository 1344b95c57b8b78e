"""The pages of webhooks: endpoints, and what was sent to each."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from accounts import webhooks
from accounts.models import WebhookDelivery, WebhookEndpoint
from accounts.permissions import ADMIN_ONLY, MemberRequest, member_required
from adplatform.lib.errors import DomainError, NotFound

PAGE_SIZE = 50
# verb of the form -> (service, what the person is told)
ACTIONS = {
    "test": (webhooks.webhook_test, "A test message is on its way."),
    "enable": (webhooks.webhook_endpoint_enable, "Switched on; what waited is being sent."),
    "disable": (webhooks.webhook_endpoint_disable, "Switched off; what waits stays."),
    "delete": (webhooks.webhook_endpoint_delete, "Deleted."),
}


@member_required(roles=ADMIN_ONLY)
def webhook_list(request: MemberRequest) -> HttpResponse:
    """All endpoints; a new one's secret is shown in the answer to its creation and never again."""
    new_secret = ""
    if request.method == "POST":
        try:
            _, new_secret = webhooks.webhook_endpoint_create(
                advertiser=request.advertiser,
                url=request.POST.get("url", ""),
                kinds=request.POST.getlist("kinds"),
            )
        except DomainError as error:
            messages.error(request, error.message)
    endpoints = WebhookEndpoint.objects.filter(advertiser=request.advertiser).order_by("-created_at")
    return render(
        request,
        "accounts/webhook_list.html",
        {"endpoints": endpoints, "kinds": WebhookEndpoint.Kind.choices, "new_secret": new_secret},
    )


@member_required(roles=ADMIN_ONLY)
def webhook_detail(request: MemberRequest, endpoint_id: UUID) -> HttpResponse:
    """The delivery log; a POST without further ado makes a new secret and shows it once."""
    new_secret = ""
    try:
        if request.method == "POST":
            endpoint, new_secret = webhooks.webhook_secret_rotate(
                advertiser=request.advertiser, endpoint_id=endpoint_id
            )
        else:
            endpoint = webhooks.webhook_endpoint_get(advertiser=request.advertiser, endpoint_id=endpoint_id)
    except NotFound:
        raise Http404 from None
    deliveries = WebhookDelivery.objects.filter(endpoint=endpoint).order_by("-created_at")
    labels = dict(WebhookEndpoint.Kind.choices)
    context = {
        "endpoint": endpoint,
        "kinds": [labels.get(kind, kind) for kind in endpoint.kinds],
        "page_obj": Paginator(deliveries, PAGE_SIZE).get_page(request.GET.get("page")),
        "new_secret": new_secret,
    }
    return render(request, "accounts/webhook_detail.html", context)


@require_POST
@member_required(roles=ADMIN_ONLY)
def webhook_change(request: MemberRequest, endpoint_id: UUID) -> HttpResponse:
    """``action`` is one of ``ACTIONS``."""
    action = request.POST.get("action", "")
    try:
        if action not in ACTIONS:
            webhooks.webhook_endpoint_get(advertiser=request.advertiser, endpoint_id=endpoint_id)
            return redirect("webhook-detail", endpoint_id)
        change, sentence = ACTIONS[action]
        change(advertiser=request.advertiser, endpoint_id=endpoint_id)
    except NotFound:
        raise Http404 from None
    messages.success(request, sentence)
    return redirect("webhook-list") if action == "delete" else redirect("webhook-detail", endpoint_id)


@require_POST
@member_required(roles=ADMIN_ONLY)
def webhook_redeliver(request: MemberRequest, delivery_id: UUID) -> HttpResponse:
    try:
        delivery = webhooks.webhook_redeliver(advertiser=request.advertiser, delivery_id=delivery_id)
    except NotFound:
        raise Http404 from None
    messages.success(request, "It is being sent once more.")
    return redirect("webhook-detail", delivery.endpoint_id)
