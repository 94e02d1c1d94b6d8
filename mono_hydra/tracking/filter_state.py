"""State and covariance of the filter, with clones of past poses and points seen for long.

Errors: th, dv, dp (right-invariant, `propagation_kernels`), gyro bias, accel bias, log-scale s,
time offset; then seven per clone: th, dp, and the log-scale at the clone's stamp; then three per
point. True value = estimate moved by the error. z_predicted = z exp(s). A point is (u, v, inverse
depth) in the camera of a clone, its anchor, so that a turn or shift of the world leaves its error
alone. t_imu = t_image + offset: the pose is that at t_imu by the offset's estimate, so that an
image is seen from it moved on by the offset's error (Li and Mourikis, IJRR 2014).
"""

from __future__ import annotations

import numpy as np

from mono_hydra.geometry import se3
from mono_hydra.tracking import propagation_kernels as kernels
from mono_hydra.tracking.imu import ImuSteps
from mono_hydra.types import F8, I8

TH, DV, DP = slice(0, 3), slice(3, 6), slice(6, 9)
BG, BA, SCALE, TIME = slice(9, 12), slice(12, 15), 15, 16
CORE, CLONE, POINT = 17, 7, 3
MIN_INVERSE_DEPTH = 1e-3  # 1/m
GRAVITY_AXIS: F8 = np.array([0.0, 0.0, -1.0])


