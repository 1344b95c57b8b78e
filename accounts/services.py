"""Writes of accounts."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify

from accounts.models import Advertiser, ApiKey, Membership, User
from adplatform.lib.errors import DomainError


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
        allows_self_approval=allows_self_approval,
    )
    if owner is not None:
        membership_set(advertiser=advertiser, user=owner, role=Membership.Role.ADMIN)
    return advertiser


def membership_set(*, advertiser: Advertiser, user: User, role: str) -> Membership:
    """Give a person a role at an advertiser, or change the one they have."""
    membership, _ = Membership.objects.update_or_create(
        advertiser=advertiser, user=user, defaults={"role": role}
    )
    return membership


def api_key_create(
    *, advertiser: Advertiser, name: str, kind: str, created_by: User | None = None
) -> tuple[ApiKey, str]:
    """A new key and its text, which is shown once and stored nowhere."""
    text = ApiKey.mint(kind)
    key = ApiKey.objects.create(
        advertiser=advertiser,
        name=name,
        kind=kind,
        scopes=ApiKey.SCOPES_BY_KIND[ApiKey.Kind(kind)],
        prefix=text[:11],
        digest=ApiKey.digest_of(text),
        created_by=created_by,
    )
    return key, text


def api_key_revoke(*, advertiser: Advertiser, key_id: str) -> None:
    """Refuse the key from the next request on; revoking twice changes nothing."""
    ApiKey.objects.filter(advertiser=advertiser, pk=key_id, revoked_at=None).update(revoked_at=timezone.now())
