"""True free space on a 0.10 m grid: rooms, clearance, the generalised Voronoi diagram, seen free.

A voxel is free where its centre can be reached from the rooms without crossing a surface: centres
farther than half a voxel from every surface are flooded face by face (no surface can lie between
two of them), those nearer join when the segment to a flooded neighbour meets nothing.
Clearance is the exact distance to the true surface. The diagram holds the free voxels with two
nearest surface points at least `BASIS_APART_M` apart, found between face neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from mono_hydra.simulation.free_floor import inside_polygon
from mono_hydra.simulation.house import House
from mono_hydra.simulation.scene import HouseScene
from mono_hydra.types import F4, F8, U1, Bool

VOXEL_M = 0.10
BASIS_APART_M = 0.6
MARGIN_VOXELS = 3
FACES = ((1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1))


@dataclass(frozen=True, eq=False)
class FreeSpace:
    """Arrays over one grid; `origin_m` is the outer corner of voxel (0, 0, 0)."""

    origin_m: F8  # (3,)
    voxel_m: float
    room: U1  # (X, Y, Z) room of a free voxel; 0 = matter, outside or between rooms
    free: Bool  # (X, Y, Z)
    clearance_m: F4  # (X, Y, Z) distance of the centre to the nearest surface, 0 in matter
    gvd: Bool  # (X, Y, Z)
    seen_free: Bool  # (X, Y, Z) crossed by a depth ray; filled while frames are drawn


def free_space(scene: HouseScene, path_m: F8) -> FreeSpace:
    """Free space of a house; `path_m` (N, 3) are camera centres, free by definition."""
    house = scene.house
    origin, shape = _grid(house)
    centres = _centres(origin, shape)
    room = _rooms(house, centres, shape)
    wanted = ndimage.binary_dilation(room > 0, iterations=4)  # doorways lie between rooms
    nearest = np.full((*shape, 3), np.nan)
    distance = np.zeros(shape)
    chosen = centres[wanted.ravel()]
    points, _ = scene.closest(chosen)
    nearest[wanted] = points
    distance[wanted] = np.linalg.norm(points - chosen, axis=1)
    free = _reached(scene, room, distance, wanted, origin, path_m, centres.reshape(*shape, 3))
    gvd = _voronoi(free, distance, nearest, centres.reshape(*shape, 3))
    return FreeSpace(
        origin, VOXEL_M, np.where(free, room, 0).astype(np.uint8), free,
        np.where(free, distance, 0.0).astype(np.float32), gvd, np.zeros(shape, bool),
    )  # fmt: skip


def _grid(house: House) -> tuple[F8, tuple[int, int, int]]:
    corners = np.concatenate([r.polygon_m for r in house.rooms])
    low = np.array([*corners.min(axis=0), min(r.floor_z_m for r in house.rooms)])
    high = np.array([*corners.max(axis=0), max(r.ceiling_z_m for r in house.rooms)])
    origin = np.floor(low / VOXEL_M + 1e-6) * VOXEL_M - MARGIN_VOXELS * VOXEL_M
    nx, ny, nz = np.ceil((high - origin) / VOXEL_M - 1e-6).astype(int) + MARGIN_VOXELS
    return origin, (int(nx), int(ny), int(nz))


def _centres(origin: F8, shape: tuple[int, int, int]) -> F8:
    index = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1)
    return np.asarray(origin + (index.reshape(-1, 3) + 0.5) * VOXEL_M)


def _rooms(house: House, centres: F8, shape: tuple[int, int, int]) -> U1:
    room = np.zeros(shape, np.uint8)
    plan = centres.reshape(*shape, 3)[:, :, 0, :2]
    heights = centres.reshape(*shape, 3)[0, 0, :, 2]
    for r in house.rooms:
        inside = inside_polygon(r.polygon_m, plan.reshape(-1, 2)).reshape(shape[:2])
        between = (heights > r.floor_z_m) & (heights < r.ceiling_z_m)
        room[inside[:, :, None] & between[None, None]] = r.id
    return room


def _reached(
    scene: HouseScene, room: U1, distance: F8, wanted: Bool, origin: F8, path_m: F8, centres: F8
) -> Bool:
    open_ = wanted & (distance > 0.505 * VOXEL_M)
    parts, _ = ndimage.label(open_)
    seeds = set()
    cells = np.floor((path_m - origin) / VOXEL_M).astype(int)
    cells = cells[((cells >= 0) & (cells < room.shape)).all(axis=1)]
    seeds |= {int(k) for k in np.unique(parts[tuple(cells.T)])}
    for r in scene.house.rooms:  # also rooms behind closed doors
        inside = np.where((room == r.id) & open_, distance, 0.0)
        seeds.add(int(parts[np.unravel_index(int(np.argmax(inside)), room.shape)]))
    free = np.isin(parts, sorted(seeds - {0}))
    near = wanted & ~open_ & ndimage.binary_dilation(free)
    for step in FACES:
        index = np.argwhere(near & ~open_)
        other = index + step
        good = ((other >= 0) & (other < room.shape)).all(axis=1)
        index, other = index[good], other[good]
        from_free = free[tuple(other.T)] & open_[tuple(other.T)]
        index, other = index[from_free], other[from_free]
        if len(index):
            a, b = centres[tuple(other.T)], centres[tuple(index.T)]
            clear = ~scene.occluded(a, b, 0.0)
            free[tuple(index[clear].T)] = True
    return np.asarray(free)


def _voronoi(free: Bool, distance: F8, nearest: F8, centres: F8) -> Bool:
    gvd = np.zeros(free.shape, bool)
    for axis in range(3):
        a = tuple(slice(None, -1) if k == axis else slice(None) for k in range(3))
        b = tuple(slice(1, None) if k == axis else slice(None) for k in range(3))
        both = free[a] & free[b]
        apart = both & (np.linalg.norm(nearest[a] - nearest[b], axis=-1) >= BASIS_APART_M)
        for here, there in ((a, b), (b, a)):
            other = np.linalg.norm(centres[here] - nearest[there], axis=-1)
            gvd[here] |= apart & (other - distance[here] <= VOXEL_M)
    return gvd
