"""Feature tracks of a flight through a room with points on its walls; no images.

For the consistency of the tracker: exact noise, known truth. Points are seen with white noise and
lost at random; a lost point comes back under a new id.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from mono_hydra.geometry import se3
from mono_hydra.simulation.imu import ImuNoise, sense
from mono_hydra.simulation.motion import KNOT_S, R_FORWARD_CAMERA, Motion
from mono_hydra.types import F8, I8, ImuSamples

IMU_HZ, FRAME_HZ = 200.0, 20.0
FOCAL_PX = 460.0
HALF_VIEW = np.array([376.0, 240.0]) / FOCAL_PX
T_BODY_CAMERA: F8 = se3.from_rt(
    np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]), np.array([-0.02, -0.06, 0.01])
)
REST_S = 1.5  # the flight starts at rest
MARGIN_M = 1.5  # of the walls around the path

SeenPoints = tuple[I8, F8, F8 | None, F8 | None]  # ids, points, depth, sigma of ln depth


@dataclass(frozen=True, eq=False)
class FlightTracks:
    """Everything the filter is given, and the truth."""

    stamps_s: F8  # (N,)
    frames: list[SeenPoints]
    imu: ImuSamples
    T_body_camera: F8  # (4, 4)
    T_world_body: F8  # (N, 4, 4) truth
    velocity_m_s: F8  # (N, 3) truth, world
    log_scale: F8  # (N,) truth of the predicted depth


def made_path(seconds: float, rng: np.random.Generator) -> Motion:
    """A smooth wandering in a volume of 4 x 4 x 1 m, looking about."""
    n = int(seconds / KNOT_S) + 4
    t = KNOT_S * np.arange(n)
    control = np.zeros((n, 6))
    for axis, size in enumerate((2.0, 2.0, 0.5, 1.5, 0.15, 0.1)):
        for period in (7.0, 11.0, 17.0):
            phase = rng.uniform(0.0, 2.0 * np.pi)
            control[:, axis] += size / 3.0 * np.sin(2.0 * np.pi * t / period + phase)
    return Motion(_after_rest(control))


def flight_through(stamps_s: F8, T_world_body: F8, seconds: float) -> Motion:
    """A recorded flight, low-passed into a spline; `T_world_body` (N, 4, 4)."""
    from_start = stamps_s - stamps_s[0]
    R = (T_world_body @ T_BODY_CAMERA)[:, :3, :3] @ R_FORWARD_CAMERA.T
    yaw = np.unwrap(np.arctan2(R[:, 1, 0], R[:, 0, 0]))
    pitch = np.arcsin(np.clip(R[:, 2, 0], -1.0, 1.0))
    roll = np.unwrap(np.arctan2(R[:, 2, 1], R[:, 2, 2]))
    values = np.column_stack([(T_world_body @ T_BODY_CAMERA)[:, :3, 3], yaw, pitch, roll])
    t = np.arange(0.0, min(seconds, from_start[-1]), KNOT_S)
    control = np.column_stack([np.interp(t, from_start, column) for column in values.T])
    return Motion(_after_rest(gaussian_filter1d(control, 1.0, axis=0)))


def _after_rest(control: F8) -> F8:
    """The same control points after a rest, taken up gently."""
    n_rest, n_start = int(REST_S / KNOT_S) + 4, 15
    start = control[0] + (control[:n_start] - control[0]) * (
        np.linspace(0.0, 1.0, n_start)[:, None] ** 2
    )
    return np.concatenate([np.tile(control[0], (n_rest, 1)), start, control[n_start:]])


def simulate_flight(
    motion: Motion, noise: ImuNoise, rng: np.random.Generator, *, sigma_px: float = 1.0,
    loss: float = 0.03, n_tracks: int = 150, predicted_depth: bool = False,
    scale_sigma: float = 0.05, scale_time_s: float = 10.0, depth_sigma: float = 0.08,
    frame_hz: float = FRAME_HZ,
) -> FlightTracks:  # fmt: skip
    """Samples and tracks of one flight.

    Args:
        motion: of the camera.
        noise: of the IMU.
        rng: of all noise.
        sigma_px: of each image coordinate.
        loss: share of tracks lost from one frame to the next.
        n_tracks: in one frame, at most.
        predicted_depth: depth with `depth_sigma` and a wandering log-scale.
        scale_sigma: stationary sigma of the wandering, of time constant `scale_time_s`.
        scale_time_s: see above.
        depth_sigma: of ln depth, per track and frame.
        frame_hz: images a second.
    """
    imu_stamps_s = np.arange(0.0, motion.duration_s, 1.0 / IMU_HZ)
    sensed = sense(motion.body(imu_stamps_s, T_BODY_CAMERA), IMU_HZ, noise, rng)
    stamps_s = imu_stamps_s[:: round(IMU_HZ / frame_hz)]
    body = motion.body(stamps_s, T_BODY_CAMERA)
    T_world_camera = body.T_world @ T_BODY_CAMERA
    walls_m = wall_points(T_world_camera[:, :3, 3], 3000, rng)
    scale = _wandering(stamps_s, scale_sigma, scale_time_s, rng)
    ids = np.full(len(walls_m), -1, np.int64)
    next_id = 0
    frames: list[SeenPoints] = []
    for k, T in enumerate(T_world_camera):
        x = se3.transform(se3.inverse(T), walls_m)
        z = np.maximum(x[:, 2], 1e-3)
        uv = x[:, :2] / z[:, None]
        visible = (x[:, 2] > 0.3) & (np.abs(uv) < HALF_VIEW).all(axis=1)
        ids[~visible | (rng.random(len(ids)) < loss)] = -1
        free = rng.permutation(np.flatnonzero(visible & (ids < 0)))
        born = free[: max(n_tracks - int(np.count_nonzero(ids >= 0)), 0)]
        ids[born] = next_id + np.arange(len(born))
        next_id += len(born)
        seen = np.flatnonzero(ids >= 0)
        points = uv[seen] + sigma_px / FOCAL_PX * rng.standard_normal((len(seen), 2))
        if not predicted_depth:
            frames.append((ids[seen].copy(), points, None, None))
            continue
        spread = np.full(len(seen), depth_sigma)
        depth = z[seen] * np.exp(scale[k] + spread * rng.standard_normal(len(seen)))
        frames.append((ids[seen].copy(), points, depth, spread))
    return FlightTracks(
        stamps_s, frames, sensed.samples, T_BODY_CAMERA, body.T_world, body.velocity_m_s, scale
    )


def wall_points(path_m: F8, n: int, rng: np.random.Generator) -> F8:
    """Points (n, 3) on the six sides of the box around a path (N, 3)."""
    low, high = path_m.min(axis=0) - MARGIN_M, path_m.max(axis=0) + MARGIN_M
    points = rng.uniform(low, high, (n, 3))
    side = rng.integers(0, 6, n)
    axis = side % 3
    points[np.arange(n), axis] = np.where(side < 3, low[axis], high[axis])
    return np.asarray(points)


def _wandering(stamps_s: F8, sigma: float, time_s: float, rng: np.random.Generator) -> F8:
    """An Ornstein-Uhlenbeck process at the stamps."""
    draws = sigma * rng.standard_normal(len(stamps_s))
    out = draws.copy()
    for k in range(1, len(stamps_s)):
        keep = np.exp(-(stamps_s[k] - stamps_s[k - 1]) / time_s)
        out[k] = keep * out[k - 1] + np.sqrt(1.0 - keep**2) * draws[k]
    return out
