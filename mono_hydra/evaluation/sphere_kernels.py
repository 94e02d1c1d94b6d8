"""Which sphere of free space a point belongs to."""

from __future__ import annotations

import numpy as np
from numba import njit

from mono_hydra.types import F8, I8


@njit(cache=True, nogil=True)
def nearest_sphere(
    points_m: F8, centers_m: F8, radii_m: F8, reach_m: float, low_m: F8, cell_m: float,
    start: I8, members: I8, shape: I8, nearest: I8, gap_m: F8,
) -> None:  # fmt: skip
    """For each point (N, 3) the sphere with the least |x - p| - d, where that is at most reach_m.

    Writes nearest (N,), -1 where none, and gap_m (N,), inf where none. Spheres are listed per cell
    of a grid: cell c holds members[start[c]:start[c + 1]], ascending, of all spheres that reach
    into it; equal gaps go to the first sphere.
    """
    for i in range(points_m.shape[0]):
        nearest[i], gap_m[i] = -1, np.inf
        cx = int(np.floor((points_m[i, 0] - low_m[0]) / cell_m))
        cy = int(np.floor((points_m[i, 1] - low_m[1]) / cell_m))
        cz = int(np.floor((points_m[i, 2] - low_m[2]) / cell_m))
        if not (0 <= cx < shape[0] and 0 <= cy < shape[1] and 0 <= cz < shape[2]):
            continue
        cell = (cx * shape[1] + cy) * shape[2] + cz
        for m in range(start[cell], start[cell + 1]):
            k = members[m]
            dx = points_m[i, 0] - centers_m[k, 0]
            dy = points_m[i, 1] - centers_m[k, 1]
            dz = points_m[i, 2] - centers_m[k, 2]
            gap = np.sqrt(dx * dx + dy * dy + dz * dz) - radii_m[k]
            if gap <= reach_m and gap < gap_m[i]:
                nearest[i], gap_m[i] = k, gap


@njit(cache=True, nogil=True)
def list_spheres(
    centers_m: F8, radii_m: F8, reach_m: float, low_m: F8, cell_m: float, shape: I8,
    start: I8, members: I8,
) -> None:  # fmt: skip
    """List per grid cell the spheres whose grown cube meets it.

    With empty `members`, counts into start[c + 1]; else start holds the running totals, and
    members are written in ascending order of sphere.
    """
    fill = start.copy()
    for k in range(centers_m.shape[0]):
        a, b = np.empty(3, np.int64), np.empty(3, np.int64)
        for axis in range(3):
            r = radii_m[k] + reach_m
            a[axis] = max(0, int(np.floor((centers_m[k, axis] - r - low_m[axis]) / cell_m)))
            top = int(np.floor((centers_m[k, axis] + r - low_m[axis]) / cell_m))
            b[axis] = min(shape[axis] - 1, top)
        for x in range(a[0], b[0] + 1):
            for y in range(a[1], b[1] + 1):
                for z in range(a[2], b[2] + 1):
                    cell = (x * shape[1] + y) * shape[2] + z
                    if members.shape[0] == 0:
                        start[cell + 1] += 1
                    else:
                        members[fill[cell]] = k
                        fill[cell] += 1


@njit(cache=True, nogil=True)
def in_spheres_of_group(
    points_m: F8, centers_m: F8, radii_m: F8, group: I8, n_groups: int, low_m: F8, cell_m: float,
    start: I8, members: I8, shape: I8, inside: I8,
) -> None:  # fmt: skip
    """Set inside (N, n_groups) to 1 where a point lies in a sphere of a group (-1: no group)."""
    for i in range(points_m.shape[0]):
        cx = int(np.floor((points_m[i, 0] - low_m[0]) / cell_m))
        cy = int(np.floor((points_m[i, 1] - low_m[1]) / cell_m))
        cz = int(np.floor((points_m[i, 2] - low_m[2]) / cell_m))
        if not (0 <= cx < shape[0] and 0 <= cy < shape[1] and 0 <= cz < shape[2]):
            continue
        cell = (cx * shape[1] + cy) * shape[2] + cz
        for m in range(start[cell], start[cell + 1]):
            k = members[m]
            if group[k] < 0 or inside[i, group[k]]:
                continue
            dx = points_m[i, 0] - centers_m[k, 0]
            dy = points_m[i, 1] - centers_m[k, 1]
            dz = points_m[i, 2] - centers_m[k, 2]
            if dx * dx + dy * dy + dz * dz <= radii_m[k] * radii_m[k]:
                inside[i, group[k]] = 1
