"""The brand kit's page."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from accounts.permissions import WRITING_ROLES, MemberRequest, member_required
from adplatform.lib.errors import DomainError
from generation import brand
from generation.renderers.lora import lora_names


@member_required(roles=WRITING_ROLES)
def brand_kit(request: MemberRequest) -> HttpResponse:
    """Show and change the brand kit."""
    errors = {}
    if request.method == "POST":
        logo = request.FILES.get("logo")
        try:
            brand.brand_kit_set(
                advertiser=request.advertiser,
                fields={
                    name: request.POST.get(name, "")
                    for name in (*brand.COLOUR_FIELDS, *brand.TEXT_FIELDS, "lora")
                },
                logo=logo.read(brand.MAX_LOGO_BYTES + 1) if logo else None,
            )
            messages.success(request, "Saved. Creatives made from now on use it.")
            return redirect("brand-kit")
        except DomainError as error:
            errors = error.errors
    return render(
        request,
        "generation/brand_kit.html",
        {
            "kit": brand.brand_kit_get(advertiser=request.advertiser),
            "values": request.POST if errors else None,
            "errors": errors,
            "loras": lora_names(),
        },
    )
