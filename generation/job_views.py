"""Pages of the generation queue."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from accounts.permissions import WRITING_ROLES, MemberRequest, member_required
from adplatform.lib.errors import DomainError, NotFound
from generation import services
from generation.job_selectors import queue_state_get, render_job_get, render_job_list
from generation.kpis import KPI_DAYS, kpis_get
from generation.models import RenderJob

PAGE_SIZE = 25
# Where a prompt's words came from, in the design system's colours.
_SOURCES = {
    "interest": "segment",
    "product": "product",
    "brand": "brand",
    "season": "season",
    "style": "style",
}


@member_required()
def job_list(request: MemberRequest) -> HttpResponse:
    """The queue: what runs, what waits, what failed and why."""
    kpis = kpis_get(advertiser_id=request.advertiser.pk, now=timezone.now())
    context = _list_context(request) | {"kpis": kpis, "kpi_days": KPI_DAYS}
    return render(request, "generation/job_list.html", context)


@member_required()
def job_list_live(request: MemberRequest) -> HttpResponse:
    """The part of the queue page that changes, for htmx to fetch every two seconds."""
    return render(request, "generation/_job_list_live.html", _list_context(request))


@member_required()
def job_detail(request: MemberRequest, job_id: UUID) -> HttpResponse:
    """One job: prompt, brief, attempts, picture and creatives."""
    return render(request, "generation/job_detail.html", _detail_context(request, job_id))


@member_required()
def job_detail_live(request: MemberRequest, job_id: UUID) -> HttpResponse:
    """The part of the job's page that changes; a finished job reloads the page once."""
    context = _detail_context(request, job_id)
    response = render(request, "generation/_job_live.html", context)
    if context["job"].status in RenderJob.TERMINAL:
        response["HX-Refresh"] = "true"  # picture and creatives stand further down the page
    return response


@require_POST
@member_required(roles=WRITING_ROLES)
def job_cancel(request: MemberRequest, job_id: UUID) -> HttpResponse:
    return _act(
        request, services.render_cancel, job_id, "Cancelled: a running render stops at its next step."
    )


@require_POST
@member_required(roles=WRITING_ROLES)
def job_retry(request: MemberRequest, job_id: UUID) -> HttpResponse:
    return _act(request, services.render_retry, job_id, "Queued again.")


def _act(
    request: MemberRequest, service: Callable[..., RenderJob], job_id: UUID, success: str
) -> HttpResponse:
    try:
        service(advertiser=request.advertiser, job_id=job_id)
        messages.success(request, success)
    except NotFound:
        raise Http404 from None
    except DomainError as error:
        messages.error(request, error.message)
    back = request.POST.get("back", "")
    if url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}):
        return redirect(back)
    return redirect("render-job-detail", job_id)


def _list_context(request: MemberRequest) -> dict[str, Any]:
    status = request.GET.get("status", "")
    if status not in RenderJob.Status.values:
        status = ""
    jobs = render_job_list(advertiser_id=request.advertiser.pk, status=status)
    page = Paginator(jobs, PAGE_SIZE).get_page(request.GET.get("page"))
    return {
        "queue": queue_state_get(advertiser_id=request.advertiser.pk, now=timezone.now()),
        "page_obj": page,
        "status": status,
        "statuses": RenderJob.Status.choices,
        "status_label": RenderJob.Status(status).label if status else "",
        "retryable": services.RETRYABLE,
        # Buttons come back to this page with its filter, from the polled part too.
        "back": f"{reverse('render-job-list')}?{request.GET.urlencode()}",
    }


def _detail_context(request: MemberRequest, job_id: UUID) -> dict[str, Any]:
    try:
        job = render_job_get(advertiser_id=request.advertiser.pk, job_id=job_id)
    except NotFound:
        raise Http404 from None
    return {
        "job": job,
        "parts": [
            part | {"kind": _SOURCES.get(part["from"].partition(":")[0], "")} for part in job.prompt_parts
        ],
        "tries": job.tries.order_by("-epoch"),
        "creatives": job.creatives.order_by("width", "height"),
        "is_over": job.status in RenderJob.TERMINAL,
        "may_retry": job.status in services.RETRYABLE,
    }
