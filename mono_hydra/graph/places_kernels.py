"""Kernels of the places: medial voxels, one representative a cell, clearance of straight passages.

Windows are (X, Y, Z) pieces of the free-space grid; `low` is the global index of their first voxel.
States: 0 unknown, 1 free, 2 surface, 3 solid, 4 free centre with a surface inside.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mono_hydra.types import F4, F8, I4, I8, U1, Bool


@njit(cache=True, nogil=True, error_model="numpy")
def _site_distance(
    x: float, y: float, z: float, s: int, hits: I4, sums: I4, low: I4, voxel_m: float
) -> float:
    """Distance of a world point to the surface in the voxel of linear index s."""
    ny, nz = hits.shape[1], hits.shape[2]
    k = s % nz
    j = (s // nz) % ny
    i = s // (nz * ny)
    n = hits[i, j, k]
    px = (i + low[0] + 0.5) * voxel_m
    py = (j + low[1] + 0.5) * voxel_m
    pz = (k + low[2] + 0.5) * voxel_m
    if n > 0:
        f = voxel_m / (64.0 * n)
        px += sums[i, j, k, 0] * f
        py += sums[i, j, k, 1] * f
        pz += sums[i, j, k, 2] * f
        return float(np.sqrt((px - x) ** 2 + (py - y) ** 2 + (pz - z) ** 2))
    # nothing but "behind a surface" is known: the surface lies about at the voxel's border
    return float(max(0.0, np.sqrt((px - x) ** 2 + (py - y) ** 2 + (pz - z) ** 2) - 0.5 * voxel_m))


@njit(cache=True, nogil=True, error_model="numpy")
def _clearance(
    x: float, y: float, z: float, reach: int, site: I4, hits: I4, sums: I4, low: I4, voxel_m: float
) -> tuple[float, int]:
    """Distance to the nearest surface and its site, among the sites of the voxels around."""
    ci = int(np.floor(x / voxel_m)) - low[0]
    cj = int(np.floor(y / voxel_m)) - low[1]
    ck = int(np.floor(z / voxel_m)) - low[2]
    best, best_site = np.inf, -1
    for i in range(max(0, ci - reach), min(site.shape[0], ci + reach + 1)):
        for j in range(max(0, cj - reach), min(site.shape[1], cj + reach + 1)):
            for k in range(max(0, ck - reach), min(site.shape[2], ck + reach + 1)):
                s = site[i, j, k]
                if s < 0 or s == best_site:
                    continue
                d = _site_distance(x, y, z, s, hits, sums, low, voxel_m)
                if d < best:
                    best, best_site = d, s
    return best, best_site


@njit(cache=True, nogil=True, error_model="numpy")
def medial_voxels(
    state: U1,
    squared: F4,
    site: I4,
    min_squared: float,
    min_apart: float,
    max_cos: float,
    medial: U1,
) -> None:
    """Mark free voxels whose nearest sites differ from a neighbour's: the Voronoi diagram.

    Two sites differ if they are `min_apart` voxels from each other and seen under a wide angle.
    """
    nx, ny, nz = state.shape
    for i in range(nx):
        for j in range(ny):
            for k in range(nz):
                if state[i, j, k] != 1 or squared[i, j, k] < min_squared or site[i, j, k] < 0:
                    continue
                s = site[i, j, k]
                ak, aj, ai = s % nz, (s // nz) % ny, s // (nz * ny)
                for axis in range(3):
                    i2 = i + (1 if axis == 0 else 0)
                    j2 = j + (1 if axis == 1 else 0)
                    k2 = k + (1 if axis == 2 else 0)
                    if i2 >= nx or j2 >= ny or k2 >= nz or site[i2, j2, k2] < 0:
                        continue
                    if state[i2, j2, k2] != 1:
                        continue
                    s2 = site[i2, j2, k2]
                    if s2 == s:
                        continue
                    bk, bj, bi = s2 % nz, (s2 // nz) % ny, s2 // (nz * ny)
                    apart = (ai - bi) ** 2 + (aj - bj) ** 2 + (ak - bk) ** 2
                    if apart < min_apart * min_apart:
                        continue
                    dot = (ai - i) * (bi - i2) + (aj - j) * (bj - j2) + (ak - k) * (bk - k2)
                    norm = np.sqrt(squared[i, j, k] * squared[i2, j2, k2])
                    if dot < max_cos * norm:
                        medial[i, j, k] = 1
                        if squared[i2, j2, k2] >= min_squared:
                            medial[i2, j2, k2] = 1


@njit(cache=True, nogil=True, error_model="numpy")
def _faces_unknown(state: U1, i: int, j: int, k: int, reach: int) -> bool:
    """Whether an unknown voxel lies within `reach` voxels along an axis."""
    for step in range(-reach, reach + 1):
        if i + step < 0 or i + step >= state.shape[0] or state[i + step, j, k] == 0:
            return True
        if j + step < 0 or j + step >= state.shape[1] or state[i, j + step, k] == 0:
            return True
        if k + step < 0 or k + step >= state.shape[2] or state[i, j, k + step] == 0:
            return True
    return False


@njit(cache=True, nogil=True, error_model="numpy")
def cell_representatives(
    medial: U1,
    state: U1,
    squared: F4,
    site: I4,
    hits: I4,
    sums: I4,
    low: I4,
    voxel_m: float,
    start: I4,
    n_cells: I4,
    side: int,
    min_clearance_m: float,
    position_m: F8,
    clearance_m: F8,
    obstacle_m: F8,
    n_basis: I4,
) -> int:
    """The medial voxel of largest clearance for every connected medial piece of every cell.

    Cells of `side` voxels begin at window index `start`. Writes position (N, 3), clearance (N),
    obstacle (N, 3), n_basis (N); returns N.
    """
    count = 0
    stack = np.empty((side * side * side, 3), np.int32)
    nx, ny, nz = medial.shape
    for a in range(n_cells[0]):
        for b in range(n_cells[1]):
            for c in range(n_cells[2]):
                i0, j0, k0 = start[0] + a * side, start[1] + b * side, start[2] + c * side
                i1, j1, k1 = min(i0 + side, nx), min(j0 + side, ny), min(k0 + side, nz)
                for i in range(max(i0, 0), i1):
                    for j in range(max(j0, 0), j1):
                        for k in range(max(k0, 0), k1):
                            if medial[i, j, k] != 1:
                                continue
                            medial[i, j, k] = 2
                            stack[0, 0], stack[0, 1], stack[0, 2] = i, j, k
                            top = 1
                            best, bi, bj, bk = -1.0, 0, 0, 0
                            while top > 0:
                                top -= 1
                                p, q, r = stack[top, 0], stack[top, 1], stack[top, 2]
                                if squared[p, q, r] > best and not _faces_unknown(
                                    state, p, q, r, 2
                                ):
                                    best, bi, bj, bk = squared[p, q, r], p, q, r
                                for p2 in range(max(i0, p - 1, 0), min(i1, p + 2)):
                                    for q2 in range(max(j0, q - 1, 0), min(j1, q + 2)):
                                        for r2 in range(max(k0, r - 1, 0), min(k1, r + 2)):
                                            if medial[p2, q2, r2] == 1:
                                                medial[p2, q2, r2] = 2
                                                stack[top, 0] = p2
                                                stack[top, 1] = q2
                                                stack[top, 2] = r2
                                                top += 1
                            if best < 0.0:
                                continue
                            x = (bi + low[0] + 0.5) * voxel_m
                            y = (bj + low[1] + 0.5) * voxel_m
                            z = (bk + low[2] + 0.5) * voxel_m
                            d, s = _clearance(x, y, z, 1, site, hits, sums, low, voxel_m)
                            if d < min_clearance_m or s < 0 or count >= position_m.shape[0]:
                                continue
                            position_m[count, 0] = x
                            position_m[count, 1] = y
                            position_m[count, 2] = z
                            clearance_m[count] = d
                            sk, sj, si = s % nz, (s // nz) % ny, s // (nz * ny)
                            n = max(hits[si, sj, sk], 1)
                            cell = (si + low[0], sj + low[1], sk + low[2])
                            for axis in range(3):
                                off = sums[si, sj, sk, axis] / (64.0 * n)
                                obstacle_m[count, axis] = (cell[axis] + 0.5 + off) * voxel_m
                            n_basis[count] = _basis_points(site, bi, bj, bk, 0.6 / voxel_m)
                            count += 1
    return count


@njit(cache=True, nogil=True, error_model="numpy")
def _basis_points(site: I4, i: int, j: int, k: int, apart: float) -> int:
    """How many sites of the 27 voxels around lie `apart` voxels from each other (greedy)."""
    ny, nz = site.shape[1], site.shape[2]
    kept = np.empty((27, 3), np.int32)
    n = 0
    for p in range(max(0, i - 1), min(site.shape[0], i + 2)):
        for q in range(max(0, j - 1), min(ny, j + 2)):
            for r in range(max(0, k - 1), min(nz, k + 2)):
                s = site[p, q, r]
                if s < 0:
                    continue
                si, sj, sk = s // (nz * ny), (s // nz) % ny, s % nz
                is_new = True
                for m in range(n):
                    if (kept[m, 0] - si) ** 2 + (kept[m, 1] - sj) ** 2 + (
                        kept[m, 2] - sk
                    ) ** 2 < apart * apart:
                        is_new = False
                        break
                if is_new:
                    kept[n, 0], kept[n, 1], kept[n, 2] = si, sj, sk
                    n += 1
    return n


@njit(cache=True, nogil=True, error_model="numpy")
def pairs_within(a_m: F8, b_m: F8, reach_m: float, pair: I4, gap: F8) -> int:
    """Pairs (P, 2) of points a_m (N, 3), b_m (M, 3) at most reach_m apart, gap (P,) squared; P."""
    n = 0
    for i in range(a_m.shape[0]):
        for j in range(b_m.shape[0]):
            dx, dy, dz = a_m[i, 0] - b_m[j, 0], a_m[i, 1] - b_m[j, 1], a_m[i, 2] - b_m[j, 2]
            d = dx * dx + dy * dy + dz * dz
            if d <= reach_m * reach_m and n < pair.shape[0]:
                pair[n, 0], pair[n, 1], gap[n] = i, j, d
                n += 1
    return n


@njit(cache=True, nogil=True, error_model="numpy")
def keep_apart(
    position_m: F8, clearance_m: F8, order: I8, fixed: Bool, apart_m: float, keep: Bool
) -> None:
    """Drop places nearer than `apart_m` to a kept one; those first in `order` win, `fixed` stay."""
    n = position_m.shape[0]
    for m in range(n):
        if fixed[m]:
            keep[m] = True
    for step in range(n):
        m = order[step]
        if fixed[m]:
            continue
        keep[m] = True
        for other in range(n):
            if other == m or not keep[other]:
                continue
            dx = position_m[m, 0] - position_m[other, 0]
            dy = position_m[m, 1] - position_m[other, 1]
            dz = position_m[m, 2] - position_m[other, 2]
            if dx * dx + dy * dy + dz * dz < apart_m * apart_m:
                keep[m] = False
                break


@njit(cache=True, nogil=True, error_model="numpy")
def segment_clearance(
    p: F8,
    q: F8,
    stop_m: float,
    state: U1,
    squared: F4,
    site: I4,
    hits: I4,
    sums: I4,
    low: I4,
    voxel_m: float,
) -> float:
    """Smallest clearance of the straight way p-q (3,), 0 where it leaves known free space.

    Stops early below `stop_m`. The field of the voxel bounds the clearance from below within 1.5
    voxels, so that only the narrow parts are measured exactly.
    """
    length = np.sqrt((p[0] - q[0]) ** 2 + (p[1] - q[1]) ** 2 + (p[2] - q[2]) ** 2)
    n = max(1, int(np.ceil(length / (0.5 * voxel_m))))
    smallest = np.inf
    for turn in range(n + 1):
        # both ends first, then between them: the ends bound the result early
        step = 0 if turn == 0 else (n if turn == 1 else turn - 1)
        t = step / n
        x = p[0] + t * (q[0] - p[0])
        y = p[1] + t * (q[1] - p[1])
        z = p[2] + t * (q[2] - p[2])
        i = int(np.floor(x / voxel_m)) - low[0]
        j = int(np.floor(y / voxel_m)) - low[1]
        k = int(np.floor(z / voxel_m)) - low[2]
        if i < 0 or j < 0 or k < 0:
            return 0.0
        if i >= state.shape[0] or j >= state.shape[1] or k >= state.shape[2]:
            return 0.0
        if state[i, j, k] != 1:
            return 0.0
        if (np.sqrt(squared[i, j, k]) - 1.5) * voxel_m >= smallest:
            continue
        if site[i, j, k] < 0:
            continue
        # the voxel's own site: samples half a voxel apart meet the neighbours' sites as well
        d = _site_distance(x, y, z, site[i, j, k], hits, sums, low, voxel_m)
        if d < smallest:
            smallest = d
            if smallest < stop_m:
                return smallest
    return smallest


@njit(cache=True, nogil=True, error_model="numpy")
def passages(
    position_m: F8,
    max_length_m: float,
    min_clearance_m: float,
    state: U1,
    squared: F4,
    site: I4,
    hits: I4,
    sums: I4,
    low: I4,
    voxel_m: float,
    pair: I4,
    pair_clearance_m: F8,
) -> int:
    """All straight passages between places (N, 3) sorted by x.

    Writes pair (M, 2) and its clearance (M,); returns M.
    """
    count = 0
    for a in range(position_m.shape[0]):
        for b in range(a + 1, position_m.shape[0]):
            if position_m[b, 0] - position_m[a, 0] > max_length_m:
                break
            dx = position_m[b, 0] - position_m[a, 0]
            dy = position_m[b, 1] - position_m[a, 1]
            dz = position_m[b, 2] - position_m[a, 2]
            if dx * dx + dy * dy + dz * dz > max_length_m * max_length_m:
                continue
            d = segment_clearance(
                position_m[a],
                position_m[b],
                min_clearance_m,
                state,
                squared,
                site,
                hits,
                sums,
                low,
                voxel_m,
            )
            if d >= min_clearance_m and count < pair.shape[0]:
                pair[count, 0], pair[count, 1] = a, b
                pair_clearance_m[count] = d
                count += 1
    return count


@njit(cache=True, nogil=True, error_model="numpy")
def bridges(
    position_m: F8,
    root: I4,
    longest_m: float,
    min_clearance_m: float,
    state: U1,
    squared: F4,
    site: I4,
    hits: I4,
    sums: I4,
    low: I4,
    voxel_m: float,
    pair: I4,
    pair_clearance_m: F8,
) -> int:
    """Join each piece but the largest to another one by its shortest free straight way.

    root (N,) names the piece of each place and is updated. Writes pair (M, 2) with first < second
    and their clearance; returns M.
    """
    n = position_m.shape[0]
    size = np.zeros(n, np.int32)
    for a in range(n):
        size[root[a]] += 1
    largest = 0
    for r in range(n):
        if size[r] > size[largest]:
            largest = r
    count = 0
    for r in range(n):
        if size[r] == 0 or r == largest:
            continue
        best = longest_m * longest_m
        first, second, best_width = -1, -1, 0.0
        for a in range(n):
            if root[a] != r:
                continue
            for b in range(n):
                if root[b] == r or abs(position_m[a, 0] - position_m[b, 0]) > longest_m:
                    continue
                d = (position_m[a, 0] - position_m[b, 0]) ** 2
                d += (position_m[a, 1] - position_m[b, 1]) ** 2
                d += (position_m[a, 2] - position_m[b, 2]) ** 2
                if d >= best:
                    continue
                width = segment_clearance(
                    position_m[a],
                    position_m[b],
                    min_clearance_m,
                    state,
                    squared,
                    site,
                    hits,
                    sums,
                    low,
                    voxel_m,
                )
                if width >= min_clearance_m:
                    best, first, second, best_width = d, a, b, width
        if first < 0:
            continue
        pair[count, 0], pair[count, 1] = min(first, second), max(first, second)
        pair_clearance_m[count] = best_width
        count += 1
        target = root[second]
        for c in range(n):
            if root[c] == r:
                root[c] = target
    return count


@njit(cache=True, nogil=True, error_model="numpy")
def prune_passages(
    position_m: F8,
    pair: I4,
    clearance_m: F8,
    wide_m: float,
    first: I8,
    other: I4,
    edge: I4,
    keep: Bool,
) -> None:
    """Drop a passage where two shorter ones lead around it as wide (Gabriel's rule).

    pair (M, 2), clearance_m (M); adjacency in CSR form: first (N + 1), other, edge (2 M).
    """
    for m in range(pair.shape[0]):
        a, b = pair[m, 0], pair[m, 1]
        length = 0.0
        for axis in range(3):
            length += (position_m[a, axis] - position_m[b, axis]) ** 2
        enough = min(clearance_m[m], wide_m)
        keep[m] = True
        for at in range(first[a], first[a + 1]):
            c = other[at]
            if c == b or clearance_m[edge[at]] < enough:
                continue
            ac, bc = 0.0, 0.0
            for axis in range(3):
                ac += (position_m[a, axis] - position_m[c, axis]) ** 2
                bc += (position_m[b, axis] - position_m[c, axis]) ** 2
            if ac + bc >= length:
                continue
            for at2 in range(first[b], first[b + 1]):
                if other[at2] == c and clearance_m[edge[at2]] >= enough:
                    keep[m] = False
                    break
            if not keep[m]:
                break


@njit(cache=True, nogil=True, error_model="numpy")
def components(n: int, edges: I4, root: I4) -> None:
    """Smallest member of each node's connected component into root (n); edges (E, 2)."""
    for a in range(n):
        root[a] = a
    for m in range(edges.shape[0]):
        a, b = edges[m, 0], edges[m, 1]
        while root[a] != a:
            root[a] = root[root[a]]
            a = root[a]
        while root[b] != b:
            root[b] = root[root[b]]
            b = root[b]
        if a < b:
            root[b] = a
        elif b < a:
            root[a] = b
    for a in range(n):
        b = a
        while root[b] != b:
            b = root[b]
        root[a] = b


@njit(cache=True, nogil=True, error_model="numpy")
def nearest_in_sight(
    points_m: F8,
    position_m: F8,
    reach_m: float,
    tries: int,
    state: U1,
    hits: I4,
    kinds: I4,
    low: I4,
    voxel_m: float,
    found: I8,
) -> None:
    """Index of the nearest place (N, 3) for each point (M, 3) with no wall voxel between, else -1.

    state, hits (X, Y, Z) and kinds (X, Y, Z, 2) of the whole grid: a surface voxel is wall where
    at least half of its points are labelled wall or door. Only the `tries` nearest places within
    reach are looked at; if none of them is in sight, none is named.
    """
    index = np.empty(tries, np.int64)
    gap = np.empty(tries)
    for m in range(points_m.shape[0]):
        n = 0
        for a in range(position_m.shape[0]):
            dx = abs(position_m[a, 0] - points_m[m, 0])
            dy = abs(position_m[a, 1] - points_m[m, 1])
            if dx > reach_m or dy > reach_m:
                continue
            dz = position_m[a, 2] - points_m[m, 2]
            d = dx * dx + dy * dy + dz * dz
            if d > reach_m * reach_m or (n == tries and d >= gap[n - 1]):
                continue
            at = min(n, tries - 1)
            while at > 0 and gap[at - 1] > d:
                gap[at], index[at] = gap[at - 1], index[at - 1]
                at -= 1
            gap[at], index[at] = d, a
            n = min(n + 1, tries)
        found[m] = -1
        for at in range(n):
            a = index[at]
            steps = int(np.sqrt(gap[at]) / (0.5 * voxel_m)) + 1
            is_blocked = False
            # the last voxels before the point belong to what it lies on
            for step in range(max(1, steps - int(0.15 / (0.5 * voxel_m)))):
                t = step / steps
                i = int(np.floor((position_m[a, 0] * (1 - t) + points_m[m, 0] * t) / voxel_m))
                j = int(np.floor((position_m[a, 1] * (1 - t) + points_m[m, 1] * t) / voxel_m))
                k = int(np.floor((position_m[a, 2] * (1 - t) + points_m[m, 2] * t) / voxel_m))
                i, j, k = i - low[0], j - low[1], k - low[2]
                if i < 0 or j < 0 or k < 0:
                    continue
                if i >= state.shape[0] or j >= state.shape[1] or k >= state.shape[2]:
                    continue
                if state[i, j, k] < 2 or hits[i, j, k] == 0:
                    continue
                if 2 * (kinds[i, j, k, 0] + kinds[i, j, k, 1]) >= hits[i, j, k]:
                    is_blocked = True
                    break
            if not is_blocked:
                found[m] = a
                break
