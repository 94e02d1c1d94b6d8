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
NEXT_TO_M = 0.40
AGAINST_M = 0.08
CANDIDATES_M = 0.5


def relations(objects: Mapping[int, ObjectAttributes]) -> list[tuple[int, str, int]]:
    """All relations, ascending by subject, predicate and object.

    * `in`: most of the subject's volume lies inside the larger box.
    * `on`: the subject's centre stands over the object, its bottom at a surface of it; the nearest
      surface below wins, so each subject stands on one thing.
    * `against`: sides within 8 cm at common height; `next_to`: within 0.40 m. Both are written
      once, from the lower id.
    """
    ids = sorted(objects)
    if len(ids) < 2:
        return []
    low = np.array([_low(objects[i].aabb) for i in ids])
    high = np.array([_high(objects[i].aabb) for i in ids])
    found: list[tuple[int, str, int]] = []
    for n, a in enumerate(ids):
        near = ((low <= high[n] + CANDIDATES_M) & (high >= low[n] - CANDIDATES_M)).all(axis=1)
        others = [ids[k] for k in np.flatnonzero(near) if ids[k] != a]
        support = _support(a, others, objects)
        if support is not None:
            found.append((a, support[0], support[1]))
        for b in others:
            if b > a and (predicate := _beside(objects[a].box, objects[b].box)):
                found.append((a, predicate, b))
    return sorted(found)


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
    if overlap < 0.3 * min(a.size_m[2], b.size_m[2]):
        return None
    gap = plan_gap(a, b)
    if gap is None:
        return None
    return "against" if gap <= AGAINST_M else "next_to" if gap <= NEXT_TO_M else None


def plan_gap(a: Box, b: Box) -> float | None:
    """Distance in plan along the best separating side; None where two boxes overlap much."""
    best = -np.inf
    for yaw in (a.yaw_rad, b.yaw_rad):
        for axis in (np.array([np.cos(yaw), np.sin(yaw)]), np.array([-np.sin(yaw), np.cos(yaw)])):
            pa, pb = corners(a) @ axis, corners(b) @ axis
            best = max(best, float(pb.min() - pa.max()), float(pa.min() - pb.max()))
    shallow = 0.35 * min(a.size_m[:2].min(), b.size_m[:2].min())
    return None if best < -shallow else max(best, 0.0)


def _low(box: Box) -> F8:
    return np.asarray(box.center_m - box.size_m / 2)


def _high(box: Box) -> F8:
    return np.asarray(box.center_m + box.size_m / 2)
