"""The box of an instance: robust extents of its surface, unseen sides completed.

An unseen underside reaches the floor where the class stands on it; an unseen back reaches the wall
behind it. World frame, z up.
"""

from __future__ import annotations

import numpy as np

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
from mono_hydra.types import F8

BACKED_DEPTH_M = 0.9  # no piece of furniture is deeper from its front to the wall behind it
BACK_CLEARANCE_M = 0.02  # furniture is seldom flush with the wall
TRIM_SHARE = 0.04  # per end, where the depth is uncertain
UPRIGHT_TRIM_SHARE = 0.01
WALL_REACH_M = 0.08  # a wall farther from where outlines place a picture is another one
WALL_SHARE = 0.5  # of the way there: outlines and walls are known about equally well
MAT_REACH_M = 0.45
MAT_M = 0.02
FLAT_M = 0.10  # thickness of things on a wall whose depth is uncertain


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


def complete(box: Box, size: ClassSize, surroundings: Surroundings, cameras_m: F8) -> Box:
    """Extend a box to the floor and to the wall behind it, where these sides were not seen.

    Args:
        box: around the seen surface.
        size: usual sizes of the class.
        surroundings: floor and walls.
        cameras_m: (N, 3) positions it was seen from.
    """
    low, high = limits_of_box(box)
    if size.stands == "floor":
        floor = surroundings.floor_z_m(np.array([*box.center_m[:2], low[2] + 0.05]))
        if floor is not None and -0.15 < low[2] - floor <= size.hidden_gap_m:
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


def flatten_on_wall(box: Box, surroundings: Surroundings) -> Box:
    """Make something that hangs on a wall flat, and draw it to the wall if that is close behind."""
    axis = int(np.argmin(box.size_m[:2]))
    low, high = limits_of_box(box)
    middle = (low[axis] + high[axis]) / 2
    low[axis], high[axis] = middle - FLAT_M / 2, middle + FLAT_M / 2
    flat = box_of_limits(low, high, box.yaw_rad)
    best: float | None = None
    for side in (axis, axis + 2):
        gap = surroundings.wall_gap_m(
            flat, side, WALL_REACH_M, inside_m=WALL_REACH_M, strongest=True
        )
        if gap is not None and (best is None or abs(gap) < abs(best)):
            best = gap if side < 2 else -gap
    if best is not None:
        low[axis] += WALL_SHARE * best
        high[axis] += WALL_SHARE * best
    return box_of_limits(low, high, box.yaw_rad)


def lay_on_floor(box: Box, surroundings: Surroundings) -> Box:
    """Put a mat whose depth is uncertain flat on the floor below it."""
    low, high = limits_of_box(box)
    floor = surroundings.floor_z_m(np.array([*box.center_m[:2], box.center_m[2] + 0.1]))
    if floor is None or abs(floor - box.center_m[2]) > MAT_REACH_M:
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
