"""First state of a device that moves: from tracks, inertial samples and some predicted depth.

A linear solution for velocity, gravity and points (Martinelli, IJCV 2014; Dong-Si and Mourikis,
IROS 2012), in which predicted depth makes the scale known where accelerations are small; then a
least-squares refinement with the biases, whose normal matrix gives the covariance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares
from scipy.sparse import lil_matrix

from mono_hydra.geometry import se3
from mono_hydra.tracking import propagation_kernels as kernels
from mono_hydra.tracking.filter_state import BA, BG, CORE, DP, DV, SCALE, TH, FilterState
from mono_hydra.tracking.imu import ImuSteps
from mono_hydra.tracking.rest import upright
from mono_hydra.tracking.track_store import FeatureTracks
from mono_hydra.types import F8, I8

N_MOTION = 12  # tilt 2, velocity 3, gyro bias 3, accel bias 3, log-scale
MIN_TRACKS = 15
MOST_TRACKS = 60
MIN_SIGHTS = 4
FAR_M = 3.0  # depth of a track before anything is known of it
# the gyro bias, which the linear solution leaves out, turns images by some pixels; without a firm
# scale it would explain them by small rooms
LINEAR_MISFIT, LINEAR_SCALE_SIGMA = 6.0, 0.03
DEPTH_SIGMA_FLOOR = 0.1  # the errors of one image have much in common


@dataclass(frozen=True)
class StartLimits:
    """Priors of the unknowns, and what a start must reach to be believed."""

    gyro_bias_sigma: float = 0.05  # rad/s; of EuRoC it is 0.08
    accel_bias_sigma: float = 0.10  # m/s2
    scale_sigma: float = 0.10  # of the predicted depth's log-scale
    max_velocity_sigma_m_s: float = 0.25
    max_tilt_sigma_rad: float = 0.05
    max_rms_px: float = 2.0
    max_scale_misfit: float = 3.0  # sigmas
    inflation: float = 2.0  # of standard deviations: tracks err together


@dataclass(frozen=True, eq=False)
class StartWindow:
    """A second of motion: K images, and what the IMU felt between them."""

    stamps_s: F8  # (K,)
    tracks: list[FeatureTracks]  # K; depth in one of them at least
    steps: list[ImuSteps]  # K - 1


@dataclass(frozen=True, eq=False)
class _Sights:
    """Sights of the chosen tracks, one row each, with the depth that was predicted there."""

    track: I8  # (M,) 0 .. n_tracks - 1
    image: I8  # (M,)
    uv: F8  # (M, 2)
    log_depth: F8  # (M,), NaN where none
    depth_sigma: F8  # (M,)
    anchor: I8  # (n_tracks,) row of each track's first sight

    @property
    def n_tracks(self) -> int:
        return len(self.anchor)


@dataclass(frozen=True, eq=False)
class _Path:
    """Poses of the body in the axes of the first image's body."""

    R: F8  # (K, 3, 3)
    p: F8  # (K, 3)
    v: F8  # (K, 3)


def moving_start(
    window: StartWindow,
    T_body_camera: F8,
    walks: tuple[float, float],
    focal_px: float,
    sigma_px: float = 1.0,
    gravity_m_s2: float = 9.81,
    limits: StartLimits | None = None,
) -> FilterState | None:
    """State at the last image of the window; None where it is not known well enough.

    Args:
        window: of 0.5 to 1.5 s.
        T_body_camera: (4, 4).
        walks: densities of the bias walks of gyro and accelerometer.
        focal_px: turns normalised coordinates into pixels.
        sigma_px: of a track in one image.
        gravity_m_s2: its length.
        limits: priors and bars.
    """
    limits = limits or StartLimits()
    sights = _gather(window)
    if sights is None or not np.isfinite(sights.log_depth).any():
        return None
    problem = _Problem(window, sights, T_body_camera, walks, focal_px / sigma_px, gravity_m_s2,
                       limits)  # fmt: skip
    first = problem.linear()
    if first is None:
        return None
    return problem.refined(first)


