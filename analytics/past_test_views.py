"""Pages of old tests: import, name the columns, list, review."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from accounts.permissions import WRITING_ROLES, MemberRequest, member_required
from adplatform.lib.errors import DomainError, NotFound
from analytics import past_test_services
from analytics.models import PastTestImport
from analytics.past_test_columns import FIELDS, NEEDED
from analytics.verdict import TITLES, Code

PAGE_SIZE = 50
HELP = {
    "test": "Empty: the whole file is one test.",
    "arm": "The first arm of a test is its control.",
    "shoppers": "How many took part. Not impressions, if you can help it: they depend on each other.",
    "successes": "How many of them did it.",
    "rate": "Instead of successes: 0.052 or 5.2 %.",
    "day": "With it a row is an arm's new shoppers of one day; a test's days are added up and drawn.",
    "sum": "Of a value such as revenue, instead of successes.",
    "sum_of_squares": "Of each shopper's value; without it nobody knows the noise.",
    "weight": "Planned share; empty: equal ones are assumed.",
    "kind": "impression or exposure; click, conversion or order.",
    "value": "Of a success, such as an order's amount; empty: only whether they did it.",
}


@member_required()
@require_GET
def past_test_list_view(request: MemberRequest) -> HttpResponse:
    """All old tests with their verdicts, and the files they came from."""
    q, verdict = request.GET.get("q", "").replace("\x00", ""), request.GET.get("verdict", "")
    found = past_test_services.past_test_list(
        advertiser_id=request.advertiser.pk, search=q, verdict=verdict if verdict in list(Code) else ""
    )
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    rows = [(test, TITLES[Code(test.verdict)]) for test in page]
    files = PastTestImport.objects.filter(advertiser=request.advertiser).defer("text", "problems")[:20]
    return render(
        request,
        "past_tests/past_test_list.html",
        {
            "page_obj": page,
            "rows": rows,
            "q": q,
            "verdict": verdict,
            "verdicts": [(code.value, title) for code, title in TITLES.items()],
            "files": files,
            "may_write": request.membership.role in WRITING_ROLES,
        },
    )


@member_required(roles=WRITING_ROLES)
def past_import_create(request: MemberRequest) -> HttpResponse:
    """Upload a CSV."""
    error = ""
    if request.method == "POST":
        file = request.FILES.get("file")
        if file is None:
            error = "Choose a file."
        else:
            try:
                row = past_test_services.past_import_create(
                    advertiser=request.advertiser,
                    source_name=file.name or "",
                    content=file.read(),
                    shape=request.POST.get("shape", "sums"),
                    user=request.user,
                )
                return redirect("past-import-detail", row.pk)
            except DomainError as refused:
                error = refused.message
    return render(request, "past_tests/past_import_create.html", {"error": error})


@member_required()
@require_GET
def past_import_detail(request: MemberRequest, past_import_id: UUID) -> HttpResponse:
    """Name the columns; afterwards what became of each row."""
    row = _import(request, past_import_id)
    fields = [
        (name, name in NEEDED[row.shape], row.mapping.get(name, ""), HELP.get(name, ""))
        for name in FIELDS[row.shape]
    ]
    preview = row.text.splitlines()[1:4] if row.text else []
    page = Paginator(row.problems, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "file": row,
        "fields": fields,
        "preview": preview,
        "page_obj": page,
        "may_write": request.membership.role in WRITING_ROLES,
    }
    return render(request, "past_tests/past_import_detail.html", context)


@member_required(roles=WRITING_ROLES)
@require_POST
def past_import_run(request: MemberRequest, past_import_id: UUID) -> HttpResponse:
    """Read the file by the columns named."""
    row = _import(request, past_import_id)
    mapping = {name: request.POST.get(name, "") for name in FIELDS[row.shape]}
    try:
        past_test_services.past_import_run(
            advertiser=request.advertiser, past_import_id=row.pk, mapping=mapping
        )
        messages.success(request, "The file is being read.")
    except DomainError as error:
        words = [f"{name}: {' '.join(found)}" for name, found in error.errors.items()]
        messages.error(request, " ".join(words) or error.message)
    return redirect("past-import-detail", row.pk)


@member_required(roles=WRITING_ROLES)
@require_POST
def past_import_delete(request: MemberRequest, past_import_id: UUID) -> HttpResponse:
    """Remove a file with all its tests."""
    row = _import(request, past_import_id)
    past_test_services.past_import_delete(advertiser=request.advertiser, past_import_id=row.pk)
    messages.success(request, "The file and its tests are gone.")
    return redirect("past-test-list")


@member_required()
@require_GET
def past_test_detail(request: MemberRequest, past_test_id: UUID) -> HttpResponse:
    """The review of one old test."""
    try:
        test = past_test_services.past_test_get(
            advertiser_id=request.advertiser.pk, past_test_id=past_test_id
        )
    except NotFound:
        raise Http404 from None
    trend: dict[str, Any] = {}
    if test.content.get("trend", {}).get("days"):
        from analytics.experiment_charts import trend_context

        trend = trend_context(test.content)
    context = {
        "test": test,
        "content": test.content,
        **trend,
        "currency": request.advertiser.currency,
    }
    return render(request, "past_tests/past_test_detail.html", context)


def _import(request: MemberRequest, past_import_id: UUID) -> PastTestImport:
    try:
        return past_test_services.past_import_get(
            advertiser_id=request.advertiser.pk, past_import_id=past_import_id
        )
    except NotFound:
        raise Http404 from None
