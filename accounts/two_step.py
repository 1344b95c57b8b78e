"""Two-step sign-in: a code of an authenticator app (RFC 6238) after the password, or one of ten backup codes.

The devices and their throttling are django-otp's; a person has at most one app and one set of backup codes.
"""

from __future__ import annotations

import re
import time
import unicodedata

import segno
from django.db import transaction
from django.http import HttpRequest
from django.utils.safestring import SafeString, mark_safe
from django_otp import verify_token
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.models import Membership, User
from adplatform.lib.errors import DomainError

BACKUP_CODES = 10
SESSION_KEY = "two_step_app"
# Who can launch campaigns: what an advertiser asks of its managers holds for its admins, who can do more.
BOUND_ROLES = frozenset({Membership.Role.ADMIN, Membership.Role.MANAGER})
APP_CODE, BACKUP_CODE = re.compile(r"[0-9]{6}"), re.compile(r"[a-z2-7]{8}")


def app_of(user: User) -> TOTPDevice | None:
    """The authenticator app that the person signs in with, None without two steps."""
    return TOTPDevice.objects.filter(user=user, confirmed=True).first()


def session_verify(request: HttpRequest, user: User) -> None:
    """Note in the session that its person has shown a code of the app they have now."""
    app = app_of(user)
    request.session[SESSION_KEY] = app.pk if app is not None else None


def is_verified(request: HttpRequest, user: User) -> bool:
    """Whether this session has shown a code of the app that its person has now: one that began before the app
    was there, or with another, has not."""
    app = app_of(user)
    return app is not None and request.session.get(SESSION_KEY) == app.pk


def is_two_step_due(request: HttpRequest) -> bool:
    """The person's advertiser asks two steps of their role, and this session has not shown the second."""
    membership: Membership | None = getattr(request, "membership", None)
    return membership is not None and _is_bound(membership) and not is_verified(request, membership.user)


def is_two_step_due_anywhere(request: HttpRequest) -> bool:
    """The same of any of the person's advertisers, for ``/admin/``, which shows the rows of all."""
    memberships: list[Membership] = getattr(request, "memberships", [])
    return any(map(_is_bound, memberships)) and not is_verified(request, memberships[0].user)


def _is_bound(membership: Membership) -> bool:
    return membership.advertiser.managers_use_two_steps and membership.role in BOUND_ROLES


def enrolment_qr(*, user: User, key: str) -> SafeString:
    """An SVG of the otpauth address of ``key`` (hexadecimal), which authenticator apps scan."""
    address = TOTPDevice(user=user, key=key).config_url
    svg = segno.make(address, error="m").svg_inline(scale=5, border=3, dark="#000", light="#fff")
    # Drawn by us: modules of a QR code, no text.
    return mark_safe(svg)  # noqa: S308 # nosec B308 B703


@transaction.atomic
def two_step_enrol(*, user: User, key: str, code: str) -> list[str]:
    """Ask for codes of ``key`` (hexadecimal) from now on; answers with the backup codes, ten, each good once.

    ``code`` proves that the app has the key; it does not sign in again. Raises DomainError ``two_step_on``,
    ``code_wrong``.
    """
    User.objects.select_for_update().get(pk=user.pk)  # two of these at once: the second finds the first's
    if app_of(user) is not None:
        raise DomainError("two_step_on", "Two-step sign-in is on already.", status=409)
    code, totp = _plain(code), TOTP(bytes.fromhex(key))
    totp.time = time.time()
    if not APP_CODE.fullmatch(code) or not totp.verify(int(code), tolerance=1):
        raise DomainError("code_wrong", "That is not the code the app shows now. Is the phone's clock right?")
    two_step_reset(user=user)
    TOTPDevice.objects.create(user=user, name="app", key=key, last_t=totp.t(), drift=totp.drift)
    backup = StaticDevice.objects.create(user=user, name="backup")
    codes = [StaticToken.random_token() for _ in range(BACKUP_CODES)]
    StaticToken.objects.bulk_create([StaticToken(device=backup, token=text) for text in codes])
    return codes


def code_accept(*, user: User, code: str) -> bool:
    """Whether this is the app's code, not used before, or an unused backup code, which is used up by it.

    After n wrong ones in a row the next is looked at only 2^(n-1) seconds later; until then all are refused.
    """
    code = _plain(code)
    if APP_CODE.fullmatch(code):
        device = app_of(user)
    elif BACKUP_CODE.fullmatch(code):
        device = StaticDevice.objects.filter(user=user, confirmed=True).first()
    else:
        return False
    return device is not None and verify_token(user, device.persistent_id, code) is not None


def backup_codes_left(user: User) -> int:
    return StaticToken.objects.filter(device__user=user).count()


@transaction.atomic
def two_step_reset(*, user: User) -> bool:
    """Sign in with the password alone again; whether there was a second step before."""
    StaticDevice.objects.filter(user=user).delete()
    removed, _ = TOTPDevice.objects.filter(user=user).delete()
    return removed > 0


def _plain(code: str) -> str:
    """As a person may type it: in groups, in capitals, in the full-width digits of a Chinese keyboard."""
    return re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", code[:40])).lower()
