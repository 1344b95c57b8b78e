"""Pages of the generation queue."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts.permissions import WRITING_ROLES, MemberRequest, member_required
from generation import services
from generation.creative_views import parts_of
from generation.job_selectors import queue_state_get, render_job_get, render_job_list
from generation.kpis import KPI_DAYS, kpis_get
from generation.models import RenderJob
from generation.pages import acted, found

PAGE_SIZE = 25


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
def job_first(request: MemberRequest, job_id: UUID) -> HttpResponse:
    return _act(request, services.render_first, job_id, "Moved to the front.")


@require_POST
@member_required(roles=WRITING_ROLES)
def job_retry(request: MemberRequest, job_id: UUID) -> HttpResponse:
    return _act(request, services.render_retry, job_id, "Queued again.")


@require_POST
@member_required(roles=WRITING_ROLES)
def failures_retry(request: MemberRequest) -> HttpResponse:
    """Queue every job again that failed with one code, whatever its batch."""
    count = services.renders_retry(advertiser=request.advertiser, code=request.POST.get("code", ""))
    messages.success(request, f"{count} job{'s' if count != 1 else ''} queued again.")
    return redirect("render-job-list")


def _act(
    request: MemberRequest, service: Callable[..., RenderJob], job_id: UUID, success: str
) -> HttpResponse:
    def act() -> str:
        service(advertiser=request.advertiser, job_id=job_id)
        return success

    return acted(request, act, reverse("render-job-detail", args=[job_id]))


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
    job = found(lambda: render_job_get(advertiser_id=request.advertiser.pk, job_id=job_id))
    return {
        "job": job,
        "parts": parts_of(job),
        "tries": job.tries.order_by("-epoch"),
        "creatives": job.creatives.order_by("width", "height"),
        "is_over": job.status in RenderJob.TERMINAL,
        "may_retry": job.status in services.RETRYABLE,
    }
