"""GTSAM's incremental fixed-lag smoother on the tracks and samples that the filter is given.

A second opinion, for accuracy and time; no part of the product: it holds the interpreter's lock
while it computes. Keyframes at 5 Hz, explicit points, Huber's weights, the same noise.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mono_hydra.geometry import se3
from mono_hydra.tracking.filter_state import BA, BG, DV, FilterState
from mono_hydra.tracking.imu import ImuModel
from mono_hydra.tracking.track_store import FeatureTracks
from mono_hydra.types import F8, ImuSamples

LAG_S, INTERVAL_S = 3.0, 0.2
MAX_POINTS = 120
MIN_SIGHTS, MIN_PARALLAX = 3, 0.02  # of a new point; rad
NEAR_M, FAR_M = 0.3, 15.0
REST_SIGMA_M_S = 0.02


@dataclass(frozen=True, eq=False)
class SmoothedRun:
    """Poses at keyframes, and what each of them cost."""

    stamps_s: F8  # (K,)
    T_world_body: F8  # (K, 4, 4)
    ms: F8  # (K,)
    failure: str  # why it ended early; empty: it did not


@dataclass(frozen=True, eq=False)
class TrackedFrame:
    """One image as both estimators see it."""

    stamp_s: float
    tracks: FeatureTracks
    is_resting: bool


def smooth(
    frames: Iterable[TrackedFrame], imu: ImuSamples, start: FilterState, T_body_camera: F8,
    model: ImuModel, sigma: float,
) -> SmoothedRun:  # fmt: skip
    """Run over frames later than the start.

    Args:
        frames: in order.
        imu: all samples.
        start: first state and its covariance.
        T_body_camera: (4, 4).
        model: noise of the IMU.
        sigma: of normalised image coordinates.
    """
    smoother = _Smoother(start, T_body_camera, model, sigma)
    stamps_s, poses, ms, failure = [], [], [], ""
    last_s = start.stamp_s
    for frame in frames:
        if frame.stamp_s - last_s < INTERVAL_S - 5e-3:
            continue
        before_s = time.perf_counter()
        smoother.integrate(imu, last_s, frame.stamp_s)
        try:
            T = smoother.add(frame)
        except RuntimeError as error:
            failure = (str(error).strip() or "no reason given").splitlines()[0]
            break
        ms.append(1e3 * (time.perf_counter() - before_s))
        stamps_s.append(frame.stamp_s)
        poses.append(T)
        last_s = frame.stamp_s
    return SmoothedRun(np.array(stamps_s), np.array(poses).reshape(-1, 4, 4), np.array(ms), failure)


class _Smoother:
    def __init__(self, start: FilterState, T_bc: F8, model: ImuModel, sigma: float) -> None:
        import gtsam

        self.gtsam: Any = gtsam
        self.T_bc, self.sensor = T_bc, gtsam.Pose3(T_bc)
        params = gtsam.PreintegrationCombinedParams.MakeSharedU(float(-start.gravity[2]))
        noise = model.noise
        params.setGyroscopeCovariance(noise.gyro**2 * np.eye(3))
        params.setAccelerometerCovariance(noise.accel**2 * np.eye(3))
        params.setIntegrationCovariance(1e-8 * np.eye(3))
        params.setBiasOmegaCovariance(noise.gyro_walk**2 * np.eye(3))
        params.setBiasAccCovariance(noise.accel_walk**2 * np.eye(3))
        self.bias = gtsam.imuBias.ConstantBias(start.accel_bias, start.gyro_bias)
        self.preintegrated = gtsam.PreintegratedCombinedMeasurements(params, self.bias)
        self.state = gtsam.NavState(gtsam.Pose3(start.T_world_body), start.v)
        self.smoother = gtsam.IncrementalFixedLagSmoother(LAG_S)
        white = gtsam.noiseModel.Isotropic.Sigma(2, sigma)
        huber = gtsam.noiseModel.mEstimator.Huber.Create(1.345)
        self.pixel_noise = gtsam.noiseModel.Robust.Create(huber, white)
        self.K = gtsam.Cal3_S2(1.0, 1.0, 0.0, 0.0, 0.0)
        self.k, self.stamp_s = 0, start.stamp_s
        self.sights: dict[int, list[tuple[int, F8]]] = {}  # of tracks that are no points yet
        self.points: set[int] = set()
        self.poses: dict[int, F8] = {}  # T_world_camera of the window
        self.graph, self.values = gtsam.NonlinearFactorGraph(), gtsam.Values()
        self.times: dict[int, float] = {}
        self._begin(start)

    def _keys(self, k: int) -> tuple[int, int, int]:
        symbol = self.gtsam.symbol
        return symbol("x", k), symbol("v", k), symbol("b", k)

    def _begin(self, start: FilterState) -> None:
        g = self.gtsam
        x, v, b = self._keys(0)
        gaussian = g.noiseModel.Gaussian.Covariance
        pose = start.pose_covariance() + 1e-8 * np.eye(6)
        self.graph.add(g.PriorFactorPose3(x, self.state.pose(), gaussian(pose)))
        self.graph.add(g.PriorFactorVector(v, start.v, gaussian(start.P[DV, DV])))
        biases = np.zeros((6, 6))
        biases[:3, :3], biases[3:, 3:] = start.P[BA, BA], start.P[BG, BG]
        self.graph.add(g.PriorFactorConstantBias(b, self.bias, gaussian(biases)))
        self._insert(0, self.state.pose(), start.v)

    def _insert(self, k: int, pose: Any, velocity: F8) -> None:
        x, v, b = self._keys(k)
        self.values.insert(x, pose)
        self.values.insert(v, velocity)
        self.values.insert(b, self.bias)
        self.times |= {x: self.stamp_s, v: self.stamp_s, b: self.stamp_s}

    def integrate(self, imu: ImuSamples, start_s: float, end_s: float) -> None:
        """Take in the samples between two instants."""
        inside = np.flatnonzero((imu.stamps_s > start_s) & (imu.stamps_s < end_s))
        edges = np.r_[start_s, imu.stamps_s[inside], end_s]
        middle = 0.5 * (edges[1:] + edges[:-1])
        columns = np.hstack([imu.accel_m_s2, imu.gyro_rad_s]).T
        rows = np.column_stack([np.interp(middle, imu.stamps_s, c) for c in columns])
        for row, dt_s in zip(rows, np.diff(edges), strict=True):
            if dt_s > 1e-6:
                self.preintegrated.integrateMeasurement(row[:3], row[3:], float(dt_s))

    def add(self, frame: TrackedFrame) -> F8:
        """T_world_body (4, 4) of a keyframe."""
        g = self.gtsam
        before, self.k, self.stamp_s = self._keys(self.k), self.k + 1, frame.stamp_s
        x, v, b = self._keys(self.k)
        predicted = self.preintegrated.predict(self.state, self.bias)
        self.graph.add(
            g.CombinedImuFactor(before[0], before[1], x, v, before[2], b, self.preintegrated)
        )
        self._insert(self.k, predicted.pose(), predicted.velocity())
        if frame.is_resting:
            still = g.noiseModel.Isotropic.Sigma(3, REST_SIGMA_M_S)
            self.graph.add(g.PriorFactorVector(v, np.zeros(3), still))
        self.poses[self.k] = predicted.pose().matrix() @ self.T_bc
        self._add_sights(frame.tracks)
        self.smoother.update(self.graph, self.values, self.times)
        self.graph, self.values, self.times = g.NonlinearFactorGraph(), g.Values(), {}
        estimate = self.smoother.calculateEstimate()
        pose = estimate.atPose3(x)
        self.state = g.NavState(pose, estimate.atVector(v))
        self.bias = estimate.atConstantBias(b)
        self.preintegrated.resetIntegrationAndSetBias(self.bias)
        for k in list(self.poses):
            key = g.symbol("x", k)
            if estimate.exists(key):
                self.poses[k] = estimate.atPose3(key).matrix() @ self.T_bc
            else:
                del self.poses[k]
        self.points = {i for i in self.points if estimate.exists(g.symbol("l", i))}
        return np.asarray(pose.matrix())

    def _add_sights(self, tracks: FeatureTracks) -> None:
        g = self.gtsam
        seen = dict(zip(tracks.ids.tolist(), tracks.points, strict=True))
        for i in sorted(seen.keys() & self.points):
            self._add_factor(i, self.k, seen[i])
            self.times[g.symbol("l", i)] = self.stamp_s
        for i in list(self.sights):
            if i not in seen:
                del self.sights[i]
        for i in seen.keys() - self.points:
            self.sights.setdefault(i, []).append((self.k, seen[i]))
        longest = sorted(self.sights, key=lambda i: (-len(self.sights[i]), i))
        for i in longest[: max(MAX_POINTS - len(self.points), 0)]:
            sights = [(k, uv) for k, uv in self.sights[i] if k in self.poses]
            point = self._triangulated(sights)
            if point is None:
                continue
            key = g.symbol("l", i)
            self.values.insert(key, point)
            self.times[key] = self.stamp_s
            for k, uv in sights:
                self._add_factor(i, k, uv)
            self.points.add(i)
            del self.sights[i]

    def _add_factor(self, i: int, k: int, uv: F8) -> None:
        g = self.gtsam
        self.graph.add(
            g.GenericProjectionFactorCal3_S2(
                uv, self.pixel_noise, g.symbol("x", k), g.symbol("l", i), self.K, False, False,
                self.sensor,
            )
        )  # fmt: skip

    def _triangulated(self, sights: list[tuple[int, F8]]) -> F8 | None:
        """The point nearest to all rays; None without enough of them or of parallax."""
        if len(sights) < MIN_SIGHTS:
            return None
        T = np.array([self.poses[k] for k, _ in sights])
        rays = np.array([np.r_[uv, 1.0] for _, uv in sights])
        rays = np.einsum("nij,nj->ni", T[:, :3, :3], rays)
        rays /= np.linalg.norm(rays, axis=1, keepdims=True)
        if np.arccos(np.clip(rays @ rays[-1], -1.0, 1.0)).max() < MIN_PARALLAX:
            return None
        across = np.eye(3) - rays[:, :, None] * rays[:, None, :]
        A = across.sum(axis=0)
        if np.linalg.cond(A) > 1e6:
            return None
        point = np.linalg.solve(A, np.einsum("nij,nj->i", across, T[:, :3, 3]))
        z = se3.transform(se3.inverse(T[-1]), point[None])[0, 2]
        return point if NEAR_M < z < FAR_M else None