def _gather(window: StartWindow) -> _Sights | None:
    """The tracks seen most often."""
    count: dict[int, int] = {}
    for tracks in window.tracks:
        for i in tracks.ids.tolist():
            count[i] = count.get(i, 0) + 1
    chosen = sorted((i for i, n in count.items() if n >= MIN_SIGHTS), key=lambda i: (-count[i], i))
    chosen = chosen[:MOST_TRACKS]
    if len(chosen) < MIN_TRACKS:
        return None
    place = {i: n for n, i in enumerate(chosen)}
    rows = []
    for k, tracks in enumerate(window.tracks):
        has_depth = tracks.depth_m is not None and tracks.depth_sigma is not None
        for n, i in enumerate(tracks.ids.tolist()):
            if i in place:
                z = float(tracks.depth_m[n]) if has_depth else np.nan  # type: ignore[index]
                s = float(tracks.depth_sigma[n]) if has_depth else np.nan  # type: ignore[index]
                good = np.isfinite(z) and z > 0.0 and np.isfinite(s)
                rows.append((place[i], k, *tracks.points[n], np.log(z) if good else np.nan, s))
    table = np.array(sorted(rows))
    track = table[:, 0].astype(np.int64)
    return _Sights(
        track, table[:, 1].astype(np.int64), table[:, 2:4], table[:, 4],
        np.maximum(table[:, 5], DEPTH_SIGMA_FLOOR), np.searchsorted(track, np.arange(len(chosen))),
    )  # fmt: skip


