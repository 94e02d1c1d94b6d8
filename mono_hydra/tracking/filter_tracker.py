"""What the tracking stages with and without an IMU share: front end, filter, depth, and recovery.

A filter that is lost is replaced by a new one, in a world of its own. Its poses are given out once
views of earlier keyframes have tied that world to the map's: until then nothing is mapped.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Protocol

import cv2
import numpy as np

from mono_hydra.config import TrackingConfig
from mono_hydra.geometry.depth_samples import depth_at, repeats
from mono_hydra.tracking.filter_options import FilterOptions
from mono_hydra.tracking.filter_state import moved_covariance
from mono_hydra.tracking.front_end import FrontEnd, FrontEndOptions
from mono_hydra.tracking.inertial_filter import InertialEstimate, InertialFilter
from mono_hydra.tracking.moving_mask import moving_mask
from mono_hydra.tracking.relocaliser import Relocaliser
from mono_hydra.tracking.track_store import FeatureTracks
from mono_hydra.types import (
    F8,
    Bool,
    Frame,
    Landmarks,
    Prediction,
    RelativePose,
    SequenceInfo,
    TrackedPose,
    TrackHealth,
    TrackRecord,
    TrackState,
)

logger = logging.getLogger(__name__)

MEASURED_SCALE_SIGMA = 0.01  # of a depth sensor
SIGMA_FOCAL_PX = 460.0  # the focal length that `tracking.sigma_px` and `slide_px` are stated for
# tracks slide along one outline together, which no row of the filter says: the geometric mean of
# NEES / 6 over six recordings (decision 22)
COVARIANCE_FACTOR = 1.75
TIE_INTERVAL_S = 0.25  # between attempts to find the map again
MIN_CUT_TRACKS, MAX_CUT_SHARE = 40, 0.1  # before and after; of them that may be kept
MAX_CUT_INTERVAL_S, MAX_CUT_LIKENESS = 0.2, 0.6  # between two pictures


class DepthSource(Protocol):
    """Predicts depth from an image alone."""

    def step(self, frame: Frame, T_world_camera: F8) -> Prediction | None:
        """Prediction of a frame, None where there is none; the pose is not used."""
        ...


class FilterTracker:
    """A front end that feeds the filter, and what predictions tell both."""

    def __init__(
        self, T_body_camera: F8, filter_options: FilterOptions, front_end: FrontEndOptions,
        dynamic_ids: frozenset[int], time_offset_s: float = 0.0,
    ) -> None:  # fmt: skip
        """Prepare.

        Args:
            T_body_camera: (4, 4).
            filter_options: of the filter.
            front_end: its options.
            dynamic_ids: labels of things that move by themselves.
            time_offset_s: the filter's clock = the images' + offset.
        """
        self.filter = InertialFilter(T_body_camera, filter_options)
        self.front_end = FrontEnd(front_end)
        self.relocaliser = Relocaliser()
        self.history: list[TrackRecord] = []  # one a frame
        self.n_depths = 0  # samples that the filter has taken
        self.n_losses = 0
        self._dynamic_ids, self._time_offset_s = dynamic_ids, time_offset_s
        self._last_s: float | None = None
        self._moving: Bool | None = None
        self._tie: tuple[F8, F8] | None = (np.eye(4), np.zeros((6, 6)))  # T_map_world, covariance
        self._tie_tried_s = self._seen_s = -np.inf
        self._is_well = False
        self._has_keyframes = False
        self._keyframe_of_stamp: dict[float, int] = {}  # of clones in the window: frame indices
        self._at_keyframe: tuple[FeatureTracks, F8] | None = None  # its tracks, R_world_camera

    def observe(self, frame: Frame, prediction: Prediction) -> None:
        """Take depth and labels that were predicted of the newest frame, which is a keyframe."""
        if self._dynamic_ids:
            margin_px = self.front_end.options.mask_margin_px
            self._moving = moving_mask(frame, prediction, self._dynamic_ids, margin_px)
        if self.filter.keep_now():
            self._take_depth(frame, prediction)
        estimate = self.filter.estimate()
        if estimate is None or self._tie is None:
            return
        self._has_keyframes = True
        if self.filter.state is not None and self.filter.state.clone_stamps_s:
            self._keyframe_of_stamp[self.filter.state.clone_stamps_s[-1]] = frame.index
        self.filter.pin()
        T_world_camera = estimate.T_world_body @ self.filter.T_body_camera
        self._at_keyframe = (self.filter.newest_tracks, T_world_camera[:3, :3])
        metric = replace(
            prediction, depth_m=prediction.depth_m * np.float32(np.exp(-estimate.log_scale))
        )
        self.relocaliser.add(frame, metric, self._tie[0] @ T_world_camera)

    def landmarks(self) -> Landmarks | None:
        """Points of known depth in the newest keyframe, at the scale of the poses."""
        return self.filter.landmarks()

    def refined(self) -> dict[int, F8]:
        """Last poses T_map_camera (4, 4) of keyframes, by frame index, that left the window."""
        poses = {}
        while self.filter.retired:
            stamp_s, T_world_body = self.filter.retired.popleft()
            index = self._keyframe_of_stamp.pop(stamp_s, None)
            if index is not None and self._tie is not None:
                poses[index] = self._tie[0] @ T_world_body @ self.filter.T_body_camera
        return poses

    def warm_up(self) -> None:
        """Compile or load the kernels; OpenCV gets one thread, its others would wait."""
        cv2.setNumThreads(1)
        self.filter.warm_up()

    def _take_depth(self, frame: Frame, prediction: Prediction) -> F8:
        """Depth (N,) at the newest tracks, NaN where there is none; the filter has it too."""
        newest = self.filter.newest_tracks
        depth_m, sigma = self._depth_at(prediction, newest.points)
        stamp_s = frame.stamp_s + self._time_offset_s
        self.n_depths += self.filter.add_depth(stamp_s, newest.ids, depth_m, sigma)
        return depth_m

    def _depth_at(self, prediction: Prediction, points: F8) -> tuple[F8, F8]:
        """Depth and sigma (N,) at points, as if each erred by itself; NaN where there is none."""
        depth_m, sigma = depth_at(prediction, points)
        known, camera = np.isfinite(depth_m), prediction.camera
        reach = self.filter.options.depth_reach * camera.width / camera.fx
        sigma[known] *= np.sqrt(repeats(points[known], reach))
        return depth_m, sigma

    def _is_late(self, stamp_s: float) -> bool:
        """Whether a frame is not newer than the last one; it is counted."""
        if self._last_s is None or stamp_s > self._last_s:
            return False
        self.filter.n_stamps_dropped += 1
        return True

    def _notice_cut(self, frame: Frame) -> None:
        """A picture that shares nothing with the one just before it was taken elsewhere.

        Not so where tracks were failing already, after a pause, or if the pictures look alike.
        """
        seen = self.front_end.health
        interval_s = frame.stamp_s - self._seen_s
        was_well, self._is_well = self._is_well, seen.n_consistent > 0.5 * max(seen.n_before, 1)
        self._seen_s = frame.stamp_s
        if (
            was_well
            and min(seen.n_before, seen.n_new) >= MIN_CUT_TRACKS
            and seen.n_consistent <= MAX_CUT_SHARE * seen.n_before
            and interval_s <= MAX_CUT_INTERVAL_S
            and seen.likeness < MAX_CUT_LIKENESS
        ):
            self.filter.lose("the picture jumped to another place")

    def _answer(self, frame: Frame) -> TrackedPose | None:
        """The pose of the newest frame in the map; None while there is none."""
        if self.filter.condition == "lost":
            self._lose()
            self._record(frame, "lost")
            return None
        estimate = self.filter.estimate()
        if estimate is None:
            self._record(frame, "lost" if self._tie is None else "initialising")
            return None
        pose = estimate.tracked_pose(frame.index, self.filter.T_body_camera)
        if self._tie is None:
            self._find_the_map(frame, pose.T_world_camera)
        if self._tie is None:
            self._record(frame, "lost")
            return None
        health = self._record(frame, estimate.state, estimate)
        T_map_world, tie_covariance = self._tie
        assert pose.covariance is not None
        return replace(
            pose,
            stamp_s=frame.stamp_s,
            T_world_camera=T_map_world @ pose.T_world_camera,
            covariance=COVARIANCE_FACTOR * pose.covariance
            + moved_covariance(tie_covariance, pose.T_world_camera),
            health=health,
            relative=self._relative(),
        )

    def _relative(self) -> RelativePose | None:
        step = self.filter.relative_to_pinned()
        return None if step is None else RelativePose(step[0], COVARIANCE_FACTOR * step[1])

    def _record(
        self, frame: Frame, state: TrackState, found: InertialEstimate | None = None
    ) -> TrackHealth:
        health = self._health()
        record = TrackRecord(frame.stamp_s, state, health)
        if found is not None:
            record = replace(
                record,
                log_scale=found.log_scale,
                log_scale_sigma=found.log_scale_sigma,
                time_offset_s=self._time_offset_s + found.time_offset_s,
                time_offset_sigma_s=found.time_offset_sigma_s,
            )
        self.history.append(record)
        return health

    def _health(self) -> TrackHealth:
        seen, newest = self.front_end.health, self.filter.newest_tracks
        inliers = seen.n_consistent / seen.n_followed if seen.n_followed else 0.0
        surviving, parallax_px = 1.0, float("nan")
        state = self.filter.state
        if self._at_keyframe is not None and state is not None:
            then, R_world_then = self._at_keyframe
            _, i, j = np.intersect1d(then.ids, newest.ids, return_indices=True)
            surviving = len(i) / max(len(then.ids), 1)
            if len(i):
                R_then_now = R_world_then.T @ state.R @ self.filter.T_body_camera[:3, :3]
                rays = np.column_stack([newest.points[j], np.ones(len(j))]) @ R_then_now.T
                shift = rays[:, :2] / rays[:, 2:] - then.points[i]
                focal_px = self.filter.options.focal_px
                parallax_px = focal_px * float(np.median(np.linalg.norm(shift, axis=1)))
        return TrackHealth(
            len(newest.ids), inliers, surviving, parallax_px, self.filter.nis_per_dof()
        )

    def _lose(self) -> None:
        """Begin anew, in a world that is not tied to the map."""
        logger.info("tracking lost: %s; starting anew", self.filter.fault)
        self.n_losses += 1
        lost = self.filter
        self.filter = InertialFilter(lost.T_body_camera, lost.options)
        self.filter.n_stamps_dropped = lost.n_stamps_dropped
        self._at_keyframe = None
        self._keyframe_of_stamp.clear()
        if self._has_keyframes:
            self._tie = None
            self.relocaliser.forget_candidate()

    def _find_the_map(self, frame: Frame, T_world_camera: F8) -> None:
        """Tie the filter's world to the map by what earlier keyframes saw."""
        if frame.stamp_s - self._tie_tried_s < TIE_INTERVAL_S:
            return
        self._tie_tried_s = frame.stamp_s
        self._tie = self.relocaliser.tie(frame, T_world_camera)
        if self._tie is not None:
            logger.info("found the map again at %.2f s", frame.stamp_s)


def track_errors_px(config: TrackingConfig, info: SequenceInfo) -> tuple[float, float]:
    """Sigma and slide in a recording's images: finer pixels are not followed more finely."""
    factor = max(info.camera.fx / SIGMA_FOCAL_PX, 1.0)
    return config.sigma_px * factor, config.slide_px * factor


def shutter_readout_s(config: TrackingConfig, info: SequenceInfo) -> float:
    """Seconds from the first to the last row of an image: as told, else as recorded."""
    return info.readout_s if config.readout_s is None else config.readout_s


def image_gap_s(info: SequenceInfo) -> float:
    """A pause between two images that is no more the recording's own pace."""
    return max(0.3, 2.5 / max(info.rate_hz, 0.1))
