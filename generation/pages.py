"""What the pages share: a 404 for what is not there, an action with its message, and the way back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme

from accounts.permissions import MemberRequest
from adplatform.lib.errors import DomainError, NotFound

T = TypeVar("T")


def found(read: Callable[[], T]) -> T:
    """What a selector finds, else a 404 page."""
    try:
        return read()
    except NotFound:
        raise Http404 from None


def acted(request: MemberRequest, action: Callable[[], str], fallback: str) -> HttpResponse:
    """Do what a form asks for, show the sentence that ``action`` answers or its refusal, and go back."""
    try:
        messages.success(request, found(action))
    except DomainError as error:
        messages.error(request, error.message)
    return back(request, fallback)


def back(request: MemberRequest, fallback: str) -> HttpResponse:
    """To the page that the form names in ``next``, if it is one of ours."""
    target = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(target, {request.get_host()}, request.is_secure())
    return HttpResponseRedirect(target if safe else fallback)
