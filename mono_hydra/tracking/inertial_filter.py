"""Visual-inertial estimator: a right-invariant sliding-window filter over tracks and IMU samples.

Sources: Mourikis and Roumeliotis (ICRA 2007) for the window and the elimination of points; Barrau
and Bonnabel (2017) and Brossard et al. (2018) for the invariant error, which leaves yaw and
position exactly unobservable. World z up, origin at the first pose; body = IMU frame.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mono_hydra.geometry import se3
from mono_hydra.tracking.filter_options import FilterOptions
from mono_hydra.tracking.filter_state import CORE, DV, SCALE, TIME, FilterState, moved_covariance
from mono_hydra.tracking.imu import ImuBuffer, ImuSteps
from mono_hydra.tracking.landmarks import find_landmarks
from mono_hydra.tracking.rest import common_flow_px
from mono_hydra.tracking.rest_watch import RestWatch
from mono_hydra.tracking.slam_points import (
    add_points,
    move_anchors,
    update_from_depths,
    update_from_sights,
)
from mono_hydra.tracking.track_store import FeatureTracks, TrackStore, UsedTracks
from mono_hydra.tracking.triangulation_kernels import USED
from mono_hydra.tracking.updates import TrackUpdate, update_from_tracks
from mono_hydra.types import F8, I8, ImuSamples, Landmarks, TrackedPose

MIN_OUTLIVING_SHARE = 0.7

Condition = Literal["initialising", "tracking", "degraded", "lost"]


@dataclass(frozen=True, eq=False)
class InertialEstimate:
    """The filter's answer at one stamp."""

    stamp_s: float
    state: Condition
    T_world_body: F8  # (4, 4)
    velocity_world_m_s: F8  # (3,)
    gyro_bias_rad_s: F8  # (3,)
    accel_bias_m_s2: F8  # (3,)
    log_scale: float  # z_predicted = z exp(log_scale)
    log_scale_sigma: float
    time_offset_s: float  # t_imu = t_image + offset
    time_offset_sigma_s: float
    covariance: F8  # (6, 6) rotation, translation, right perturbation of T_world_body
    joint: F8  # (17, 17) covariance in the filter's own errors

    def tracked_pose(self, frame_index: int, T_body_camera: F8) -> TrackedPose:
        """The camera's pose, its covariance moved along."""
        return TrackedPose(
            frame_index, self.stamp_s, self.T_world_body @ T_body_camera, self.state,
            moved_covariance(self.covariance, T_body_camera), self.log_scale, self.log_scale_sigma,
        )  # fmt: skip


