"""Exact Euclidean distance transform with the nearest site, one axis after the other.

Lower envelope of parabolas: Felzenszwalb and Huttenlocher, "Distance transforms of sampled
functions", Theory of Computing 2012. The site index travels with the parabola, which gives the
parents of the generalised Voronoi diagram for nothing.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mono_hydra.types import F4, I4, Bool

FAR = np.float32(1e12)


@njit(cache=True, nogil=True)
def _envelope(
    n: int, value: F4, site: I4, out_value: F4, out_site: I4, vertex: I4, border: F4
) -> None:
    """One line: out[i] = min over j of value[j] + (i - j)^2, and the site of the winner."""
    count = 0
    cross = 0.0
    for j in range(n):
        if site[j] < 0:
            continue
        while count > 0:
            top = vertex[count - 1]
            cross = ((value[j] + j * j) - (value[top] + top * top)) / (2.0 * (j - top))
            if cross <= border[count - 1]:
                count -= 1
            else:
                break
        if count == 0:
            border[0] = -1e9
        else:
            border[count] = cross
        vertex[count] = j
        count += 1
    if count == 0:
        for i in range(n):
            out_value[i] = 1e12
            out_site[i] = -1
        return
    at = 0
    for i in range(n):
        while at + 1 < count and border[at + 1] < i:
            at += 1
        top = vertex[at]
        out_value[i] = value[top] + (i - top) * (i - top)
        out_site[i] = site[top]


@njit(cache=True, nogil=True)
def nearest_sites(is_site: Bool, squared: F4, site: I4) -> None:
    """Distance to the nearest site, in voxels squared, and that site's linear index, -1 if none.

    is_site, squared, site: (X, Y, Z), C-contiguous; squared and site are written.
    """
    nx, ny, nz = is_site.shape
    longest = max(nx, ny, nz)
    value, out_value = np.empty(longest, np.float32), np.empty(longest, np.float32)
    index, out_index = np.empty(longest, np.int32), np.empty(longest, np.int32)
    vertex, border = np.empty(longest, np.int32), np.empty(longest + 1, np.float32)
    for i in range(nx):
        for j in range(ny):
            last = -1
            for k in range(nz):
                if is_site[i, j, k]:
                    last = k
                site[i, j, k] = last
            last = -1
            for k in range(nz - 1, -1, -1):
                if is_site[i, j, k]:
                    last = k
                below = site[i, j, k]
                best = below
                if last >= 0 and (below < 0 or last - k < k - below):
                    best = last
                if best < 0:
                    squared[i, j, k] = 1e12
                    site[i, j, k] = -1
                else:
                    squared[i, j, k] = (best - k) * (best - k)
                    site[i, j, k] = (i * ny + j) * nz + best
    for i in range(nx):
        for k in range(nz):
            for j in range(ny):
                value[j] = squared[i, j, k]
                index[j] = site[i, j, k]
            _envelope(ny, value, index, out_value, out_index, vertex, border)
            for j in range(ny):
                squared[i, j, k] = out_value[j]
                site[i, j, k] = out_index[j]
    for j in range(ny):
        for k in range(nz):
            for i in range(nx):
                value[i] = squared[i, j, k]
                index[i] = site[i, j, k]
            _envelope(nx, value, index, out_value, out_index, vertex, border)
            for i in range(nx):
                squared[i, j, k] = out_value[i]
                site[i, j, k] = out_index[i]
