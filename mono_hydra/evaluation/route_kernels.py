"""Shortest paths on a voxel grid: A* with 26 neighbours and a binary heap."""

from __future__ import annotations

import numpy as np
from numba import njit

from mono_hydra.types import F8, I8, Bool

_SQRT2 = np.sqrt(2.0)
_SQRT3 = np.sqrt(3.0)


@njit(cache=True, nogil=True)
def shortest_path_voxels(
    free: Bool, start: I8, goal: I8, cost: F8, stamp: I8, round_id: int
) -> float:
    """Length in voxels of the shortest path from start (3,) to goal (3,), inf if there is none.

    free (X, Y, Z); cost, stamp (X * Y * Z,) are work space kept between calls: a cost counts only
    where stamp is round_id, so that nothing needs to be cleared.
    """
    ny, nz = free.shape[1], free.shape[2]
    first = (start[0] * ny + start[1]) * nz + start[2]
    last = (goal[0] * ny + goal[1]) * nz + goal[2]
    capacity = 1024
    key = np.empty(capacity)
    item = np.empty(capacity, np.int64)
    size = 0
    cost[first], stamp[first] = 0.0, round_id
    key[0], item[0], size = _distance_bound(start[0], start[1], start[2], goal), first, 1
    while size > 0:
        priority, voxel = key[0], item[0]
        size -= 1
        _sift_down(key, item, size)
        x, rest = voxel // (ny * nz), voxel % (ny * nz)
        y, z = rest // nz, rest % nz
        here = cost[voxel]
        if voxel == last:
            return here
        if priority > here + _distance_bound(x, y, z, goal) + 1e-9:
            continue  # an older entry; the voxel was reached on a shorter path since
        for dx in range(-1, 2):
            for dy in range(-1, 2):
                for dz in range(-1, 2):
                    u, v, w = x + dx, y + dy, z + dz
                    if not (0 <= u < free.shape[0] and 0 <= v < ny and 0 <= w < nz):
                        continue
                    if not free[u, v, w]:
                        continue
                    n_axes = abs(dx) + abs(dy) + abs(dz)
                    if n_axes == 0:
                        continue
                    step = 1.0 if n_axes == 1 else (_SQRT2 if n_axes == 2 else _SQRT3)
                    there = (u * ny + v) * nz + w
                    if stamp[there] == round_id and cost[there] <= here + step + 1e-12:
                        continue
                    cost[there], stamp[there] = here + step, round_id
                    if size == capacity:
                        capacity *= 2
                        key = _doubled(key)
                        item = _doubled_items(item)
                    key[size] = here + step + _distance_bound(u, v, w, goal)
                    item[size] = there
                    size += 1
                    _sift_up(key, item, size - 1)
    return np.inf


@njit(cache=True, nogil=True)
def _distance_bound(x: int, y: int, z: int, goal: I8) -> float:
    """Length of the shortest path in an empty grid."""
    a, b, c = abs(x - goal[0]), abs(y - goal[1]), abs(z - goal[2])
    most, least = max(a, b, c), min(a, b, c)
    middle = a + b + c - most - least
    return _SQRT3 * least + _SQRT2 * (middle - least) + (most - middle)


@njit(cache=True, nogil=True)
def _doubled(values: F8) -> F8:
    grown = np.empty(2 * values.shape[0])
    grown[: values.shape[0]] = values
    return grown


@njit(cache=True, nogil=True)
def _doubled_items(values: I8) -> I8:
    grown = np.empty(2 * values.shape[0], np.int64)
    grown[: values.shape[0]] = values
    return grown


@njit(cache=True, nogil=True)
def _sift_up(key: F8, item: I8, k: int) -> None:
    while k > 0:
        parent = (k - 1) // 2
        if key[parent] <= key[k]:
            break
        key[parent], key[k] = key[k], key[parent]
        item[parent], item[k] = item[k], item[parent]
        k = parent


@njit(cache=True, nogil=True)
def _sift_down(key: F8, item: I8, size: int) -> None:
    """Move the last entry to the top and let it sink; the heap holds `size` entries after."""
    key[0], item[0] = key[size], item[size]
    k = 0
    while True:
        child = 2 * k + 1
        if child >= size:
            break
        if child + 1 < size and key[child + 1] < key[child]:
            child += 1
        if key[k] <= key[child]:
            break
        key[child], key[k] = key[k], key[child]
        item[child], item[k] = item[k], item[child]
        k = child