class InertialFilter:
    """Owner of state, window and tracks. Feed IMU samples, then a frame; ask for the estimate."""

    def __init__(self, T_body_camera: F8, options: FilterOptions | None = None) -> None:
        """`T_body_camera` (4, 4) takes camera points to body points."""
        self.options = options or FilterOptions()
        self.T_body_camera = np.array(T_body_camera, np.float64)
        self.state: FilterState | None = None
        self.condition: Condition = "initialising"
        self.fault = ""
        self.n_stamps_dropped = 0
        self.last_update: TrackUpdate | None = None
        self.nis = deque[tuple[float, int]](maxlen=10)  # of the last updates: about one second
        self.is_resting = False
        self._imu = ImuBuffer(self.options.imu)
        self._tracks = TrackStore()
        self._rest = RestWatch(self._imu, self.options)
        self._clone_tracks: dict[int, FeatureTracks] = {}
        self._depth_clones = deque[tuple[int, float]]()
        self._next_clone = 0
        self._pinned: int | None = None
        self._last_frame_s = -np.inf
        self._last_tracks_s = -np.inf
        self._few_since_s: float | None = None
        self._gap = self._has_paused = False
        self._last_bad_s = -np.inf
        self._n_tracks = 0
        self.usual_depth_m = 3.0  # of what was last predicted
        self.newest_tracks = FeatureTracks(np.zeros(0, np.int64), np.zeros((0, 2)))
        # stamps and last T_world_body of clones that left the window; whoever reads empties it
        self.retired = deque[tuple[float, F8]](maxlen=100)

    def propagate(self, imu: ImuSamples, stamp_s: float) -> None:
        """Take in samples and move the state to `stamp_s`; a stamp in the past moves nothing."""
        self._imu.add(imu)
        state, o = self.state, self.options
        if state is None or self.condition == "lost" or stamp_s <= state.stamp_s:
            return
        until_s = max(self.imu_stamp_s(stamp_s), state.imu_s)
        steps = self._imu.steps(state.imu_s, until_s)
        self._gap = steps.longest_gap_s > o.imu.max_gap_s
        noise = o.imu.noise
        walks = (noise.gyro_walk, noise.accel_walk)
        state.propagate(steps, walks, o.scale_sigma, o.scale_time_s)
        state.stamp_s, state.imu_s = stamp_s, until_s  # not sums: stamps must stay comparable

    def imu_stamp_s(self, stamp_s: float) -> float:
        """The IMU's clock at an image's stamp; samples up to there are wanted."""
        return stamp_s + (0.0 if self.state is None else self.state.time_offset_s)

    def move(self, stamp_s: float, T_old_new: F8, turn_sigma: float, shift_sigma: float) -> None:
        """In place of `propagate` without an IMU: a step (4, 4) of the body that images show."""
        state = self.state
        if state is None or self.condition == "lost" or stamp_s <= state.stamp_s:
            return
        state.move(T_old_new, turn_sigma, shift_sigma, stamp_s - state.stamp_s)
        state.stamp_s = stamp_s  # not the sum of the steps: stamps must stay comparable

    def add_frame(self, stamp_s: float, tracks: FeatureTracks) -> None:
        """One image's tracks; the samples up to its stamp were given to `propagate` before."""
        if stamp_s <= self._last_frame_s:
            self.n_stamps_dropped += 1
            return
        self._has_paused = stamp_s - self._last_frame_s > self.options.max_image_gap_s
        self._last_frame_s = stamp_s
        tracks = _ordered(tracks)
        self.newest_tracks = tracks
        self._n_tracks = len(tracks.ids)
        if self.state is None:
            self._initialise(stamp_s, tracks)
        elif self.condition != "lost":
            self.propagate(_NO_SAMPLES, stamp_s)
            self._step(self.state, stamp_s, tracks)
            self._judge(self.state, stamp_s)

    def add_depth(self, stamp_s: float, ids: I8, depth_m: F8, depth_sigma: F8) -> int:
        """Predicted depth at tracks of an earlier frame; attached to its clone, or dropped.

        Args:
            stamp_s: stamp of the image that was predicted.
            ids: (N,) tracks.
            depth_m: (N,) along the optical axis.
            depth_sigma: (N,) standard deviation of ln depth.

        Returns:
            Samples attached; 0 where the frame has no clone, or had its depth already.
        """
        state, o = self.state, self.options
        if state is None or not o.use_depth or stamp_s not in state.clone_stamps_s:
            return 0
        index = state.clone_stamps_s.index(stamp_s)
        clone_id = state.clone_ids[index]
        if clone_id in self._with_depth(state):
            return 0
        near, far = o.depth_range_m
        good = np.isfinite(depth_m) & np.isfinite(depth_sigma) & (depth_sigma > 0.0)
        good &= (depth_m > near) & (depth_m < far)
        if not good.any():
            return 0
        ids, depth_m, depth_sigma = ids[good], depth_m[good], depth_sigma[good]
        self.usual_depth_m = float(np.median(depth_m * np.exp(-state.clone_scale[index])))
        self._depth_clones.append((clone_id, stamp_s))
        # images close in time repeat their errors, so each of them counts for less
        state.loosen_clone_scale(
            index, o.depth_common_sigma * self._repeats(stamp_s, o.depth_common_s)
        )
        repeated = self._repeats(stamp_s, o.depth_repeat_s)
        log_depth, sigma = np.log(depth_m), repeated * np.maximum(depth_sigma, o.depth_sigma_floor)
        n = self._tracks.add_depth(clone_id, ids, log_depth, sigma)
        points, at = self._points_among(state, ids)
        if len(points) == 0:
            return n
        return n + update_from_depths(
            state, points, index, log_depth[at], sigma[at], self.T_body_camera
        )

    def _repeats(self, stamp_s: float, seconds: float) -> float:
        """Root of the number of images with depth in so long a time."""
        n = sum(stamp_s - then_s < seconds for _, then_s in self._depth_clones)
        return float(np.sqrt(n))

    def start(self, state: FilterState, tracks: FeatureTracks) -> None:
        """Begin at a state that was found elsewhere, with the tracks of its image."""
        self.state, self.condition, self.is_resting = state, "tracking", False
        state.P[TIME, TIME] = self.options.time_offset_sigma_s**2
        self._last_tracks_s = self._last_frame_s = state.stamp_s
        self._rest.forget()
        self.newest_tracks = _ordered(tracks)
        self._add_clone(state, self.newest_tracks)

    def lose(self, why: str) -> None:
        """End the tracking, for a reason."""
        self.condition, self.fault = "lost", why

    def keep_now(self) -> bool:
        """Have a clone of the newest frame, so that its depth can be attached."""
        state = self.state
        if state is None or self.condition == "lost":
            return False
        if state.clone_stamps_s and state.clone_stamps_s[-1] == state.stamp_s:
            return True
        if state.stamp_s != self._last_frame_s:
            return False
        self._add_clone(state, self.newest_tracks)
        self._use_tracks(state, self.newest_tracks)
        return True

    def rotation(self, start_s: float, end_s: float) -> F8:
        """(3, 3) camera rotation, points at the end to points at the start, by the gyroscope."""
        bias = np.zeros(3) if self.state is None else self.state.gyro_bias
        steps = self.steps(start_s, end_s)
        middle = 0.5 * (steps.gyro_rad_s[1:] + steps.gyro_rad_s[:-1]) - bias
        R = np.eye(3)
        for turn in middle * steps.dt_s[:, None]:
            R = R @ se3.exp_so3(turn)
        R_bc = self.T_body_camera[:3, :3]
        return np.asarray(R_bc.T @ R @ R_bc)

    def steps(self, start_s: float, end_s: float) -> ImuSteps:
        """The samples between two images."""
        return self._imu.steps(self.imu_stamp_s(start_s), self.imu_stamp_s(end_s))

    def estimate(self) -> InertialEstimate | None:
        """The estimate; None while initialising and when lost."""
        state = self.state
        if state is None or self.condition in ("initialising", "lost"):
            return None
        return InertialEstimate(
            state.stamp_s, self.condition, state.T_world_body, state.v.copy(),
            state.gyro_bias.copy(), state.accel_bias.copy(), state.log_scale,
            float(np.sqrt(state.P[SCALE, SCALE])), state.time_offset_s,
            float(np.sqrt(state.P[TIME, TIME])), state.pose_covariance(),
            state.P[:CORE, :CORE].copy(),
        )  # fmt: skip

    def pin(self) -> int | None:
        """Keep the newest clone until the next call; for `relative_to_pinned`. None without one."""
        if self.state is not None and self.state.clone_ids:
            self._pinned = self.state.clone_ids[-1]
        return self._pinned

    def relative_to_pinned(self) -> tuple[F8, F8] | None:
        """T_pinned_now (4, 4) of the camera and its covariance (6, 6), right perturbation."""
        if self.state is None or self._pinned is None:
            return None
        T, P = self.state.relative_to(self._pinned)
        T_bc = self.T_body_camera
        return se3.inverse(T_bc) @ T @ T_bc, moved_covariance(P, T_bc)

    def nis_per_dof(self) -> float:
        """Of the last updates, about a second: 1 where errors are as stated; NaN: none yet."""
        dof = sum(d for _, d in self.nis)
        return float(sum(v for v, _ in self.nis) / dof) if dof else float("nan")

    def landmarks(self) -> Landmarks | None:
        """Triangulated depth of the newest image's tracks; None where it has no clone."""
        state, o = self.state, self.options
        if state is None or not state.clone_ids or state.clone_stamps_s[-1] != state.stamp_s:
            return None
        T_bc = self.T_body_camera
        return find_landmarks(
            state.clone_R @ T_bc[:3, :3], state.clone_R @ T_bc[:3, 3] + state.clone_p,
            np.array(state.clone_stamps_s), [self._clone_tracks[i] for i in state.clone_ids],
            o.sigma_px / o.focal_px, o.slide_px / o.focal_px,
        )  # fmt: skip

    def warm_up(self) -> None:
        """Compile or load the kernels."""
        probe = InertialFilter(self.T_body_camera, self.options)
        probe.state = FilterState(0.0, np.eye(3), np.eye(CORE) * 1e-4, self.options.gravity_m_s2)
        probe.condition = "tracking"
        points = np.array([[0.1 * i, 0.05 * (i % 3)] for i in range(-4, 4)])
        still = ImuSamples(
            np.array([0.0, 1.0]), np.zeros((2, 3)), np.tile([0.1, 0.0, 9.81], (2, 1))
        )
        probe.propagate(still, 1e-6)
        for k in range(5):
            ids = np.arange(8 if k < 4 else 1)
            probe.add_frame(1.0 + 0.2 * k, FeatureTracks(ids, points[: len(ids)] + 0.02 * k))

    def _initialise(self, stamp_s: float, tracks: FeatureTracks) -> None:
        """Start once camera and IMU agree for long enough that nothing moves."""
        state = self._rest.first_state(stamp_s, tracks)
        if state is None:
            return
        state.P[TIME, TIME] = self.options.time_offset_sigma_s**2
        self.state, self.condition, self.is_resting = state, "tracking", True
        self._last_tracks_s = stamp_s
        self._rest.forget()
        self._add_clone(state, tracks)

    def _step(self, state: FilterState, stamp_s: float, tracks: FeatureTracks) -> None:
        R_world_camera = state.R @ self.T_body_camera[:3, :3]
        self.is_resting = self._rest.step(state, stamp_s, tracks, R_world_camera)
        if len(tracks.ids) > 0:
            self._last_tracks_s = stamp_s
        if self.is_resting:
            self._rest.hold(state, stamp_s)
        elif not state.clone_ids or self._is_clone_due(state, stamp_s):
            self._add_clone(state, tracks)
            self._use_tracks(state, tracks)
        if stamp_s - self._last_tracks_s > 1.0:
            self._rest.lean_on_gravity(state, stamp_s)

    def _is_clone_due(self, state: FilterState, stamp_s: float) -> bool:
        """Whether the next frame would come later than half of its distance too late."""
        waited_s = stamp_s - state.clone_stamps_s[-1]
        before_s = self._rest.previous_s
        frame_s = 0.0 if before_s is None else stamp_s - before_s
        return waited_s + 0.5 * frame_s >= self.options.clone_interval_s - 5e-3

    def _add_clone(self, state: FilterState, tracks: FeatureTracks) -> None:
        clone_id = self._next_clone
        self._next_clone += 1
        state.add_clone(clone_id)
        self._clone_tracks[clone_id] = tracks
        self._use_points(state, tracks)
        self._tracks.add(clone_id, tracks, state.point_ids)
        if tracks.depth_m is not None and tracks.depth_sigma is not None:
            self.add_depth(state.stamp_s, tracks.ids, tracks.depth_m, tracks.depth_sigma)

    def _use_tracks(self, state: FilterState, tracks: FeatureTracks) -> None:
        """Update by what has ended and by what the leaving clone saw; then drop that clone."""
        o = self.options
        ids = self._tracks.ended(tracks.ids.tolist())
        leaving = self._leaving(state)
        if leaving is not None and leaving != len(state.clone_ids) - 2:
            ids = sorted(set(ids) | set(self._tracks.seen_by(state.clone_ids[leaving])))
        used = self._tracks.take(ids, o.max_tracks)
        self.last_update = update_from_tracks(
            state, used, self.T_body_camera, o.sigma_px / o.focal_px, o.slide_px / o.focal_px,
            max_relative=o.max_relative_depth, usual_depth_m=self.usual_depth_m,
            usual_depth_sigma=o.usual_depth_sigma, gate_tail=o.gate_tail,
        )  # fmt: skip
        if self.last_update.dof:
            self.nis.append((self.last_update.nis, self.last_update.dof))
        self._take_points(state, used, self.last_update)
        if leaving is not None:
            clone_id = state.clone_ids[leaving]
            T_last = se3.from_rt(state.clone_R[leaving], state.clone_p[leaving])
            self.retired.append((state.clone_stamps_s[leaving], T_last))
            move_anchors(state, leaving, len(state.clone_ids) - 1, self.T_body_camera)
            state.drop_clone(leaving)
            self._tracks.forget_clone(clone_id)
            del self._clone_tracks[clone_id]

    def _use_points(self, state: FilterState, tracks: FeatureTracks) -> None:
        """Correct the state by its points in the newest image; those that it lost are dropped."""
        o = self.options
        points, at = self._points_among(state, tracks.ids)
        if len(points):
            waited_s = state.stamp_s - state.clone_stamps_s[-2]  # the newest clone is this image's
            state.loosen_points(points, o.slide_px / o.focal_px * float(np.sqrt(waited_s)))
            seen = update_from_sights(
                state, points, tracks.points[at], self.T_body_camera, o.sigma_px / o.focal_px
            )
            points = points[seen]
        state.drop_points(sorted(set(range(len(state.point_ids))) - set(points.tolist())))

    @staticmethod
    def _points_among(state: FilterState, ids: I8) -> tuple[I8, I8]:
        """Indices of the state's points, and of their tracks in `ids` (N,), sorted by track."""
        _, points, at = np.intersect1d(
            np.array(state.point_ids, np.int64), ids, return_indices=True
        )
        return points, at

    def _take_points(self, state: FilterState, used: UsedTracks, update: TrackUpdate) -> None:
        """Tracks that the newest image still sees become points, while there is room."""
        room = self.options.max_points - len(state.point_ids)
        newest = state.clone_ids[-1]
        lasting = [
            t for t in range(len(used.ids))
            if update.outcome[t] == USED and used.clone_ids[used.starts[t + 1] - 1] == newest
        ][: max(room, 0)]  # fmt: skip
        o = self.options
        sigma, slide = o.sigma_px / o.focal_px, o.slide_px / o.focal_px
        add_points(state, used, lasting, self.T_body_camera, sigma, slide)

    def _leaving(self, state: FilterState) -> int | None:
        """Index of the clone that must go: the oldest, or the second newest while hovering.

        While turning on the spot it must stay: the tracks it shares with the newest are seen by
        few others.
        """
        o, n = self.options, len(state.clone_ids)
        if n <= o.max_clones:
            return None
        newest, before = state.clone_ids[-1], state.clone_ids[-2]
        if before != self._pinned and self._outlives(state.clone_ids[-3], before, newest):
            R_bc = self.T_body_camera[:3, :3]
            R_old_new = R_bc.T @ state.clone_R[-2].T @ state.clone_R[-1] @ R_bc
            flow = common_flow_px(
                self._clone_tracks[before], self._clone_tracks[newest], R_old_new, o.focal_px
            )
            if flow < o.min_parallax_px:
                return n - 2
        return 1 if state.clone_ids[0] == self._pinned else 0

    def _outlives(self, early: int, middle: int, late: int) -> bool:
        """Whether the tracks two clones share are mostly seen by an earlier one too."""
        shared = np.intersect1d(self._clone_tracks[middle].ids, self._clone_tracks[late].ids)
        known = np.isin(shared, self._clone_tracks[early].ids)
        return bool(known.sum() >= MIN_OUTLIVING_SHARE * len(shared))

    def _with_depth(self, state: FilterState) -> set[int]:
        newest = state.clone_stamps_s[-1]
        while self._depth_clones and self._depth_clones[0][1] < newest - 10.0:
            self._depth_clones.popleft()
        return {clone_id for clone_id, _ in self._depth_clones}

    def _judge(self, state: FilterState, stamp_s: float) -> None:
        """Condition after a frame."""
        o = self.options
        fault = self._find_fault(state)
        if fault:
            self.lose(fault)
            return
        if self._n_tracks >= o.few_tracks:
            self._few_since_s = None
        elif self._few_since_s is None:
            self._few_since_s = stamp_s
        bad = self._gap or self._has_paused or self.nis_per_dof() > 2.0
        bad |= self._few_since_s is not None and stamp_s - self._few_since_s > 0.3
        if bad:
            self.condition, self._last_bad_s = "degraded", stamp_s
            if stamp_s - self._last_tracks_s > o.max_degraded_s:
                self.lose("no tracks for too long")
        elif stamp_s - self._last_bad_s > self.options.recovery_s:
            self.condition = "tracking"

    def _find_fault(self, state: FilterState) -> str:
        o = self.options
        if not state.is_sound():
            return "a number is not finite or a variance negative"
        if np.linalg.norm(state.v) > o.max_speed_m_s:
            return "speed beyond the limit"
        if np.diag(state.P)[DV].max() > o.max_velocity_sigma_m_s**2:
            return "velocity unknown"
        if state.clone_ids:
            _, P = state.relative_to(state.clone_ids[-1])
            if np.diag(P)[3:].max() > o.max_relative_sigma_m**2:
                return "position unknown"
        return ""


_NO_SAMPLES = ImuSamples(np.zeros(0), np.zeros((0, 3)), np.zeros((0, 3)))


def _ordered(tracks: FeatureTracks) -> FeatureTracks:
    """By id, so that equal input gives equal bytes; points that are not finite are dropped."""
    good = np.flatnonzero(np.isfinite(tracks.points).all(axis=1))
    order = good[np.argsort(tracks.ids[good], kind="stable")]
    depth, sigma = tracks.depth_m, tracks.depth_sigma
    return FeatureTracks(
        tracks.ids[order].astype(np.int64),
        np.ascontiguousarray(tracks.points[order], np.float64),
        None if depth is None else depth[order],
        None if sigma is None else sigma[order],
    )
