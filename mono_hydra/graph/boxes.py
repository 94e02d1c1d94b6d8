"""Upright boxes around surface points: world-aligned, and turned about the vertical.

World frame, z up. Extents are robust: the outermost share of the weight can be left out.
"""

from __future__ import annotations

import numpy as np

from mono_hydra.graph import object_kernels as kernels
from mono_hydra.graph.scene_graph import Box
from mono_hydra.types import F8, Bool

COARSE_STEP_RAD, FINE_STEP_RAD = np.deg2rad(4.5), np.deg2rad(0.75)
ALIGNED_AREA_FACTOR = 1.08  # a wall direction may cost this much more area than the best turn
THIN_M = 0.02  # thinner things count as this thick, so that a line has an area


def rotation_2d(yaw_rad: float) -> F8:
    """(2, 2) matrix that maps box axes to the world."""
    c, s = np.cos(yaw_rad), np.sin(yaw_rad)
    return np.array([[c, -s], [s, c]])


def turned_box(
    points_m: F8, yaw_rad: float, *, weights: F8 | None = None, trim_share: float = 0.0
) -> Box:
    """Box whose first axis points along `yaw_rad`, around points (N, 3).

    Args:
        points_m: (N, 3), N >= 1.
        yaw_rad: turn of the first axis.
        weights: (N,), all equal if None.
        trim_share: this share of the weight is cut off at each end of each axis.
    """
    weights = np.ones(len(points_m)) if weights is None else weights
    plan = _plan_limits(points_m, weights, np.array([yaw_rad]), trim_share)[0]
    upright = np.ascontiguousarray(points_m[:, [2, 2]])
    height = np.empty((1, 4))
    kernels.plan_extents(upright, weights, np.zeros(1), trim_share, height)
    low, high = (
        np.array([plan[0], plan[2], height[0, 0]]),
        np.array([plan[1], plan[3], height[0, 1]]),
    )
    return box_of_limits(low, high, yaw_rad)


def box_of_limits(low: F8, high: F8, yaw_rad: float) -> Box:
    """Box of its lowest and highest corner (3,) along its own axes."""
    center = (low + high) / 2
    plan = rotation_2d(yaw_rad) @ center[:2]
    return Box(np.array([*plan, center[2]]), high - low, float(yaw_rad))


def limits_of_box(box: Box) -> tuple[F8, F8]:
    """Lowest and highest corner (3,) along the box's own axes, about the world's origin."""
    plan = rotation_2d(box.yaw_rad).T @ box.center_m[:2]
    center = np.array([*plan, box.center_m[2]])
    return center - box.size_m / 2, center + box.size_m / 2


def footprint_yaw(
    points_m: F8,
    *,
    preferred_rad: tuple[float, ...] = (),
    weights: F8 | None = None,
    trim_share: float = 0.0,
) -> float:
    """Turn in [0, pi/2) of the rectangle of least area around the plan of points (N, 3).

    One of `preferred_rad` (wall directions) is taken if its area is hardly larger: furniture stands
    along walls, and a half-seen piece of it says less.
    """
    weights = np.ones(len(points_m)) if weights is None else weights
    coarse = np.arange(0.0, np.pi / 2 - 1e-9, COARSE_STEP_RAD)
    best = coarse[int(np.argmin(_areas(points_m, weights, coarse, trim_share)))]
    fine = best + np.arange(-5, 6) * FINE_STEP_RAD
    areas = _areas(points_m, weights, fine, trim_share)
    k = int(np.argmin(areas))
    if preferred_rad:
        wanted = np.mod(np.array(preferred_rad), np.pi / 2)
        wanted_areas = _areas(points_m, weights, wanted, trim_share)
        j = int(np.argmin(wanted_areas))
        if wanted_areas[j] <= ALIGNED_AREA_FACTOR * areas[k] + 1e-4:
            return float(wanted[j])
    return float(np.mod(fine[k], np.pi / 2))


def _plan_limits(points_m: F8, weights: F8, yaws_rad: F8, trim_share: float) -> F8:
    limits = np.empty((len(yaws_rad), 4))
    xy = np.ascontiguousarray(points_m[:, :2])
    kernels.plan_extents(xy, weights, yaws_rad, trim_share, limits)
    return limits


def _areas(points_m: F8, weights: F8, yaws_rad: F8, trim_share: float) -> F8:
    limits = _plan_limits(points_m, weights, yaws_rad, trim_share)
    sides = np.maximum(limits[:, [1, 3]] - limits[:, [0, 2]], THIN_M)
    return np.asarray(sides[:, 0] * sides[:, 1])


def corners(box: Box) -> F8:
    """(4, 2) corners of the box in plan, counter-clockwise."""
    half = box.size_m[:2] / 2
    signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], dtype=np.float64)
    return np.asarray((signs * half) @ rotation_2d(box.yaw_rad).T + box.center_m[:2])


def limits_along(box: Box, yaw_rad: float) -> tuple[F8, F8]:
    """Lowest and highest corner (3,) of a box along axes turned by `yaw_rad` about the world's."""
    plan = corners(box) @ rotation_2d(yaw_rad)
    half_m = box.size_m[2] / 2
    low = np.array([*plan.min(axis=0), box.center_m[2] - half_m])
    high = np.array([*plan.max(axis=0), box.center_m[2] + half_m])
    return low, high


def aligned_bounds(box: Box) -> Box:
    """The world-aligned box around a turned box."""
    low, high = limits_along(box, 0.0)
    return Box((low + high) / 2, high - low)


def contains(box: Box, points_m: F8, margin_m: float = 0.0) -> Bool:
    """(N,) which points lie in the box grown by `margin_m`."""
    local = points_m - box.center_m
    plan = local[:, :2] @ rotation_2d(box.yaw_rad)
    inside = (np.abs(plan) <= box.size_m[:2] / 2 + margin_m).all(axis=1)
    return np.asarray(inside & (np.abs(local[:, 2]) <= box.size_m[2] / 2 + margin_m))


def box_around(first: Box, second: Box) -> Box:
    """The smallest box around two boxes along the axes of the second."""
    low, high = limits_along(first, second.yaw_rad)
    own_low, own_high = limits_along(second, second.yaw_rad)
    return box_of_limits(np.minimum(low, own_low), np.maximum(high, own_high), second.yaw_rad)


def share_inside(first: Box, second: Box, margin_m: float = 0.0) -> float:
    """Share of the first box's volume in the second one grown by `margin_m`, to about 1 / 200."""
    steps = (np.arange(6) + 0.5) / 6 - 0.5
    unit = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)
    local = unit * first.size_m
    plan = local[:, :2] @ rotation_2d(first.yaw_rad).T
    points = np.column_stack([plan, local[:, 2]]) + first.center_m
    return float(contains(second, points, margin_m).mean())


def touching(first: Box, second: Box, gap_m: float, share: float) -> bool:
    """Whether two upright boxes lie side by side, or in each other, over a share of a side.

    Along one axis of the first box they are at most `gap_m` apart; across it, the common area is at
    least `share` of the smaller of the two sides.
    """
    low, high = limits_along(second, first.yaw_rad)
    own_low, own_high = limits_of_box(first)
    common = np.minimum(high, own_high) - np.maximum(low, own_low)  # negative: the gap between
    for axis in range(3):
        across = [k for k in range(3) if k != axis]
        sides = [np.prod(np.maximum(s[across], THIN_M)) for s in (high - low, own_high - own_low)]
        area = np.prod(np.maximum(common[across], 0.0))
        if common[axis] >= -gap_m and area >= share * min(sides):
            return True
    return False
