"""Invitations: an admin gives a link away, and whoever it is for decides.

Sign-in names are of the whole installation, so neither the invitation nor what its page says may depend on
whether somebody has one: the admin never names an account, and a new one gets a name that is made for it.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils.text import slugify

from accounts.models import Advertiser, Invitation, Membership, User
from adplatform.lib.errors import DomainError, NotFound

NAME_LIMIT = 80
GOOD_FOR = timedelta(days=7)


def invitation_create(
    *, advertiser: Advertiser, name: str, role: str, invited_by: User, now: datetime
) -> tuple[Invitation, str]:
    """An invitation and its token, which is shown once and stored nowhere; good once, for ``GOOD_FOR``.

    ``name`` is what the admin calls the person. Raises DomainError ``name_missing``, ``role_unknown``.
    """
    name = name.strip()[:NAME_LIMIT]
    if not name:
        raise DomainError("name_missing", "Say whom the invitation is for.")
    if role not in Membership.Role.values:
        raise DomainError("role_unknown", "Choose one of the roles.")
    token = secrets.token_urlsafe(24)
    invitation = Invitation.objects.create(
        advertiser=advertiser,
        name=name,
        role=role,
        digest=_digest(token),
        invited_by=invited_by,
        expires_at=now + GOOD_FOR,
    )
    return invitation, token


def invitation_find(*, token: str, now: datetime) -> Invitation:
    """The open invitation behind a link, of somebody who may still invite. Raises NotFound."""
    inviting = Membership.objects.filter(
        advertiser=OuterRef("advertiser"),
        user=OuterRef("invited_by"),
        user__is_active=True,
        role=Membership.Role.ADMIN,
    )
    open_ones = Invitation.objects.select_related("advertiser").filter(Exists(inviting), expires_at__gt=now)
    found = open_ones.filter(digest=_digest(token)).first()
    if found is None:
        raise NotFound("invitation")
    return found


@transaction.atomic
def invitation_accept(*, token: str, user: User, now: datetime) -> Membership:
    """Join as who is signed in. Raises NotFound, DomainError ``member_already``: a role is not changed so."""
    invitation = _taken(token, now)
    membership, is_new = Membership.objects.get_or_create(
        advertiser=invitation.advertiser, user=user, defaults={"role": invitation.role}
    )
    if not is_new:
        raise DomainError("member_already", "You belong to this advertiser already.", status=409)
    return membership


@transaction.atomic
def invitation_accept_new(*, token: str, password: str, now: datetime) -> Membership:
    """Join as somebody new, under a name made for them. Raises NotFound, DomainError ``password_weak``."""
    invitation = _taken(token, now)
    user = User(username=f"{slugify(invitation.name)[:40] or 'member'}-{secrets.token_hex(3)}")
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise DomainError("password_weak", " ".join(error.messages)) from None
    user.set_password(password)
    user.save()
    return Membership.objects.create(advertiser=invitation.advertiser, user=user, role=invitation.role)


def invitation_withdraw(*, advertiser: Advertiser, invitation_id: UUID) -> None:
    """Its link opens nothing any more. Raises NotFound."""
    if not Invitation.objects.filter(advertiser=advertiser, pk=invitation_id).delete()[0]:
        raise NotFound("invitation")


def invitations_purge(*, now: datetime) -> int:
    """Forget those whose time is over; how many."""
    return Invitation.objects.filter(expires_at__lte=now).delete()[0]


def _taken(token: str, now: datetime) -> Invitation:
    """The invitation, used up by this transaction if that commits: of two who come at once one is refused."""
    invitation = invitation_find(token=token, now=now)
    if not Invitation.objects.filter(pk=invitation.pk).delete()[0]:
        raise NotFound("invitation")
    return invitation


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
