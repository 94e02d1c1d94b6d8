"""Scores of labels: one confusion matrix over the set, 40 classes or 16 groups, and at borders.

Source of the border score: Boundary IoU (Cheng et al., CVPR 2021), with the band on both sides 2 %
of the diagonal wide; counts are pooled over the set.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from m2h.types import F8, N_CLASSES, U1

BAND = 0.02  # of the diagonal
# what teacher and truth can both say; NYU40 ids
GROUPS = {
    "wall": (1,), "floor": (2,), "ceiling": (22,), "bed": (4,), "window": (9, 13),
    "cabinet": (3, 12, 17), "person": (31,), "door": (8,), "table": (7, 14, 32), "curtain": (16,),
    "chair": (5,), "picture": (11,), "sofa": (6,), "shelf": (10, 15), "mirror": (19,), "rug": (20,),
}  # fmt: skip
Counts = NDArray[np.int64]


def confusion(predicted: U1, true: U1, n_classes: int = N_CLASSES) -> Counts:
    """(n, n) pixel counts, rows = truth; pixels whose truth is 0 or no class are left out."""
    known = (true > 0) & (true < n_classes)
    p = np.minimum(predicted[known].astype(np.int64), n_classes - 1)
    cells = true[known].astype(np.int64) * n_classes + p
    return np.bincount(cells, minlength=n_classes**2).reshape(n_classes, n_classes)


def iou_of_classes(counts: Counts) -> F8:
    """Intersection over union of every class; NaN for those that the truth lacks."""
    hit = np.diag(counts).astype(np.float64)
    truth, said = counts.sum(axis=1), counts.sum(axis=0)
    union = truth + said - hit
    return np.where(truth > 0, hit / np.maximum(union, 1), np.nan)


def grouped(counts: Counts) -> Counts:
    """Counts over the 16 groups (ids 1..16); 0 collects what belongs to none.

    Truth outside the groups is left out; a prediction outside them is wrong.
    """
    group_of = np.zeros(len(counts), dtype=np.int64)
    for group, ids in enumerate(GROUPS.values(), start=1):
        group_of[list(ids)] = group
    result = np.zeros((len(GROUPS) + 1,) * 2, dtype=np.int64)
    np.add.at(result, (group_of[:, None], group_of[None]), counts)
    result[0] = 0
    return result


class LabelScores:
    """Collects label images; `result()` gives the block `semantics`."""

    def __init__(self) -> None:
        self._counts: Counts = np.zeros((N_CLASSES, N_CLASSES), dtype=np.int64)
        self._band: Counts = np.zeros((3, N_CLASSES), dtype=np.int64)  # both, truth, predicted
        self._n_images = 0

    def add(self, predicted: U1, true: U1) -> None:
        """Count one image; both (H, W), NYU40 ids, truth 0 = unknown."""
        if not (true > 0).any():
            return
        self._counts += confusion(predicted, true)
        self._band += _band_counts(predicted, true)
        self._n_images += 1

    def result(self) -> dict[str, object]:
        """All keys of the block; empty if no image was counted."""
        if not self._n_images:
            return {}
        groups = grouped(self._counts)
        truth = self._counts.sum(axis=1)
        recall = np.diag(self._counts) / np.maximum(truth, 1)
        both, true_band, said_band = self._band
        band_iou = both / np.maximum(true_band + said_band - both, 1)
        iou = iou_of_classes(self._counts)
        return {
            "miou": float(np.nanmean(iou)),
            "miou16": _nanmean(iou_of_classes(groups)),
            "pixel_accuracy": float(np.trace(self._counts) / truth.sum()),
            "pixel_accuracy16": float(np.trace(groups) / max(int(groups.sum()), 1)),
            "mean_accuracy": float(recall[truth > 0].mean()),
            "boundary_iou": _nanmean(np.where(true_band > 0, band_iou, np.nan)),
            "iou": {int(i): float(iou[i]) for i in np.flatnonzero(truth > 0)},
            "images": self._n_images,
        }


def _nanmean(values: F8) -> float | None:
    return float(np.nanmean(values)) if np.isfinite(values).any() else None


def label_band(labels: U1, known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels within 2 % of the diagonal of a place where two known labels meet."""
    import cv2

    edge = np.zeros(labels.shape, dtype=bool)
    across = (labels[:, 1:] != labels[:, :-1]) & known[:, 1:] & known[:, :-1]
    down = (labels[1:] != labels[:-1]) & known[1:] & known[:-1]
    edge[:, 1:] |= across
    edge[:, :-1] |= across
    edge[1:] |= down
    edge[:-1] |= down
    if not edge.any():
        return edge
    distance_px = cv2.distanceTransform((~edge).astype(np.uint8), cv2.DIST_L2, 5)
    return np.asarray(distance_px < max(1.0, BAND * np.hypot(*labels.shape)))


def _band_counts(predicted: U1, true: U1) -> Counts:
    """(3, classes): pixels in both bands with the same label, in the truth's, in the predicted."""
    known = (true > 0) & (true < N_CLASSES)
    true_band = label_band(true, known) & known
    said_band = label_band(predicted, known) & known
    both = true_band & said_band & (true == predicted)
    p = np.minimum(predicted, N_CLASSES - 1)
    return np.stack(
        [np.bincount(labels[where], minlength=N_CLASSES)
         for labels, where in ((true, both), (true, true_band), (p, said_band))]
    )  # fmt: skip
