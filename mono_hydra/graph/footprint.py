"""Storeys and their footprints: what the evidence of free space says seen from above.

At eye height walls and tall furniture remain and everything lower has gone; above a door leaf there
is wall where a room is still free. Both together show rooms better than the clearance of a sphere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mono_hydra.config import RoomsConfig
from mono_hydra.graph import footprint_kernels as kernels
from mono_hydra.graph.free_space import FreeSpace
from mono_hydra.types import F4, F8, I4, Bool

STOREY_M = 2.0  # floors of different storeys are at least this far apart
MAX_ISLAND_M2 = 1.5
STOREY_SHARE = 0.15  # a storey's floor has at least this share of the largest one's area


@dataclass(frozen=True, eq=False)
class Footprint:
    """Maps (X, Y) of one storey; cell (i, j) covers [i, i + 1) * cell_m beyond `origin_m`."""

    origin_m: F8  # (2,)
    cell_m: float
    floor_z_m: float
    ceiling_z_m: float
    open: Bool  # free at eye height
    lintel: Bool  # open, with wall above the height of a door
    tall: Bool  # free above the height of a door: no passage through a wall
    wall: Bool  # wall or door at eye height
    furniture: Bool  # closed at eye height by something else
    door: I4  # surface points labelled door, at eye height
    floor: Bool  # something seen at floor height
    top_m: F4  # height of the highest surface above the floor, 0 where none was seen
    radius_m: F4  # distance of an open cell to the next closed one, lintels ignored

    def cell_of(self, points_m: F8) -> I4:
        """Cells (N, 2) of points (N, >= 2), clipped to the map."""
        cells = np.floor((np.asarray(points_m)[:, :2] - self.origin_m) / self.cell_m)
        return np.clip(cells, 0, np.array(self.open.shape) - 1).astype(np.int32)

    def point_of(self, cells: NDArray[Any]) -> F8:
        """Centres (N, 2) of cells (N, 2)."""
        return np.asarray(self.origin_m + (np.asarray(cells) + 0.5) * self.cell_m)


def footprints(free_space: FreeSpace, config: RoomsConfig) -> list[Footprint]:
    """One footprint for every storey, from the lowest up; [] before anything was seen."""
    if free_space.state.size == 0:
        return []
    floors = storey_floors(free_space)
    tops = [*(z - STOREY_M / 10.0 for z in floors[1:]), np.inf]
    return [_footprint(free_space, config, f, t) for f, t in zip(floors, tops, strict=True)]


def storey_floors(free_space: FreeSpace) -> list[float]:
    """Heights of the storeys' floors, ascending: the large surfaces one can stand on."""
    state, voxel_m = free_space.state, free_space.voxel_m
    hits, sums, _ = free_space.surfaces()
    area = np.zeros(state.shape[2], np.int64)
    offset = np.zeros((state.shape[2], 2), np.int64)
    kernels.standing_area(state, hits, sums, area, offset)
    low = int(free_space.box.low[2])
    both = area + np.append(area[1:], 0)  # a floor near the border of two layers
    floors: list[float] = []
    for layer in np.argsort(-both, kind="stable").tolist():
        if both[layer] == 0 or both[layer] < STOREY_SHARE * both.max():
            break
        if all(abs((low + layer + 1) * voxel_m - other) >= STOREY_M for other in floors):
            pair = offset[layer : layer + 2]
            points = max(int(pair[:, 1].sum()), 1)
            middle = (low + layer + np.arange(len(pair)) + 0.5) * pair[:, 1]
            floors.append(float((middle.sum() + pair[:, 0].sum() / 64.0) / points * voxel_m))
    return sorted(floors) or [float(low * voxel_m)]


