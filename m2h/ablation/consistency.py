"""Do the tasks of one prediction tell one story? Two scores that need no truth.

`depth_normals_deg`: mean angle between the predicted normals and those of the predicted depth,
where this depth is smooth. `edges_labels_f`: F score of the predicted edges against the borders of
the predicted labels, at the best threshold of the set. Edges also lie at jumps of depth, so that
even the truth does not reach 1: its own value is the mark to aim at.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from m2h.data.derive import edges_of_labels
from m2h.disagreement import normals_of_depth
from m2h.metrics.boundaries import BoundaryScores
from m2h.metrics.normals import angles_deg
from m2h.types import EDGE_UNKNOWN, F4, Intrinsics, Prediction, Sample

MAX_DEPTH_STEP = 0.05  # relative, as in the loss: beyond it is a border, which has no normal
TOLERANCE = 0.0075  # share of the diagonal, as for the edges themselves


class ConsistencyScores:
    """Collects predictions; `result()` gives the block `consistency`."""

    def __init__(self) -> None:
        self._edges = BoundaryScores(TOLERANCE, is_fast=True)
        self._sum_deg, self._n_pixels = 0.0, 0

    def add(self, prediction: Prediction, camera: Intrinsics | None) -> None:
        """Count one image; tasks that are all zero were not predicted, and are not judged."""
        if camera is not None and prediction.normals.any() and (prediction.depth_m > 0).any():
            angle_deg = _angles_deg(prediction.depth_m, prediction.normals, camera)
            self._sum_deg += float(angle_deg.sum())
            self._n_pixels += len(angle_deg)
        if prediction.labels.any() and prediction.edges.any():
            self._edges.add(prediction.edges, edges_of_labels(prediction.labels))

    def result(self) -> dict[str, float]:
        """Keys of the block; those that nothing was counted for are absent."""
        scores: dict[str, float] = {}
        if self._n_pixels:
            scores["depth_normals_deg"] = self._sum_deg / self._n_pixels
        ods = self._edges.result().get("ods_fast")
        if isinstance(ods, float):
            scores["edges_labels_f"] = ods
        return scores


def truth_as_prediction(sample: Sample) -> Prediction:
    """What a perfect network would say, for the value that the truth itself reaches."""
    shape = sample.image.shape[:2]
    nothing = Prediction(
        depth_m=np.zeros(shape, np.float32),
        depth_sigma=np.ones(shape, np.float32),
        labels=np.zeros(shape, np.uint8),
        confidence=np.ones(shape, np.float32),
        normals=np.zeros((*shape, 3), np.float32),
        edges=np.zeros(shape, np.float32),
    )
    known = {
        name: plane
        for name in ("depth_m", "labels", "normals")
        if (plane := getattr(sample, name)) is not None
    }
    if sample.edges is not None:
        known["edges"] = ((sample.edges == 1) & (sample.edges != EDGE_UNKNOWN)).astype(np.float32)
    return replace(nothing, **known)


def _angles_deg(depth_m: F4, normals: F4, camera: Intrinsics) -> F4:
    judged = _smooth(depth_m) & (np.abs(normals).sum(-1) > 0)
    derived = normals_of_depth(depth_m, camera)
    return angles_deg(derived[judged], normals[judged])


def _smooth(depth_m: F4) -> NDArray[np.bool_]:
    """Inner pixels of known depth without a relative step of more than 5 % to a neighbour."""
    smooth = np.zeros(depth_m.shape, bool)
    inner = depth_m[1:-1, 1:-1]
    limit = MAX_DEPTH_STEP * inner
    smooth[1:-1, 1:-1] = inner > 0
    before, here, after = slice(None, -2), slice(1, -1), slice(2, None)
    for rows, columns in ((before, here), (after, here), (here, before), (here, after)):
        smooth[1:-1, 1:-1] &= np.abs(depth_m[rows, columns] - inner) <= limit
    return smooth
