"""Rigid motions as 4x4 float64 matrices; 6-vectors are (rotation, translation), right side."""

from __future__ import annotations

import numpy as np

from mono_hydra.types import F8


def hat(w: F8) -> F8:
    """Skew matrix (3, 3) whose product with x is the cross product of w and x."""
    return np.array([[0.0, -w[2], w[1]], [w[2], 0.0, -w[0]], [-w[1], w[0], 0.0]])


def exp_so3(w: F8) -> F8:
    """Rotation matrix of the rotation vector `w` (3,), radians (Rodrigues)."""
    angle = float(np.linalg.norm(w))
    W = hat(w)
    if angle < 1e-8:
        return np.asarray(np.eye(3) + W + 0.5 * W @ W)
    sine, cosine = np.sin(angle), np.cos(angle)
    return np.asarray(np.eye(3) + sine / angle * W + (1.0 - cosine) / angle**2 * W @ W)


def log_so3(R: F8) -> F8:
    """Rotation vector (3,) of a rotation matrix; angles up to and including pi."""
    cos_angle = float(np.clip((np.trace(R) - 1.0) / 2.0, -1.0, 1.0))
    skew = np.array([R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1]])
    angle = np.arctan2(0.5 * np.linalg.norm(skew), cos_angle)
    if angle < 1e-8:
        return np.asarray(0.5 * skew)
    if np.pi - angle < 1e-4:  # the skew part vanishes: take the axis from R + I
        B = 0.5 * (R + np.eye(3))
        k = int(np.argmax(np.diag(B)))
        axis = B[:, k] / np.sqrt(B[k, k])
        sign = 1.0 if axis @ skew >= 0.0 else -1.0
        return np.asarray(sign * angle * axis / np.linalg.norm(axis))
    return np.asarray(angle / (2.0 * np.sin(angle)) * skew)


def left_jacobian_so3(w: F8) -> F8:
    """J with exp(w) translation part: t = J @ v for the twist (w, v)."""
    angle = float(np.linalg.norm(w))
    W = hat(w)
    if angle < 1e-6:
        return np.asarray(np.eye(3) + 0.5 * W + W @ W / 6.0)
    return np.asarray(
        np.eye(3)
        + (1.0 - np.cos(angle)) / angle**2 * W
        + (angle - np.sin(angle)) / angle**3 * W @ W
    )


def from_rt(R: F8, t: F8) -> F8:
    """(4, 4) motion of rotation (3, 3) and translation (3,)."""
    T = np.eye(4)
    T[:3, :3] = R
    T[:3, 3] = t
    return T


def exp(xi: F8) -> F8:
    """Motion of the 6-vector (rotation, translation)."""
    return from_rt(exp_so3(xi[:3]), left_jacobian_so3(xi[:3]) @ xi[3:])


def log(T: F8) -> F8:
    """6-vector (rotation, translation) of a motion."""
    w = log_so3(T[:3, :3])
    return np.concatenate([w, np.linalg.solve(left_jacobian_so3(w), T[:3, 3])])


def inverse(T: F8) -> F8:
    """Inverse motion, exact in the rotation part."""
    R = T[:3, :3].T
    return from_rt(R, -R @ T[:3, 3])


def adjoint(T: F8) -> F8:
    """(6, 6) with T exp(x) T^-1 == exp(adjoint(T) @ x)."""
    R, t = T[:3, :3], T[:3, 3]
    A = np.zeros((6, 6))
    A[:3, :3] = R
    A[3:, 3:] = R
    A[3:, :3] = hat(t) @ R
    return A


def transform(T: F8, points: F8) -> F8:
    """Points (N, 3) moved by T."""
    return np.asarray(points) @ T[:3, :3].T + T[:3, 3]


def quat_xyzw_from_matrix(R: F8) -> F8:
    """Unit quaternion x y z w, w >= 0 (Shepperd's method: divide by the largest component)."""
    t = np.trace(R)
    candidates = np.array([t, R[0, 0], R[1, 1], R[2, 2]])
    k = int(np.argmax(candidates))
    q = np.empty(4)
    if k == 0:
        q[:] = [R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1], 1.0 + t]
    else:
        i = k - 1
        j, m = (i + 1) % 3, (i + 2) % 3
        q[i] = 1.0 + R[i, i] - R[j, j] - R[m, m]
        q[j] = R[j, i] + R[i, j]
        q[m] = R[m, i] + R[i, m]
        q[3] = R[m, j] - R[j, m]
    q /= np.linalg.norm(q)
    return q if q[3] >= 0.0 else -q


def matrix_from_quat_xyzw(q: F8) -> F8:
    """Rotation matrix of a quaternion x y z w, normalised first."""
    x, y, z, w = np.asarray(q, dtype=np.float64) / np.linalg.norm(q)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def upright_tie(T_a_camera: F8, T_b_camera: F8) -> F8:
    """T_a_b (4, 4) of two worlds whose z is up: a turn about z and a shift, by one camera in both.

    The camera's positions meet; its tilt may differ between the worlds.
    """
    R = T_a_camera[:3, :3] @ T_b_camera[:3, :3].T
    turn = exp_so3(np.array([0.0, 0.0, np.arctan2(R[1, 0] - R[0, 1], R[0, 0] + R[1, 1])]))
    return from_rt(turn, T_a_camera[:3, 3] - turn @ T_b_camera[:3, 3])


def is_rigid(T: F8, tolerance: float = 1e-2) -> bool:
    """Whether T is a finite (4, 4) motion with a rotation in it (not a scale or a mirror)."""
    if T.shape != (4, 4) or not np.isfinite(T).all():
        return False
    R = T[:3, :3]
    return bool(np.abs(R @ R.T - np.eye(3)).max() < tolerance and np.linalg.det(R) > 0.0)
