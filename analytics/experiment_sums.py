"""Keeps an experiment's sums by shopper and by hour up to its events: rebuilt where some changed.

Whatever changes a figure marks its hour dirty (``DirtyHour``), and the roll-up that takes the mark away marks
the hour of the experiments that look at it, in the same transaction; so an event costs nothing more when it
arrives. A shopper with an event in a marked hour is computed anew from all their events. Everything here may
be thrown away: an experiment whose first hour was not looked at is built from the beginning.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import TruncHour

from adplatform.lib.ids import uuid7
from analytics.dirty_hours import hour_of
from analytics.experiment_models import ExperimentHour, ExperimentShopper
from analytics.experiment_reading import PRE_PERIOD, Split, name_chunks, names_read, shoppers_fold
from analytics.experiment_shoppers import ShopperSums
from analytics.models import DirtyHour, Event
from analytics.simulated import deciding
from analytics.tracking import ROBOTS
from campaigns.models import Experiment, ExperimentArm

HOUR = timedelta(hours=1)
CHALLENGER = ExperimentArm.Rule.CHALLENGER.value
_COLUMNS = ("shopper_pseudonym", *ShopperSums._fields[1:])


def experiment_hours_mark(*, advertiser_id: UUID, hours: Iterable[datetime]) -> None:
    """Say that events of these hours changed, to all experiments that read them; in that transaction."""
    wanted = sorted(hours)
    looking = Experiment.objects.filter(
        advertiser_id=advertiser_id,
        started_at__lt=wanted[-1] + HOUR + PRE_PERIOD,
        planned_end_at__gt=wanted[0],
    )
    _mark(
        (experiment, hour)
        for experiment in looking.order_by("pk")
        for start, end in (window_of(experiment),)
        for hour in wanted
        if start - PRE_PERIOD - HOUR < hour < end
    )


def _mark(found: Iterable[tuple[Experiment, datetime]]) -> None:
    ExperimentHour.objects.bulk_create(
        [
            ExperimentHour(
                advertiser_id=experiment.advertiser_id, experiment=experiment, hour=hour, mark=uuid7()
            )
            for experiment, hour in found
        ],
        update_conflicts=True,
        unique_fields=["experiment", "hour"],
        update_fields=["mark"],  # another one: whoever read the one before does not take this away
    )


def window_of(experiment: Experiment) -> tuple[datetime, datetime]:
    """From the start to the end, which may lie ahead; what comes after it is not looked at."""
    start, end = experiment.started_at, experiment.stopped_at or experiment.planned_end_at
    if start is None or end is None:
        raise ValueError("an experiment that never started has no window")
    return start, max(start, end)


def sums_refresh(experiment: Experiment) -> None:
    """Rebuild every shopper and hour of whom or which an event changed. Twice at once is harmless."""
    split, (start, end) = Split.of(experiment), window_of(experiment)
    # Marks of the roll-ups first: one that they take away meanwhile is found among our own.
    dirty = DirtyHour.objects.filter(
        advertiser_id=experiment.advertiser_id, hour__gt=start - PRE_PERIOD - HOUR, hour__lt=end
    )
    hours = set(dirty.values_list("hour", flat=True))
    mine = ExperimentHour.objects.filter(experiment=experiment)
    marks = dict(mine.filter(mark__isnull=False).values_list("hour", "mark"))
    hours |= marks.keys()
    if mine.filter(hour=hour_of(start), arms__isnull=False).exists():
        names = _names_of(experiment, hours)
        # Counted before the experiment was stopped, when its end still lay ahead.
        late = ExperimentShopper.objects.filter(experiment=experiment, last_at__gte=end)
        names |= set(late.values_list("shopper_pseudonym", flat=True))
        hours |= set(mine.filter(hour__gt=end - HOUR).values_list("hour", flat=True))
    else:
        names = names_read(split, start=start, end=end)
        events = deciding(
            Event.objects.within(start, end).filter(experiment_id=split.pk), split.advertiser
        ).annotate(hour=TruncHour("occurred_at", tzinfo=UTC))
        hours |= {hour_of(start), *events.order_by().values_list("hour", flat=True).distinct()}
    for chunk in name_chunks(names):
        shoppers_rebuild(experiment, split, chunk)
    # That of the start last: it says that all the others were looked at.
    for hour in sorted(hours, key=lambda hour: (hour == hour_of(start), hour)):
        _hour_rebuild(experiment, hour, marks.get(hour))


def _names_of(experiment: Experiment, hours: Iterable[datetime]) -> set[str]:
    """Whoever has an event in one of the hours, of this experiment or not, counted or not."""
    names: set[str] = set()
    for hour in hours:
        of_hour = Event.objects.within(hour, hour + HOUR).filter(advertiser_id=experiment.advertiser_id)
        rows = of_hour.exclude(shopper_pseudonym="")
        names |= set(rows.order_by().values_list("shopper_pseudonym", flat=True).distinct())
    return names


def shoppers_rebuild(experiment: Experiment, split: Split, names: Sequence[str]) -> None:
    """The rows of these shoppers, from their events as they are now; one writer an experiment at a time."""
    start, end = window_of(experiment)
    with transaction.atomic():
        list(Experiment.objects.select_for_update(no_key=True).filter(pk=experiment.pk))
        ExperimentShopper.objects.filter(experiment=experiment, shopper_pseudonym__in=names).delete()
        ExperimentShopper.objects.bulk_create(
            ExperimentShopper(
                advertiser_id=experiment.advertiser_id,
                experiment=experiment,
                **dict(zip(_COLUMNS, found, strict=True)),
            )
            for found in shoppers_fold(split, names, start=start, end=end)
        )


def _hour_rebuild(experiment: Experiment, hour: datetime, mark: UUID | None) -> None:
    start, end = window_of(experiment)
    with transaction.atomic():
        list(Experiment.objects.select_for_update(no_key=True).filter(pk=experiment.pk))
        of_hour = Event.objects.within(max(hour, start), min(hour + HOUR, end))
        events = deciding(of_hour.filter(experiment_id=experiment.pk), experiment.advertiser).order_by()
        is_bad, is_robot = Q(validity=Event.Validity.INVALID), Q(invalid_reason__in=ROBOTS)
        counts = events.values_list("arm").annotate(
            robots=Count("pk", filter=is_bad & is_robot),
            others=Count("pk", filter=is_bad & ~is_robot),
            total=Count("pk"),
        )
        shown = events.filter(kind=Event.Kind.IMPRESSION, validity=Event.Validity.VALID)
        pictures = shown.values_list("variant_id", "placement_id", "creative_id", "arm").distinct()
        ExperimentHour.objects.update_or_create(
            experiment=experiment,
            hour=hour,
            defaults={
                "advertiser_id": experiment.advertiser_id,
                "arms": {arm: found for arm, *found in counts},
                "pictures": sorted([str(pk) for pk in row] for row in pictures),
            },
        )
        if mark is not None:
            ExperimentHour.objects.filter(experiment=experiment, hour=hour, mark=mark).update(mark=None)


def shoppers_renamed(*, advertiser_id: UUID, names: Sequence[str], new: str) -> None:
    """After events of ``names`` became those of ``new``: no row keeps an old name that no event has.

    May run again; it must after a crash in between.
    """
    touched = ExperimentShopper.objects.filter(advertiser_id=advertiser_id, shopper_pseudonym__in=names)
    experiments = Experiment.objects.filter(pk__in=touched.order_by().values("experiment"))
    for experiment in experiments.select_related("advertiser").prefetch_related("arms"):
        shoppers_rebuild(experiment, Split.of(experiment), sorted({*names, new}))


# --- what the report reads
def shoppers_stored(experiment: Experiment) -> Iterator[ShopperSums]:
    """Every shopper of the experiment."""
    rows = ExperimentShopper.objects.filter(experiment=experiment).values_list(*_COLUMNS)
    return (ShopperSums(*row) for row in rows.iterator(chunk_size=5000))


class Uncounted(NamedTuple):
    """Events of an arm that were kept but not counted, and all."""

    robots: int = 0
    others: int = 0  # repeats, rate limits, prefetches, old links
    total: int = 0


def invalid_counts(experiment: Experiment, *, end: datetime) -> dict[str, Uncounted]:
    """By arm."""
    found: dict[str, Uncounted] = {}
    for arms in _hours(experiment, end).values_list("arms", flat=True):
        for arm, counts in (arms or {}).items():
            found[arm] = Uncounted(*map(sum, zip(found.get(arm, Uncounted()), counts, strict=True)))
    return found


def pictures_changed(experiment: Experiment, *, end: datetime) -> int:
    """Variants whose picture was exchanged in the middle: more than one creative in one place."""
    creatives: dict[tuple[str, str, bool], set[str]] = {}
    for pictures in _hours(experiment, end).values_list("pictures", flat=True):
        for variant, placement, creative, *arm in pictures:  # hours counted long ago do not name the arm
            key = (variant, placement, arm == [CHALLENGER])
            creatives.setdefault(key, set()).add(creative)
    return len({variant for (variant, *_), found in creatives.items() if len(found) > 1})


def pictures_shown(experiment: Experiment, *, end: datetime) -> list[dict[str, Any]]:
    """The creatives of each variant that each arm has shown."""
    found: dict[tuple[str, str], set[str]] = {}
    for pictures in _hours(experiment, end).values_list("pictures", flat=True):
        for variant, _, creative, *arm in pictures:
            if arm and "None" not in (variant, creative):  # an event may not say which
                found.setdefault((arm[0], variant), set()).add(creative)
    return [
        {"arm": arm, "variant_id": variant, "creative_ids": sorted(creatives)}
        for (arm, variant), creatives in sorted(found.items())
    ]


def _hours(experiment: Experiment, end: datetime) -> QuerySet[ExperimentHour]:
    return ExperimentHour.objects.filter(experiment=experiment, hour__lt=end, arms__isnull=False)
