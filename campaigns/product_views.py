"""Pages that write single products, and ask for their pictures again."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from accounts.permissions import WRITING_ROLES, MemberRequest, member_required
from adplatform.lib.errors import DomainError, NotFound
from adplatform.lib.money import money_text
from campaigns.catalog_selectors import product_get
from campaigns.models import Product
from campaigns.product_services import product_save
from campaigns.remote_pictures import remote_pictures_retry


class ProductForm(forms.Form):
    """A product as a feed's row would have it; the names are Google Merchant Center's."""

    id = forms.CharField(label="Id in the shop", max_length=50)
    title = forms.CharField(label="Title", max_length=150)
    link = forms.CharField(label="Landing page", max_length=2000)
    image_link = forms.CharField(
        label="Picture's address",
        max_length=2000,
        help_text="https, open to everybody; it is fetched in the background. A file of an import may stay.",
    )
    price = forms.CharField(label="Price", max_length=40, help_text="Such as 12.50 EUR.")
    sale_price = forms.CharField(label="Sale price (optional)", max_length=40, required=False)
    availability = forms.ChoiceField(
        label="Availability", choices=Product.Availability.choices, required=False
    )
    brand = forms.CharField(label="Brand (optional)", max_length=70, required=False)
    product_type = forms.CharField(
        label="Kind (optional)", max_length=750, required=False, help_text="Such as Shoes > Trail."
    )
    description = forms.CharField(
        label="Description (optional)",
        max_length=5000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


@member_required(roles=WRITING_ROLES)
def product_new(request: MemberRequest) -> HttpResponse:
    """A product of its own, without a feed."""
    return _form_page(request, None)


@member_required(roles=WRITING_ROLES)
def product_edit(request: MemberRequest, product_id: UUID) -> HttpResponse:
    """What a product says, and where its picture comes from."""
    return _form_page(request, _product_or_404(request, product_id))


@require_POST
@member_required(roles=WRITING_ROLES)
def product_picture_retry(request: MemberRequest, product_id: UUID) -> HttpResponse:
    """Ask for one picture again."""
    product = _product_or_404(request, product_id)
    try:
        remote_pictures_retry(advertiser=request.advertiser, product_id=product.pk)
        messages.success(request, "The picture is being fetched again.")
    except DomainError as error:
        messages.error(request, error.message)
    return redirect("product-detail", product.pk)


@require_POST
@member_required(roles=WRITING_ROLES)
def pictures_retry(request: MemberRequest) -> HttpResponse:
    """Ask for all refused pictures again."""
    asked = remote_pictures_retry(advertiser=request.advertiser)
    messages.success(request, f"{asked} picture{'s are' if asked != 1 else ' is'} being fetched again.")
    return redirect("product-list")


def _form_page(request: MemberRequest, product: Product | None) -> HttpResponse:
    form = ProductForm(request.POST if request.method == "POST" else None, initial=_initial(product))
    if product is not None:
        form.fields["id"].disabled = True  # another id would be another product
    if form.is_valid():
        try:
            saved, _ = product_save(
                advertiser=request.advertiser, values=form.cleaned_data, user=request.user
            )
        except DomainError as error:
            for name, found in error.errors.items():
                form.add_error(name if name in form.fields else None, found)
        else:
            messages.success(request, f"{saved.title} is saved.")
            return redirect("product-detail", saved.pk)
    return render(request, "catalog/product_edit.html", {"form": form, "product": product})


def _initial(product: Product | None) -> dict[str, Any]:
    if product is None:
        return {}
    sale = product.sale_price_cents
    return {
        "id": product.external_id,
        "title": product.title,
        "link": product.link,
        "image_link": product.image_link,
        "price": money_text(product.price_cents, product.currency),
        "sale_price": "" if sale is None else money_text(sale, product.currency),
        "availability": product.availability,
        "brand": product.brand,
        "product_type": product.product_type,
        "description": product.description,
    }


def _product_or_404(request: MemberRequest, product_id: UUID) -> Product:
    try:
        return product_get(advertiser_id=request.advertiser.pk, product_id=product_id)
    except NotFound:
        raise Http404 from None