class _Problem:
    """One window's unknowns and residuals."""

    def __init__(
        self, window: StartWindow, sights: _Sights, T_body_camera: F8, walks: tuple[float, float],
        weight: float, gravity_m_s2: float, limits: StartLimits,
    ) -> None:  # fmt: skip
        self.window, self.sights, self.limits = window, sights, limits
        self.R_bc, self.t_bc = T_body_camera[:3, :3], T_body_camera[:3, 3]
        self.walks2 = np.array(walks) ** 2
        self.weight, self.gravity = weight, gravity_m_s2
        self.t = window.stamps_s - window.stamps_s[0]
        self.Q = np.zeros((15, 15))

    def path(self, v0: F8, g: F8, gyro_bias: F8, accel_bias: F8) -> _Path:
        """Integrate the samples from the first image on."""
        n = len(self.t)
        R, p, v = np.empty((n, 3, 3)), np.zeros((n, 3)), np.empty((n, 3))
        R[0], v[0] = np.eye(3), v0
        Phi, Q = np.empty((15, 15)), np.empty((15, 15))
        total = np.zeros((15, 15))
        for k, s in enumerate(self.window.steps):
            R[k + 1], p[k + 1], v[k + 1] = R[k], p[k], v[k]
            kernels.integrate(
                R[k + 1], v[k + 1], p[k + 1], s.dt_s, s.gyro_rad_s - gyro_bias,
                s.accel_m_s2 - accel_bias, s.gyro_density2, s.accel_density2, self.walks2, g,
                Phi, Q,
            )  # fmt: skip
            total = Phi @ total @ Phi.T + Q
        self.Q = total
        return _Path(R, p, v)

    def linear(self) -> tuple[F8, F8, F8, float] | None:
        """Gravity, velocity, points (N, 3) in the first body's axes, and 1 / scale."""
        s, zero = self.sights, np.zeros(3)
        free = self.path(zero, zero, zero, zero)
        C = free.R @ self.R_bc
        arm = free.R @ self.t_bc + free.p
        A, b = np.zeros((7, 7)), np.zeros(7)
        A[6, 6] = b[6] = 1.0 / LINEAR_SCALE_SIGMA**2
        kept = []
        for i, first in enumerate(s.anchor):
            rows = slice(first, s.anchor[i + 1] if i + 1 < s.n_tracks else len(s.track))
            H, F, r = self._track_rows(rows, C, arm)
            lhs, rhs = F.T @ F + 1e-9 * np.eye(3), F.T @ np.column_stack([H, r])
            part = np.linalg.solve(lhs, rhs)
            A += H.T @ H - H.T @ F @ part[:, :7]
            b += H.T @ r - H.T @ F @ part[:, 7]
            kept.append(part)
        if np.linalg.cond(A) > 1e12:
            return None
        x = np.linalg.solve(A, b)
        points = np.array([part[:, 7] - part[:, :7] @ x for part in kept])
        return np.asarray(x[:3]), np.asarray(x[3:6]), points, float(x[6])

    def _track_rows(self, rows: slice, C: F8, arm: F8) -> tuple[F8, F8, F8]:
        """H (m, 7) of gravity, velocity, 1 / scale, F (m, 3) of the point, and r (m,)."""
        s, k = self.sights, self.sights.image[rows]
        t, uv = self.t[k], s.uv[rows]
        depth = np.exp(s.log_depth[rows])
        near = float(np.nanmedian(depth)) if np.isfinite(depth).any() else FAR_M
        H, F, r = [], [], []
        for axis in range(2):
            # (e_axis - u e_z)^T C^T (f - v t - g t2 / 2 - arm) = 0
            line = C[k, :, axis] - uv[:, axis, None] * C[k, :, 2]
            line = line * (self.weight / LINEAR_MISFIT / near)
            F.append(line)
            H.append(np.column_stack([-0.5 * t[:, None] ** 2 * line, -t[:, None] * line,
                                      np.zeros(len(k))]))  # fmt: skip
            r.append((line * arm[k]).sum(axis=1))
        seen = np.isfinite(depth)
        if seen.any():
            share = 1.0 / (depth[seen] * s.depth_sigma[rows][seen])
            line = C[k[seen], :, 2] * share[:, None]
            t = t[seen][:, None]
            F.append(line)
            H.append(np.column_stack([-0.5 * t**2 * line, -t * line, -share * depth[seen]]))
            r.append((line * arm[k[seen]]).sum(axis=1))
        return np.concatenate(H), np.concatenate(F), np.concatenate(r)

    def refined(self, first: tuple[F8, F8, F8, float]) -> FilterState | None:
        """Least squares over everything; None where it does not fit or stays unsure."""
        s = self.sights
        g, v0, points, inverse_scale = first
        up = upright(-g)  # turns the first body's axes upright
        anchor_image = s.image[s.anchor]
        free = self.path(v0, -self.gravity * up[2], np.zeros(3), np.zeros(3))
        C, c = free.R @ self.R_bc, free.R @ self.t_bc + free.p
        z = np.einsum("ni,ni->n", C[anchor_image, :, 2], points - c[anchor_image])
        z = np.where((z > 0.2) & (z < 20.0), z, FAR_M)
        scale = np.clip(-np.log(max(inverse_scale, 0.5)), -0.3, 0.3)
        x0 = np.concatenate([[0.0, 0.0], v0, np.zeros(6), [scale], -np.log(z)])
        found = least_squares(
            self.residuals, x0, jac_sparsity=self._sparsity(), loss="soft_l1", f_scale=2.0,
            args=(up,), max_nfev=40, x_scale=np.concatenate([[0.1] * 2, [0.3] * 3, [0.01] * 3,
            [0.1] * 3, [0.1], np.full(s.n_tracks, 0.3)]),
        )  # fmt: skip
        misses = self.residuals(found.x, up)[: 2 * len(s.track)]
        rms_px = float(np.sqrt(2.0 * np.median(misses**2)))  # in sigmas; outliers are no matter
        if not np.isfinite(found.x).all() or rms_px > self.limits.max_rms_px:
            return None
        if abs(found.x[11]) > self.limits.max_scale_misfit * self.limits.scale_sigma:
            return None
        covariance = self._covariance(found.jac)
        return None if covariance is None else self._state(found.x, up, covariance)

    def residuals(self, x: F8, up: F8) -> F8:
        """Whitened: 2 M of the sights, M of the depths (0 without), 7 of the priors."""
        s, limits = self.sights, self.limits
        path = self.path(x[2:5], self._gravity(x, up), x[5:8], x[8:11])
        C, c = path.R @ self.R_bc, path.R @ self.t_bc + path.p
        first, k = s.image[s.anchor], s.image
        rays = np.column_stack([s.uv[s.anchor], np.ones(s.n_tracks)])
        rays *= np.exp(-x[N_MOTION:])[:, None]
        points = np.einsum("nij,nj->ni", C[first], rays) + c[first]
        y = np.einsum("nji,nj->ni", C[k], points[s.track] - c[k])
        z = np.maximum(y[:, 2], 0.05)
        pixels = self.weight * (y[:, :2] / z[:, None] - s.uv)
        depth = (s.log_depth - np.log(z) - x[11]) / s.depth_sigma
        priors = np.concatenate([
            x[5:8] / limits.gyro_bias_sigma, x[8:11] / limits.accel_bias_sigma,
            [x[11] / limits.scale_sigma],
        ])  # fmt: skip
        return np.concatenate([pixels.ravel(), np.nan_to_num(depth, nan=0.0), priors])

    def _gravity(self, x: F8, up: F8) -> F8:
        """(3,) in the first body's axes; x[:2] tilts it."""
        tilt = se3.exp_so3(np.array([x[0], x[1], 0.0]))
        return np.asarray(-self.gravity * (tilt @ up)[2])

    def _sparsity(self) -> lil_matrix:
        s = self.sights
        m = len(s.track)
        pattern = lil_matrix((3 * m + 7, N_MOTION + s.n_tracks), dtype=np.int8)
        pattern[:, :N_MOTION] = 1
        for n, i in enumerate(s.track):
            for row in (2 * n, 2 * n + 1, 2 * m + n):
                pattern[row, N_MOTION + i] = 1
        return pattern

    def _covariance(self, jacobian: object) -> F8 | None:
        """(12, 12) of the motion's unknowns, points eliminated."""
        J = np.asarray(jacobian.toarray())  # type: ignore[attr-defined]
        Jm, Jp = J[:, :N_MOTION], J[:, N_MOTION:]
        points = (Jp**2).sum(axis=0) + 1e-9
        cross = Jm.T @ Jp
        information = Jm.T @ Jm - (cross / points) @ cross.T
        try:
            covariance = np.linalg.inv(information)
        except np.linalg.LinAlgError:
            return None
        covariance *= self.limits.inflation**2
        sigma2 = np.diag(covariance)
        if not np.isfinite(covariance).all() or sigma2.min() <= 0.0:
            return None
        if sigma2[:2].max() > self.limits.max_tilt_sigma_rad**2:
            return None
        if sigma2[2:5].max() > self.limits.max_velocity_sigma_m_s**2:
            return None
        return np.asarray(covariance)

    def _last(self, x: F8, up: F8) -> tuple[F8, F8]:
        """R (3, 3) of the last body in an upright world, and its velocity there."""
        path = self.path(x[2:5], self._gravity(x, up), x[5:8], x[8:11])
        upright_first = se3.exp_so3(np.array([x[0], x[1], 0.0])) @ up
        return upright_first @ path.R[-1], upright_first @ path.v[-1]

    def _state(self, x: F8, up: F8, covariance: F8) -> FilterState:
        """At the last image, with errors in the filter's own form."""
        R, v = self._last(x, up)
        noise = self.Q[:6, :6]
        M = np.zeros((CORE, N_MOTION))
        for i, step in enumerate([1e-4] * 2 + [1e-3] * 3 + [1e-4] * 3 + [1e-3] * 3):
            moved = x.copy()
            moved[i] += step
            R_moved, v_moved = self._last(moved, up)
            turn = R_moved @ R.T
            error = se3.log_so3(turn)
            M[DV, i] = (v_moved - turn @ v) / step
            M[TH, i] = error[0] / step, error[1] / step, 0.0  # heading: that of this pose
        M[BG, 5:8], M[BA, 8:11], M[SCALE, 11] = np.eye(3), np.eye(3), 1.0
        P = M @ covariance @ M.T
        P[:6, :6] += np.diag(np.diag(noise))  # of the samples; axes do not matter
        P[TH, TH] += np.diag([1e-6, 1e-6, 1e-6])
        P[DP, DP] += 1e-6 * np.eye(3)
        P[BG, BG] += self.walks2[0] * self.t[-1] * np.eye(3)
        P[BA, BA] += self.walks2[1] * self.t[-1] * np.eye(3)
        state = FilterState(float(self.window.stamps_s[-1]), R, P, self.gravity)
        state.motion[0] = v
        state.gyro_bias, state.accel_bias = x[5:8].copy(), x[8:11].copy()
        state.log_scale = float(x[11])
        return state
