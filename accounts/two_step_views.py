"""Pages of signing in and of its second step."""

from __future__ import annotations

import time
from base64 import b32encode
from typing import Any, cast

from axes.handlers.proxy import AxesProxyHandler
from django.contrib import messages
from django.contrib.auth import BACKEND_SESSION_KEY, login
from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.signals import user_login_failed
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST
from django_otp.util import random_hex

from accounts import services, two_step
from accounts.models import User
from accounts.permissions import MemberRequest, Role, member_required
from adplatform.lib.errors import DomainError

PENDING_KEY, ENROLMENT_KEY = "sign_in_pending", "two_step_key"
PENDING_SECONDS = 600


class PasswordView(LoginView):
    """The first step. Who has a second one is not signed in by it: the session only notes who is coming."""

    template_name = "accounts/login.html"
    redirect_authenticated_user = True

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        user = form.get_user()
        if two_step.app_of(user) is None:
            return super().form_valid(form)
        self.request.session.cycle_key()
        return _code_ask(self.request, user, backend=user.backend, then=self.get_success_url())


def _code_ask(request: HttpRequest, user: User, *, backend: str, then: str) -> HttpResponse:
    """To the second step, with a note of who has taken the first."""
    request.session[PENDING_KEY] = {
        "user": user.pk,
        "password": user.get_session_auth_hash(),  # a changed password ends what was begun with the old
        "backend": backend,
        "until": time.time() + PENDING_SECONDS,
        "next": then,
    }
    return redirect("login-code")


@never_cache
def login_code(request: HttpRequest) -> HttpResponse:
    """The second step; a wrong code counts like a wrong password and locks with them."""
    pending = request.session.get(PENDING_KEY, {})
    user = _pending_user(pending)
    if user is None:
        request.session.pop(PENDING_KEY, None)
        return redirect("login")
    if request.method != "POST":
        return render(request, "accounts/login_code.html")
    credentials = {"username": user.get_username()}
    if not AxesProxyHandler.is_allowed(request, credentials):
        request.axes_locked_out = True  # type: ignore[attr-defined]  # its middleware shows the locked page
        return render(request, "accounts/login_code.html")
    if not two_step.code_accept(user=user, code=request.POST.get("code", "")):
        user_login_failed.send(sender=__name__, credentials=credentials, request=request)
        return render(request, "accounts/login_code.html", {"is_refused": True})
    del request.session[PENDING_KEY]
    login(request, user, backend=pending["backend"])
    two_step.session_verify(request, user)
    return HttpResponseRedirect(pending["next"])


def _pending_user(pending: dict[str, Any]) -> User | None:
    """Whose password was right within ten minutes, None without one."""
    if not pending or pending["until"] < time.time():
        return None
    user = User.objects.filter(pk=pending["user"], is_active=True).first()
    if user is None or not constant_time_compare(user.get_session_auth_hash(), pending["password"]):
        return None
    return user


@never_cache
@login_required
def two_step_page(request: HttpRequest) -> HttpResponse:
    """One's own second step: its state, and turning it on; backup codes are in that answer alone."""
    user = cast(User, request.user)
    if two_step.app_of(user) is not None:
        if two_step.is_two_step_due_anywhere(request):  # the session is older than the app
            return _code_ask(
                request, user, backend=request.session[BACKEND_SESSION_KEY], then=reverse("overview")
            )
        return _state_page(request)
    key = request.session.setdefault(ENROLMENT_KEY, random_hex(20))
    if request.method == "POST":
        try:
            codes = two_step.two_step_enrol(user=user, key=key, code=request.POST.get("code", ""))
        except DomainError as error:
            messages.error(request, error.message)
        else:
            del request.session[ENROLMENT_KEY]
            two_step.session_verify(request, user)
            return _state_page(request, codes)
    context = {
        "is_due": two_step.is_two_step_due_anywhere(request),
        "qr": two_step.enrolment_qr(user=user, key=key),
        "secret": b32encode(bytes.fromhex(key)).decode(),
    }
    return render(request, "accounts/two_step_enrol.html", context)


def _state_page(request: HttpRequest, codes: list[str] | None = None) -> HttpResponse:
    user = cast(User, request.user)
    context = {
        "app": two_step.app_of(user),
        "left": two_step.backup_codes_left(user),
        "codes": codes,
    }
    return render(request, "accounts/two_step.html", context)


@require_POST
@login_required
def two_step_remove(request: HttpRequest) -> HttpResponse:
    """Back to the password alone, for who shows a code; without one it is the operator's to do."""
    user = cast(User, request.user)
    if two_step.code_accept(user=user, code=request.POST.get("code", "")):
        two_step.two_step_reset(user=user)
        messages.success(request, "Two-step sign-in is off.")
    else:
        messages.error(request, "That code is wrong, used, or came too soon after a wrong one.")
    return redirect("two-step")


@require_POST
@member_required(roles=frozenset({Role.ADMIN}))
def advertiser_two_step(request: MemberRequest) -> HttpResponse:
    """Whether managers and admins of the advertiser must use two steps."""
    required = request.POST.get("required") == "yes"
    services.advertiser_two_step_set(advertiser=request.advertiser, required=required)
    messages.success(
        request,
        "Managers and admins must use two steps from now on."
        if required
        else "Two steps are everybody's own choice.",
    )
    return redirect("member-list")
