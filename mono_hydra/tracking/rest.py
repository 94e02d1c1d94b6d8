"""Standing still: recognised by image and inertial samples together, and the first state from it.

Image flow is measured as a common shift and expansion of the tracks after turning them back by
the known rotation: unlike the median length it does not grow with the noise of the points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mono_hydra.errors import TrackingError
from mono_hydra.tracking.filter_state import BA, BG, CORE, DP, DV, SCALE, TH, FilterState
from mono_hydra.tracking.imu import ImuModel
from mono_hydra.tracking.track_store import FeatureTracks
from mono_hydra.tracking.updates import gravity_rows, update_from_rows
from mono_hydra.types import F8, ImuSamples

MAX_FLOW = 1.2  # px in 0.3 s: 0.03 m/s at 3 m; shaking rotors alone make 0.5 to 1 px
MAX_SHAKE_M_S2, MAX_GYRO_SHAKE_RAD_S = 2.5, 0.15
MAX_FORCE_M_S2 = 0.1  # of the mean's length from gravity; what the bias may be wrong by
MAX_RATE_RAD_S = 0.02
MIN_TRACKS = 6


def common_flow_px(old: FeatureTracks, new: FeatureTracks, R_old_new: F8, focal_px: float) -> float:
    """Length of the shift and expansion between two images; infinite with too few tracks.

    Args:
        old: earlier points.
        new: later points.
        R_old_new: (3, 3) camera rotation, new to old.
        focal_px: turns normalised coordinates into pixels.
    """
    _, i, j = np.intersect1d(old.ids, new.ids, return_indices=True)
    if len(i) < MIN_TRACKS:
        return float("inf")
    rays = np.column_stack([new.points[j], np.ones(len(j))]) @ R_old_new.T
    d = focal_px * (rays[:, :2] / rays[:, 2:] - old.points[i])
    x, y = old.points[i].T
    zero, one = np.zeros(len(i)), np.ones(len(i))
    J = np.concatenate([np.column_stack([one, zero, x]), np.column_stack([zero, one, y])])
    target = np.concatenate([d[:, 0], d[:, 1]])
    flow = np.array([np.median(d[:, 0]), np.median(d[:, 1]), 0.0])
    for _ in range(4):  # Cauchy's weights: moving objects must not count
        miss = target - J @ flow
        scale = max(1.5 * float(np.median(np.abs(miss))), 0.05)
        weighted = J / (1.0 + (miss / scale) ** 2)[:, None]
        flow = np.linalg.solve(weighted.T @ J + 1e-9 * np.eye(3), weighted.T @ target)
    flow[2] *= float(np.sqrt(np.mean(x * x + y * y)))
    return float(np.linalg.norm(flow))


@dataclass(frozen=True, eq=False)
class RestReading:
    """Mean inertial samples of a stretch, and how much they shake."""

    gyro_rad_s: F8  # (3,)
    accel_m_s2: F8  # (3,)
    gyro_sigma: float  # of the mean, the largest axis
    accel_sigma: float
    gyro_spread: float  # of the samples
    accel_spread: float

    @property
    def is_shaken(self) -> bool:
        """Whether the samples spread more than motors running at rest explain."""
        return self.gyro_spread > MAX_GYRO_SHAKE_RAD_S or self.accel_spread > MAX_SHAKE_M_S2


def read_rest(samples: ImuSamples, model: ImuModel) -> RestReading:
    """Means of at least one sample; their sigma is three times that of white noise."""
    n = len(samples.stamps_s)
    root = float(np.sqrt(model.rate_hz))
    spreads = [float(x.std(axis=0).max()) for x in (samples.gyro_rad_s, samples.accel_m_s2)]
    gyro, accel = (
        3.0 * max(spread, density * root) / float(np.sqrt(n))
        for spread, density in zip(spreads, (model.noise.gyro, model.noise.accel), strict=True)
    )
    return RestReading(
        samples.gyro_rad_s.mean(axis=0), samples.accel_m_s2.mean(axis=0), gyro + 1e-3,
        accel + 1e-2, spreads[0], spreads[1],
    )  # fmt: skip


def is_quiet(reading: RestReading, gyro_bias: F8, accel_bias: F8, gravity: float) -> bool:
    """Whether the means are those of rest.

    The spread says little: rotors that turn before take-off shake the samples by 1 m/s2 and more.
    """
    if reading.is_shaken:
        return False
    rate = float(np.linalg.norm(reading.gyro_rad_s - gyro_bias))
    force = float(np.linalg.norm(reading.accel_m_s2 - accel_bias))
    return rate < MAX_RATE_RAD_S and abs(force - gravity) < MAX_FORCE_M_S2 + reading.accel_sigma


def first_state(
    stamp_s: float, reading: RestReading, scale_sigma: float, gravity: float
) -> FilterState:
    """State at rest: roll and pitch from the accelerometer, gyro bias from the gyro.

    The accelerometer enters as a measurement on a wide prior, so that tilt and accelerometer bias
    start with their true correlation.

    Raises:
        TrackingError: the samples are not those of a body at rest in SI units.
    """
    check_units(reading, gravity)
    sigma = np.zeros(CORE)
    sigma[TH], sigma[DP], sigma[DV] = (0.2, 0.2, 1e-3), 1e-3, 0.02
    sigma[BG], sigma[BA], sigma[SCALE] = 0.001, 0.15, scale_sigma
    R_world_body = upright(reading.accel_m_s2)
    state = FilterState(stamp_s, R_world_body, np.diag(sigma**2), gravity)
    state.gyro_bias = reading.gyro_rad_s.copy()
    H, r = gravity_rows(state, reading.accel_m_s2)
    update_from_rows(state, H, r, np.full(3, reading.accel_sigma))
    return state


def check_units(reading: RestReading, gravity: float) -> None:
    """Refuse what cannot be a resting device.

    Raises:
        TrackingError: with the remedy.
    """
    length = float(np.linalg.norm(reading.accel_m_s2))
    if abs(length - gravity) > 0.5:
        raise TrackingError(
            f"IMU at rest: the accelerometer reads {length:.2f} m/s2 instead of {gravity:.2f}; "
            "give it in m/s2 with gravity included (a factor 9.81 means that it is in g)"
        )
    rate = float(np.linalg.norm(reading.gyro_rad_s))
    if rate > 0.3:
        raise TrackingError(
            f"IMU at rest: the gyroscope reads {rate:.2f} rad/s while the image stands still; "
            "give it in rad/s (a factor 57.3 means degrees), or check which IMU this is"
        )


def upright(accel_m_s2: F8) -> F8:
    """Rotation (3, 3) that takes the direction of the reading to world up by the shortest way."""
    u = accel_m_s2 / np.linalg.norm(accel_m_s2)
    if u[2] < -1.0 + 1e-9:
        return np.diag([1.0, -1.0, -1.0])
    v = np.array([u[1], -u[0], 0.0])  # u x (0, 0, 1)
    V = np.array([[0.0, -v[2], v[1]], [v[2], 0.0, -v[0]], [-v[1], v[0], 0.0]])
    return np.asarray(np.eye(3) + V + V @ V / (1.0 + u[2]))
