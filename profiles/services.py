"""Writes of profiles: behaviours, consent, shoppers. Segments stand in ``segment_services``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts.models import Advertiser
from adplatform.lib.errors import DomainError
from profiles import consent, rebuilding
from profiles.behaviours import contacts_removed
from profiles.models import (
    Behaviour,
    ConsentRecord,
    InterestProfile,
    SegmentMembership,
    Shopper,
)
from profiles.product_mapping import product_interests
from profiles.pseudonyms import (
    id_stored,
    pseudonyms_of,
    wording_names_person,
)
from profiles.segment_services import (
    RefreshResult,
    segment_create,
    segment_delete,
    segment_update,
    segments_refresh,
)
from profiles.selectors import consent_state_of
from profiles.shopper_services import shopper_ensure
from profiles.snapshots import BehaviourInput, RecordResult, Rejection
from profiles.taxonomy import INTERESTS
from profiles.text_mapping import TextMapper, mapper_get

__all__ = [
    "RefreshResult",
    "behaviours_record",
    "click_record",
    "consent_record",
    "interest_remove",
    "objection_record",
    "profile_rebuild",
    "segment_create",
    "segment_delete",
    "segment_update",
    "segments_refresh",
    "shopper_ensure",
    "shoppers_forget",
]

# A batch that touches more shoppers leaves their profiles to the task, which runs every minute.
REBUILD_AT_ONCE = 50
INSERT_BATCH = 500
UNPROVEN = (
    "A publishable key cannot take back an objection, a minor's flag or a withdrawal that came with a secret "
    "key. Send this answer from your server with a secret key."
)
NAMES_PERSON = "The ledger outlives the shopper: no key of theirs, e-mail address or telephone number in it."


@transaction.atomic
def consent_record(
    *,
    advertiser: Advertiser,
    shopper_key: str,
    text_version: str,
    source: str,
    personalisation: bool | None = None,
    purposes: Iterable[str] | None = None,
    objection: bool | None = None,
    opted_out: bool = False,
    language: str = "",
    is_minor: bool | None = None,
    is_simulated: bool = False,
    is_proven: bool = True,
) -> ConsentRecord:
    """Add a line to the ledger and let it take effect at once.

    ``purposes`` are those agreed to; ``personalisation`` is short for all of them or none. An ``objection``
    stands until it is taken back with False. ``opted_out`` (Sec-GPC came with the answer) grants nothing.
    A withdrawal (or word that the shopper is a minor) also forgets what was learnt: without consent there is
    no reason left to keep it. The ledger itself stays, as the proof.

    Not ``is_proven`` is what anybody could have sent (a page's public key): it may agree for the first time,
    and always say no, but lifts nothing. Raises DomainError ``consent_unproven`` (403) where it tries, and
    ``text_version_names_person`` or ``source_names_person``: a line outlives the shopper's erasure.
    """
    for name, text in (("text_version", text_version), ("source", source)):
        if wording_names_person(text, shopper_key.strip()):
            raise DomainError(f"{name}_names_person", NAMES_PERSON)
    answer = consent.Answer.of(
        personalisation=personalisation,
        purposes=purposes,
        objection=objection,
        is_minor=is_minor,
        opted_out=opted_out,
    )
    shopper = shopper_ensure(
        advertiser=advertiser,
        shopper_key=shopper_key,
        language=language,
        is_simulated=is_simulated,
    )  # locked: who objects meanwhile waits, and what they say stands after us
    if not is_proven:
        said = consent.narrowed(answer, consent_state_of(shopper), shopper.purposes_most)
        if said is None:
            raise DomainError("consent_unproven", UNPROVEN, status=403)
        answer = said
    record = ConsentRecord.objects.create(
        advertiser=advertiser,
        shopper=shopper,
        purposes=sorted(answer.purposes),
        personalisation=consent.grants(answer.purposes, consent.Use.PERSONALISATION),
        objection=answer.objection,
        is_minor=answer.is_minor,
        was_opted_out=opted_out,
        text_version=text_version,
        source=source,
    )
    changed: dict[str, object] = {
        "personalisation_allowed": record.personalisation,
        "measurement_allowed": consent.grants(answer.purposes, consent.Use.MEASUREMENT),
    }
    if answer.objection is not None:
        changed["has_objected"] = answer.objection
    if answer.is_minor is not None:
        changed["is_minor"] = answer.is_minor
    if is_proven:
        changed["purposes_most"] = record.purposes
    for name, value in changed.items():
        setattr(shopper, name, value)
    shopper.save(update_fields=list(changed))
    if not consent.allow(consent_state_of(shopper)):
        _profile_forget(shopper)
    return record


def _profile_forget(shopper: Shopper) -> None:
    segment_ids = set(SegmentMembership.objects.filter(shopper=shopper).values_list("segment", flat=True))
    SegmentMembership.objects.filter(shopper=shopper).delete()
    InterestProfile.objects.filter(shopper=shopper).delete()
    Behaviour.objects.filter(shopper=shopper).delete()
    Shopper.objects.filter(pk=shopper.pk).update(stale_since=None, last_seen_at=None)
    rebuilding.sizes_recount(segment_ids=segment_ids)


@transaction.atomic
def shoppers_forget(
    *, advertiser_id: UUID, pseudonyms: Sequence[str], tombstone: str, before: datetime | None = None
) -> dict[str, int]:
    """Delete shoppers with everything profiles know of them; rows by what they held. Idempotent.

    ``before`` spares a shopper whose row is newer: they were erased, and came back.
    Their lines in the consent ledger stay, without them and with the tombstone's keyed hash as the proof.
    What other apps hold of a shopper is theirs to forget: ``rights.erasure`` calls them all.
    """
    shoppers = list(
        Shopper.objects.select_for_update()
        .filter(advertiser_id=advertiser_id, pseudonym__in=pseudonyms)
        .order_by("pk")
    )
    shoppers = [shopper for shopper in shoppers if before is None or shopper.created_at <= before]
    memberships = SegmentMembership.objects.filter(shopper__in=shoppers)
    segment_ids = set(memberships.values_list("segment", flat=True))
    counts = {
        "consents_reduced": ConsentRecord.objects.filter(shopper__in=shoppers).reduce(tombstone=tombstone)
    }
    _, deleted = Shopper.objects.filter(pk__in=[shopper.pk for shopper in shoppers]).delete()
    for model, number in deleted.items():
        counts[model.partition(".")[2].lower()] = number
    rebuilding.sizes_recount(segment_ids=segment_ids)
    return counts


def behaviours_record(
    *, advertiser: Advertiser, items: Sequence[BehaviourInput], now: datetime, opted_out: bool = False
) -> RecordResult:
    """Store a batch exactly once and bring the profiles it touches up to date.

    An item without consent behind it is refused and leaves nothing, not even the shopper's row.
    ``opted_out`` is a signal of the request itself (Sec-GPC) that outweighs a stored consent. There is
    no limit here: a seed may send 15,000 items at once; the API sends 500 at the most.
    """
    mapper = mapper_get()
    shoppers = _shoppers_of(advertiser, items)
    rejected: list[Rejection] = []
    rows: dict[str, tuple[int, Behaviour]] = {}
    in_batch_duplicates = 0
    # Texts are mapped before any lock is taken, and only behind the gate.
    for position, item in enumerate(items):
        place = item.place if item.place >= 0 else position
        shopper = shoppers.get(item.shopper_key)
        refusal = consent.refusal(consent_state_of(shopper, opted_out=opted_out))
        if refusal is not None or shopper is None:
            rejected.append(Rejection(place, str(refusal or consent.Refusal.NO_CONSENT)))
        else:
            event_id = id_stored(advertiser.pk, item.event_id, item.shopper_key)
            if event_id in rows:
                in_batch_duplicates += 1
            else:
                rows[event_id] = (place, _behaviour(advertiser, shopper, item, event_id, mapper))
    # Sorted by the unique key, so that two batches with common events wait for each other in one order.
    wanted = [rows[event_id] for event_id in sorted(rows)]
    touched: set[UUID] = set()
    accepted = withdrawn = 0
    for start in range(0, len(wanted), INSERT_BATCH):
        chunk = wanted[start : start + INSERT_BATCH]
        with transaction.atomic():
            refusals = _refusals_locked(advertiser.pk, {row.shopper_id for _, row in chunk})
            gone = [Rejection(place, r) for place, row in chunk if (r := refusals.get(row.shopper_id))]
            stored = _insert_counted([row for _, row in chunk if row.shopper_id not in refusals])
            touched |= _touch(stored, now)
        rejected += gone
        withdrawn += len(gone)
        accepted += len(stored)
    if touched and len(touched) <= REBUILD_AT_ONCE:
        rebuilding.profiles_rebuild(advertiser_id=advertiser.pk, shopper_ids=sorted(touched), now=now)
    duplicates = in_batch_duplicates + len(rows) - withdrawn - accepted
    return RecordResult(accepted, duplicates, tuple(rejected))


def _shoppers_of(advertiser: Advertiser, items: Iterable[BehaviourInput]) -> dict[str, Shopper]:
    """The rows behind the keys of a batch."""
    names = {key: pseudonyms_of(advertiser.pk, key) for key in {item.shopper_key for item in items}}
    wanted = [name for of_key in names.values() for name in of_key]
    found: dict[str, Shopper] = {}
    for start in range(0, len(wanted), INSERT_BATCH):
        rows = Shopper.objects.filter(
            advertiser=advertiser, pseudonym__in=wanted[start : start + INSERT_BATCH]
        )
        found |= {shopper.pseudonym: shopper for shopper in rows}
    of_keys = {key: [found[name] for name in of_key if name in found] for key, of_key in names.items()}
    return {key: shoppers[0] for key, shoppers in of_keys.items() if shoppers}


def _refusals_locked(advertiser_id: UUID, shopper_ids: set[UUID]) -> dict[UUID, str]:
    """Who withdrew, or was erased, since the batch was looked at; the others are locked."""
    held = {
        shopper.pk: consent.refusal(consent_state_of(shopper))
        for shopper in rebuilding.shoppers_locked(advertiser_id, shopper_ids)
    }
    refusals = {pk: held.get(pk, consent.Refusal.NO_CONSENT) for pk in shopper_ids}
    return {pk: str(refusal) for pk, refusal in refusals.items() if refusal is not None}


def _behaviour(
    advertiser: Advertiser, shopper: Shopper, item: BehaviourInput, event_id: str, mapper: TextMapper
) -> Behaviour:
    if item.kind in {Behaviour.Kind.SEARCH, Behaviour.Kind.INTEREST}:
        shares = mapper.map(item.text)
    else:
        shares = product_interests(mapper, title=item.text, product_type=item.category)
    # Words that may hint at health, belief and the like are not kept, whatever else the text says.
    text = "" if mapper.explain(item.text).sensitive else contacts_removed(item.text)
    return Behaviour(
        advertiser=advertiser,
        shopper=shopper,
        event_id=event_id,
        kind=item.kind,
        text=text,
        product_external_id=item.product_id,
        interests=shares,
        occurred_at=item.occurred_at,
    )


def _insert_counted(rows: Sequence[Behaviour]) -> list[Behaviour]:
    """Insert what is new, and find out which rows that were by their ids: exact under any race."""
    if not rows:
        return []
    Behaviour.objects.bulk_create(rows, ignore_conflicts=True)
    ids = set(Behaviour.objects.filter(pk__in=[row.pk for row in rows]).values_list("pk", flat=True))
    return [row for row in rows if row.pk in ids]


def _touch(rows: Sequence[Behaviour], now: datetime) -> set[UUID]:
    """Mark the shoppers of new behaviours as waiting for a rebuild; return their ids."""
    ids = {row.shopper_id for row in rows}
    if ids:
        Shopper.objects.filter(pk__in=ids).update(stale_since=now, last_seen_at=now)
    return ids


def click_record(
    *,
    advertiser_id: UUID | str,
    pseudonym: str,
    interests: Sequence[str],
    event_id: str,
    occurred_at: datetime,
) -> bool:
    """A click on a creative is an interest in what it stood for; False when it may not be kept.

    Called inside the click's redirect, so it writes one row and leaves the profile to the task.
    """
    known = [interest for interest in interests if interest in INTERESTS]
    if not pseudonym or not known:
        return False
    with transaction.atomic():
        shopper = (
            Shopper.objects.select_for_update()
            .filter(advertiser_id=advertiser_id, pseudonym=pseudonym)
            .first()
        )
        if shopper is None or not consent.allow(consent_state_of(shopper)):
            return False
        stored = _insert_counted(
            [
                Behaviour(
                    advertiser_id=shopper.advertiser_id,
                    shopper=shopper,
                    event_id=event_id,
                    kind=Behaviour.Kind.CLICK,
                    interests={interest: round(1 / len(known), 4) for interest in known},
                    occurred_at=occurred_at,
                )
            ]
        )
        _touch(stored, timezone.now())
    return bool(stored)


@transaction.atomic
def interest_remove(*, advertiser_id: UUID, pseudonym: str, interest: str, now: datetime) -> bool:
    """A shopper takes an interest away; the next decision knows it no more. False for a shopper unknown here.

    What is learnt later does not bring it back. Raises DomainError ``interest_unknown``.
    """
    if interest not in INTERESTS:
        raise DomainError("interest_unknown", "This interest is not in the taxonomy.")
    shopper = (
        Shopper.objects.select_for_update().filter(advertiser_id=advertiser_id, pseudonym=pseudonym).first()
    )
    if shopper is None:
        return False
    if interest not in shopper.muted_interests:
        shopper.muted_interests = sorted({*shopper.muted_interests, interest})
        shopper.save(update_fields=["muted_interests"])
    rebuilding.profiles_rebuild(advertiser_id=advertiser_id, shopper_ids=[shopper.pk], now=now)
    return True


@transaction.atomic
def objection_record(*, advertiser_id: UUID, pseudonym: str, text_version: str, source: str) -> bool:
    """A shopper objects to all personal advertising (GDPR article 21); False for a shopper unknown here."""
    shopper = (
        Shopper.objects.select_for_update().filter(advertiser_id=advertiser_id, pseudonym=pseudonym).first()
    )
    if shopper is None:
        return False
    if not shopper.has_objected:
        ConsentRecord.objects.create(
            advertiser_id=advertiser_id,
            shopper=shopper,
            purposes=[],
            personalisation=False,
            objection=True,
            text_version=text_version,
            source=source,
        )
        shopper.personalisation_allowed = shopper.measurement_allowed = False
        shopper.has_objected = True
        shopper.save(update_fields=["personalisation_allowed", "measurement_allowed", "has_objected"])
    _profile_forget(shopper)
    return True


def profile_rebuild(*, shopper: Shopper, now: datetime) -> None:
    """Rebuild one profile and its memberships from its behaviours."""
    rebuilding.profiles_rebuild(advertiser_id=shopper.advertiser_id, shopper_ids=[shopper.pk], now=now)
