"""Storeys and their footprints: what the evidence of free space says seen from above.

At eye height walls and tall furniture remain and everything lower has gone; above a door leaf there
is wall where a room is still free. Both together show rooms better than the clearance of a sphere.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mono_hydra.config import RoomsConfig
from mono_hydra.graph.free_space import FREE, FreeSpace
from mono_hydra.types import F4, F8, I4, Bool

STOREY_M = 2.0  # floors of different storeys are at least this far apart


@dataclass(frozen=True, eq=False)
class Footprint:
    """Maps (X, Y) of one storey; cell (i, j) covers [i, i + 1) * cell_m beyond `origin_m`."""

    origin_m: F8  # (2,)
    cell_m: float
    floor_z_m: float
    ceiling_z_m: float
    open: Bool  # free at eye height
    lintel: Bool  # open, with wall above the height of a door
    wall: Bool  # wall or door at eye height
    door: I4  # surface points labelled door
    floor: Bool  # something seen at floor height or open: part of the storey
    radius_m: F4  # distance of an open cell to the next closed one, lintels ignored

    def cell_of(self, points_m: F8) -> I4:
        """Cells (N, 2) of points (N, >= 2), clipped to the map."""
        cells = np.floor((np.asarray(points_m)[:, :2] - self.origin_m) / self.cell_m)
        return np.clip(cells, 0, np.array(self.open.shape) - 1).astype(np.int32)

    def point_of(self, cells: I4) -> F8:
        """Centres (N, 2) of cells (N, 2)."""
        return self.origin_m + (np.asarray(cells) + 0.5) * self.cell_m


def footprints(free_space: FreeSpace, config: RoomsConfig) -> list[Footprint]:
    """One footprint for every storey, from the lowest up; [] before anything was seen."""
    state = free_space.state
    if state.size == 0:
        return []
    floors = storey_floors(free_space)
    return [
        _footprint(free_space, config, floor, floors[n + 1] if n + 1 < len(floors) else None)
        for n, floor in enumerate(floors)
    ]


def storey_floors(free_space: FreeSpace) -> list[float]:
    """Heights of the storeys' floors, ascending: the large surfaces one can stand on."""
    state, voxel_m = free_space.state, free_space.voxel_m
    surface = (state == 2) | (state == 4)
    headroom = (state[:, :, 1:-2] == FREE) & (state[:, :, 2:-1] == FREE) & (state[:, :, 3:] == FREE)
    area = (surface[:, :, :-3] & headroom).sum(axis=(0, 1)).astype(np.float64)
    area = area + np.concatenate([area[1:], [0.0]])  # a floor near the border of two layers
    low = free_space.box.low[2]
    floors: list[float] = []
    biggest = area.max(initial=0.0)
    for layer in np.argsort(-area, kind="stable"):
        z = float((low + layer + 1.0) * voxel_m)
        if area[layer] < 0.2 * biggest or biggest == 0.0:
            break
        if all(abs(z - other) >= STOREY_M for other in floors):
            floors.append(z)
    return sorted(floors) or [float(low * voxel_m)]


def _footprint(
    free_space: FreeSpace, c: RoomsConfig, floor_z_m: float, next_floor_m: float | None
) -> Footprint:
    state, voxel_m = free_space.state, free_space.voxel_m
    hits, kinds = free_space.surface_counts()
    height = (free_space.box.low[2] + np.arange(state.shape[2]) + 0.5) * voxel_m - floor_z_m
    eye = (height > c.eye_low_m) & (height < c.eye_high_m)
    above = (height > c.lintel_low_m) & (height < c.lintel_high_m)
    low = (height > -0.3) & (height < 0.3)
    solid = state >= 2
    structure = solid & (2 * (kinds[..., 0] + kinds[..., 1]) >= hits) & (hits > 0)
    free_eye = (state[:, :, eye] == FREE).sum(axis=2)
    closed_eye = solid[:, :, eye].sum(axis=2)
    is_open = (free_eye >= 0.5 * eye.sum()) & (closed_eye == 0)
    lintel = is_open & (structure[:, :, above].sum(axis=2) >= 1)
    lintel &= (state[:, :, above] == FREE).sum(axis=2) < 0.75 * above.sum()
    wall = structure[:, :, eye].sum(axis=2) >= 2
    room_height = height < (next_floor_m - floor_z_m - 0.15 if next_floor_m else np.inf)
    ceiling = _ceiling(solid & room_height, is_open, height)
    radius = cv2.distanceTransform(is_open.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return Footprint(
        free_space.box.low[:2] * voxel_m, voxel_m, floor_z_m, floor_z_m + ceiling,
        is_open, lintel, wall, kinds[:, :, eye, 1].sum(axis=2),
        is_open | solid[:, :, low].any(axis=2),
        np.maximum(radius - 0.5, 0.0).astype(np.float32) * np.float32(voxel_m),
    )  # fmt: skip


def _ceiling(solid: Bool, is_open: Bool, height: F8) -> float:
    """Height of the most common highest surface over open cells, at least 2.1 m."""
    high = height > 2.1
    counts = solid[is_open][:, high].sum(axis=0)
    return float(height[high][int(counts.argmax())]) if counts.size and counts.max() > 0 else 2.5
