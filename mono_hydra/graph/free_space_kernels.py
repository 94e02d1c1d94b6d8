"""Kernels of the free-space evidence grid: votes of one depth image, and the state they lead to.

All arrays are windows of one dense grid; voxel (i, j, k) of the window has the global index
(i, j, k) + `low`, and its centre lies at (global index + 0.5) * voxel_m. Votes are whole numbers,
so what was added with +1 is taken back exactly with -1.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mono_hydra.types import F4, F8, I4, U1

UNKNOWN, FREE, SURFACE, SOLID, THIN = 0, 1, 2, 3, 4  # THIN: free centre, yet a surface inside
WALL, DOOR, OTHER, SKIP = 0, 1, 2, 255  # kinds of pixels; WALL and DOOR are counted by voxel
OFFSET_UNITS = 64  # sub-voxel steps in which surface points are summed


@njit(cache=True, nogil=True, error_model="numpy")
def surface_points(
    depth_m: F4,
    kind: U1,
    k: F8,
    T: F8,
    min_m: float,
    max_m: float,
    stride: int,
    points_m: F8,
    kinds: U1,
    bounds_m: F8,
) -> int:
    """World points (N, 3) of valid pixels up to max_m and their kinds (N,); depth_m, kind (H, W).

    Pixels of kind SKIP are left out. bounds_m (6,) becomes the lowest and highest coordinates of
    what is seen, rays cut at max_m and the camera included; lowest > highest if nothing is.
    Returns N.
    """
    n = 0
    for a in range(3):
        bounds_m[a], bounds_m[3 + a] = np.inf, -np.inf
    for v in range(0, depth_m.shape[0], stride):
        for u in range(0, depth_m.shape[1], stride):
            z = float(depth_m[v, u])
            if z < min_m or kind[v, u] == 255:
                continue
            end = min(z, max_m)
            x = (u - k[2]) / k[0] * end
            y = (v - k[3]) / k[1] * end
            for a in range(3):
                p = T[a, 0] * x + T[a, 1] * y + T[a, 2] * end + T[a, 3]
                points_m[n, a] = p
                bounds_m[a] = min(bounds_m[a], p, T[a, 3])
                bounds_m[3 + a] = max(bounds_m[3 + a], p, T[a, 3])
            if z <= max_m:
                kinds[n] = kind[v, u]
                n += 1
    return n


@njit(cache=True, nogil=True, error_model="numpy")
def add_surface(
    points_m: F8,
    kinds: U1,
    low: I4,
    voxel_m: float,
    sign: int,
    views: I4,
    hits: I4,
    sums: I4,
    of_kind: I4,
    mark: U1,
) -> None:
    """Count points_m (N, 3) in hits (X, Y, Z), sums (..., 3) and of_kind (..., kinds).

    views counts once a voxel; mark (X, Y, Z) is scratch, zero before and after.
    """
    for n in range(points_m.shape[0]):
        gx = int(np.floor(points_m[n, 0] / voxel_m))
        gy = int(np.floor(points_m[n, 1] / voxel_m))
        gz = int(np.floor(points_m[n, 2] / voxel_m))
        i, j, k = gx - low[0], gy - low[1], gz - low[2]
        hits[i, j, k] += sign
        sums[i, j, k, 0] += sign * round((points_m[n, 0] / voxel_m - gx - 0.5) * 64)
        sums[i, j, k, 1] += sign * round((points_m[n, 1] / voxel_m - gy - 0.5) * 64)
        sums[i, j, k, 2] += sign * round((points_m[n, 2] / voxel_m - gz - 0.5) * 64)
        if kinds[n] < of_kind.shape[3]:
            of_kind[i, j, k, kinds[n]] += sign
        if mark[i, j, k] == 0:
            mark[i, j, k] = 1
            views[i, j, k] += sign
    for n in range(points_m.shape[0]):
        i = int(np.floor(points_m[n, 0] / voxel_m)) - low[0]
        j = int(np.floor(points_m[n, 1] / voxel_m)) - low[1]
        k = int(np.floor(points_m[n, 2] / voxel_m)) - low[2]
        mark[i, j, k] = 0


@njit(cache=True, nogil=True, error_model="numpy")
def add_votes(
    depth_m: F4,
    kind: U1,
    k: F8,
    T_cw: F8,
    low: I4,
    box_low: I4,
    box_high: I4,
    voxel_m: float,
    min_m: float,
    max_m: float,
    margin_m: float,
    band_m: float,
    sign: int,
    free: I4,
    solid: I4,
) -> None:
    """Project the voxel centres of a box of global indices; free, solid (X, Y, Z) get votes.

    A centre more than `margin_m` before the surface of its pixel is free, one up to `band_m` behind
    it is solid; what lies further behind is not seen.
    """
    height, width = depth_m.shape
    for gx in range(box_low[0], box_high[0]):
        x = (gx + 0.5) * voxel_m
        for gy in range(box_low[1], box_high[1]):
            y = (gy + 0.5) * voxel_m
            base0 = T_cw[0, 0] * x + T_cw[0, 1] * y + T_cw[0, 3]
            base1 = T_cw[1, 0] * x + T_cw[1, 1] * y + T_cw[1, 3]
            base2 = T_cw[2, 0] * x + T_cw[2, 1] * y + T_cw[2, 3]
            for gz in range(box_low[2], box_high[2]):
                z = (gz + 0.5) * voxel_m
                depth = base2 + T_cw[2, 2] * z
                if depth < min_m or depth > max_m:
                    continue
                u = k[0] * (base0 + T_cw[0, 2] * z) / depth + k[2] + 0.5
                v = k[1] * (base1 + T_cw[1, 2] * z) / depth + k[3] + 0.5
                if u < 0.0 or v < 0.0 or u >= width or v >= height:
                    continue
                seen = float(depth_m[int(v), int(u)])
                if seen <= 0.0 or kind[int(v), int(u)] == 255:
                    continue
                if depth < seen - margin_m:
                    free[gx - low[0], gy - low[1], gz - low[2]] += sign
                elif depth >= seen and depth <= seen + band_m:
                    solid[gx - low[0], gy - low[1], gz - low[2]] += sign


@njit(cache=True, nogil=True, error_model="numpy")
def classify(
    free: I4,
    solid: I4,
    views: I4,
    min_free: int,
    min_views: int,
    min_share: float,
    state: U1,
    changed: I4,
) -> None:
    """State of each voxel of a window from its votes; all arrays (X, Y, Z).

    changed (6,): lowest and highest index of the voxels whose state became another one.
    """
    for i in range(free.shape[0]):
        for j in range(free.shape[1]):
            for k in range(free.shape[2]):
                f, s, h = free[i, j, k], solid[i, j, k], views[i, j, k]
                new = 0
                if h >= min_views and h >= min_share * f:
                    new = 4 if f >= min_free and f > s else 2
                elif f >= min_free and f > s:
                    new = 1
                elif s > 0 and s >= f:
                    new = 3
                if new != state[i, j, k]:
                    state[i, j, k] = new
                    changed[0], changed[3] = min(changed[0], i), max(changed[3], i)
                    changed[1], changed[4] = min(changed[1], j), max(changed[4], j)
                    changed[2], changed[5] = min(changed[2], k), max(changed[5], k)
