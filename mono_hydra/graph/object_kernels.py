"""Compiled loops over the voxels of object instances.

A voxel key packs three 21-bit integers, x highest: sorted keys are sorted by x, then y, then z.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mono_hydra.types import F4, F8, I4, I8, U1, Bool

OFFSET = 1 << 20
MASK = (1 << 21) - 1


@njit(cache=True, nogil=True, error_model="numpy")
def pack(x: int, y: int, z: int) -> int:
    """Key of integer voxel coordinates."""
    return ((x + OFFSET) << 42) | ((y + OFFSET) << 21) | (z + OFFSET)


@njit(cache=True, nogil=True, error_model="numpy")
def keys_of_points(points_m: F8, size_m: float, keys: I8) -> None:
    """Voxel key of every point (N, 3)."""
    for i in range(points_m.shape[0]):
        keys[i] = pack(
            int(np.floor(points_m[i, 0] / size_m)),
            int(np.floor(points_m[i, 1] / size_m)),
            int(np.floor(points_m[i, 2] / size_m)),
        )


@njit(cache=True, nogil=True, error_model="numpy")
def unique_keys_of_points(points_m: F8, size_m: float) -> I8:
    """Sorted unique voxel keys of points (N, 3)."""
    keys = np.empty(points_m.shape[0], np.int64)
    keys_of_points(points_m, size_m, keys)
    keys.sort()
    n = 0
    for i in range(keys.shape[0]):
        if n == 0 or keys[i] != keys[n - 1]:
            keys[n] = keys[i]
            n += 1
    return keys[:n].copy()


@njit(cache=True, nogil=True, error_model="numpy")
def centers_of_keys(keys: I8, size_m: float, centers_m: F8) -> None:
    """Voxel centres (N, 3)."""
    for i in range(keys.shape[0]):
        key = keys[i]
        centers_m[i, 0] = ((key >> 42) - OFFSET + 0.5) * size_m
        centers_m[i, 1] = (((key >> 21) & MASK) - OFFSET + 0.5) * size_m
        centers_m[i, 2] = ((key & MASK) - OFFSET + 0.5) * size_m


@njit(cache=True, nogil=True, error_model="numpy")
def merge_sorted(keys_a: I8, counts_a: I4, keys_b: I8, counts_b: I4, keys: I8, counts: I4) -> int:
    """Union of two sorted unique key lists, counts (N, C) added; returns its length."""
    i = j = n = 0
    while i < keys_a.shape[0] or j < keys_b.shape[0]:
        if j >= keys_b.shape[0] or (i < keys_a.shape[0] and keys_a[i] < keys_b[j]):
            keys[n], counts[n] = keys_a[i], counts_a[i]
            i += 1
        elif i >= keys_a.shape[0] or keys_b[j] < keys_a[i]:
            keys[n], counts[n] = keys_b[j], counts_b[j]
            j += 1
        else:
            keys[n] = keys_a[i]
            counts[n] = counts_a[i] + counts_b[j]
            i += 1
            j += 1
        n += 1
    return n


@njit(cache=True, nogil=True, error_model="numpy")
def union_sorted(keys_a: I8, keys_b: I8) -> I8:
    """Union of two sorted unique key lists."""
    keys = np.empty(keys_a.shape[0] + keys_b.shape[0], np.int64)
    i = j = n = 0
    while i < keys_a.shape[0] and j < keys_b.shape[0]:
        a, b = keys_a[i], keys_b[j]
        keys[n] = min(a, b)
        i += a <= b
        j += b <= a
        n += 1
    for rest in range(i, keys_a.shape[0]):
        keys[n] = keys_a[rest]
        n += 1
    for rest in range(j, keys_b.shape[0]):
        keys[n] = keys_b[rest]
        n += 1
    return keys[:n].copy()


@njit(cache=True, nogil=True, error_model="numpy")
def grow_bounds(points_m: F8, low_m: F8, high_m: F8) -> None:
    """Widen low_m and high_m (3,) in place to hold the points (N, 3)."""
    for i in range(points_m.shape[0]):
        for k in range(3):
            low_m[k] = min(low_m[k], points_m[i, k])
            high_m[k] = max(high_m[k], points_m[i, k])


@njit(cache=True, nogil=True, error_model="numpy")
def near_any(points_m: F8, coarse_keys: I8, size_m: float, near: Bool) -> int:
    """Which points (N, 3) lie in or beside a voxel of the sorted list; returns how many."""
    n = 0
    for i in range(points_m.shape[0]):
        x = int(np.floor(points_m[i, 0] / size_m))
        y = int(np.floor(points_m[i, 1] / size_m))
        z = int(np.floor(points_m[i, 2] / size_m))
        near[i] = False
        for dx in range(-1, 2):
            for dy in range(-1, 2):
                low = pack(x + dx, y + dy, z - 1)
                k = np.searchsorted(coarse_keys, low)
                if k < coarse_keys.shape[0] and coarse_keys[k] <= low + 2:
                    near[i] = True
                    break
            if near[i]:
                break
        n += near[i]
    return n


@njit(cache=True, nogil=True, error_model="numpy")
def look_at_voxels(
    keys: I8,
    size_m: float,
    T_camera_world: F8,
    k_px: F8,
    depth_m: F4,
    sigma: F4,
    component: I4,
    labels: U1,
    max_depth_m: float,
    margin_m: float,
    hits: I4,
    label_count: I4,
    state: U1,
    seen_on: I4,
    log_ratio: F4,
) -> None:
    """How one view sees the voxels of an instance.

    `state` (N,): 0 not in view, 1 hidden, 2 seen (the measured surface is here), 3 seen through.
    `hits[c]` counts seen voxels on component c, `label_count[l]` on label l. For seen voxels
    `seen_on` (N,) is the component, -1 elsewhere, and `log_ratio` (N,) ln of the voxel's depth over
    the measured one.
    """
    h, w = depth_m.shape
    seen_on[:] = -1
    for i in range(keys.shape[0]):
        key = keys[i]
        x = ((key >> 42) - OFFSET + 0.5) * size_m
        y = (((key >> 21) & MASK) - OFFSET + 0.5) * size_m
        z = ((key & MASK) - OFFSET + 0.5) * size_m
        T = T_camera_world
        zc = T[2, 0] * x + T[2, 1] * y + T[2, 2] * z + T[2, 3]
        state[i] = 0
        if zc < 0.15 or zc > max_depth_m:
            continue
        u = int(
            np.round((T[0, 0] * x + T[0, 1] * y + T[0, 2] * z + T[0, 3]) / zc * k_px[0] + k_px[2])
        )
        v = int(
            np.round((T[1, 0] * x + T[1, 1] * y + T[1, 2] * z + T[1, 3]) / zc * k_px[1] + k_px[3])
        )
        if u < 1 or v < 1 or u >= w - 1 or v >= h - 1:
            continue
        measured = depth_m[v, u]
        if measured <= 0.0:
            continue
        tolerance = margin_m + 2.0 * sigma[v, u] * measured
        if zc > measured + tolerance:
            state[i] = 1
        elif zc >= measured - tolerance:
            state[i] = 2
            label_count[labels[v, u]] += 1
            if component[v, u] >= 0:
                hits[component[v, u]] += 1
                seen_on[i] = component[v, u]
                log_ratio[i] = np.log(zc / measured)
        else:
            # a voxel at a silhouette projects beside it: all neighbours must look through
            through = True
            for dv in range(-1, 2):
                for du in range(-1, 2):
                    d = depth_m[v + dv, u + du]
                    if d <= 0.0 or zc >= d - tolerance:
                        through = False
            if through:
                state[i] = 3


@njit(cache=True, nogil=True, error_model="numpy")
def voxel_components(keys: I8, reach: int, component: I4, queue: I4) -> int:
    """Connected components of sorted unique keys; steps of up to `reach` voxels per axis join."""
    n = 0
    component[:] = -1
    for seed in range(keys.shape[0]):
        if component[seed] >= 0:
            continue
        component[seed] = n
        queue[0] = seed
        first, last = 0, 1
        while first < last:
            key = keys[queue[first]]
            first += 1
            x, y, z = (key >> 42) - OFFSET, ((key >> 21) & MASK) - OFFSET, (key & MASK) - OFFSET
            for dx in range(-reach, reach + 1):
                for dy in range(-reach, reach + 1):
                    low = pack(x + dx, y + dy, z - reach)
                    j = np.searchsorted(keys, low)
                    while j < keys.shape[0] and keys[j] <= low + 2 * reach:
                        if component[j] < 0:
                            component[j] = n
                            queue[last] = j
                            last += 1
                        j += 1
        n += 1
    return n


@njit(cache=True, nogil=True, error_model="numpy")
def plan_extents(xy_m: F8, weight: F8, yaws_rad: F8, trim_share: float, limits_m: F8) -> None:
    """Extents of points (N, 2) along both axes of a box turned by each yaw.

    `limits_m` (K, 4): low and high along the first, then along the second axis, after `trim_share`
    of the weight is cut off at each end (to 1 cm).
    """
    n = xy_m.shape[0]
    along = np.empty(n)
    total = weight.sum()
    for k in range(yaws_rad.shape[0]):
        for axis in range(2):
            yaw = yaws_rad[k] + axis * np.pi / 2
            c, s = np.cos(yaw), np.sin(yaw)
            low, high = np.inf, -np.inf
            for i in range(n):
                value = c * xy_m[i, 0] + s * xy_m[i, 1]
                along[i] = value
                low, high = min(low, value), max(high, value)
            if trim_share > 0.0 and high > low:
                bins = np.zeros(int((high - low) / 0.01) + 1)
                for i in range(n):
                    bins[int((along[i] - low) / 0.01)] += weight[i]
                first, cut = 0, bins[0]
                while cut <= trim_share * total and first < bins.shape[0] - 1:
                    first += 1
                    cut += bins[first]
                last = bins.shape[0] - 1
                cut = bins[last]
                while cut <= trim_share * total and last > first:
                    last -= 1
                    cut += bins[last]
                low, high = low + 0.01 * first, min(low + 0.01 * (last + 1), high)
            limits_m[k, 2 * axis], limits_m[k, 2 * axis + 1] = low, high


@njit(cache=True, nogil=True, error_model="numpy")
def nearest_distance(points_m: F8, others_m: F8) -> float:
    """Least distance between two point sets (N, 3), (M, 3)."""
    best = np.inf
    for i in range(points_m.shape[0]):
        for j in range(others_m.shape[0]):
            d = 0.0
            for k in range(3):
                d += (points_m[i, k] - others_m[j, k]) ** 2
            best = min(best, d)
    return float(np.sqrt(best))


@njit(cache=True, nogil=True, error_model="numpy")
def nearer_set(points_m: F8, first_m: F8, second_m: F8, is_second: Bool) -> None:
    """Which points (N, 3) lie nearer to the second of two point sets."""
    for i in range(points_m.shape[0]):
        best_first, best_second = np.inf, np.inf
        for j in range(first_m.shape[0]):
            d = 0.0
            for k in range(3):
                d += (points_m[i, k] - first_m[j, k]) ** 2
            best_first = min(best_first, d)
        for j in range(second_m.shape[0]):
            d = 0.0
            for k in range(3):
                d += (points_m[i, k] - second_m[j, k]) ** 2
            best_second = min(best_second, d)
        is_second[i] = best_second < best_first
