"""Drafts: a quick look at a brief while a person edits it, drawn by a worker and kept by content.

A draft is the brief itself, drawn by the draft model and composed in one size. It is nobody's creative: it
is not reviewed, not served, and forgotten after a day.
"""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import Advertiser
from adplatform.lib.commit import queue_on_commit
from adplatform.lib.errors import NotFound
from adplatform.lib.files import content_store
from generation.briefs import Brief
from generation.models import Draft
from generation.prompts import prompt_build
from generation.renderers import renderer_get
from generation.renderers.base import Renderer, RenderError, RenderRequest

log = structlog.get_logger(__name__)

SIZE = (300, 250)
PICTURE_SIDE = 512  # enough for a small creative; a draft model of fixed size answers in its own
KEPT = timedelta(days=1)
MOST_TRIES = 2  # a draft that took its worker with it is tried once more
Status = Draft.Status


def draft_brief(brief: Brief) -> Brief:
    """The brief as its draft: the draft model and one size, without what only large models can do."""
    return replace(
        brief,
        model=settings.GENERATION_DRAFT_MODEL,
        sizes=(SIZE,),
        brand=replace(brief.brand, lora=""),
        keeps_product=False,
    )


@transaction.atomic
def draft_request(*, advertiser: Advertiser, brief: Brief, now: datetime | None = None) -> Draft:
    """The draft of a brief: the one that there is, or a new one that a worker is told of.

    Asking for a failed one tries it again. Raises DomainError ``style_unknown``.
    """
    wanted = draft_brief(brief)
    prompt_build(wanted)  # a brief without a prompt is refused here, not in the worker
    draft, is_new = Draft.objects.get_or_create(
        advertiser=advertiser, fingerprint=wanted.fingerprint, defaults={"brief": wanted.to_dict()}
    )
    if draft.status == Status.FAILED:
        draft.status, draft.tries, draft.error_code, draft.error_message = Status.WAITING, 0, "", ""
        draft.save()
    if draft.status == Status.WAITING:
        from generation.tasks import draft_wake

        queue_on_commit(draft_wake, str(draft.pk))
    if is_new:
        _drafts_forget(advertiser, (now or timezone.now()) - KEPT)
    return draft


def draft_get(*, advertiser_id: UUID, draft_id: UUID | str) -> Draft:
    """One draft. Raises NotFound."""
    try:
        return Draft.objects.get(advertiser_id=advertiser_id, pk=draft_id)
    except (Draft.DoesNotExist, ValidationError, ValueError):
        raise NotFound("draft") from None


def drafts_waiting() -> bool:
    """Whether there is something to draw."""
    return Draft.objects.filter(status=Status.WAITING).exists()


def drafts_make() -> int:
    """Draw every waiting draft, the newest first: it is the one that somebody looks at. How many.

    Two workers may draw the same one: both write the same bytes under the same name.
    """
    count = 0
    while draft := Draft.objects.filter(status=Status.WAITING).order_by("-created_at").first():
        waiting = Draft.objects.filter(pk=draft.pk, status=Status.WAITING)
        if draft.tries >= MOST_TRIES:
            waiting.update(
                status=Status.FAILED, error_code="worker_lost", error_message="The worker died over it."
            )
            continue
        waiting.update(tries=F("tries") + 1)
        waiting.update(**_made(draft))
        count += 1
    return count


def _made(draft: Draft) -> dict[str, object]:
    """The columns of the finished draft, or of the failed one."""
    try:
        renderer = renderer_get(draft.brief["model"])
        started = time.monotonic()  # the wait for a model that was not loaded yet is none of the draft's
        content, extension = _compose(Brief.from_dict(draft.brief), renderer)
        file, _ = content_store(content, folder="drafts", extension=extension)
    except RenderError as error:
        return {"status": Status.FAILED, "error_code": error.code, "error_message": str(error)[:500]}
    except Exception as error:  # whatever a model or a codec throws is a failed draft, not a dead worker
        log.exception("draft_failed", draft=str(draft.pk))
        message = f"{type(error).__name__}: {error}"
        return {"status": Status.FAILED, "error_code": "internal_error", "error_message": message[:500]}
    return {"status": Status.MADE, "file": file, "made_ms": round((time.monotonic() - started) * 1000)}


def _compose(brief: Brief, renderer: Renderer) -> tuple[bytes, str]:
    from generation.composition import creatives_compose

    prompt = prompt_build(brief)
    result = renderer.render(
        RenderRequest(
            prompt=prompt.text,
            motif=prompt.motif,
            seed=prompt.seed,
            width=PICTURE_SIDE,
            height=PICTURE_SIDE,
            negative_prompt=prompt.negative,
        ),
        lambda step, steps: None,
    )
    composed = creatives_compose(brief=brief, picture=result.image)[0]
    return composed.content, composed.extension


def _drafts_forget(advertiser: Advertiser, before: datetime) -> None:
    old = Draft.objects.filter(advertiser=advertiser, created_at__lt=before)
    names = set(old.exclude(file="").values_list("file", flat=True))
    old.delete()
    names -= set(Draft.objects.filter(file__in=names).values_list("file", flat=True))
    for name in names:
        transaction.on_commit(lambda name=name: default_storage.delete(name))  # type: ignore[misc]
