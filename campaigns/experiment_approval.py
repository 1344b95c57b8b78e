"""Whether a person may start an experiment or ship an arm of it: another one than its author."""

from __future__ import annotations

from accounts.models import Membership, User
from accounts.permissions import WRITING_ROLES
from adplatform.lib.errors import DomainError
from campaigns.models import Experiment


def may_approve(experiment: Experiment, user: User | None) -> bool:
    """Not one's own design or request, unless the advertiser allows it or nobody else there could."""
    authors = {experiment.created_by_id, experiment.asked_by_id} - {None}
    is_own = user is None or user.pk in authors
    if not is_own or experiment.advertiser.allows_self_approval:
        return True
    others = Membership.objects.filter(advertiser_id=experiment.advertiser_id, role__in=WRITING_ROLES)
    return not others.exclude(user=user).exists() if user is not None else not others.exists()


def approval_check(experiment: Experiment, user: User | None) -> None:
    """Raises DomainError ``approval_needed`` (403). An API key is nobody, so it cannot approve."""
    if not may_approve(experiment, user):
        raise DomainError(
            "approval_needed",
            "Another person than the author has to do this; ask for it, and say why.",
            status=403,
        )
