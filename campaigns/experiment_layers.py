"""Experiments that must not share a shopper: each takes a range of its layer's hash space."""

from __future__ import annotations

from collections.abc import Sequence

from accounts.models import Advertiser
from adplatform.lib.errors import DomainError
from campaigns.models import Experiment


def layer_place(experiment: Experiment) -> float:
    """Where the experiment's range begins. Raises DomainError ``layer_full`` (409)."""
    # One start an advertiser at a time, or two might be given the same range.
    list(Advertiser.objects.select_for_update(no_key=True).filter(pk=experiment.advertiser_id))
    running = Experiment.objects.filter(
        advertiser_id=experiment.advertiser_id, layer=experiment.layer, status=Experiment.Status.RUNNING
    ).exclude(pk=experiment.pk)
    taken = [(row.layer_start or 0.0, row.traffic_rate) for row in running]
    place = first_gap(taken, experiment.traffic_rate)
    if place is None:
        free = max(0.0, 1 - sum(size for _, size in taken))
        raise DomainError(
            "layer_full",
            f"The layer “{experiment.layer}” has {free:.0%} of its shoppers left, and not so many in one "
            "piece: let fewer take part, or wait for another experiment's end.",
            status=409,
        )
    return place


def first_gap(taken: Sequence[tuple[float, float]], size: float) -> float | None:
    """The first start in [0, 1] where ``size`` fits between ranges given as (start, size)."""
    reached = 0.0
    for start, length in sorted(taken):
        if start - reached >= size - 1e-9:
            return reached
        reached = max(reached, start + length)
    return reached if 1 - reached >= size - 1e-9 else None
