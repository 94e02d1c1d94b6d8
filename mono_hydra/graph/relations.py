"""Spatial relations between objects from their boxes: on, in, next_to, against.

World frame, z up, metres. A triple (subject, predicate, object) reads "subject predicate object".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from mono_hydra.graph.boxes import contains, corners, gap_between
from mono_hydra.graph.scene_graph import Box, ObjectAttributes
from mono_hydra.types import F8

REST_GAP_M = 0.12  # a bottom this near to a supporting surface rests on it
INSIDE_M = 0.05  # a voxel, by which a thing may stick out of what holds it
NEXT_TO_M = 0.30
AGAINST_M = 0.06
COMMON_HEIGHT_M = 0.02
CANDIDATES_M = 0.5


MATS = frozenset(("floor mat",))
HOLDERS = frozenset(("bookshelf", "shelves", "cabinet", "refrigerator", "dresser", "box", "bag"))

Parted = Callable[[Box, Box], bool]


def relations(
    objects: Mapping[int, ObjectAttributes], is_parted: Parted | None = None
) -> list[tuple[int, str, int]]:
    """All relations, ascending by subject, predicate and object.

    * `in`: the subject's box lies inside that of something that holds things, as shelves do.
    * `on`: the subject's centre stands over the object, its bottom at a surface of it; the nearest
      surface below wins, so each subject stands on one thing.
    * `against` and `next_to`, for things that stand on the same thing (the floor, a wall or one
      object) and overlap in height: within 6 cm in plan the smaller is against the larger, within
      30 cm they are next to each other. Mats are neither, and carry nothing.

    Args:
        objects: by id.
        is_parted: whether a wall stands between two boxes; such are not beside each other.
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
            if objects[a].label_name in MATS or objects[b].label_name in MATS:
                continue
            predicate = _beside(objects[a].box, objects[b].box)
            if predicate is not None:
                if is_parted is not None and is_parted(objects[a].box, objects[b].box):
                    continue
                small, large = (a, b) if _volume(objects[a]) <= _volume(objects[b]) else (b, a)
                found.append((small, predicate, large))
    return sorted(found)


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
        if np.prod(other.size_m[:2]) <= np.prod(box.size_m[:2]) or objects[b].label_name in MATS:
            continue
        if not contains(other, _plan_point(box, other)[None], 0.02)[0]:
            continue
        top = float(other.center_m[2] + other.size_m[2] / 2)
        gap, predicate = abs(bottom - top), "on"
        if objects[b].label_name in HOLDERS and _is_inside(box, other):
            gap, predicate = 0.0, "in"
        elif gap > REST_GAP_M:
            inside = bottom > top - other.size_m[2] - 0.05 and bottom < top
            surface = _surface_below(objects[b], box, bottom) if inside else None
            if surface is not None:
                gap = abs(bottom - surface)
            else:
                continue
        candidate = (gap, predicate, b)
        if best is None or candidate < best:
            best = candidate
    return None if best is None else (best[1], best[2])


def _is_inside(box: Box, other: Box) -> bool:
    """Whether a box reaches nowhere more than a little out of another one."""
    plan = np.column_stack([corners(box), np.full(4, other.center_m[2])])
    heights = (_low(box)[2] > _low(other)[2] - INSIDE_M, _high(box)[2] < _high(other)[2] + INSIDE_M)
    return all(heights) and bool(contains(other, plan, INSIDE_M).all())


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
    _, end, start = gap_between(a, b)
    return max(start - end, 0.0)


def _low(box: Box) -> F8:
    return np.asarray(box.center_m - box.size_m / 2)


def _high(box: Box) -> F8:
    return np.asarray(box.center_m + box.size_m / 2)
