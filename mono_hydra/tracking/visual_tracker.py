"""The tracking stage of `--poses vo`: images and predicted depth to poses, without an IMU.

The inertial filter serves here too: in place of inertial samples stand steps of the camera against
points of predicted depth, which keep its window near enough to the truth for its own updates. A
constant velocity alone (3 m/s2/sqrt(Hz)) is off by half a metre before the first track ends. Scale
comes from predicted depth and is not estimated: without inertial samples the map's scale and the
depth's are one direction that nothing observes, and a filter that moved it would believe itself.
Its error is a consider parameter of the covariance (Schmidt 1966). Floors and ceilings of keyframes
hold roll and pitch.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from mono_hydra.config import TrackingConfig
from mono_hydra.geometry import se3
from mono_hydra.simulation.imu import ImuNoise
from mono_hydra.tracking.filter_options import FilterOptions
from mono_hydra.tracking.filter_state import CORE, DP, TH, FilterState
from mono_hydra.tracking.filter_tracker import (
    MEASURED_SCALE_SIGMA,
    DepthSource,
    FilterTracker,
    image_gap_s,
    shutter_readout_s,
    track_errors_px,
)
from mono_hydra.tracking.front_end import FrontEndOptions
from mono_hydra.tracking.imu import ImuModel
from mono_hydra.tracking.rest import upright
from mono_hydra.tracking.rolling_shutter import at_the_stamp, row_delay_s
from mono_hydra.tracking.track_store import FeatureTracks
from mono_hydra.tracking.updates import update_from_rows
from mono_hydra.types import F8, Frame, Prediction, SequenceInfo, TrackedPose

# of a step against points of predicted depth; the filter uses the same tracks once more, so these
# are several times what such a step errs by
TURN_SIGMA, SHIFT_SIGMA_M, SHIFT_SHARE = 0.005, 0.01, 0.15
UNSEEN_TURN_RAD_S, UNSEEN_SPEED_M_S = 0.6, 0.5  # of a step that nothing shows
GUESSED_TURN_SIGMA = 0.02  # of a turn that the image as a whole shows
SLOWING_S = 0.3  # of a camera that sees nothing: most often it stands before a wall
USUAL_DEPTH_SIGMA = 1.5  # what shows no parallax is mostly far, and no IMU corrects the scale
GATE_TAIL = 0.01  # a step is no inertial sample: what disagrees with it may well be right
DEPTH_REACH, DEPTH_REPEAT_S = 0.2, 3.0  # predicted depth errs alike so far and so long
MIN_POINTS = 12
MAX_MISFIT_PX = 4.0  # at 500 px of focal length
ANY_FOCAL_PX = 500.0
MAX_GAP_S = 1.0
LEVEL_CAMERA: F8 = np.array([0.0, -1.0, 0.0])  # up in a camera that is held level
MAX_TILT_RAD = 1.0  # of a camera as people hold it
MIN_UP_PIXELS = 300
UP_ROUNDS, UP_TOLERANCE = 5, 0.25  # rad
# of the vertical in one keyframe: keyframes of one room repeat the error of its normals, so it is
# several times what a single one errs by
UP_SIGMA, MAX_UP_SURPRISE_RAD = 0.1, 0.35
TILT_SIGMA, UNSEEN_TILT_SIGMA = 0.03, 0.15  # of the first image: with a floor in it, and without


@dataclass(frozen=True)
class VisualOptions:
    """All that a run can be told."""

    filter: FilterOptions = field(default_factory=FilterOptions)
    front_end: FrontEndOptions = field(default_factory=FrontEndOptions)
    scale_sigma: float = 0.10  # of predicted depth's log-scale
    scale_time_s: float = 10.0
    readout_s: float = 0.0  # from the first to the last row of an image
    level_ids: frozenset[int] = frozenset()  # labels of level surfaces: floor, ceiling
    dynamic_ids: frozenset[int] = frozenset()


def visual_options(
    config: TrackingConfig, info: SequenceInfo, *, depth_is_measured: bool,
    level_ids: frozenset[int], dynamic_ids: frozenset[int],
) -> VisualOptions:  # fmt: skip
    """Options of a run."""
    scale_sigma = MEASURED_SCALE_SIGMA if depth_is_measured else config.scale_sigma
    noise = ImuNoise(UNSEEN_TURN_RAD_S, 0.0, UNSEEN_SPEED_M_S, 0.0)
    rate_hz = max(info.rate_hz, 1.0)
    sigma_px, slide_px = track_errors_px(config, info)
    return VisualOptions(
        filter=FilterOptions(
            imu=ImuModel(noise, rate_hz, max_gap_s=MAX_GAP_S),
            focal_px=info.camera.fx,
            sigma_px=sigma_px,
            slide_px=slide_px,
            gravity_m_s2=0.0,
            max_clones=config.max_clones,
            clone_interval_s=config.clone_interval_s,
            max_points=0,  # each would keep a scale of its own while it is seen (decision 23)
            use_depth=config.use_depth,
            time_offset_sigma_s=0.0,
            scale_sigma=0.0,
            gate_tail=GATE_TAIL,
            usual_depth_sigma=USUAL_DEPTH_SIGMA,
            depth_common_sigma=scale_sigma,  # what one image gets wrong alike varies as much
            depth_repeat_s=DEPTH_REPEAT_S,
            depth_reach=0.0 if depth_is_measured else DEPTH_REACH,
            max_velocity_sigma_m_s=3.0,
            max_relative_sigma_m=1.0,
            max_degraded_s=1.0,
            max_image_gap_s=image_gap_s(info),
        ),
        front_end=FrontEndOptions(n_tracks=config.n_tracks),
        scale_sigma=scale_sigma,
        scale_time_s=config.scale_time_s,
        readout_s=shutter_readout_s(config, info),
        level_ids=level_ids,
        dynamic_ids=dynamic_ids if config.use_masks else frozenset(),
    )


class VisualTracker(FilterTracker):
    """Poses in a world whose origin and heading are the first pose's; up is seen in its image."""

    def __init__(self, depth: DepthSource, options: VisualOptions | None = None) -> None:
        """`depth` is asked for a prediction of the first image."""
        self.options = options or VisualOptions()
        o = self.options
        super().__init__(np.eye(4), o.filter, o.front_end, o.dynamic_ids)
        self._depth = depth
        self._velocity = np.zeros(3)  # camera axes, m/s
        self._reference = DepthReference()
        self._drift = ScaleDrift(self.options.scale_sigma, self.options.scale_time_s)

    def step(self, frame: Frame) -> TrackedPose | None:
        """Pose of a frame; None before the first prediction, when lost, and out of order."""
        stamp_s = frame.stamp_s
        if self._is_late(stamp_s):
            return None
        tracks = self._at_stamp(frame, self.front_end.step(frame, None, self._moving))
        self._notice_cut(frame)
        if self.filter.state is None:
            self._start(frame, tracks)
        else:
            self._move(stamp_s, tracks)
            self.filter.add_frame(stamp_s, tracks)
        self._last_s = stamp_s
        pose = self._answer(frame)
        if pose is None:
            self._drift.pause()
            return None
        self._drift.step(stamp_s, pose.T_world_camera[:3, 3])
        assert pose.covariance is not None
        R = pose.T_world_camera[:3, :3]
        covariance = pose.covariance.copy()
        covariance[3:, 3:] += R.T @ self._drift.covariance @ R
        return replace(pose, covariance=covariance, log_scale_sigma=self.options.scale_sigma)

    def _at_stamp(self, frame: Frame, tracks: FeatureTracks) -> FeatureTracks:
        """Tracks as a camera had seen them that reads all rows at once."""
        R, readout_s = self.front_end.R_seen, self.options.readout_s
        if R is None or self._last_s is None or readout_s == 0.0 or len(tracks.ids) == 0:
            return tracks
        rate = se3.log_so3(R) / (frame.stamp_s - self._last_s)
        row_s = row_delay_s(self.front_end.pixels[:, 1], frame.camera.height, readout_s)
        # of the turn alone: what the velocity adds is small, and fed back it grows
        points = at_the_stamp(tracks.points, row_s, rate, np.zeros(3), 1.0)
        return replace(tracks, points=points)

    def _start(self, frame: Frame, tracks: FeatureTracks) -> None:
        prediction = self._depth.step(frame, np.eye(4))
        if prediction is None:
            return
        up = up_in_camera(prediction, self.options.level_ids)
        R_world_camera = upright(LEVEL_CAMERA if up is None else up)
        forward = R_world_camera @ np.array([0.0, 0.0, 1.0])
        heading = np.array([0.0, 0.0, -np.arctan2(forward[1], forward[0])])
        sigma = np.full(CORE, 1e-6)
        tilt_sigma = UNSEEN_TILT_SIGMA if up is None else TILT_SIGMA
        # every step sets the velocity's anew
        sigma[TH], sigma[DP] = (tilt_sigma, tilt_sigma, 1e-3), 1e-3
        state = FilterState(
            frame.stamp_s, se3.exp_so3(heading) @ R_world_camera, np.diag(sigma**2), 0.0
        )
        self.filter.start(state, tracks)
        self._take_depth(frame, prediction)

    def _take_depth(self, frame: Frame, prediction: Prediction) -> F8:
        """The same depth is what the next images are compared with."""
        self._take_up(prediction)
        depth_m = super()._take_depth(frame, prediction)
        self._reference.set(self.filter.newest_tracks, depth_m)
        return depth_m

    def _take_up(self, prediction: Prediction) -> None:
        """Floors and ceilings keep roll and pitch from drifting away."""
        state = self.filter.state
        assert state is not None
        believed = state.R[2]  # up in the camera's axes
        up = up_in_camera(prediction, self.options.level_ids, believed)
        if up is None or up @ believed < np.cos(MAX_UP_SURPRISE_RAD):
            return
        H, r = np.zeros((3, len(state.P))), up - believed
        H[:, TH] = state.R.T @ se3.hat(np.array([0.0, 0.0, 1.0]))
        update_from_rows(state, H, r, np.full(3, UP_SIGMA))

    def _move(self, stamp_s: float, tracks: FeatureTracks) -> None:
        """Predict the pose: by points of predicted depth, else by the last step."""
        assert self._last_s is not None
        duration_s = stamp_s - self._last_s
        T_reference_camera = self._reference.pose_of(tracks)
        if T_reference_camera is not None:
            T_old_new = se3.inverse(self._reference.T_last) @ T_reference_camera
            length_m = float(np.linalg.norm(T_old_new[:3, 3]))
            self.filter.move(stamp_s, T_old_new, TURN_SIGMA, SHIFT_SIGMA_M + SHIFT_SHARE * length_m)
            self._reference.T_last = T_reference_camera
            self._velocity = T_old_new[:3, 3] / duration_s
            return
        R, turn_sigma = self.front_end.R_seen, 3.0 * TURN_SIGMA
        if R is None:
            R, turn_sigma = self.front_end.R_guessed, GUESSED_TURN_SIGMA
            self._velocity = self._velocity * float(np.exp(-duration_s / SLOWING_S))
        if R is None:
            R, turn_sigma = np.eye(3), UNSEEN_TURN_RAD_S * duration_s
        T_old_new = se3.from_rt(R, self._velocity * duration_s)
        self.filter.move(stamp_s, T_old_new, turn_sigma, UNSEEN_SPEED_M_S * duration_s)
        self._reference.T_last = self._reference.T_last @ T_old_new


