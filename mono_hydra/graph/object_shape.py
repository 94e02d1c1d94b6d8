"""The box of an instance: robust extents of its surface, unseen sides completed.

An unseen underside reaches the floor where the class stands on it; an unseen back reaches the wall
behind it. World frame, z up.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mono_hydra.graph.box_fit import BoxFit, BoxPrior, extents_in_views, fit_box, sight_information
from mono_hydra.graph.boxes import (
    box_of_limits,
    footprint_yaw,
    limits_of_box,
    rotation_2d,
    turned_box,
)
from mono_hydra.graph.class_sizes import ClassSize
from mono_hydra.graph.instance import HITS, WEIGHT, Instance
from mono_hydra.graph.scene_graph import Box
from mono_hydra.graph.surroundings import Surroundings
from mono_hydra.graph.view_outlines import SmallView, outlines_of
from mono_hydra.types import F8

BACKED_DEPTH_M = 0.9  # no piece of furniture is deeper from its front to the wall behind it
BACK_CLEARANCE_M = 0.02  # furniture is seldom flush with the wall
TRIM_SHARE = 0.04  # per end, where the depth is uncertain
UPRIGHT_TRIM_SHARE = 0.01
WALL_SIGMA_M = 0.10  # of a mapped wall, and of how far a thing hangs in front of it
UNMODELLED = 4.0  # errors of views are alike: true variances are larger than the fit's by this
WALL_REACH_M = 0.45  # uncertain depth moves a picture at most this far off its wall
MAT_M = 0.02
FIT_VIEWS = 20
EXTENT_QUANTILE = 0.8  # of the extents in single views: most show less than the whole
PLAN_SIGMA, HEIGHT_SIGMA = 0.35, 0.12  # of ln side, as the points tell it
ALIKE_SIGMA = 0.6  # of ln(length / width) in general
ACROSS_M = 0.06  # error of the points' centre across the sight
ROUNDNESS = 0.35  # things other than furniture with flat sides have cut corners


def seen_box(instance: Instance, preferred_rad: tuple[float, ...]) -> Box | None:
    """Box around what was seen; None with too little surface."""
    solid = instance.solid()
    if solid.sum() < 3:
        return None
    points = instance.centers_m(solid)
    is_uncertain = instance.is_uncertain
    weights = instance.counts[solid, WEIGHT if is_uncertain else HITS].astype(np.float64)
    trim = TRIM_SHARE if is_uncertain else 0.0
    yaw = footprint_yaw(points, preferred_rad=preferred_rad, weights=weights, trim_share=trim)
    box = turned_box(points, yaw, weights=weights, trim_share=trim)
    if is_uncertain:  # depth errors hardly touch heights
        upright = turned_box(points, yaw, weights=weights, trim_share=UPRIGHT_TRIM_SHARE)
        low, high = limits_of_box(box)
        low[2], high[2] = (limit[2] for limit in limits_of_box(upright))
        box = box_of_limits(low, high, yaw)
    return box


def fit_to_views(
    instance: Instance,
    box: Box,
    size: ClassSize,
    views: Mapping[int, SmallView],
    surroundings: Surroundings,
) -> BoxFit:
    """Fit the box of an object of uncertain depth to the outlines it showed.

    Args:
        instance: with its observations.
        box: around its points.
        size: usual sizes of its class.
        views: by keyframe id.
        surroundings: floor and walls.
    """
    outlines = outlines_of(instance, box.center_m, views)
    wall_yaw_rad = surroundings.wall_yaw_rad()
    unfitted = BoxFit(box, 0.0, instance.noise_m**2 * np.eye(3))
    if outlines is None:
        return unfitted
    clouds = [
        o.points_world_m(views[o.keyframe_id].T_world_camera)
        for o in sorted(instance.observations, key=lambda o: -o.n_px)[:FIT_VIEWS]
        if len(o.points_mm) >= 8
    ]
    away = np.linalg.norm(box.center_m - outlines.eyes_m, axis=1)
    along = 0.01 + max(instance.noise_m / max(float(np.median(away)), 0.3), 0.02) * away
    information = sight_information(outlines, box.center_m, along, ACROSS_M)
    is_flat = size.stands == "wall"
    yaws = [box.yaw_rad]
    if wall_yaw_rad is not None:
        turn = abs((box.yaw_rad - wall_yaw_rad + np.pi / 4) % (np.pi / 2) - np.pi / 4)
        yaws = [wall_yaw_rad] if is_flat or turn < np.deg2rad(6.0) else [wall_yaw_rad, box.yaw_rad]
    best: tuple[float, BoxFit] | None = None
    for n, yaw in enumerate(yaws):
        sides = extents_in_views(clouds, yaw, EXTENT_QUANTILE) if clouds else box.size_m[:2]
        for flat_axis in (0, 1) if is_flat else (-1,):
            start = np.array([*np.maximum(sides, 0.03), box.size_m[2]])
            sigma = np.array([PLAN_SIGMA, PLAN_SIGMA, HEIGHT_SIGMA])
            if flat_axis >= 0:
                start[flat_axis], sigma[flat_axis] = 0.05, 0.1
            else:
                sigma[:2] = np.hypot(sigma[:2], instance.noise_m / np.maximum(start[:2], 0.1))
            prior = BoxPrior(
                Box(box.center_m, start, yaw),
                information,
                sigma,
                1e3 if is_flat else ALIKE_SIGMA,
                size.least_m,
                size.most_m,
                _floor_under(box, size, surroundings),
                0.0 if is_flat or size.backed else ROUNDNESS,
            )
            fitted = fit_box(outlines, prior)
            cost = fitted.cost + 4.0 * n  # a turn out of the walls' direction must explain more
            if best is None or cost < best[0]:
                best = (cost, fitted)
    assert best is not None
    return best[1] if np.isfinite(best[1].box.size_m).all() else unfitted


def complete(box: Box, size: ClassSize, surroundings: Surroundings, cameras_m: F8) -> Box:
    """Extend a box to the floor and to the wall behind it, where these sides were not seen.

    Args:
        box: around the seen surface.
        size: usual sizes of the class.
        surroundings: floor and walls.
        cameras_m: (N, 3) positions it was seen from.
    """
    low, high = limits_of_box(box)
    floor = _floor_under(box, size, surroundings)
    if floor is not None:
        low[2] = floor
    for side in range(4):
        axis, sign = side % 2, 1.0 if side < 2 else -1.0
        if not size.backed or _was_seen(box, side, cameras_m, high[2]):
            continue
        depth = high[axis] - low[axis]
        room = float(min(size.most_m[1], BACKED_DEPTH_M) - depth)
        gap = surroundings.wall_gap_m(box, side, max(room, 0.0)) if room > 0 else None
        if gap is None or gap - BACK_CLEARANCE_M <= 0.0:
            continue
        if sign > 0:
            high[axis] += gap - BACK_CLEARANCE_M
        else:
            low[axis] -= gap - BACK_CLEARANCE_M
    return box_of_limits(low, high, box.yaw_rad)


def _floor_under(box: Box, size: ClassSize, surroundings: Surroundings) -> float | None:
    """Height of the floor that a thing stands on, None if it may hang or stand on another."""
    if size.stands != "floor":
        return None
    low = float(box.center_m[2] - box.size_m[2] / 2)
    floor = surroundings.floor_z_m(np.array([*box.center_m[:2], low + 0.05]))
    return floor if floor is not None and -0.15 < low - floor <= size.hidden_gap_m else None


def draw_to_wall(fit: BoxFit, surroundings: Surroundings) -> Box:
    """Draw a flat thing towards the wall it hangs on, as far as its own place is unsure."""
    box = fit.box
    axis = int(np.argmin(box.size_m[:2]))
    normal = rotation_2d(box.yaw_rad)[:, axis]
    thickness = float(box.size_m[axis])
    variance = UNMODELLED * float(normal @ fit.covariance[:2, :2] @ normal)
    reach = WALL_SIGMA_M + 2.0 * np.sqrt(variance)
    best: tuple[float, float] | None = None
    for side in (axis, axis + 2):
        gap = surroundings.wall_gap_m(box, side, reach, inside_m=reach + thickness, strongest=True)
        if gap is not None and (best is None or abs(gap) < abs(best[0])):
            best = (gap, 1.0 if side < 2 else -1.0)
    if best is None:
        return box
    gain = variance / (variance + WALL_SIGMA_M**2)
    center = box.center_m.copy()
    center[:2] += gain * best[0] * best[1] * normal
    return Box(center, box.size_m, box.yaw_rad)


def lay_on_floor(box: Box, surroundings: Surroundings) -> Box:
    """Put a mat whose depth is uncertain flat on the floor below it."""
    low, high = limits_of_box(box)
    floor = surroundings.floor_z_m(np.array([*box.center_m[:2], box.center_m[2] + 0.1]))
    if floor is None or abs(floor - box.center_m[2]) > WALL_REACH_M:
        return box
    low[2], high[2] = floor, floor + MAT_M
    return box_of_limits(low, high, box.yaw_rad)


def _was_seen(box: Box, side: int, cameras_m: F8, top_m: float) -> bool:
    """Whether some view looked at a side, or down on the edge above it."""
    axis, sign = side % 2, 1.0 if side < 2 else -1.0
    normal = sign * rotation_2d(box.yaw_rad)[:, axis]
    face = box.center_m[:2] + normal * box.size_m[axis] / 2
    outside = (cameras_m[:, :2] - face) @ normal
    return bool((outside > 0.1).any() or (cameras_m[:, 2] > top_m + 0.10).any())
