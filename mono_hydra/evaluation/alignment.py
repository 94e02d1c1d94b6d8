"""Alignment of an estimated trajectory to the true one, and the motion it gives the whole map.

Poses are T_world_camera; the alignment A takes the run's world to the true world. Sources: evo's
association by time; yaw alignment in closed form (Zhang and Scaramuzza, IROS 2018, section III);
Umeyama (PAMI 1991), equations 34 to 42.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from mono_hydra.types import F8, I8

AlignmentKind = Literal["yaw", "se3", "sim3"]
ALIGNMENT_KINDS: tuple[AlignmentKind, ...] = ("yaw", "se3", "sim3")
MAX_STAMP_DIFFERENCE_S = 0.02
MIN_PAIRS = 3


@dataclass(frozen=True, eq=False)
class Alignment:
    """x_truth = scale * R @ x_run + t."""

    R: F8  # (3, 3)
    t: F8  # (3,) m
    scale: float = 1.0

    def points(self, points_m: F8) -> F8:
        """Points (N, 3) of the run in the true world."""
        return np.asarray(self.scale * (np.asarray(points_m) @ self.R.T) + self.t)

    def poses(self, T_world_camera: F8) -> F8:
        """Poses (N, 4, 4) of the run in the true world; rotations stay rotations."""
        moved = np.array(T_world_camera, dtype=np.float64)
        moved[:, :3, :3] = self.R @ moved[:, :3, :3]
        moved[:, :3, 3] = self.points(T_world_camera[:, :3, 3])
        return moved

    def box_axes(self, R_world_box: F8) -> F8:
        """Axes (3, 3) of a box of the run in the true world."""
        return np.asarray(self.R @ R_world_box)


def associate(
    stamps_s: F8, true_stamps_s: F8, max_difference_s: float = MAX_STAMP_DIFFERENCE_S
) -> tuple[I8, I8]:
    """Pairs of nearest stamps, nearest first, each stamp used once.

    Args:
        stamps_s: (N,) estimated stamps.
        true_stamps_s: (M,) true stamps.
        max_difference_s: pairs further apart are no pairs.

    Returns:
        Indices into both, ascending by true index.
    """
    order = np.argsort(true_stamps_s, kind="stable")
    ordered = true_stamps_s[order]
    # a tolerance of 1 ns, so that stamps written with 6 decimals meet the limit exactly
    limit_s = max_difference_s + 1e-9
    first = np.searchsorted(ordered, stamps_s - limit_s, side="left")
    last = np.searchsorted(ordered, stamps_s + limit_s, side="right")
    candidates = sorted(
        (abs(float(stamps_s[i] - ordered[k])), i, int(order[k]))
        for i in range(len(stamps_s))
        for k in range(first[i], last[i])
    )
    used, used_true = set(), set()
    pairs = []
    for _, i, j in candidates:
        if i not in used and j not in used_true:
            used.add(i)
            used_true.add(j)
            pairs.append((j, i))
    pairs.sort()
    table = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return table[:, 1], table[:, 0]


def align(points_m: F8, true_points_m: F8, kind: AlignmentKind) -> Alignment:
    """Least-squares alignment of paired camera centres.

    Args:
        points_m: (N, 3) estimated centres.
        true_points_m: (N, 3) true centres.
        kind: `yaw` turns about the vertical only, `se3` is rigid, `sim3` adds a scale.
    """
    mean, true_mean = points_m.mean(axis=0), true_points_m.mean(axis=0)
    e, g = points_m - mean, true_points_m - true_mean
    if kind == "yaw":
        R = _rotation_about_z(_yaw(e, g))
        return Alignment(R, true_mean - R @ mean)
    R, scale = _umeyama(e, g)
    if kind == "se3":
        scale = 1.0
    return Alignment(R, true_mean - scale * R @ mean, scale)


def _yaw(e: F8, g: F8) -> float:
    sine = np.sum(g[:, 1] * e[:, 0] - g[:, 0] * e[:, 1])
    cosine = np.sum(g[:, 0] * e[:, 0] + g[:, 1] * e[:, 1])
    return float(np.arctan2(sine, cosine))


def _rotation_about_z(yaw_rad: float) -> F8:
    c, s = np.cos(yaw_rad), np.sin(yaw_rad)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def _umeyama(e: F8, g: F8) -> tuple[F8, float]:
    """Rotation and scale that take centred points e to centred points g."""
    U, singular, Vt = np.linalg.svd(g.T @ e / len(e))
    S = np.eye(3)
    if np.linalg.det(U) * np.linalg.det(Vt) < 0.0:
        S[2, 2] = -1.0  # a rotation, never a mirror
    variance = float(np.mean(np.sum(e**2, axis=1)))
    scale = float(np.trace(np.diag(singular) @ S)) / variance if variance > 0.0 else 1.0
    return np.asarray(U @ S @ Vt), scale
