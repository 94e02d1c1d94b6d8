"""Watches for moments at which nothing moves, and corrects the state by them."""

from __future__ import annotations

from collections import deque

import numpy as np

from mono_hydra.tracking.filter_options import FilterOptions
from mono_hydra.tracking.filter_state import FilterState
from mono_hydra.tracking.imu import ImuBuffer
from mono_hydra.tracking.rest import (
    MAX_FLOW,
    RestReading,
    common_flow_px,
    first_state,
    is_quiet,
    read_rest,
)
from mono_hydra.tracking.track_store import FeatureTracks
from mono_hydra.tracking.updates import gravity_rows, rest_rows, update_from_rows
from mono_hydra.types import F8

MIN_REST_SAMPLES = 5
REST_SIGMA_M_S = 0.02
MAX_FORCE_ERROR_M_S2, GRAVITY_SIGMA_M_S2 = 0.5, 0.5  # of a device that may move, without tracks


class RestWatch:
    """The last frames with their tracks; the samples are the filter's."""

    def __init__(self, imu: ImuBuffer, options: FilterOptions) -> None:
        self._imu, self._options = imu, options
        self._recent = deque[tuple[float, F8, FeatureTracks]]()  # stamp, R_world_camera, tracks

    def forget(self) -> None:
        """Begin anew."""
        self._recent.clear()

    @property
    def previous_s(self) -> float | None:
        """Stamp of the frame before the newest."""
        return self._recent[-2][0] if len(self._recent) > 1 else None

    def first_state(self, stamp_s: float, tracks: FeatureTracks) -> FilterState | None:
        """State of a frame, once images and IMU have agreed for `static_s` that nothing moves."""
        o = self._options
        self._remember(stamp_s, np.eye(3), tracks, o.static_s)
        first_s, _, first = self._recent[0]
        if stamp_s - first_s < o.static_s - 1e-6:
            return None
        reading = self._reading(first_s, stamp_s, MIN_REST_SAMPLES)
        if reading is None:
            return None
        flow = common_flow_px(first, tracks, np.eye(3), o.focal_px)
        if reading.is_shaken or flow > MAX_FLOW:
            return None
        return first_state(stamp_s, reading, o.scale_sigma, o.gravity_m_s2)

    def step(
        self, state: FilterState, stamp_s: float, tracks: FeatureTracks, R_world_camera: F8
    ) -> bool:
        """Take a frame; whether images and IMU both say that nothing moves."""
        o = self._options
        self._remember(stamp_s, R_world_camera, tracks, o.rest_s)
        if not o.use_rest:
            return False
        then_s, R_then, then = self._recent[0]
        if stamp_s - then_s < o.rest_s - 1e-6 or stamp_s - then_s > 2.0 * o.rest_s:
            return False
        reading = self._reading(then_s, stamp_s, MIN_REST_SAMPLES)
        if reading is None or not is_quiet(
            reading, state.gyro_bias, state.accel_bias, o.gravity_m_s2
        ):
            return False
        return common_flow_px(then, tracks, R_then.T @ R_world_camera, o.focal_px) < MAX_FLOW

    def hold(self, state: FilterState, stamp_s: float) -> None:
        """Zero velocity, and the samples since the last frame say what gravity and biases are."""
        since_s = stamp_s - 0.05 if self.previous_s is None else self.previous_s
        reading = self._reading(since_s, stamp_s, 1)
        if reading is None:
            return
        H, r = rest_rows(state, reading.gyro_rad_s, reading.accel_m_s2)
        sigma = np.repeat([REST_SIGMA_M_S, reading.gyro_sigma, reading.accel_sigma], 3)
        update_from_rows(state, H, r, sigma)

    def lean_on_gravity(self, state: FilterState, stamp_s: float) -> None:
        """Without any track: the accelerometer keeps roll and pitch from running away."""
        reading = self._reading(stamp_s - 0.1, stamp_s, 1)
        if reading is None:
            return
        accel = reading.accel_m_s2
        force = float(np.linalg.norm(accel))
        if abs(force - self._options.gravity_m_s2) < MAX_FORCE_ERROR_M_S2:
            H, r = gravity_rows(state, accel)
            update_from_rows(state, H, r, np.full(3, GRAVITY_SIGMA_M_S2))

    def _reading(self, since_s: float, until_s: float, n_least: int) -> RestReading | None:
        """Means of the samples of a stretch; None where there are fewer than `n_least`."""
        samples = self._imu.between(since_s, until_s)
        if len(samples.stamps_s) < n_least:
            return None
        return read_rest(samples, self._options.imu)

    def _remember(self, stamp_s: float, R: F8, tracks: FeatureTracks, span_s: float) -> None:
        """Keep the frames of the last `span_s` and the one before them."""
        self._recent.append((stamp_s, R, tracks))
        while len(self._recent) > 1 and self._recent[1][0] <= stamp_s - span_s + 1e-6:
            self._recent.popleft()
