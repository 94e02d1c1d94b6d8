"""Spatial relations between objects from their boxes: on, in, next_to, against.

World frame, z up, metres. A triple (subject, predicate, object) reads "subject predicate object".
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mono_hydra.graph.boxes import contains, corners
from mono_hydra.graph.scene_graph import Box, ObjectAttributes
from mono_hydra.types import F8

REST_GAP_M = 0.12  # a bottom this near to a supporting surface rests on it
NEXT_TO_M = 0.30
AGAINST_M = 0.06
COMMON_HEIGHT_M = 0.02
MAT_HEIGHT_M, MAT_SIDE_M = 0.06, 0.20  # what is flatter and wider than this lies flat
CANDIDATES_M = 0.5


def relations(objects: Mapping[int, ObjectAttributes]) -> list[tuple[int, str, int]]:
    """All relations, ascending by subject, predicate and object.

    * `in`: the subject lies inside the larger box, on a surface below its top.
    * `on`: the subject's centre stands over the object, its bottom at a surface of it; the nearest
      surface below wins, so each subject stands on one thing.
    * `against` and `next_to`, for things that stand on the same thing (the floor, a wall or one
      object) and overlap in height: within 6 cm in plan the smaller is against the larger, within
      30 cm they are next to each other. Mats are neither.
    """
    ids = sorted(objects)
    if len(ids) < 2:
        return []
    low = np.array([_low(objects[i].aabb) for i in ids])
    high = np.array([_high(objects[i].aabb) for i in ids])
    found: list[tuple[int, str, int]] = []
    stands_on: dict[int, int] = {}
    near_of: dict[int, list[int]] = {}
    for n, a in enumerate(ids):
        near = ((low <= high[n] + CANDIDATES_M) & (high >= low[n] - CANDIDATES_M)).all(axis=1)
        near_of[a] = [ids[k] for k in np.flatnonzero(near) if ids[k] != a]
        support = _support(a, near_of[a], objects)
        if support is not None:
            stands_on[a] = support[1]
            found.append((a, support[0], support[1]))
    for a in ids:
        for b in near_of[a]:
            if b <= a or stands_on.get(a) != stands_on.get(b):
                continue
            if _is_mat(objects[a].box) or _is_mat(objects[b].box):
                continue
            predicate = _beside(objects[a].box, objects[b].box)
            if predicate is not None:
                small, large = (a, b) if _volume(objects[a]) <= _volume(objects[b]) else (b, a)
                found.append((small, predicate, large))
    return sorted(found)


def _is_mat(box: Box) -> bool:
    return bool(box.size_m[2] < MAT_HEIGHT_M and min(box.size_m[:2]) > MAT_SIDE_M)


def _volume(attributes: ObjectAttributes) -> float:
    return float(np.prod(attributes.box.size_m))


def _support(
    a: int, others: list[int], objects: Mapping[int, ObjectAttributes]
) -> tuple[str, int] | None:
    """What object a stands on or lies in."""
    box = objects[a].box
    bottom = float(box.center_m[2] - box.size_m[2] / 2)
    best: tuple[float, str, int] | None = None
    for b in others:
        other = objects[b].box
        if np.prod(other.size_m[:2]) <= np.prod(box.size_m[:2]):
            continue
        if not contains(other, _plan_point(box, other)[None], 0.02)[0]:
            continue
        top = float(other.center_m[2] + other.size_m[2] / 2)
        gap, predicate = abs(bottom - top), "on"
        if gap > REST_GAP_M:
            inside = bottom > top - other.size_m[2] - 0.05 and bottom < top
            surface = _surface_below(objects[b], box, bottom) if inside else None
            if surface is not None:
                gap = abs(bottom - surface)
            elif inside and box.center_m[2] + box.size_m[2] / 2 <= top + 0.02:
                gap, predicate = REST_GAP_M, "in"
            else:
                continue
        candidate = (gap, predicate, b)
        if best is None or candidate < best:
            best = candidate
    return None if best is None else (best[1], best[2])


def _plan_point(box: Box, other: Box) -> F8:
    """The centre of a box in plan, at a height inside another box."""
    return np.array([box.center_m[0], box.center_m[1], other.center_m[2]])


def _surface_below(support: ObjectAttributes, box: Box, bottom_m: float) -> float | None:
    """Height of seen surface of `support` beside the plan of `box`, close to its bottom."""
    if support.points_m is None:
        return None
    plan = np.abs(support.points_m[:, :2] - box.center_m[:2]).max(axis=1)
    z = support.points_m[plan <= box.size_m[:2].max() / 2 + 0.25, 2]
    z = z[np.abs(z - bottom_m) <= REST_GAP_M]
    return float(np.median(z)) if len(z) >= 2 else None


def _beside(a: Box, b: Box) -> str | None:
    """`against` or `next_to` for two boxes at common height."""
    overlap = min(_high(a)[2], _high(b)[2]) - max(_low(a)[2], _low(b)[2])
    gap = plan_gap(a, b)
    if overlap <= COMMON_HEIGHT_M or gap > NEXT_TO_M:
        return None
    return "against" if gap <= AGAINST_M else "next_to"


def plan_gap(a: Box, b: Box) -> float:
    """Least distance of two boxes in plan, 0 where they overlap (separating axes of both)."""
    best = 0.0
    for yaw in (a.yaw_rad, b.yaw_rad):
        for axis in (np.array([np.cos(yaw), np.sin(yaw)]), np.array([-np.sin(yaw), np.cos(yaw)])):
            pa, pb = corners(a) @ axis, corners(b) @ axis
            best = max(best, float(pb.min() - pa.max()), float(pa.min() - pb.max()))
    return best


def _low(box: Box) -> F8:
    return np.asarray(box.center_m - box.size_m / 2)


def _high(box: Box) -> F8:
    return np.asarray(box.center_m + box.size_m / 2)
