"""Upright boxes around surface points: world-aligned, and turned about the vertical.

World frame, z up. Extents are robust: the outermost share of the points is left out.
"""

from __future__ import annotations

import numpy as np

from mono_hydra.graph.scene_graph import Box
from mono_hydra.types import F8

YAW_STEP_RAD = np.deg2rad(1.5)
ALIGNED_AREA_FACTOR = 1.10  # a wall direction may cost this much more area than the best turn


def rotation_2d(yaw_rad: float) -> F8:
    """(2, 2) matrix that maps box axes to the world."""
    c, s = np.cos(yaw_rad), np.sin(yaw_rad)
    return np.array([[c, -s], [s, c]])


def extents(values: F8, weights: F8 | None = None, trim_share: float = 0.0) -> tuple[float, float]:
    """Lowest and highest value after `trim_share` of the weight is cut off at each end."""
    if trim_share <= 0.0:
        return float(values.min()), float(values.max())
    order = np.argsort(values, kind="stable")
    weight = np.ones(len(values)) if weights is None else weights[order]
    cumulative = np.cumsum(weight)
    total = cumulative[-1]
    low = order[int(np.searchsorted(cumulative, trim_share * total, side="right"))]
    high = order[min(int(np.searchsorted(cumulative, (1 - trim_share) * total)), len(order) - 1)]
    return float(values[low]), float(values[high])


def world_box(points_m: F8, *, weights: F8 | None = None, trim_share: float = 0.0) -> Box:
    """Box along the world axes around points (N, 3)."""
    limits = np.array([extents(points_m[:, k], weights, trim_share) for k in range(3)])
    return Box(limits.mean(axis=1), limits[:, 1] - limits[:, 0])


def turned_box(
    points_m: F8, yaw_rad: float, *, weights: F8 | None = None, trim_share: float = 0.0
) -> Box:
    """Box whose first axis points along `yaw_rad`, around points (N, 3)."""
    R = rotation_2d(yaw_rad)
    local = np.column_stack([points_m[:, :2] @ R, points_m[:, 2]])
    limits = np.array([extents(local[:, k], weights, trim_share) for k in range(3)])
    center = limits.mean(axis=1)
    return Box(np.array([*(R @ center[:2]), center[2]]), limits[:, 1] - limits[:, 0], yaw_rad)


def footprint_yaw(
    points_m: F8,
    *,
    preferred_rad: tuple[float, ...] = (),
    weights: F8 | None = None,
    trim_share: float = 0.0,
) -> float:
    """Turn in [0, pi/2) of the rectangle of least area around the plan of points (N, 3).

    One of `preferred_rad` (wall directions) is taken if its area is at most a tenth larger:
    furniture stands along walls, and a seen half of it often says less.
    """
    yaws = np.arange(0.0, np.pi / 2 - 1e-9, YAW_STEP_RAD)
    areas = _areas(points_m, yaws, weights, trim_share)
    best = int(np.argmin(areas))
    if preferred_rad:
        wanted = np.mod(np.array(preferred_rad), np.pi / 2)
        wanted_areas = _areas(points_m, wanted, weights, trim_share)
        k = int(np.argmin(wanted_areas))
        if wanted_areas[k] <= ALIGNED_AREA_FACTOR * areas[best] + 1e-4:
            return float(wanted[k])
    return float(yaws[best])


def _areas(points_m: F8, yaws: F8, weights: F8 | None, trim_share: float) -> F8:
    xy = points_m[:, :2]
    areas = np.empty(len(yaws))
    for i, yaw in enumerate(yaws):
        local = xy @ rotation_2d(float(yaw))
        spans = []
        for k in range(2):
            low, high = extents(local[:, k], weights, trim_share)
            spans.append(max(high - low, 0.02))
        areas[i] = spans[0] * spans[1]
    return areas


def corners(box: Box) -> F8:
    """(4, 2) corners of the box in plan, counter-clockwise."""
    half = box.size_m[:2] / 2
    signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], dtype=np.float64)
    return np.asarray((signs * half) @ rotation_2d(box.yaw_rad).T + box.center_m[:2])


def aligned_bounds(box: Box) -> Box:
    """The world-aligned box around a turned box."""
    plan = corners(box)
    low = np.array([*plan.min(axis=0), box.center_m[2] - box.size_m[2] / 2])
    high = np.array([*plan.max(axis=0), box.center_m[2] + box.size_m[2] / 2])
    return Box((low + high) / 2, high - low)


def contains(box: Box, points_m: F8, margin_m: float = 0.0) -> np.ndarray:
    """(N,) bool: which points lie in the box grown by `margin_m`."""
    local = points_m - box.center_m
    plan = local[:, :2] @ rotation_2d(box.yaw_rad)
    inside = (np.abs(plan) <= box.size_m[:2] / 2 + margin_m).all(axis=1)
    return np.asarray(inside & (np.abs(local[:, 2]) <= box.size_m[2] / 2 + margin_m))
