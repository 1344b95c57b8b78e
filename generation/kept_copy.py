"""Words that a person wrote outlive the picture they were written on.

Another take and a changed price make a new render job that ``replaces`` the old one. Headline and call to
action that were edited there go on the new creatives too; price and product always come from the new brief.
An edit ends where what it was made on has changed: the campaign's own headline, the language, or the brand
kit's call to action.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from generation.briefs import Brief
from generation.models import Creative, RenderJob

DETAIL = "kept_copy"  # the key in RenderJob.render_details


@dataclass(frozen=True)
class KeptCopy:
    """The edited words; blank: the brief's own."""

    headline: str = ""
    call_to_action: str = ""

    def on(self, brief: Brief) -> Brief:
        """The brief in these words."""
        if not self.headline and not self.call_to_action:
            return brief
        return brief.with_copy(
            headline=self.headline or brief.headline,
            call_to_action=self.call_to_action or brief.brand.call_to_action,
        )

    def details(self) -> dict[str, Any]:
        """What the job keeps of it; nothing where nothing was edited."""
        return {DETAIL: dict(vars(self))} if self != KeptCopy() else {}


def kept_from(details: dict[str, Any]) -> KeptCopy:
    """What a finished job's creatives were given; empty for most."""
    return KeptCopy(**details.get(DETAIL, {}))


def kept_copy(job: RenderJob) -> KeptCopy:
    """The words to keep from the picture whose place the job's takes."""
    before = job.replaces
    seen = {job.pk}
    while before is not None and before.pk not in seen and not before.creatives.exists():
        seen.add(before.pk)
        before = before.replaces  # it was replaced before it was made
    if before is None or before.pk in seen:
        return KeptCopy()
    words, old, new = _edited(before), before.brief, job.brief
    is_same = all(old[name] == new[name] for name in ("headline", "language"))
    is_same_action = old["brand"]["call_to_action"] == new["brand"]["call_to_action"]
    return KeptCopy(
        headline=words.headline if is_same else "",
        call_to_action=words.call_to_action if is_same_action and old["language"] == new["language"] else "",
    )


def _edited(job: RenderJob) -> KeptCopy:
    """What a person changed on the job's creatives, or what they were given already."""
    given = kept_from(job.render_details)
    newest: Creative | None = job.creatives.filter(version__gt=1).order_by("-version", "pk").first()
    first = newest.versions.order_by("number").first() if newest is not None else None
    if newest is None or first is None:
        return given
    return KeptCopy(
        headline=newest.headline if newest.headline != first.headline else given.headline,
        call_to_action=newest.call_to_action
        if newest.call_to_action != first.call_to_action
        else given.call_to_action,
    )