class FilterState:
    """Estimate and joint covariance; every method keeps both consistent."""

    def __init__(self, stamp_s: float, R_world_body: F8, P: F8, gravity_m_s2: float = 9.81) -> None:
        """Rest at the origin with zero biases and covariance P (17, 17)."""
        self.stamp_s = stamp_s  # of the image
        self.time_offset_s = 0.0
        self.imu_s = stamp_s  # on the IMU's clock, to which the samples have moved the state
        self.R = np.array(R_world_body, np.float64)
        self.motion = np.zeros((2, 3))  # v, p
        self.gyro_bias, self.accel_bias = np.zeros(3), np.zeros(3)
        self.log_scale = 0.0
        self.turn_rate = np.zeros(3)  # now, world, rad/s
        self.P = np.array(P, np.float64)
        self.gravity = gravity_m_s2 * GRAVITY_AXIS
        self.clone_ids: list[int] = []
        self.clone_stamps_s: list[float] = []
        self.clone_R = np.zeros((0, 3, 3))
        self.clone_p = np.zeros((0, 3))
        self.clone_scale = np.zeros(0)
        self.point_ids: list[int] = []
        self.point_anchors: list[int] = []  # clone ids
        self.points = np.zeros((0, 3))

    @property
    def first_point(self) -> int:
        """Where the errors of the points begin."""
        return CORE + CLONE * len(self.clone_ids)

    @property
    def v(self) -> F8:
        """(3,) velocity, world, m/s."""
        return np.asarray(self.motion[0])

    @property
    def p(self) -> F8:
        """(3,) position, world, m."""
        return np.asarray(self.motion[1])

    @property
    def T_world_body(self) -> F8:  # noqa: N802 - a transform
        """(4, 4) pose."""
        return se3.from_rt(self.R, self.p)

    def propagate(
        self, steps: ImuSteps, walks: tuple[float, float], scale_sigma: float, scale_time_s: float
    ) -> None:
        """Move through inertial steps; s decays as an Ornstein-Uhlenbeck process."""
        Phi, Q = np.empty((15, 15)), np.empty((15, 15))
        kernels.integrate(
            self.R, self.motion[0], self.motion[1], steps.dt_s,
            steps.gyro_rad_s - self.gyro_bias, steps.accel_m_s2 - self.accel_bias,
            steps.gyro_density2, steps.accel_density2, np.array(walks) ** 2, self.gravity, Phi, Q,
        )  # fmt: skip
        self.turn_rate = self.R @ (steps.gyro_rad_s[-1] - self.gyro_bias)
        duration_s = float(steps.dt_s.sum())
        self.imu_s += duration_s
        decay = float(np.exp(-duration_s / scale_time_s))
        P = self.P
        P[:15] = Phi @ P[:15]
        P[:, :15] = P[:, :15] @ Phi.T
        P[:15, :15] += Q
        P[SCALE] *= decay
        P[:, SCALE] *= decay
        P[SCALE, SCALE] += scale_sigma**2 * (1.0 - decay**2)
        self.log_scale *= decay
        self.stamp_s += duration_s

    def move(self, T_old_new: F8, turn_sigma: float, shift_sigma: float, duration_s: float) -> None:
        """Move by a step (4, 4) in the body's axes that something saw, with its uncertainty.

        In place of `propagate` where there is no IMU; the velocity is that of the step.

        Args:
            T_old_new: (4, 4).
            turn_sigma: of each axis of the step's rotation, rad.
            shift_sigma: of each axis of the step's translation, m.
            duration_s: of the step.
        """
        shift = self.R @ T_old_new[:3, 3]
        self.R = self.R @ T_old_new[:3, :3]
        self.motion[0] = shift / duration_s
        self.motion[1] += shift
        # th += R d; dp += [p]x R d + R e, with d, e the errors of rotation and translation
        G = np.vstack([np.eye(3), se3.hat(self.p)]) * turn_sigma
        at = np.r_[TH, DP]
        self.P[np.ix_(at, at)] += G @ G.T
        self.P[DP, DP] += shift_sigma**2 * np.eye(3)
        self.P[DV], self.P[:, DV] = 0.0, 0.0
        self.P[DV, DV] = (shift_sigma / duration_s) ** 2 * np.eye(3)
        self.stamp_s += duration_s

    def add_clone(self, clone_id: int) -> None:
        """Pose and log-scale of the image at this instant, behind the last clone."""
        before, n = self.first_point, len(self.P)
        source = np.r_[0:before, TH, DP, SCALE, before:n]
        self.P = np.ascontiguousarray(self.P[np.ix_(source, source)])
        own = slice(before, before + 6)
        passing = self._passing()
        self.P[own] += np.outer(passing, self.P[TIME])
        self.P[:, own] += np.outer(self.P[:, TIME], passing)
        self.clone_ids.append(clone_id)
        self.clone_stamps_s.append(self.stamp_s)
        self.clone_R = np.concatenate([self.clone_R, self.R[None]])
        self.clone_p = np.concatenate([self.clone_p, self.p[None]])
        self.clone_scale = np.append(self.clone_scale, self.log_scale)

    def drop_clone(self, index: int) -> None:
        """Delete a clone that anchors no point: in covariance form exact marginalisation."""
        first = CORE + CLONE * index
        self._delete(np.arange(first, first + CLONE))
        del self.clone_ids[index], self.clone_stamps_s[index]
        self.clone_R = np.delete(self.clone_R, index, axis=0)
        self.clone_p = np.delete(self.clone_p, index, axis=0)
        self.clone_scale = np.delete(self.clone_scale, index)

    def add_point(self, point_id: int, anchor: int, point: F8, M: F8, N: F8) -> None:
        """Append a point whose error is M dx + noise of covariance N.

        Args:
            point_id: its track.
            anchor: clone id.
            point: (3,) u, v, inverse depth in the anchor's camera.
            M: (3, n) against the errors so far.
            N: (3, 3).
        """
        MP = M @ self.P
        self.P = np.block([[self.P, MP.T], [MP, MP @ M.T + N]])
        self.point_ids.append(point_id)
        self.point_anchors.append(anchor)
        self.points = np.concatenate([self.points, point[None]])

    def drop_points(self, indices: list[int]) -> None:
        """Delete points."""
        if not indices:
            return
        first = self.first_point + POINT * np.array(indices)
        self._delete((first[:, None] + np.arange(POINT)).ravel())
        self.points = np.delete(self.points, indices, axis=0)
        gone = set(indices)
        self.point_ids = [x for i, x in enumerate(self.point_ids) if i not in gone]
        self.point_anchors = [x for i, x in enumerate(self.point_anchors) if i not in gone]

    def loosen_points(self, indices: I8, sigma: float) -> None:
        """Let points (indices) have moved by `sigma` (normalised) across their ray."""
        for i in indices.tolist():
            at = self.first_point + POINT * i
            self.P[[at, at + 1], [at, at + 1]] += sigma**2

    def _delete(self, at: I8) -> None:
        self.P = np.delete(np.delete(self.P, at, axis=0), at, axis=1)

    def loosen_clone_scale(self, index: int, sigma: float) -> None:
        """Add the error that all depths of one image share; before its depths are used."""
        at = CORE + CLONE * index + 6
        self.P[at, at] += sigma**2

    def correct(self, dx: F8) -> None:
        """Move the estimate by the error dx (17 + 7 n_clones + 3 n_points,)."""
        kernels.move_group(self.R, self.motion, dx[:9])
        self.gyro_bias = self.gyro_bias + dx[BG]
        self.accel_bias = self.accel_bias + dx[BA]
        self.log_scale += float(dx[SCALE])
        self.time_offset_s += float(dx[TIME])
        for k in range(len(self.clone_ids)):
            part = dx[CORE + CLONE * k : CORE + CLONE * (k + 1)]
            kernels.move_group(self.clone_R[k], self.clone_p[k : k + 1], part[:6])
            self.clone_scale[k] += part[6]
        self.points = self.points + dx[self.first_point :].reshape(-1, POINT)
        self.points[:, 2] = np.maximum(self.points[:, 2], MIN_INVERSE_DEPTH)

    def pose_covariance(self) -> F8:
        """(6, 6) rotation, translation; right perturbation T_true = T_est Exp(xi)."""
        rows = self._image_rows()
        return moved_covariance(rows @ self.P @ rows.T, self.T_world_body)

    def _passing(self) -> F8:
        """(6,) th, dp of the pose in a second: what an error of the time offset does to it."""
        return np.concatenate([self.turn_rate, self.v - np.cross(self.turn_rate, self.p)])

    def _image_rows(self) -> F8:
        """(6, n) errors th, dp of the newest image's pose against all errors."""
        rows = np.zeros((6, len(self.P)))
        rows[:3, TH], rows[3:, DP], rows[:, TIME] = np.eye(3), np.eye(3), self._passing()
        return rows

    def relative_to(self, clone_id: int) -> tuple[F8, F8]:
        """T_clone_body (4, 4) and its covariance (6, 6), right perturbation."""
        k = self.clone_ids.index(clone_id)
        first = CORE + CLONE * k
        rows = self._image_rows()
        rows[:, first : first + 6] -= np.eye(6)
        difference = rows @ self.P @ rows.T
        T = self.T_world_body
        T_world_clone = se3.from_rt(self.clone_R[k], self.clone_p[k])
        return se3.inverse(T_world_clone) @ T, moved_covariance(difference, T)

    def is_sound(self) -> bool:
        """Whether all numbers are finite and no variance is negative."""
        numbers = (
            self.P,
            self.R,
            self.motion,
            self.gyro_bias,
            self.accel_bias,
            self.clone_p,
            self.points,
        )
        return bool(all(np.isfinite(x).all() for x in numbers) and np.diag(self.P).min() >= 0.0)


def moved_covariance(P: F8, T: F8) -> F8:
    """Covariance (6, 6) of a perturbation before T as one behind it: Exp(a) T = T Exp(b)."""
    A = se3.adjoint(se3.inverse(T))
    moved = A @ P @ A.T
    return np.asarray(0.5 * (moved + moved.T))