def _footprint(
    free_space: FreeSpace, c: RoomsConfig, floor_z_m: float, top_z_m: float
) -> Footprint:
    state, voxel_m = free_space.state, free_space.voxel_m
    hits, _, kinds = free_space.surfaces()
    height = (free_space.box.low[2] + np.arange(state.shape[2]) + 0.5) * voxel_m - floor_z_m
    maps = np.zeros((7, *state.shape[:2]), np.int32)
    free_eye, closed_eye, wall_eye, door_eye, free_above, wall_above, top = maps
    floor = np.zeros(state.shape[:2], np.uint8)
    kernels.storey_maps(
        state, hits, kinds, height, (c.eye_low_m, c.eye_high_m), (c.lintel_low_m, c.lintel_high_m),
        top_z_m - floor_z_m, free_eye, closed_eye, wall_eye, door_eye, free_above, wall_above,
        floor, top,
    )  # fmt: skip
    n_eye = int(((height > c.eye_low_m) & (height < c.eye_high_m)).sum())
    n_above = int(((height > c.lintel_low_m) & (height < c.lintel_high_m)).sum())
    wall = wall_eye >= 2
    is_open = _without_islands((free_eye >= 0.5 * n_eye) & (closed_eye == 0), wall, voxel_m)
    lintel = is_open & (wall_above >= 1) & (free_above < 0.75 * n_above)
    top_m = np.where(top > 0, height[top], 0.0).astype(np.float32)
    return Footprint(
        np.asarray(free_space.box.low[:2] * voxel_m, np.float64), voxel_m, floor_z_m,
        floor_z_m + _ceiling(top_m[is_open]), is_open, lintel, free_above >= 0.6 * n_above, wall,
        (closed_eye > 0) & ~wall & ~is_open, door_eye,
        floor > 0, top_m, distance_to_closed(is_open, voxel_m),
    )  # fmt: skip


def _without_islands(is_open: Bool, wall: Bool, cell_m: float) -> Bool:
    """Open cells, and with them hanging lamps and lone tall things: small islands without wall."""
    n, label, stats, _ = cv2.connectedComponentsWithStats(
        (~is_open).astype(np.uint8), connectivity=8
    )
    walls = np.bincount(label.ravel(), weights=wall.ravel(), minlength=n)
    area = stats[:, cv2.CC_STAT_AREA]
    island = (area * cell_m**2 <= MAX_ISLAND_M2) & (walls < 0.3 * area)
    island[0] = False  # the open cells themselves
    return np.asarray(is_open | island[label])


def distance_to_closed(is_open: Bool, cell_m: float) -> F4:
    """Metres from each open cell's centre to the border of the nearest closed cell, 0 on those."""
    bordered = np.pad(is_open.astype(np.uint8), 1)
    distance = cv2.distanceTransform(bordered, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    return np.ascontiguousarray(np.maximum(distance - 0.5, 0.0) * cell_m, np.float32)


def _ceiling(top_m: F4) -> float:
    """Most common height of the highest surface among columns, 2.5 m where no ceiling was seen."""
    high = top_m[top_m > 2.1]
    if len(high) == 0:
        return 2.5
    values, counts = np.unique(np.round(high, 3), return_counts=True)
    return float(values[counts.argmax()])


def completed_lintels(footprint: Footprint, gap_m: float = 0.5) -> Bool:
    """Lintels with gaps closed: what lies in line between a lintel and the wall was not looked at.

    Args:
        footprint: of one storey.
        gap_m: longest stretch along the wall that is filled.
    """
    solid = (footprint.lintel | footprint.wall).astype(np.uint8)
    n = round(gap_m / footprint.cell_m) + 1
    grown = footprint.lintel.copy()
    for shape in ((n, 1), (1, n)):
        closed = cv2.morphologyEx(solid, cv2.MORPH_CLOSE, np.ones(shape, np.uint8)) > 0
        filled = closed & footprint.open & ~footprint.lintel & ~footprint.tall
        touching = cv2.dilate(footprint.lintel.astype(np.uint8), np.ones(shape, np.uint8)) > 0
        grown |= filled & touching
    return grown
