"""What is believed of a picture that nobody has seen yet: from its match score and from its style's history.

logit(rate) = base + style's effect + slope (score - mean score). Each is estimated from the advertiser's
pictures that were seen and drawn to zero where they tell little: the style's effect by a prior worth 2,000
impressions, the slope by ridge regression. So without history every picture gets the same rate and the draw
stays uniform.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

STYLE_IMPRESSIONS = 2_000.0
RIDGE = 25.0  # in clicks: the slope needs that many before it may say much
MAX_EFFECT = math.log(1.5)  # a prior never moves a rate by more than half
STRENGTH = 200.0  # impressions that the prior is worth in a posterior


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture with a history."""

    impressions: int
    clicks: int
    score: float | None
    style: str


@dataclass(frozen=True, slots=True)
class VisualPrior:
    """A rate for any picture."""

    base_rate: float = 0.01
    slope: float = 0.0  # of the logit, by one unit of the score
    mean_score: float = 0.0
    styles: dict[str, float] = field(default_factory=dict)  # effects on the logit

    def rate(self, score: float | None, style: str) -> float:
        """The believed click rate."""
        effect = self.styles.get(style, 0.0)
        if score is not None:
            effect += self.slope * (score - self.mean_score)
        effect = min(MAX_EFFECT, max(-MAX_EFFECT, effect))
        return 1 / (1 + math.exp(-(_logit(self.base_rate) + effect)))


def visual_prior_fit(pictures: Sequence[Seen]) -> VisualPrior:
    """From an advertiser's pictures; nothing known gives the default."""
    seen = [p for p in pictures if p.impressions > 0]
    shown = sum(p.impressions for p in seen)
    if shown == 0:
        return VisualPrior()
    base = (sum(p.clicks for p in seen) + 1) / (shown + 100)
    by_style: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for picture in seen:
        by_style[picture.style][0] += picture.clicks
        by_style[picture.style][1] += picture.impressions
    styles = {
        style: _logit((clicks + base * STYLE_IMPRESSIONS) / (count + STYLE_IMPRESSIONS)) - _logit(base)
        for style, (clicks, count) in by_style.items()
    }
    scored = [(p, p.score) for p in seen if p.score is not None]
    weight = sum(p.impressions for p, _ in scored)
    mean = sum(p.impressions * score for p, score in scored) / weight if weight else 0.0
    # One weighted least-squares step on the logit: residual clicks against the centred score.
    top = bottom = 0.0
    for picture, score in scored:
        rate = 1 / (1 + math.exp(-(_logit(base) + styles[picture.style])))
        information = picture.impressions * rate * (1 - rate)
        top += (score - mean) * (picture.clicks - picture.impressions * rate)
        bottom += (score - mean) ** 2 * information
    spread = sum(p.impressions * (score - mean) ** 2 for p, score in scored) / weight if weight else 0.0
    slope = top / (bottom + RIDGE * spread) if spread > 0 else 0.0
    return VisualPrior(base, slope, mean, styles)


def _logit(rate: float) -> float:
    rate = min(1 - 1e-9, max(1e-9, rate))
    return math.log(rate / (1 - rate))
