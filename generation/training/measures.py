"""What is measured of a set of made pictures: pure functions over arrays of features.

N made and M real pictures, D features.
"""

from __future__ import annotations

import numpy as np
import scipy.spatial.distance


def retrieval_rates(
    queries: np.ndarray, answers: np.ndarray, own: np.ndarray | None = None
) -> dict[str, float]:
    """Does each query (N, D) find its answer among all (M, D)? Unit vectors; rates 0-1 and the median rank.

    ``own`` (N,) is the row of each query's answer; without it the i-th query's is the i-th. Answers that are
    equal count as one: any of them is right.
    """
    scores = queries @ answers.T
    rows = np.arange(len(queries))
    mine = scores[rows, rows if own is None else own][:, None]
    rank = 1 + (scores > mine + 1e-6).sum(axis=1)
    return {
        "top1_rate": float((rank <= 1).mean()),
        "top5_rate": float((rank <= 5).mean()),
        "median_rank": float(np.median(rank)),
    }


def frechet_distance(made: np.ndarray, real: np.ndarray) -> float:
    """Frechet distance of two Gaussians fitted to features (Heusel et al. 2017, with the features at hand).

    Comparable only between sets of the same size measured with the same features.
    """
    shift = made.mean(axis=0) - real.mean(axis=0)
    covariances = np.cov(made, rowvar=False), np.cov(real, rowvar=False)
    # Trace of the square root of the product, by its eigenvalues (real, not negative but for rounding).
    roots = np.sqrt(np.linalg.eigvals(covariances[0] @ covariances[1]).real.clip(min=0.0))
    return float(shift @ shift + np.trace(covariances[0] + covariances[1]) - 2 * roots.sum())


def precision_recall(made: np.ndarray, real: np.ndarray, neighbours: int = 3) -> dict[str, float]:
    """Share of made pictures inside the real ones' neighbourhoods, and the reverse.

    Kynkaanniemi et al. 2019, "Improved precision and recall metric for assessing generative models".
    """

    def inside(points: np.ndarray, reference: np.ndarray) -> float:
        own = scipy.spatial.distance.cdist(reference, reference)
        nth = min(neighbours, len(reference) - 1)
        radius = np.partition(own, nth, axis=1)[:, nth]
        return float((scipy.spatial.distance.cdist(points, reference) <= radius[None]).any(axis=1).mean())

    return {"precision": inside(made, real), "recall": inside(real, made)}


def nearest_distance(points: np.ndarray, training: np.ndarray) -> float:
    """Median distance to the nearest training picture; compare it with the one of real held-out pictures."""
    return float(np.median(scipy.spatial.distance.cdist(points, training).min(axis=1)))
