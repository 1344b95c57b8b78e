"""What the demo storefront needs to exist before it can be shown: an API key and shoppers with a past."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime

from django.conf import settings

from accounts.models import Advertiser, ApiKey
from campaigns.storefront import NOBODY, Persona
from profiles.models import Shopper
from profiles.pseudonyms import pseudonym_of
from profiles.services import behaviours_record, consent_record
from profiles.snapshots import BehaviourInput
from profiles.taxonomy import INTERESTS

CONSENT_TEXT = "storefront-demo-1"


def storefront_key_ensure(*, advertiser: Advertiser) -> str:
    """The storefront's own publishable key, "" if somebody revoked it.

    Keys are stored hashed, so the page could not show one again. This one is derived from SECRET_KEY
    instead of random: known to this installation only, and the same on every call.
    """
    digest = hmac.new(
        settings.SECRET_KEY.encode(), f"storefront-demo:{advertiser.pk}".encode(), hashlib.sha256
    ).hexdigest()
    text = f"{ApiKey.PREFIX_BY_KIND[ApiKey.Kind.PUBLISHABLE]}{digest}"
    key, _ = ApiKey.objects.get_or_create(
        digest=ApiKey.digest_of(text),
        defaults={
            "advertiser": advertiser,
            "name": "Demo storefront",
            "kind": ApiKey.Kind.PUBLISHABLE,
            "scopes": ApiKey.SCOPES_BY_KIND[ApiKey.Kind.PUBLISHABLE],
            "prefix": text[:11],
        },
    )
    return text if key.revoked_at is None else ""


def storefront_shoppers_ensure(*, advertiser: Advertiser, personas: Iterable[Persona], now: datetime) -> None:
    """Give each persona that is new its consent and its stated interests, marked as simulated.

    One query when there is nothing to do. A consent that somebody withdrew since stays withdrawn.
    """
    wanted = {
        pseudonym_of(advertiser.pk, persona.shopper_key): persona
        for persona in personas
        if persona.slug != NOBODY
    }
    known = {
        pseudonym: (is_allowed, profile_id is not None)
        for pseudonym, is_allowed, profile_id in Shopper.objects.filter(
            advertiser=advertiser, pseudonym__in=wanted
        ).values_list("pseudonym", "personalisation_allowed", "profile")
    }
    for pseudonym, persona in wanted.items():
        is_allowed, has_profile = known.get(pseudonym, (persona.has_consented, False))
        if pseudonym not in known:
            consent_record(
                advertiser=advertiser,
                shopper_key=persona.shopper_key,
                personalisation=persona.has_consented,
                text_version=CONSENT_TEXT,
                source="demo storefront",
                is_simulated=True,
                is_proven=False,  # like the page's own buttons, which may change it
            )
        if is_allowed and not has_profile:  # new, or agreed again after a withdrawal forgot everything
            behaviours_record(advertiser=advertiser, items=_past(pseudonym, persona, now), now=now)


def _past(pseudonym: str, persona: Persona, now: datetime) -> list[BehaviourInput]:
    """The persona's interests in both languages, the strongest stated twice."""
    said = [*persona.interests, *persona.interests[:1]]
    return [
        BehaviourInput(
            event_id=f"storefront-demo-{pseudonym[:24]}-{number}-{language}",
            shopper_key=persona.shopper_key,
            kind="interest",
            occurred_at=now,
            text=INTERESTS[interest].label(language),
        )
        for number, interest in enumerate(said)
        for language in ("en", "zh")
    ]
