"""Everything that is held of one shopper, as JSON with a legend: GDPR articles 15 and 20."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from accounts.models import Advertiser
from adplatform.lib.errors import NotFound
from analytics.models import Event, ExperimentShopper
from campaigns.models import CappedShopper
from profiles.models import Behaviour, ConsentRecord, InterestProfile, SegmentMembership, ShopperKey
from profiles.pseudonyms import shopper_key_open
from profiles.selectors import interest_weights, shopper_find
from profiles.shopper_services import shopper_key_checked

FORMAT = "adplatform-shopper-export/1"
LEGEND = {
    "shopper": "Who you are here: the shop's own key for you, the pseudonym that stands for it everywhere "
    "else, what you allow, the most that a page may note as your consent (purposes_most; nothing: no limit), "
    "and the interests that you took away.",
    "consents": "Each time you answered: the purposes you agreed to (TCF 1 storage, 3 ads_profile, "
    "4 ads_selection, 7 measurement), whether you objected, and which text you answered to.",
    "behaviours": "What you did in the shop, as the shop told us, and which interests it was taken for.",
    "interests": "What you are taken to like: a weight from 0 to 1 that fades with time.",
    "segments": "The groups of shoppers you are counted in, and how well you fit (0 to 1).",
    "events": "Which adverts you were shown (impression), had in view (viewable) and clicked, and what you "
    "bought.",
    "experiments": "Tests of pictures you took part in: which version was yours, and by day how often you "
    "saw, had in view and clicked it and what you bought; apart, the same of the two weeks before.",
    "caps": "Campaigns you have seen often enough for now, and until when you are spared them.",
}
BEHAVIOUR_FIELDS = ("event_id", "kind", "text", "product_external_id", "interests", "occurred_at")
CONSENT_FIELDS = (
    "created_at", "purposes", "objection", "is_minor", "was_opted_out", "text_version", "source",
)  # fmt: skip
EVENT_FIELDS = (
    "event_id", "kind", "validity", "occurred_at", "received_at", "decision_id", "campaign_id", "creative_id",
    "placement_id", "segment_id", "experiment_id", "arm", "drawn_segment_id", "device", "order_id",
    "value_cents", "currency",
)  # fmt: skip
EXPERIMENT_FIELDS = ("experiment_id", "arm", "is_mixed", "first_at", "last_at", "device", "days", "before")


def shopper_export(*, advertiser: Advertiser, shopper_key: str, now: datetime) -> dict[str, Any]:
    """Plain values that ``DjangoJSONEncoder`` writes. Raises NotFound; DomainError ``shopper_invalid``."""
    shopper = shopper_find(advertiser_id=advertiser.pk, shopper_key=shopper_key_checked(shopper_key))
    if shopper is None:
        raise NotFound("shopper")
    profile = InterestProfile.objects.filter(shopper=shopper).first()
    memberships = SegmentMembership.objects.filter(shopper=shopper).select_related("segment")
    mine = {"advertiser": advertiser, "shopper_pseudonym": shopper.pseudonym}
    sealed = ShopperKey.objects.filter(shopper=shopper).values_list("sealed", flat=True).first()
    return {
        "format": FORMAT,
        "exported_at": now,
        "advertiser": advertiser.name,
        "legend": LEGEND,
        "shopper": {
            "shop_key": shopper_key_open(advertiser.pk, sealed) if sealed else None,
            "pseudonym": shopper.pseudonym,
            "language": shopper.language,
            "personalisation_allowed": shopper.personalisation_allowed,
            "measurement_allowed": shopper.measurement_allowed,
            "has_objected": shopper.has_objected,
            "is_minor": shopper.is_minor,
            "purposes_most": shopper.purposes_most,
            "muted_interests": shopper.muted_interests,
            "is_simulated": shopper.is_simulated,
            "first_seen_at": shopper.created_at,
            "last_seen_at": shopper.last_seen_at,
        },
        "consents": _rows(ConsentRecord.objects.filter(shopper=shopper), CONSENT_FIELDS, "created_at"),
        "behaviours": _rows(Behaviour.objects.filter(shopper=shopper), BEHAVIOUR_FIELDS, "occurred_at"),
        "interests": [vars(weight) for weight in interest_weights(profile.weights if profile else {})],
        "segments": [
            {
                "id": member.segment_id,
                "name": member.segment.name,
                "strength": member.strength,
                "because_of": member.interests.split(),
            }
            for member in memberships.order_by("-strength", "pk")
        ],
        "events": _rows(Event.objects.filter(**mine), EVENT_FIELDS, "occurred_at"),
        "experiments": _rows(ExperimentShopper.objects.filter(**mine), EXPERIMENT_FIELDS, "first_at"),
        "caps": _rows(
            CappedShopper.objects.filter(**mine), ("campaign_id", "period", "until_at"), "until_at"
        ),
    }


def _rows(found: QuerySet[Any], fields: tuple[str, ...], order: str) -> list[dict[str, Any]]:
    return list(found.order_by(order, "pk").values(*fields))
