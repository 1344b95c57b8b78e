"""Writes of accounts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID
from zoneinfo import available_timezones

from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify

from accounts.models import Advertiser, ApiKey, Invitation, Membership, User
from adplatform.lib.errors import DomainError, NotFound

GRACE_LIMIT = timedelta(days=30)  # in which a key and the one in its place both work


@transaction.atomic
def advertiser_create(
    *,
    name: str,
    slug: str = "",
    market: str = Advertiser.Market.INTERNATIONAL,
    currency: str = "EUR",
    shop_url: str = "",
    owner: User | None = None,
    allows_self_approval: bool = False,
    counts_simulated: bool = False,
) -> Advertiser:
    """A new tenant; ``owner`` becomes its admin. Raises DomainError ``slug_taken``."""
    slug = slug or slugify(name)
    if Advertiser.objects.filter(slug=slug).exists():
        raise DomainError("slug_taken", f"There is already an advertiser called {slug!r}.", status=409)
    advertiser = Advertiser.objects.create(
        name=name,
        slug=slug,
        market=market,
        currency=currency,
        shop_url=shop_url,
        time_zone="Asia/Shanghai" if market == Advertiser.Market.CHINA else "UTC",
        allows_self_approval=allows_self_approval,
        counts_simulated=counts_simulated,
    )
    if owner is not None:
        membership_set(advertiser=advertiser, user=owner, role=Membership.Role.ADMIN)
    return advertiser


@transaction.atomic
def advertiser_clock_set(*, advertiser: Advertiser, time_zone: str) -> Advertiser:
    """Choose the time zone of the advertiser's days and hours. Raises DomainError ``time_zone_unknown``."""
    if time_zone not in available_timezones():
        raise DomainError("time_zone_unknown", "Choose an IANA time zone such as Europe/Berlin.")
    advertiser.time_zone = time_zone
    advertiser.save(update_fields=["time_zone"])
    return advertiser


def advertiser_two_step_set(*, advertiser: Advertiser, required: bool) -> Advertiser:
    """Whether managers and admins must use two steps; keys of the API go on as before."""
    advertiser.managers_use_two_steps = required
    advertiser.save(update_fields=["managers_use_two_steps"])
    return advertiser


def membership_set(*, advertiser: Advertiser, user: User, role: str) -> Membership:
    """Give a person a role at an advertiser, or change the one they have."""
    membership, _ = Membership.objects.update_or_create(
        advertiser=advertiser, user=user, defaults={"role": role}
    )
    return membership


@transaction.atomic
def member_role_set(*, advertiser: Advertiser, membership_id: UUID, role: str) -> Membership:
    """Change a member's role; who is no admin any more leaves no open invitations.

    Raises NotFound, DomainError ``role_unknown``, ``last_admin``.
    """
    membership = Membership.objects.filter(advertiser=advertiser, pk=membership_id).first()
    if membership is None:
        raise NotFound("member")
    if role not in Membership.Role.values:
        raise DomainError("role_unknown", "Choose one of the roles.")
    if role != Membership.Role.ADMIN:
        _require_another_admin(advertiser, membership.user)
        _invitations_end(advertiser, membership.user)
    return membership_set(advertiser=advertiser, user=membership.user, role=role)


@transaction.atomic
def member_remove(*, advertiser: Advertiser, membership_id: str) -> None:
    """End a membership, and with it the invitations that the person gave.

    Raises NotFound, DomainError ``last_admin``.
    """
    membership = Membership.objects.filter(advertiser=advertiser, pk=membership_id).first()
    if membership is None:
        raise NotFound("member")
    _require_another_admin(advertiser, membership.user)
    _invitations_end(advertiser, membership.user)
    membership.delete()


def _invitations_end(advertiser: Advertiser, invited_by: User) -> None:
    """A link that an admin kept would make them an admin again."""
    Invitation.objects.filter(advertiser=advertiser, invited_by=invited_by).delete()


def _require_another_admin(advertiser: Advertiser, user: User) -> None:
    admins = Membership.objects.filter(advertiser=advertiser, role=Membership.Role.ADMIN)
    if admins.filter(user=user).exists() and not admins.exclude(user=user).exists():
        raise DomainError("last_admin", "An advertiser keeps at least one admin.", status=409)


def api_key_create(
    *,
    advertiser: Advertiser,
    name: str,
    kind: str,
    scopes: Sequence[str] = (),
    created_by: User | None = None,
) -> tuple[ApiKey, str]:
    """A new key and its text, which is shown once and stored nowhere; no ``scopes``: all of its kind.

    Raises DomainError ``name_missing``, ``kind_unknown``, ``scope_unknown``.
    """
    name = name.strip()[:80]
    if not name:
        raise DomainError("name_missing", "Say what the key is for.")
    if kind not in ApiKey.Kind.values:
        raise DomainError("kind_unknown", "Choose a publishable or a secret key.")
    allowed = ApiKey.SCOPES_BY_KIND[ApiKey.Kind(kind)]
    if not set(scopes) <= set(allowed):
        raise DomainError("scope_unknown", f"A {kind} key may have {', '.join(allowed)}.")
    text = ApiKey.mint(kind)
    key = ApiKey.objects.create(
        advertiser=advertiser,
        name=name,
        kind=kind,
        scopes=[scope for scope in allowed if not scopes or scope in scopes],
        prefix=text[:11],
        digest=ApiKey.digest_of(text),
        created_by=created_by,
    )
    return key, text


@transaction.atomic
def api_key_rotate(
    *, advertiser: Advertiser, key_id: str, grace: timedelta, rotated_by: User | None = None
) -> tuple[ApiKey, str]:
    """A key like this one and its text; the old one ends after ``grace``, in which both work.

    Raises NotFound, DomainError ``key_ended``, ``grace_out_of_range``.
    """
    old = ApiKey.objects.select_for_update().filter(advertiser=advertiser, pk=key_id).first()
    if old is None:
        raise NotFound("key")
    if not timedelta(0) <= grace <= GRACE_LIMIT:
        raise DomainError("grace_out_of_range", f"At most {GRACE_LIMIT.days} days.")
    if not old.is_live or old.expires_at is not None:
        raise DomainError("key_ended", "This key has been replaced or revoked already.", status=409)
    old.expires_at = timezone.now() + grace
    old.save(update_fields=["expires_at"])
    return api_key_create(
        advertiser=advertiser, name=old.name, kind=old.kind, scopes=old.scopes, created_by=rotated_by
    )


def api_key_revoke(*, advertiser: Advertiser, key_id: str) -> None:
    """Refuse the key from the next request on; revoking twice changes nothing. Raises NotFound."""
    found = ApiKey.objects.filter(advertiser=advertiser, pk=key_id)
    if not found.exists():
        raise NotFound("key")
    found.filter(revoked_at=None).update(revoked_at=timezone.now())
