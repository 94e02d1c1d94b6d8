"""Spatial relations between objects from their boxes: on, in, next_to, against.

World frame, z up, metres. A triple (subject, predicate, object) reads "subject predicate object".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from mono_hydra.graph.boxes import contains, corners
from mono_hydra.graph.scene_graph import Box, ObjectAttributes
from mono_hydra.types import F8

REST_GAP_M = 0.12  # a bottom this near to a supporting surface rests on it
NEXT_TO_M = 0.30
AGAINST_M = 0.06
COMMON_HEIGHT_M = 0.05  # one voxel; boxes that share less lie above one another
CANDIDATES_M = 0.5
HOLDING = frozenset(  # things on whose inner boards others stand
    ["bookshelf", "cabinet", "dresser", "night stand", "refrigerator", "shelves", "box", "bag"]
)
FLAT_M = 0.10  # a mat this low under everything is beside nothing


def relations(
    objects: Mapping[int, ObjectAttributes],
    is_parted: Callable[[Box, Box], bool] | None = None,
) -> list[tuple[int, str, int]]:
    """All relations, ascending by subject, predicate and object.

    Args:
        objects: by id.
        is_parted: whether a wall stands between two boxes; neighbours through a wall are none.

    * `in`: most of the subject's volume lies inside the larger box.
    * `on`: the subject's centre stands over the object, its bottom at a surface of it; the nearest
      surface below wins, so each subject stands on one thing.
    * `next_to`: within 0.30 m in plan, overlapping in height, and on (in) the same thing or both on
      none; written once, from the lower id. `against`: the same within 6 cm, from the smaller box
      to the larger.

    Returns:
        Triples (subject, predicate, object) of ids.
    """
    ids = sorted(objects)
    if len(ids) < 2:
        return []
    low = np.array([_low(objects[i].aabb) for i in ids])
    high = np.array([_high(objects[i].aabb) for i in ids])
    found: list[tuple[int, str, int]] = []
    parent: dict[int, int] = {}
    for n, a in enumerate(ids):
        near = ((low <= high[n] + CANDIDATES_M) & (high >= low[n] - CANDIDATES_M)).all(axis=1)
        others = [ids[k] for k in np.flatnonzero(near) if ids[k] != a]
        support = _support(a, others, objects)
        if support is not None:
            found.append((a, support[0], support[1]))
            parent[a] = support[1]
    for i, j in _pairs_beside(low, high):
        a, b = ids[i], ids[j]
        if parent.get(a) != parent.get(b):
            continue
        gap = plan_gap(objects[a].box, objects[b].box)
        if gap <= AGAINST_M:  # no wall is as thin
            small, large = sorted((a, b), key=lambda k: float(np.prod(objects[k].box.size_m)))
            found.append((small, "against", large))
        elif gap <= NEXT_TO_M and not (is_parted and is_parted(objects[a].box, objects[b].box)):
            found.append((a, "next_to", b))
    return sorted(found)


def _pairs_beside(low_m: F8, high_m: F8) -> list[tuple[int, int]]:
    """Pairs i < j of aligned bounds (N, 3) with common height and a small gap in plan."""
    is_solid = high_m[:, 2] - low_m[:, 2] > FLAT_M
    gap = np.maximum(low_m[:, None] - high_m[None], low_m[None] - high_m[:, None])
    beside = (gap[..., :2] <= NEXT_TO_M).all(axis=-1) & (gap[..., 2] < -COMMON_HEIGHT_M)
    beside &= is_solid[:, None] & is_solid[None]
    i, j = np.nonzero(np.triu(beside, 1))
    return list(zip(i.tolist(), j.tolist(), strict=True))


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
            ends_below = box.center_m[2] + box.size_m[2] / 2 <= top + 0.02
            if inside and ends_below and objects[b].label_name in HOLDING:
                gap, predicate = 0.0 if surface is None else abs(bottom - surface), "in"
            elif surface is not None:
                gap = abs(bottom - surface)
            elif inside and ends_below:
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


def plan_gap(a: Box, b: Box) -> float:
    """Distance in plan along the best separating side, 0 where two boxes overlap."""
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
