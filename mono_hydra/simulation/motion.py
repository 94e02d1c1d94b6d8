"""Camera motion as a uniform cubic B-spline (C2) over position and yaw, pitch, roll.

R_world_camera = Rz(yaw) Ry(-pitch) Rx(roll) R0, where R0 looks along x with y to the left and z up;
pitch is positive upwards. Rates and accelerations are analytic derivatives of the same spline, so
images and inertial samples belong to one motion. Equal control points are perfect rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import BSpline

from mono_hydra.geometry import se3
from mono_hydra.types import F8

KNOT_S = 0.1
R_FORWARD_CAMERA: F8 = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])


@dataclass(frozen=True, eq=False)
class MotionState:
    """The motion of one frame of reference at N instants; rates in its own axes."""

    stamps_s: F8  # (N,)
    T_world: F8  # (N, 4, 4)
    velocity_m_s: F8  # (N, 3) world
    acceleration_m_s2: F8  # (N, 3) world
    rate_rad_s: F8  # (N, 3) own axes
    rate_change_rad_s2: F8  # (N, 3) own axes


class Motion:
    """A spline of x, y, z (m, world), yaw, pitch, roll (rad) from 0 to `duration_s`."""

    def __init__(self, control: F8, knot_s: float = KNOT_S) -> None:
        """`control` (M, 6), M >= 4; spaced by `knot_s`."""
        self.control = np.array(control, np.float64)
        self.duration_s = (len(control) - 3) * knot_s
        knots = knot_s * (np.arange(len(control) + 4) - 3)
        self._value = BSpline(knots, self.control, 3)
        self._first = self._value.derivative(1)
        self._second = self._value.derivative(2)

    def camera(self, stamps_s: F8) -> MotionState:
        """Motion of the camera; stamps outside the spline hold its ends."""
        stamps = np.asarray(stamps_s, np.float64)
        inside = np.clip(stamps, 0.0, self.duration_s)
        moving = (stamps == inside)[:, None]
        q = self._value(inside)
        dq = np.where(moving, self._first(inside), 0.0)
        ddq = np.where(moving, self._second(inside), 0.0)
        R_world_forward, rate, change = _rotation(q[:, 3:], dq[:, 3:], ddq[:, 3:])
        T = np.tile(np.eye(4), (len(stamps), 1, 1))
        T[:, :3, :3] = R_world_forward @ R_FORWARD_CAMERA
        T[:, :3, 3] = q[:, :3]
        return MotionState(
            stamps, T, dq[:, :3], ddq[:, :3], rate @ R_FORWARD_CAMERA, change @ R_FORWARD_CAMERA
        )

    def body(self, stamps_s: F8, T_body_camera: F8) -> MotionState:
        """Motion of the body (IMU) that carries the camera at `T_body_camera`."""
        camera = self.camera(stamps_s)
        T_camera_body = se3.inverse(T_body_camera)
        arm, R_body_camera = T_camera_body[:3, 3], T_body_camera[:3, :3]
        R = camera.T_world[:, :3, :3]
        w, dw = camera.rate_rad_s, camera.rate_change_rad_s2
        swing = np.cross(w, arm)
        lift = np.cross(dw, arm) + np.cross(w, swing)
        return MotionState(
            camera.stamps_s,
            camera.T_world @ T_camera_body,
            camera.velocity_m_s + np.einsum("nij,nj->ni", R, swing),
            camera.acceleration_m_s2 + np.einsum("nij,nj->ni", R, lift),
            w @ R_body_camera.T,
            dw @ R_body_camera.T,
        )


def _rotation(angles: F8, rates: F8, accelerations: F8) -> tuple[F8, F8, F8]:
    """R (N, 3, 3), angular velocity and acceleration (N, 3) in the forward-left-up frame."""
    psi, theta, phi = angles[:, 0], -angles[:, 1], angles[:, 2]
    dpsi, dtheta, dphi = rates[:, 0], -rates[:, 1], rates[:, 2]
    ddpsi, ddtheta, ddphi = accelerations[:, 0], -accelerations[:, 1], accelerations[:, 2]
    c1, s1, c2, s2, c3, s3 = (f(a) for a in (psi, theta, phi) for f in (np.cos, np.sin))
    R = np.stack([
        np.stack([c1 * c2, c1 * s2 * s3 - s1 * c3, c1 * s2 * c3 + s1 * s3], -1),
        np.stack([s1 * c2, s1 * s2 * s3 + c1 * c3, s1 * s2 * c3 - c1 * s3], -1),
        np.stack([-s2, c2 * s3, c2 * c3], -1),
    ], axis=1)  # fmt: skip
    rate = np.stack([
        dphi - dpsi * s2,
        dtheta * c3 + dpsi * s3 * c2,
        -dtheta * s3 + dpsi * c3 * c2,
    ], axis=-1)  # fmt: skip
    change = np.stack([
        ddphi - ddpsi * s2 - dpsi * dtheta * c2,
        ddtheta * c3 - dtheta * dphi * s3 + ddpsi * s3 * c2
        + dpsi * (dphi * c3 * c2 - dtheta * s3 * s2),
        -ddtheta * s3 - dtheta * dphi * c3 + ddpsi * c3 * c2
        - dpsi * (dphi * s3 * c2 + dtheta * c3 * s2),
    ], axis=-1)  # fmt: skip
    return R, rate, change
