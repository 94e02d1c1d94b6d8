"""Scores of edges: ODS, OIS, AP by one-to-one matching of thinned edges.

Source: the boundary benchmark of BSDS (Martin, Fowlkes, Malik 2004), with a maximum-cardinality
matching instead of the cheapest one: only the number of matches enters the scores.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from m2h.metrics.matching import matched_in_order
from m2h.metrics.thinning import Bools, suppress_non_maxima, thin
from m2h.types import EDGE_UNKNOWN, F4, F8, U1

N_THRESHOLDS = 33  # 99 for a published table
Counts = NDArray[np.int64]


def match_counts(strength: F4, true_edges: Bools, thresholds: F8, tolerance_px: float) -> Counts:
    """One-to-one matches between predicted and true edge pixels not farther than the tolerance.

    Args:
        strength: (H, W), thinned, 0 = no edge.
        true_edges: (H, W), thinned.
        thresholds: (T,), ascending, above 0.
        tolerance_px: largest distance of a pair.

    Returns:
        (T, 2): matched pixels, predicted pixels.
    """
    from scipy.spatial import KDTree

    said_yx, true_yx = np.argwhere(strength >= thresholds[0]), np.argwhere(true_edges)
    values = strength[tuple(said_yx.T)]
    order = np.argsort(-values, kind="stable")  # strongest first: every threshold is a prefix
    said_yx, values = said_yx[order], values[order]
    n_said = np.searchsorted(-values, -thresholds, side="right")
    if not len(said_yx) or not len(true_yx):
        return np.stack([np.zeros_like(n_said), n_said], axis=1)
    near = KDTree(said_yx).sparse_distance_matrix(
        KDTree(true_yx), tolerance_px + 1e-9, output_type="ndarray"
    )
    near = near[np.lexsort((near["j"], near["v"], near["i"]))]  # nearest partner first
    starts = np.searchsorted(near["i"], np.arange(len(said_yx) + 1))
    enlarged = matched_in_order(starts.tolist(), near["j"].tolist(), len(true_yx))
    n_matched = np.concatenate([[0], np.cumsum(enlarged)])[n_said]
    return np.stack([n_matched, n_said], axis=1)


def fast_counts(strength: F4, true_edges: Bools, thresholds: F8, tolerance_px: float) -> Counts:
    """As `match_counts` by distance transforms, for curves: a true pixel may count twice.

    Returns:
        (T, 3): predicted pixels near a true one, all predicted, true pixels near a predicted one.
    """
    import cv2

    def distance_px(mask: Bools) -> F4:
        if not mask.any():
            return np.full(mask.shape, np.inf, dtype=np.float32)
        image = (~mask).astype(np.uint8)
        return np.asarray(cv2.distanceTransform(image, cv2.DIST_L2, cv2.DIST_MASK_PRECISE))

    near_truth = distance_px(true_edges) <= tolerance_px
    counts = np.zeros((len(thresholds), 3), dtype=np.int64)
    for k, threshold in enumerate(thresholds):
        said = strength >= threshold
        found = true_edges & (distance_px(said) <= tolerance_px)
        counts[k] = (said & near_truth).sum(), said.sum(), found.sum()
    return counts


class BoundaryScores:
    """Collects edge images; `result()` gives the block `edges`."""

    def __init__(
        self, tolerance: float, *, is_fast: bool = False, n_thresholds: int = N_THRESHOLDS
    ) -> None:
        """Prepare.

        Args:
            tolerance: share of the image's diagonal.
            is_fast: distance transforms instead of the matching; the keys then end in `_fast`.
            n_thresholds: evenly spread inside (0, 1).
        """
        self.tolerance, self.is_fast = tolerance, is_fast
        self.thresholds: F8 = np.arange(1, n_thresholds + 1) / (n_thresholds + 1)
        self._images: list[F8] = []  # (T, 4): matched predicted, predicted, matched true, true

    def add(self, probability: F4, true: U1) -> None:
        """Count one image; (H, W) probability of an edge, truth 0, 1 or 255 = unknown."""
        known = true != EDGE_UNKNOWN
        if not known.any():
            return
        strength = suppress_non_maxima(np.nan_to_num(probability.astype(np.float32)))
        strength = strength * thin(strength > self.thresholds[0]) * known
        edges = thin(true == 1)
        tolerance_px = self.tolerance * float(np.hypot(*true.shape))
        if self.is_fast:
            said_near, said, found = fast_counts(strength, edges, self.thresholds, tolerance_px).T
        else:
            said_near, said = match_counts(strength, edges, self.thresholds, tolerance_px).T
            found = said_near
        n_true = np.full(len(said), edges.sum())
        self._images.append(np.stack([said_near, said, found, n_true], axis=1).astype(np.float64))

    def result(self) -> dict[str, object]:
        """ods, ois, ap and the threshold of ods; empty if no image was counted."""
        if not self._images:
            return {}
        set_counts = np.sum(self._images, axis=0)
        f = _f_scores(set_counts)
        best = [counts[int(np.argmax(_f_scores(counts)))] for counts in self._images]
        suffix = "_fast" if self.is_fast else ""
        return {
            f"ods{suffix}": float(f.max()),
            f"ois{suffix}": float(_f_scores(np.sum(best, axis=0)[None])[0]),
            f"ap{suffix}": _average_precision(set_counts),
            "threshold": float(self.thresholds[int(np.argmax(f))]),
            "images": len(self._images),
        }


def _precision_recall(counts: F8) -> tuple[F8, F8]:
    precision = counts[:, 0] / np.maximum(counts[:, 1], 1)
    recall = counts[:, 2] / np.maximum(counts[:, 3], 1)
    return precision, recall


def _f_scores(counts: F8) -> F8:
    precision, recall = _precision_recall(counts)
    return np.asarray(2 * precision * recall / np.maximum(precision + recall, 1e-12))


def _average_precision(counts: F8) -> float:
    """Mean of the precision at recall 0.01, 0.02 ... 1; 0 beyond the largest recall reached."""
    precision, recall = _precision_recall(counts[counts[:, 1] > 0])
    if not len(recall):
        return 0.0
    order = np.argsort(recall, kind="stable")
    at = np.linspace(0.01, 1, 100)
    return float(np.interp(at, recall[order], precision[order], right=0.0).mean())
