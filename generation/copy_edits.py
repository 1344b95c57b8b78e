"""Edits of a creative's words: composed anew from the stored render, so the scene is not painted again.

All sizes of a brief get the same words. An edit is all or nothing and takes every approval back. Where the
template has a newer version than the creative was composed with, that one is used, and the trail says so.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

from django.db import transaction
from PIL import Image

from accounts.models import Advertiser, User
from adplatform.lib.errors import DomainError
from adplatform.lib.files import content_read
from generation.briefs import Brief
from generation.job_selectors import render_job_get
from generation.models import Creative, CreativeVersion, RenderJob
from generation.personal_words import personal_words
from generation.renderers.base import RenderError
from generation.review import MOVES, changed, move_check, record_make

HEADLINE_LENGTH = 60  # characters, as for a campaign's own headline
CALL_TO_ACTION_LENGTH = 24  # as in the brand kit


def copy_edit(
    *,
    advertiser: Advertiser,
    job_id: UUID | str,
    headline: str,
    call_to_action: str,
    editor: User | None,
    seen: Mapping[str, str] | None = None,
) -> list[Creative]:
    """New words on all sizes of a brief; each becomes its next version and goes back into review.

    ``seen`` maps ids to the SHA-256 that the editor looked at. Takes about 0.1 s a size. Raises DomainError
    ``copy_missing``, ``copy_too_long``, ``copy_sensitive``, ``copy_unchanged``, ``picture_missing``,
    ``creative_changed``, ``transition_refused`` or what composition refuses (``missing_glyph``, ...), or
    NotFound.
    """
    headline, call_to_action = " ".join(headline.split()), " ".join(call_to_action.split())
    _words_check(headline, call_to_action)
    job = render_job_get(advertiser_id=advertiser.pk, job_id=job_id)
    if personal := personal_words(job.brief, headline, call_to_action):
        named = ", ".join(f"{term} ({category})" for term, category in personal.items())
        raise DomainError("copy_sensitive", f"No group of shoppers is addressed by this: {named}.")
    creatives = list(job.creatives.order_by("width", "height"))
    open_ones = [creative for creative in creatives if creative.status in MOVES["edit"][0]]
    if not open_ones:
        raise DomainError(
            "transition_refused", "No size of this brief can be edited: they are withdrawn.", status=409
        )
    if any((seen or {}).get(str(c.pk), c.sha256) != c.sha256 for c in open_ones):
        raise changed()
    if all((c.headline, c.call_to_action) == (headline, call_to_action) for c in open_ones):
        raise DomainError("copy_unchanged", "These are the words that it has already.")
    made = _composed(job, open_ones, headline, call_to_action)
    with transaction.atomic():
        for creative in open_ones:
            _version_next(creative, made[creative.width, creative.height], editor)
    return open_ones


def picture_open(job: RenderJob) -> Image.Image:
    """The stored raw render, as the renderer gave it. Raises DomainError ``picture_missing``."""
    try:
        if not job.picture:
            raise FileNotFoundError
        with Image.open(io.BytesIO(content_read(job.picture))) as image:
            image.load()
            return image
    except OSError:
        raise DomainError(
            "picture_missing", "The stored render is gone; ask for another take.", status=409
        ) from None


def _words_check(headline: str, call_to_action: str) -> None:
    for name, text, longest in (
        ("headline", headline, HEADLINE_LENGTH),
        ("call to action", call_to_action, CALL_TO_ACTION_LENGTH),
    ):
        if not text:
            raise DomainError("copy_missing", f"The {name} is empty.")
        if len(text) > longest:
            raise DomainError(
                "copy_too_long", f"The {name} has {len(text)} characters; {longest} are the most."
            )


def _composed(
    job: RenderJob, creatives: list[Creative], headline: str, call_to_action: str
) -> dict[tuple[int, int], dict[str, object]]:
    # Composition loads fonts and pictures: imported here, so that pages which only read stay light.
    from generation.composition import creatives_compose
    from generation.creative_files import creative_store

    brief = replace(
        Brief.from_dict(job.brief).with_copy(headline=headline, call_to_action=call_to_action),
        sizes=tuple((creative.width, creative.height) for creative in creatives),
    )
    # As it was first made, whatever is made today; where only some sizes are PNG, the others were too heavy.
    extensions = [creative.file.rpartition(".")[2] for creative in creatives]
    extension = "png" if "png" in extensions else extensions[0]
    try:
        made = creatives_compose(brief=brief, picture=picture_open(job), extension=extension)
    except RenderError as error:
        raise DomainError(error.code, str(error)) from error
    return {(composed.width, composed.height): creative_store(composed, brief) for composed in made}


def _version_next(creative: Creative, fields: dict[str, object], editor: User | None) -> None:
    """Keep what there was, write what there is now; guarded like every other move."""
    before, target = move_check(creative, "edit")
    template = creative.template
    CreativeVersion.objects.create(
        advertiser_id=creative.advertiser_id,
        creative=creative,
        number=creative.version,
        **{name: getattr(creative, name) for name in fields},
        edited_by_id=creative.edited_by_id,
    )
    changes = fields | {
        "version": creative.version + 1,
        "edited_by": editor,
        "status": target,
        "approved_sha256": "",
        "reject_reason": "",
        "reviewed_by": None,
        "reviewed_at": None,
    }
    mine = Creative.objects.filter(pk=creative.pk, status=before, sha256=creative.sha256)
    if not mine.update(**changes):
        raise changed()
    for name, value in changes.items():
        setattr(creative, name, value)
    words = f"“{creative.headline}” · {creative.call_to_action}"
    if creative.template != template:
        words += f" · template {template} → {creative.template}"
    record_make(creative, "edit", editor, before=before, comment=words)
