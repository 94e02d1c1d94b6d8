"""Exact Euclidean distance transform up to a reach, with the nearest site of each voxel.

One axis after the other, as squared distances add up: Saito and Toriwaki, "New algorithms for
Euclidean distance transformation", Pattern Recognition 1994. Whole planes are compared at a time,
shifted by every step up to the reach, so that the inner loop runs over contiguous memory without a
branch. The site index travels with the distance, which gives the parents of the generalised
Voronoi diagram for nothing.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mono_hydra.types import F4, I4, Bool

FAR = np.float32(1e12)


@njit(cache=True, nogil=True, error_model="numpy")
def _along_last(is_site: Bool, squared: F4, site: I4) -> None:
    """Nearest site of each voxel in its own line along the last axis; FAR and -1 without one."""
    nx, ny, nz = is_site.shape
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
                    squared[i, j, k] = FAR
                    site[i, j, k] = -1
                else:
                    squared[i, j, k] = (best - k) * (best - k)
                    site[i, j, k] = (i * ny + j) * nz + best


@njit(cache=True, nogil=True, error_model="numpy")
def _take_nearer(other: F4, other_site: I4, squared: F4, site: I4, step: int) -> None:
    """Where the distance of voxels `step` away (N,) is shorter, take it and its site."""
    more = np.float32(step * step)
    for t in range(squared.shape[0]):
        # both sites are read first: a load in a branch would keep this from becoming vector code
        there, here = other[t] + more, squared[t]
        site_there, site_here = other_site[t], site[t]
        site[t] = site_there if there < here else site_here
        squared[t] = min(there, here)


@njit(cache=True, nogil=True, error_model="numpy")
def nearest_sites(is_site: Bool, reach: int, squared: F4, site: I4) -> None:
    """Distance to the nearest site, in voxels squared, and that site's linear index, -1 if none.

    Exact up to `reach` voxels; where nothing is that near, the distance is too long or FAR.
    is_site, squared, site: (X, Y, Z), C-contiguous; squared and site are written.
    """
    nx, ny, nz = is_site.shape
    _along_last(is_site, squared, site)
    plane = ny * nz
    squared_of, site_of = squared.reshape(nx, plane), site.reshape(nx, plane)
    before, site_before = squared_of.copy(), site_of.copy()
    for i in range(nx):
        for step in range(1, min(reach, ny - 1) + 1):
            at = step * nz
            _take_nearer(
                before[i, at:], site_before[i, at:],
                squared_of[i, : plane - at], site_of[i, : plane - at], step,
            )  # fmt: skip
            _take_nearer(
                before[i, : plane - at], site_before[i, : plane - at],
                squared_of[i, at:], site_of[i, at:], step,
            )  # fmt: skip
    before[:] = squared_of
    site_before[:] = site_of
    for i in range(nx):
        for step in range(1, min(reach, nx - 1) + 1):
            if i + step < nx:
                _take_nearer(
                    before[i + step], site_before[i + step], squared_of[i], site_of[i], step
                )
            if i >= step:
                _take_nearer(
                    before[i - step], site_before[i - step], squared_of[i], site_of[i], step
                )
