"""Kernel of the room partition: basins of a distance map, joined at saddles that are no doors."""

from __future__ import annotations

import numpy as np
from numba import njit

from mono_hydra.types import F4, I4, I8, U1


@njit(cache=True, nogil=True, error_model="numpy")
def _find(root: I4, a: int) -> int:
    while root[a] != a:
        root[a] = root[root[a]]
        a = root[a]
    return a


@njit(cache=True, nogil=True, error_model="numpy")
def basins(
    order: I8,
    level_m: F4,
    radius_m: F4,
    lintel: U1,
    site: U1,
    evidence: F4,
    max_half_m: float,
    min_cells: int,
    label: I4,
    links: I4,
) -> int:
    """Partition cells into basins of `level_m`, flooding from its peaks down.

    Where two basins meet they become one, unless the meeting cell looks like a door: it lies under
    a lintel, or it is a possible `site`, narrower than `max_half_m`, and both basins widen behind
    it by a margin, which is smaller where `evidence` (X, Y; 0..1) speaks for a door. Basins below
    `min_cells` always join.

    order (N,) holds linear indices by falling level, maps are (X, Y); label (X, Y) becomes the
    basin, -1 where not flooded; links (M, 3) rows of the first basin's cell, the second's, and the
    meeting cell. Returns their number.
    """
    nx, ny = level_m.shape
    root = np.full(nx * ny, -1, np.int32)
    size = np.zeros(nx * ny, np.int32)
    peak = np.zeros(nx * ny, np.float32)
    n_links = 0
    found = np.empty(8, np.int32)
    for step in range(order.shape[0]):
        p = order[step]
        i, j = p // ny, p % ny
        n_found = 0
        best = -1
        for di in range(-1, 2):
            for dj in range(-1, 2):
                i2, j2 = i + di, j + dj
                if i2 < 0 or j2 < 0 or i2 >= nx or j2 >= ny or root[i2 * ny + j2] < 0:
                    continue
                if di != 0 and dj != 0 and root[i * ny + j2] < 0 and root[i2 * ny + j] < 0:
                    continue  # no way through between two diagonal obstacles
                r = _find(root, root[i2 * ny + j2])
                is_new = True
                for m in range(n_found):
                    if found[m] == r:
                        is_new = False
                if is_new:
                    found[n_found] = r
                    n_found += 1
                if best < 0 or peak[r] > peak[best]:
                    best = r
        if best < 0:
            root[p] = p
            size[p] = 1
            peak[p] = radius_m[i, j]
            continue
        root[p] = best
        size[best] += 1
        half = radius_m[i, j]
        for m in range(n_found):
            r = found[m]
            if r == best:
                continue
            keep = False
            if size[r] >= min_cells and size[best] >= min_cells:
                margin = 0.25 - 0.2 * evidence[i, j]
                low_peak = min(peak[r], peak[best])
                narrow = half < max_half_m and low_peak - half >= margin
                keep = lintel[i, j] != 0 or (narrow and site[i, j] != 0)
            if keep:
                if n_links < links.shape[0]:
                    links[n_links, 0], links[n_links, 1], links[n_links, 2] = r, best, p
                    n_links += 1
                continue
            size[best] += size[r]
            root[r] = best
            if peak[r] > peak[best]:
                peak[best] = peak[r]
    for p in range(nx * ny):
        label[p // ny, p % ny] = _find(root, root[p]) if root[p] >= 0 else -1
    return n_links
