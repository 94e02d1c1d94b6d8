"""Poses that a recording brings along, in the form of a tracker's estimate."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from mono_hydra.geometry import se3
from mono_hydra.tracking.landmarks import LandmarkWindow
from mono_hydra.types import F8, Frame, Landmarks, Prediction, TrackedPose, TrackRecord

SAME_STAMP_S = 0.020  # a pose further from the picture's stamp belongs to another picture


class GivenTrajectory(Protocol):
    """The part of a recording's reference that this tracker may read."""

    def trajectory(self) -> tuple[F8, F8]:
        """Stamps (N,) and T_world_camera (N, 4, 4), NaN where unknown."""
        ...


class GivenTracker:
    """Recorded poses turned upright (`--poses dataset`)."""

    def __init__(
        self, reference: GivenTrajectory, R_zup_world: F8, window: LandmarkWindow | None = None
    ) -> None:
        """Read the trajectory.

        Args:
            reference: where the poses lie.
            R_zup_world: (3, 3) rotation from the recording's world to the map's, z up.
            window: follows corners, for `landmarks`; None: nobody asks for them.
        """
        self._window = window
        stamps_s, poses = reference.trajectory()
        self._stamps_s = stamps_s
        T_zup_world = se3.from_rt(R_zup_world, np.zeros(3))
        self._T_world_camera = T_zup_world @ poses
        self.counts = {"tracking": 0, "lost": 0}
        self.history: tuple[TrackRecord, ...] = ()  # nothing is estimated

    def step(self, frame: Frame) -> TrackedPose | None:
        """Pose of the frame in the z-up world; None (counted as lost) where there is none."""
        T_world_camera = self._pose(frame)
        if T_world_camera is None:
            self.counts["lost"] += 1
            if self._window is not None:
                self._window.forget()
            return None
        if self._window is not None:
            self._window.step(frame, T_world_camera)
        self.counts["tracking"] += 1
        return TrackedPose(frame.index, frame.stamp_s, T_world_camera)

    def observe(self, frame: Frame, prediction: Prediction) -> None:
        """Nothing: the poses are given."""

    def landmarks(self) -> Landmarks | None:
        """Points of known depth in the newest image, at the scale of the poses."""
        return None if self._window is None else self._window.landmarks()

    def refined(self) -> dict[int, F8]:
        """Nothing: given poses stay as they are."""
        return {}

    def _pose(self, frame: Frame) -> F8 | None:
        if len(self._stamps_s) == 0:
            return None
        distance_s = np.abs(self._stamps_s - frame.stamp_s)
        nearest = int(np.argmin(distance_s))
        T = np.asarray(self._T_world_camera[nearest], dtype=np.float64)
        if distance_s[nearest] > SAME_STAMP_S or not se3.is_rigid(T):
            return None
        return T
