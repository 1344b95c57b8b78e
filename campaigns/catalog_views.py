"""Pages of the catalogue: products, one product, imports."""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST
from django_htmx.http import HttpResponseClientRedirect

from accounts.permissions import WRITING_ROLES, MemberRequest, member_required
from adplatform.lib.errors import DomainError, NotFound
from campaigns.catalog_selectors import (
    catalog_import_get,
    catalog_import_list,
    product_campaign_list,
    product_get,
    product_list,
    product_type_list,
)
from campaigns.catalog_services import catalog_apply, catalog_preview_upload
from campaigns.models import CatalogImport, Product, RemotePicture
from campaigns.remote_pictures import remote_picture_counts
from campaigns.remote_words import reason_words

PAGE_SIZE = 36
HISTORY_SIZE = 20
APPLY_SECONDS = 4.0  # of work on pictures in one request; the page then shows how far it is and goes on
PICTURES = {"yes": True, "no": False}
PICTURE_STATES = (
    ("waiting", "Waiting to be fetched"),
    ("fetched", "Fetched from the web"),
    ("refused", "Refused"),
)


class CatalogImportForm(forms.Form):
    """A feed and, perhaps, a zip with its pictures."""

    feed = forms.FileField(
        label="Product feed",
        help_text="TSV, CSV, RSS or Atom XML, or JSON lines, with Google Merchant Center's column names.",
        widget=forms.FileInput(
            attrs={"accept": ".tsv,.csv,.txt,.xml,.rss,.atom,.jsonl,.ndjson", "autofocus": True}
        ),
        allow_empty_file=True,
    )
    images = forms.FileField(
        label="Pictures (zip)",
        required=False,
        help_text="Needed when image_link holds paths such as images/a1.jpg. Up to 256 MB.",
        widget=forms.FileInput(attrs={"accept": ".zip"}),
        allow_empty_file=True,
    )


@member_required()
def product_list_view(request: MemberRequest) -> HttpResponse:
    """The products as a grid of cut-outs."""
    advertiser_id = request.advertiser.pk
    filters = {
        name: request.GET.get(name, "").strip()[:750] for name in ("q", "type", "availability", "picture")
    }
    products = product_list(
        advertiser_id=advertiser_id,
        search=filters["q"],
        product_type=filters["type"],
        availability=filters["availability"]
        if filters["availability"] in Product.Availability.values
        else "",
        has_picture=PICTURES.get(filters["picture"]),
        picture_status=filters["picture"] if filters["picture"] in RemotePicture.Status.values else "",
    )
    kinds = [
        (kind, kind.count(" > "), kind.rpartition(" > ")[2])
        for kind in product_type_list(advertiser_id=advertiser_id)
    ]
    context = {
        "page_obj": Paginator(products, PAGE_SIZE).get_page(request.GET.get("page")),
        "filters": filters,
        "is_filtered": any(filters.values()),
        "kinds": [(kind, "\u2003" * depth + label) for kind, depth, label in kinds],
        "availabilities": Product.Availability.choices,
        "picture_states": PICTURE_STATES,
        "remote_counts": remote_picture_counts(advertiser_id=advertiser_id),
    }
    return render(request, "catalog/product_list.html", context)


@member_required()
def product_detail(request: MemberRequest, product_id: UUID) -> HttpResponse:
    """One product: its photo, its cut-out, its colours, and the campaigns that show it."""
    try:
        product = product_get(advertiser_id=request.advertiser.pk, product_id=product_id)
    except NotFound:
        raise Http404 from None
    remote = getattr(product, "remote_picture", None)
    reason, what_to_do = reason_words(remote.code if remote else "")
    context = {
        "product": product,
        "campaigns": product_campaign_list(product=product),
        "remote": remote,
        "reason": reason,
        "what_to_do": what_to_do,
    }
    return render(request, "catalog/product_detail.html", context)


@member_required()
def catalog_import(request: MemberRequest) -> HttpResponse:
    """Upload a feed, and the history of imports."""
    form = CatalogImportForm(*(request.POST, request.FILES) if request.method == "POST" else ())
    if request.method == "POST":
        if request.membership.role not in WRITING_ROLES:
            return HttpResponse(status=403)
        if form.is_valid():
            record = catalog_preview_upload(
                advertiser=request.advertiser,
                feed=form.cleaned_data["feed"],
                images=form.cleaned_data["images"] or None,
                user=request.user,
            )
            return redirect("catalog-import-detail", record.pk)
    imports = Paginator(catalog_import_list(advertiser_id=request.advertiser.pk), HISTORY_SIZE)
    context = {"form": form, "page_obj": imports.get_page(request.GET.get("page"))}
    return render(request, "catalog/catalog_import.html", context)


@member_required()
def import_detail(request: MemberRequest, import_id: UUID) -> HttpResponse:
    """One import: what it would do or did, and what is wrong in its rows."""
    record = _import_or_404(request, import_id)
    problems = Paginator(record.problems, 50).get_page(request.GET.get("page"))
    context = {
        "record": record,
        "page_obj": problems,
        "changes": record.created + record.updated,
        "remote_counts": remote_picture_counts(advertiser_id=request.advertiser.pk, catalog_import=record),
        "notices": sum(problem.get("severity") == "notice" for problem in record.problems),
    }
    return render(request, "catalog/import_detail.html", context)


@require_POST
@member_required(roles=WRITING_ROLES)
def import_apply(request: MemberRequest, import_id: UUID) -> HttpResponse:
    """Work on the pictures for a few seconds; once all are done, write the rows."""
    record = _import_or_404(request, import_id)
    try:
        record = catalog_apply(catalog_import=record, seconds=APPLY_SECONDS)
    except DomainError as error:
        messages.error(request, error.message)
    if (
        record.status == CatalogImport.Status.PREVIEW
        and request.headers.get("HX-Request")
        and record.pictures_done
    ):
        return render(request, "catalog/_import_apply.html", {"record": record, "is_working": True})
    if record.status == CatalogImport.Status.APPLIED:
        messages.success(
            request,
            f"{record.created} products created, {record.updated} updated, {record.unchanged} unchanged.",
        )
    target = reverse("catalog-import-detail", args=[record.pk])
    return HttpResponseClientRedirect(target) if request.headers.get("HX-Request") else redirect(target)


def _import_or_404(request: MemberRequest, import_id: UUID) -> CatalogImport:
    try:
        return catalog_import_get(advertiser_id=request.advertiser.pk, import_id=import_id)
    except NotFound:
        raise Http404 from None
