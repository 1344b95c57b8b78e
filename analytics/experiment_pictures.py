"""What each arm of an experiment shows, in pictures: one row a product and segment, one cell an arm."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from campaigns.challenger_selectors import Pair, pairs_get, thumb_of
from campaigns.models import Experiment, ExperimentArm, Variant
from generation.models import Creative

MAX_ROWS = 24
MAX_OTHERS = 3  # pictures of other segments in one cell
Rule = ExperimentArm.Rule
Shown = Mapping[tuple[str, UUID], Sequence[UUID]]  # (arm's key, variant) -> creatives


@dataclass(frozen=True)
class PictureRow:
    """A product for a segment, and what each arm shows of it."""

    product: str
    segment: str
    cells: list[list[Creative]]


@dataclass(frozen=True)
class PictureGrid:
    """The rows that a page shows, and how many there are."""

    rows: list[PictureRow]
    more: int


def pictures_shown(content: Mapping[str, Any]) -> dict[tuple[str, UUID], list[UUID]]:
    """What a report says was shown; empty for one of a draft, or from before reports told it."""
    return {
        (line["arm"], UUID(line["variant_id"])): [UUID(pk) for pk in line["creative_ids"]]
        for line in content.get("pictures", [])
    }


def pictures_grid(*, experiment: Experiment, content: Mapping[str, Any]) -> PictureGrid:
    """What was shown, as the report has it; of a draft what would be shown."""
    arms = list(experiment.arms.all())
    shown = pictures_shown(content)
    pairs = pairs_get(campaign=experiment.campaign)
    creatives = Creative.objects.in_bulk({pk for ids in shown.values() for pk in ids})
    of_product: dict[UUID, list[Pair]] = defaultdict(list)
    for pair in pairs:
        of_product[pair.variant.product_id].append(pair)
    rules = {arm.rule for arm in arms}
    wanted = [pair for pair in pairs if _takes_part(pair, rules, shown)]
    rows = []
    for pair in wanted[:MAX_ROWS]:
        cells = []
        for arm in arms:
            sources = _sources(arm.rule, pair, of_product[pair.variant.product_id])
            found = [_thumb(arm, source, shown, creatives) for source in sources]
            cells.append([creative for creative in found if creative is not None])
        segment = pair.variant.segment.name if pair.variant.segment else "Everyone else"
        rows.append(PictureRow(pair.variant.product.title, segment, cells))
    return PictureGrid(rows, max(0, len(wanted) - MAX_ROWS))


def _takes_part(pair: Pair, rules: set[str], shown: Shown) -> bool:
    variant: Variant = pair.variant
    if Rule.CHALLENGER in rules:
        was_shown = (Rule.CHALLENGER.value, variant.pk) in shown
        return was_shown if shown else pair.challenger.job is not None
    return variant.segment_id is not None and (not shown or (Rule.OWN_SEGMENT.value, variant.pk) in shown)


def _sources(rule: str, pair: Pair, alike: list[Pair]) -> list[Pair]:
    if rule in (Rule.OWN_SEGMENT, Rule.CHALLENGER):
        return [pair]
    if rule == Rule.GENERIC:
        return [other for other in alike if other.variant.segment_id is None]
    others = [other for other in alike if other.variant.segment_id is not None and other is not pair]
    return others[:MAX_OTHERS]


def _thumb(
    arm: ExperimentArm, source: Pair, shown: Shown, creatives: Mapping[UUID, Creative]
) -> Creative | None:
    if shown:
        ids = shown.get((arm.key, source.variant.pk), ())
        return thumb_of([creatives[pk] for pk in ids if pk in creatives])
    return (source.challenger if arm.rule == Rule.CHALLENGER else source.shown).thumb
