"""Merge the last few predictions into the current one along the tracked poses.

A network judges each image anew: its depth and labels flicker. Each pixel of the current view looks
up its point in the last views, keeps what lies within a gate of its own depth, and averages; labels
vote. The idea is the pose-aware temporal
alignment of Mono-Hydra++ (arXiv 2605.17661); looking back from the current pixel instead of warping
forward leaves no holes. Only predictions as they came are kept, so that no error feeds itself.
Labels that may move are left alone, and a view that mostly contradicts the current one (a wrong
pose, a changed scene) says nothing at all.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mono_hydra.config import PerceptionConfig
from mono_hydra.geometry import se3
from mono_hydra.labels import LabelSpace
from mono_hydra.perception import temporal_kernels as kernels
from mono_hydra.types import F8, Camera, Prediction, TrackedPose

GATE_M, GATE_SHARE = 0.2, 0.05  # depths of one point differ by no more than the larger of both
MIN_AGREEING_SHARE = 0.5  # of the points that a view can judge
MIN_MET_SHARE = 0.05  # of all pixels; less overlap tells nothing


class TemporalMerger:
    """Owns the last predictions."""

    def __init__(self, config: PerceptionConfig, label_space: LabelSpace) -> None:
        self._config = config
        self._is_dynamic = label_space.mask("dynamic")
        self._is_mute = self._is_dynamic | label_space.mask("ignore")
        self._past: _Past | None = None
        self.contradicted = 0  # earlier views that were not believed

    def step(self, prediction: Prediction, tracked: TrackedPose) -> Prediction:
        """The prediction merged with what the last ones said of the same points.

        Args:
            prediction: of the current keyframe.
            tracked: its pose; a keyframe that is not well tracked neither learns nor teaches.
        """
        if tracked.state != "tracking" or self._config.temporal_views == 0:
            return prediction
        if self._past is None or self._past.camera != prediction.camera:
            self._past = _Past(prediction.camera, self._config.temporal_views)
        merged = self._merged(prediction, tracked, self._past)
        self._past.keep(prediction, tracked)
        return merged

    def _merged(self, prediction: Prediction, tracked: TrackedPose, past: _Past) -> Prediction:
        oldest_s = tracked.stamp_s - self._config.temporal_max_age_s
        slots = [
            slot
            for slot in np.flatnonzero(past.stamp_s >= oldest_s).tolist()
            if self._look_back(prediction, tracked.T_world_camera, past, slot)
        ]
        if not slots:
            return prediction
        depth_m, sigma = prediction.depth_m.copy(), prediction.depth_sigma.copy()
        labels, confidence = prediction.labels.copy(), prediction.confidence.copy()
        kernels.merge(
            depth_m, sigma, labels, confidence, self._is_mute, np.array(slots, np.int32),
            past.log_ratio, past.pixel, past.sigma, past.labels, past.confidence,
            self._config.temporal_correlation,
        )  # fmt: skip
        return replace(
            prediction,
            depth_m=depth_m,
            depth_sigma=sigma,
            labels=labels,
            confidence=confidence,
        )

    def _look_back(
        self, prediction: Prediction, T_world_camera: F8, past: _Past, slot: int
    ) -> bool:
        """Find the pixels in an earlier view; whether that view is to be believed."""
        met, agreed = kernels.look_back(
            prediction.depth_m, prediction.labels, prediction.camera.vector(),
            se3.inverse(past.T_world_camera[slot]) @ T_world_camera,
            past.depth_m[slot], past.labels[slot], self._is_dynamic, GATE_M, GATE_SHARE,
            past.log_ratio[slot], past.pixel[slot],
        )  # fmt: skip
        if met < MIN_MET_SHARE * prediction.depth_m.size:
            return False
        if agreed < MIN_AGREEING_SHARE * met:
            self.contradicted += 1
            return False
        return True


class _Past:
    """The last predictions of one camera as they came, in a ring, and room to compare them."""

    def __init__(self, camera: Camera, n: int) -> None:
        shape = (camera.height, camera.width)
        n_pixels = camera.height * camera.width
        self.camera = camera
        self.stamp_s = np.full(n, -np.inf)
        self.T_world_camera = np.tile(np.eye(4), (n, 1, 1))
        self.depth_m, self.sigma, self.confidence = np.zeros((3, n, n_pixels), np.float32)
        self.labels = np.zeros((n, n_pixels), np.uint8)
        self.log_ratio = np.empty((n, *shape), np.float32)
        self.pixel = np.empty((n, *shape), np.int32)
        self._next = 0

    def keep(self, prediction: Prediction, tracked: TrackedPose) -> None:
        """Put a prediction in the oldest one's place."""
        slot, self._next = self._next, (self._next + 1) % len(self.stamp_s)
        self.stamp_s[slot] = tracked.stamp_s
        self.T_world_camera[slot] = tracked.T_world_camera
        self.depth_m[slot] = prediction.depth_m.ravel()
        self.sigma[slot] = prediction.depth_sigma.ravel()
        self.labels[slot] = prediction.labels.ravel()
        self.confidence[slot] = prediction.confidence.ravel()