class DepthReference:
    """Tracks of one image as points of predicted depth; poses of later images against them."""

    def __init__(self) -> None:
        self.T_last = np.eye(4)  # of the newest image, in the reference camera's axes
        self._ids = np.zeros(0, np.int64)
        self._points = np.zeros((0, 3))

    def set(self, tracks: FeatureTracks, depth_m: F8) -> None:
        """Take the newest image as reference, if enough of its tracks have depth."""
        known = np.isfinite(depth_m)
        if known.sum() < MIN_POINTS:
            return
        rays = np.column_stack([tracks.points[known], np.ones(int(known.sum()))])
        self._ids = tracks.ids[known]
        self._points = rays * depth_m[known, None]
        self.T_last = np.eye(4)

    def pose_of(self, tracks: FeatureTracks) -> F8 | None:
        """T_reference_camera (4, 4) by the points that an image still sees; None with too few."""
        _, i, j = np.intersect1d(self._ids, tracks.ids, return_indices=True)
        if len(i) < MIN_POINTS:
            return None
        K = np.diag([ANY_FOCAL_PX, ANY_FOCAL_PX, 1.0])
        guess = se3.inverse(self.T_last)
        rotation = se3.log_so3(guess[:3, :3]).reshape(3, 1)
        shift = guess[:3, 3].reshape(3, 1).copy()
        pixels = np.ascontiguousarray(ANY_FOCAL_PX * tracks.points[j])
        points = np.ascontiguousarray(self._points[i])
        found, turned, shifted, inliers = cv2.solvePnPRansac(
            points, pixels, K, None, rotation, shift, True, 60, MAX_MISFIT_PX, 0.99,
            flags=cv2.SOLVEPNP_ITERATIVE,
        )  # fmt: skip
        if not found or inliers is None or len(inliers) < MIN_POINTS:
            return None
        good = inliers.ravel()
        turned, shifted = cv2.solvePnPRefineLM(
            points[good], pixels[good], K, None, turned, shifted
        )  # fmt: skip
        pose = se3.from_rt(se3.exp_so3(np.ravel(turned)), np.ravel(shifted))
        return se3.inverse(pose) if np.isfinite(pose).all() else None


