"""Outlines of an object in the views that show it, and which of their sides are its own.

An outline is exact to a pixel where depth is not. A side may be cut off by the image border or by
something nearer: that is read from a small image of the nearest depths of the view. World frame, z
up, metres; slopes are tangents of angles.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mono_hydra.graph.instance import Instance, Observation
from mono_hydra.types import F8, Bool, Keyframe

CELL_PX = 4  # of the small depth image
# Nearer than the object by this share and 6 cm: it hides the rest. Below a thing comes the floor.
HIDING_SHARE, HIDING_M = np.array([0.06, 0.06, 0.06, 0.15]), 0.06
MAX_VIEWS = 24
SECTOR_RAD = np.deg2rad(20.0)  # depth errors of views from within repeat
MIN_POINTS = 12
MIN_AWAY_M = 0.3
# right, left, top, bottom: where the next pixel outwards lies (u, v)
OUTWARDS_PX = np.array([[1, 0], [-1, 0], [0, -1], [0, 1]])


@dataclass(frozen=True, eq=False)
class SmallView:
    """Pose and camera of a view with its nearest depths."""

    T_world_camera: F8
    k_px: F8  # fx, fy, cx, cy
    size_px: tuple[int, int]  # width, height
    nearest_mm: np.ndarray  # (h, w) uint16 per cell, 0 unknown


@dataclass(frozen=True, eq=False)
class Outlines:
    """What V views show of one object."""

    eyes_m: F8  # (V, 3)
    headings: F8  # (V, 2) level unit vectors towards it, in which slopes are read
    slopes: F8  # (V, 4) right, left (negated), top, bottom (negated)
    is_edge: Bool  # (V, 4) the object ends there; else it may go on
    weights: F8  # (V,) less where many views look from one side


def small_view(keyframe: Keyframe) -> SmallView:
    """What is kept of a view."""
    h, w = (n // CELL_PX * CELL_PX for n in keyframe.depth_m.shape)
    depth = keyframe.depth_m[:h, :w]
    known = np.where(depth > 0, depth, np.float32(60.0))
    rows = np.minimum.reduce([known[k::CELL_PX] for k in range(CELL_PX)])  # faster than an axis of
    nearest = np.minimum.reduce([rows[:, k::CELL_PX] for k in range(CELL_PX)])  # a few elements
    return SmallView(
        keyframe.T_world_camera,
        keyframe.camera.vector(),
        (keyframe.depth_m.shape[1], keyframe.depth_m.shape[0]),
        np.where(nearest < 59.0, nearest * 1000, 0).astype(np.uint16),
    )


def outlines_of(instance: Instance, about_m: F8, views: Mapping[int, SmallView]) -> Outlines | None:
    """Outlines of an instance around a place (3,), of views spread over the sides it was seen from.

    None where no view shows it well.
    """
    pieces: dict[int, list[Observation]] = {}
    for observation in instance.observations:
        if observation.keyframe_id in views:
            pieces.setdefault(observation.keyframe_id, []).append(observation)
    chosen, share = _spread(pieces, about_m, views)
    rows = [_outline(pieces[i], about_m, views[i]) for i in chosen]
    kept = [n for n, row in enumerate(rows) if row is not None]
    if not kept:
        return None
    found = [rows[n] for n in kept]
    eyes = np.array([views[chosen[n]].T_world_camera[:3, 3] for n in kept])
    level = about_m[:2] - eyes[:, :2]
    return Outlines(
        eyes,
        level / np.linalg.norm(level, axis=1)[:, None],
        np.array([row[0] for row in found if row is not None]),
        np.array([row[1] for row in found if row is not None]),
        np.array([share[n] for n in kept]),
    )


def _spread(
    pieces: Mapping[int, list[Observation]], about_m: F8, views: Mapping[int, SmallView]
) -> tuple[list[int], list[float]]:
    """Views to use, the largest of each sector first, and the weight of each."""
    by_sector: dict[int, list[tuple[int, int]]] = {}
    for i in sorted(pieces):
        x, y = (views[i].T_world_camera[:3, 3] - about_m)[:2]
        n_px = sum(o.n_px for o in pieces[i])
        if np.hypot(x, y) > MIN_AWAY_M:
            sector = int(np.floor(np.arctan2(y, x) / SECTOR_RAD))
            by_sector.setdefault(sector, []).append((-n_px, i))
    per_sector = max(3, MAX_VIEWS // max(len(by_sector), 1))
    chosen, share = [], []
    for sector in sorted(by_sector):
        best = [i for _, i in sorted(by_sector[sector])[:per_sector]]
        chosen += best
        share += [min(1.0, 2.5 / len(best))] * len(best)
    return chosen, share


def _outline(pieces: list[Observation], about_m: F8, view: SmallView) -> tuple[F8, Bool] | None:
    """Slopes (4,) of the outermost rays of a view, and which of them are edges."""
    points = np.concatenate([o.points_mm for o in pieces]).astype(np.float64)
    if len(points) < MIN_POINTS:
        return None
    n_px = sum(o.n_px for o in pieces)
    depth = np.maximum(points[:, 2], 1.0)
    rays = points / depth[:, None] @ view.T_world_camera[:3, :3].T
    level = (about_m - view.T_world_camera[:3, 3])[:2]
    heading = level / np.linalg.norm(level)
    ahead = np.maximum(rays[:, :2] @ heading, 1e-2)
    turn = (rays[:, 0] * heading[1] - rays[:, 1] * heading[0]) / ahead
    rise = rays[:, 2] / np.maximum(np.hypot(rays[:, 0], rays[:, 1]), 1e-2)
    values = np.stack([turn, -turn, rise, -rise])
    at = np.argmax(values, axis=1)
    step_px = 0.5 * np.sqrt(n_px / len(points))  # sampled pixels lie this far within
    k = view.k_px
    slopes = values[np.arange(4), at] + step_px / k[0]
    pixel = points[at, :2] / depth[at, None] * k[:2] + k[2:]
    beyond = np.round(pixel + OUTWARDS_PX * (step_px + CELL_PX)).astype(np.int64)
    w, h = view.size_px
    inside = (beyond >= 2).all(axis=1) & (beyond[:, 0] < w - 2) & (beyond[:, 1] < h - 2)
    rows, columns = view.nearest_mm.shape
    cell = np.clip(beyond // CELL_PX, 0, [columns - 1, rows - 1])
    other = view.nearest_mm[cell[:, 1], cell[:, 0]].astype(np.float64)
    hidden = (other > 0) & (other < depth[at] * (1.0 - HIDING_SHARE) - 1000 * HIDING_M)
    return slopes, inside & ~hidden
