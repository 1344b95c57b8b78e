"""Reads of experiments."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q, QuerySet

from adplatform.lib.errors import NotFound
from campaigns.models import Experiment


def experiment_list(*, advertiser_id: UUID, search: str = "", status: str = "") -> QuerySet[Experiment]:
    """Newest first, with campaign and arms."""
    found = Experiment.objects.filter(advertiser_id=advertiser_id).select_related("campaign")
    if search:
        found = found.filter(Q(name__icontains=search) | Q(campaign__name__icontains=search))
    if status in Experiment.Status.values:
        found = found.filter(status=status)
    return found.prefetch_related("arms")


def experiment_get(*, advertiser_id: UUID, experiment_id: UUID) -> Experiment:
    """One with campaign, arms and records. Raises NotFound."""
    found = (
        Experiment.objects.filter(advertiser_id=advertiser_id, pk=experiment_id)
        .select_related("campaign", "advertiser", "created_by")
        .prefetch_related("arms", "records__user")
        .first()
    )
    if found is None:
        raise NotFound("experiment")
    return found
