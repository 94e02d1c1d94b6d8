"""Depth of a network of the user's, the rest of a keyframe of the shipped network.

A relative network is made metric per keyframe by `find_scale`, with the shipped network's metric
depth of the same keyframe as points of known depth: a grid of its surest pixels. The map's scale is
then the shipped network's, its shape the file's, until the tracker's landmarks correct both
(`landmark_correction`).
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mono_hydra.config import PerceptionConfig
from mono_hydra.perception.depth_scale import (
    METRIC,
    RELATIVE,
    Scale,
    SparseDepth,
    find_scale,
    metric_depth,
)
from mono_hydra.perception.network import NETWORK_LABELS, NetworkPredictor
from mono_hydra.perception.rectify import rectified_camera, rectify_rgb
from mono_hydra.types import F4, F8, Frame, Prediction

if TYPE_CHECKING:
    from m2h.depth_file import DepthFile

logger = logging.getLogger(__name__)

N_ANCHORS = 300
MAX_RELATIVE_SIGMA = 1.25  # of a sure pixel, by the median of its picture
# Of the shipped network's error, as variance, what one scale an image removes: 35 % on simulated
# homes, 45 % on NYUv2, 40 % on the kitchen (accuracy table of docs/m2h.md). No fit can see it.
SHARED_VARIANCE = 0.4
NO_SCALE = "no scale for the depth network's relative depth"


class FileDepthPredictor:
    """Depth from the file; labels, normals and edges from the shipped network.

    Args:
        file: the user's network.
        network: the shipped network; None where neither its labels nor its depth are needed.
        config: of the perception.
        image_width: of the mapping's pixel grid.
    """

    def __init__(
        self,
        file: DepthFile,
        network: NetworkPredictor | None,
        config: PerceptionConfig,
        image_width: int,
    ) -> None:
        self._file = file
        self._network = network
        self._config = config
        self._image_width = image_width
        self._is_relative = file.card.output == "relative_inverse_depth"
        self._scale: Scale | None = None
        self.skipped: dict[str, int] = {}  # reason -> frames without a prediction
        self.scales: dict[str, int] = {}  # fitted, reused or own -> keyframes

    def step(self, frame: Frame, T_world_camera: F8) -> Prediction | None:
        """Predict from the picture alone; None (and counted) before the first scale is found."""
        seen = self._rest(frame, T_world_camera)
        if seen is None:
            return None
        x = self._file.predict(seen.rgb, focal_px=0.5 * (seen.camera.fx + seen.camera.fy))
        anchors = anchors_of(seen.depth_m, seen.depth_sigma) if self._is_relative else None
        prior = RELATIVE if self._is_relative else METRIC
        self._scale = scale = find_scale(x, anchors, prior, self._scale)
        if scale is None:
            self.skipped[NO_SCALE] = self.skipped.get(NO_SCALE, 0) + 1
            return None
        self._count(scale)
        depth_m, depth_sigma = metric_depth(x, scale, self._config.max_depth_m)
        return replace(seen, depth_m=depth_m, depth_sigma=depth_sigma)

    def _rest(self, frame: Frame, T_world_camera: F8) -> Prediction | None:
        """Everything but the depth."""
        if self._network is not None:
            return self._network.step(frame, T_world_camera)
        camera = rectified_camera(frame.camera, self._image_width)
        zeros = np.zeros((camera.height, camera.width), np.float32)
        rgb = rectify_rgb(frame.rgb, frame.camera, camera)
        labels = zeros.astype(np.uint8)
        return Prediction(camera, rgb, zeros, zeros, labels, zeros, NETWORK_LABELS)

    def _count(self, scale: Scale) -> None:
        if scale.state == "reused" and "reused" not in self.scales:
            logger.warning(
                "the depth network did not fit the known depth of a keyframe: its last scale is "
                "used, less sure (metrics.json counts such keyframes)"
            )
        self.scales[scale.state] = self.scales.get(scale.state, 0) + 1
        logger.debug(
            "depth scale %s: a %.4g, b %.4g /m, sigma %.3f, %d of %d points agree",
            scale.state, scale.a, scale.b_per_m, scale.sigma, scale.n_inliers, scale.n_points,
        )  # fmt: skip


def anchors_of(depth_m: F4, depth_sigma: F4) -> SparseDepth:
    """A grid of the surest pixels of the shipped network's depth as points of known depth.

    Args:
        depth_m: (H, W), 0 where unknown.
        depth_sigma: (H, W), standard deviation of ln depth.
    """
    height, width = depth_m.shape
    step = max(1, round(float(np.sqrt(height * width / N_ANCHORS))))
    row, column = np.mgrid[step // 2 : height : step, step // 2 : width : step].reshape(2, -1)
    known = depth_m[row, column] > 0.0
    row, column = row[known], column[known]
    sigma = depth_sigma[row, column].astype(np.float64)
    typical = float(np.median(sigma)) if len(sigma) else 0.0
    sure = sigma <= MAX_RELATIVE_SIGMA * typical
    row, column = row[sure], column[sure]
    return SparseDepth(
        row,
        column,
        depth_m[row, column].astype(np.float64),
        sigma[sure],
        shared_sigma=float(np.sqrt(SHARED_VARIANCE)) * typical,
    )