class ScaleDrift:
    """Covariance of the position by a scale error that nothing observes.

    The error multiplies the velocity and wanders as an Ornstein-Uhlenbeck process of sigma and
    time constant tau: c' = v sigma^2 - c / tau, S' = v c^T + c v^T.
    """

    def __init__(self, sigma: float, time_s: float) -> None:
        self.sigma, self.time_s = sigma, time_s
        self.covariance = np.zeros((3, 3))  # world
        self._with_scale = np.zeros(3)
        self._last: tuple[float, F8] | None = None

    def pause(self) -> None:
        """The next position is not reached by moving."""
        self._last = None

    def step(self, stamp_s: float, position_m: F8) -> None:
        """Move to the next position (3,)."""
        if self._last is not None:
            moved = position_m - self._last[1]
            decay = float(np.exp(-(stamp_s - self._last[0]) / self.time_s))
            before = self._with_scale
            self._with_scale = before * decay + moved * self.sigma**2
            middle = 0.5 * (before + self._with_scale)
            self.covariance += np.outer(moved, middle) + np.outer(middle, moved)
        self._last = (stamp_s, position_m.copy())


def up_in_camera(
    prediction: Prediction, level_ids: frozenset[int], about: F8 = LEVEL_CAMERA
) -> F8 | None:
    """(3,) unit vector that points up, from normals of level surfaces; None with few of them.

    Normals that lie nearer than `MAX_TILT_RAD` to `about` (3,), or its opposite for ceilings, are
    averaged, those far from the mean left out.
    """
    if prediction.normals is None or not level_ids:
        return None
    seen = np.isin(prediction.labels, sorted(level_ids)) & (prediction.depth_m > 0.0)
    normals = prediction.normals[seen].astype(np.float64)
    normals = normals * np.where(normals @ about < 0.0, -1.0, 1.0)[:, None]
    up, tolerance = about, MAX_TILT_RAD
    for _ in range(UP_ROUNDS):
        near = normals[normals @ up > np.cos(tolerance)]
        if len(near) < MIN_UP_PIXELS:
            return None
        mean = near.mean(axis=0)
        up = mean / np.linalg.norm(mean)
        tolerance = max(0.5 * tolerance, UP_TOLERANCE)
    return np.asarray(up)
