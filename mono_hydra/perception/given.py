"""Depth and labels that a recording brings along, in the form of a prediction."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from mono_hydra.config import PerceptionConfig
from mono_hydra.errors import LabelError
from mono_hydra.labels import LabelSpace
from mono_hydra.perception.rectify import (
    rectified_camera,
    rectify_depth,
    rectify_labels,
    rectify_rgb,
)
from mono_hydra.types import F8, U1, Camera, DepthImage, Frame, Prediction

MAX_DEPTH_DELAY_S = 0.020  # colour and depth of one keyframe may be this far apart
NO_LABEL = 255  # what many data sets write for "void"


class GivenViews(Protocol):
    """The part of a recording's reference that this predictor may read."""

    def depth(self, frame: Frame) -> DepthImage | None:
        """Depth registered to the frame's view."""
        ...

    def labels(self, frame: Frame) -> U1 | None:
        """(H, W) label ids of the frame's view."""
        ...


class GivenPredictor:
    """Sensor depth and recorded labels on the mapping's pixel grid (`--depth sensor`)."""

    def __init__(
        self,
        reference: GivenViews,
        label_space: LabelSpace,
        config: PerceptionConfig,
        image_width: int,
        *,
        use_labels: bool = True,
    ) -> None:
        self._reference = reference
        self._label_space = label_space
        self._config = config
        self._image_width = image_width
        self._use_labels = use_labels
        self._known = np.zeros(256, bool)
        self._known[[label.id for label in label_space.labels]] = True
        self.skipped: dict[str, int] = {}  # reason -> frames without a prediction

    def step(self, frame: Frame, T_world_camera: F8) -> Prediction | None:
        """Depth, labels and their certainty; None (and counted) where there is no depth.

        Args:
            frame: the picture with its camera.
            T_world_camera: (4, 4), unused for given data; the degraded predictor looks up its
                error field with it.

        Raises:
            LabelError: if the labels hold ids that their label space does not have.
        """
        depth = self._reference.depth(frame)
        if depth is None:
            self._count("no depth")
            return None
        if abs(depth.stamp_s - frame.stamp_s) > MAX_DEPTH_DELAY_S:
            self._count("depth more than 20 ms apart")
            return None
        camera = rectified_camera(frame.camera, self._image_width)
        depth_m = rectify_depth(depth.depth_m, depth.camera, camera)
        known = np.isfinite(depth_m) & (depth_m > 0.0) & (depth_m <= self._config.max_depth_m)
        depth_m = np.where(known, depth_m, np.float32(0.0))
        labels = self.labels_of(frame, camera)
        return Prediction(
            camera=camera,
            rgb=rectify_rgb(frame.rgb, frame.camera, camera),
            depth_m=depth_m,
            depth_sigma=np.full_like(depth_m, self._config.sensor_depth_sigma),
            labels=labels,
            confidence=(labels != 0).astype(np.float32),
            label_space=self._label_space.name,
        )

    @property
    def label_space_name(self) -> str:
        """Of the recorded labels."""
        return self._label_space.name

    def labels_of(self, frame: Frame, camera: Camera) -> U1:
        """(h, w) recorded labels on the grid of a rectified camera; zeros where there are none.

        Raises:
            LabelError: they hold ids that their label space does not have.
        """
        return rectify_labels(self._labels(frame), frame.camera, camera)

    def _labels(self, frame: Frame) -> U1:
        labels = self._reference.labels(frame) if self._use_labels else None
        if labels is None:
            return np.zeros(frame.rgb.shape[:2], np.uint8)
        labels = np.where(labels == NO_LABEL, 0, labels).astype(np.uint8)
        present = np.bincount(labels.ravel(), minlength=256) > 0
        strange = np.flatnonzero(present & ~self._known)
        if len(strange):
            raise LabelError(
                f"frame {frame.index}: label id {strange[0]} is not in label space "
                f"{self._label_space.name}; the recording's labels are of another space"
            )
        return labels

    def _count(self, reason: str) -> None:
        self.skipped[reason] = self.skipped.get(reason, 0) + 1
