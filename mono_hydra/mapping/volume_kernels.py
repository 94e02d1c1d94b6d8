"""Kernels of the voxel volume: block table, touching, visibility and fusion.

Blocks hold 8 x 8 x 8 voxels; voxel (x, y, z) of block (i, j, k) has its centre at
((i, j, k) * 8 + (x, y, z) + 0.5) * voxel. A block's key packs its three coordinates, 21 bits each.
Truncated signed distance after Curless and Levoy (1996), measured along the local surface normal.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mono_hydra.types import F4, F8, I4, I8, U1, Bool

SIDE = 8
VOXELS = SIDE**3
TOP_LABELS = 4
EMPTY = np.int64(-(2**62))
_OFFSET = np.int64(1 << 20)


@njit(cache=True, nogil=True, inline="always")
def pack(i: int, j: int, k: int) -> int:
    """Key of a block; keys sort like (i, j, k)."""
    return ((np.int64(i) + _OFFSET) << 42) | ((np.int64(j) + _OFFSET) << 21) | (np.int64(k) + _OFFSET)


@njit(cache=True, nogil=True)
def unpack(keys: I8) -> I8:
    """(N, 3) block coordinates of keys (N,)."""
    out = np.empty((keys.shape[0], 3), np.int64)
    mask = np.int64((1 << 21) - 1)
    for n in range(keys.shape[0]):
        out[n, 0] = (keys[n] >> 42) - _OFFSET
        out[n, 1] = ((keys[n] >> 21) & mask) - _OFFSET
        out[n, 2] = (keys[n] & mask) - _OFFSET
    return out


@njit(cache=True, nogil=True, inline="always")
def _start(key: int, mask: int) -> int:
    h = key * np.int64(-7046029254386353131)
    return (h ^ (h >> 32)) & mask


@njit(cache=True, nogil=True)
def table_find(table_keys: I8, table_slots: I4, key: int) -> int:
    """Slot of a key in the open-addressing table, -1 if absent."""
    mask = table_keys.shape[0] - 1
    at = _start(key, mask)
    while table_keys[at] != EMPTY:
        if table_keys[at] == key:
            return table_slots[at]
        at = (at + 1) & mask
    return -1


@njit(cache=True, nogil=True)
def table_insert(table_keys: I8, table_slots: I4, keys: I8, slots: I4) -> None:
    """Insert absent keys; the table must stay less than half full."""
    mask = table_keys.shape[0] - 1
    for n in range(keys.shape[0]):
        at = _start(keys[n], mask)
        while table_keys[at] != EMPTY:
            at = (at + 1) & mask
        table_keys[at] = keys[n]
        table_slots[at] = slots[n]


@njit(cache=True, nogil=True)
def find_slots(table_keys: I8, table_slots: I4, keys: I8) -> I4:
    """Slots (N,) of keys (N,), -1 where absent."""
    out = np.empty(keys.shape[0], np.int32)
    for n in range(keys.shape[0]):
        out[n] = table_find(table_keys, table_slots, keys[n])
    return out


@njit(cache=True, nogil=True)
def touch(
    depth_m: F4, skip: Bool, k_px: F8, T_wc: F8, block_m: float, front_m: float, behind_m: float,
    max_range_m: float, stride: int, seen: I8,
) -> I8:
    """Sorted keys of the blocks that the truncation band of a depth image passes through.

    depth_m (H, W); skip (H, W) pixels without surface to fuse; seen: scratch set, a power of two long.
    """
    h, w = depth_m.shape
    mask = seen.shape[0] - 1
    seen[:] = EMPTY
    out = np.empty(seen.shape[0] // 2, np.int64)
    n_out = 0
    n_steps = max(2, int(np.ceil((front_m + behind_m) / (0.45 * block_m))) + 1)
    last = EMPTY
    for v in range(0, h, stride):
        for u in range(0, w, stride):
            d = depth_m[v, u]
            if d <= 0.0 or d > max_range_m or skip[v, u]:
                continue
            x = (u - k_px[2]) / k_px[0]
            y = (v - k_px[3]) / k_px[1]
            for s in range(n_steps):
                z = d - front_m + (front_m + behind_m) * s / (n_steps - 1)
                if z <= 0.0:
                    continue
                px = T_wc[0, 0] * x * z + T_wc[0, 1] * y * z + T_wc[0, 2] * z + T_wc[0, 3]
                py = T_wc[1, 0] * x * z + T_wc[1, 1] * y * z + T_wc[1, 2] * z + T_wc[1, 3]
                pz = T_wc[2, 0] * x * z + T_wc[2, 1] * y * z + T_wc[2, 2] * z + T_wc[2, 3]
                key = pack(
                    int(np.floor(px / block_m)), int(np.floor(py / block_m)), int(np.floor(pz / block_m))
                )
                if key == last:
                    continue
                last = key
                at = _start(key, mask)
                while seen[at] != EMPTY and seen[at] != key:
                    at = (at + 1) & mask
                if seen[at] == EMPTY and n_out < out.shape[0]:
                    seen[at] = key
                    out[n_out] = key
                    n_out += 1
    return np.sort(out[:n_out])


@njit(cache=True, nogil=True)
def meets_frustum(
    keys: I8, k_px: F8, width: int, height: int, T_cw: F8, block_m: float, near_m: float, far_m: float
) -> Bool:
    """(N,) whether the bounding sphere of each block overlaps the view frustum."""
    out = np.zeros(keys.shape[0], np.bool_)
    radius = 0.5 * np.sqrt(3.0) * block_m
    mask = np.int64((1 << 21) - 1)
    left, right = (-0.5 - k_px[2]) / k_px[0], (width - 0.5 - k_px[2]) / k_px[0]
    top, bottom = (-0.5 - k_px[3]) / k_px[1], (height - 0.5 - k_px[3]) / k_px[1]
    n_left, n_right = np.sqrt(1.0 + left * left), np.sqrt(1.0 + right * right)
    n_top, n_bottom = np.sqrt(1.0 + top * top), np.sqrt(1.0 + bottom * bottom)
    for n in range(keys.shape[0]):
        bx = ((keys[n] >> 42) - _OFFSET + 0.5) * block_m
        by = (((keys[n] >> 21) & mask) - _OFFSET + 0.5) * block_m
        bz = ((keys[n] & mask) - _OFFSET + 0.5) * block_m
        z = T_cw[2, 0] * bx + T_cw[2, 1] * by + T_cw[2, 2] * bz + T_cw[2, 3]
        if z < near_m - radius or z > far_m + radius:
            continue
        x = T_cw[0, 0] * bx + T_cw[0, 1] * by + T_cw[0, 2] * bz + T_cw[0, 3]
        if (left * z - x) / n_left > radius or (x - right * z) / n_right > radius:
            continue
        y = T_cw[1, 0] * bx + T_cw[1, 1] * by + T_cw[1, 2] * bz + T_cw[1, 3]
        if (top * z - y) / n_top > radius or (y - bottom * z) / n_bottom > radius:
            continue
        out[n] = True
    return out


@njit(cache=True, nogil=True)
def prepare(
    depth_m: F4, depth_sigma: F4, confidence: F4, k_px: F8, sigma_scale_m: float, slope: F4, weight: F4,
    evidence: F4,
) -> None:
    """Per pixel: |n . r| of the local plane (r has unit depth), fusion weight, label evidence.

    A distance along the ray times the slope is the distance to the plane. The evidence of a label
    is its log-odds against everything else, times the weight. All outputs (H, W).
    """
    h, w = depth_m.shape
    for v in range(h):
        y = (v - k_px[3]) / k_px[1]
        v0, v1 = max(v - 2, 0), min(v + 2, h - 1)
        for u in range(w):
            d = depth_m[v, u]
            slope[v, u] = 1.0
            weight[v, u] = 0.0
            evidence[v, u] = 0.0
            if d <= 0.0:
                continue
            x = (u - k_px[2]) / k_px[0]
            u0, u1 = max(u - 2, 0), min(u + 2, w - 1)
            a, b, c, e = depth_m[v, u0], depth_m[v, u1], depth_m[v0, u], depth_m[v1, u]
            limit = 0.15 * d
            if (
                a > 0.0 and b > 0.0 and c > 0.0 and e > 0.0
                and abs(a - d) < limit and abs(b - d) < limit and abs(c - d) < limit and abs(e - d) < limit
            ):
                # tangents along u and v of the point (x, y, 1) * depth
                dzu, dzv = (b - a) / (u1 - u0), (e - c) / (v1 - v0)
                tux, tuy, tuz = x * dzu + d / k_px[0], y * dzu, dzu
                tvx, tvy, tvz = x * dzv, y * dzv + d / k_px[1], dzv
                nx = tuy * tvz - tuz * tvy
                ny = tuz * tvx - tux * tvz
                nz = tux * tvy - tuy * tvx
                norm = np.sqrt(nx * nx + ny * ny + nz * nz)
                if norm > 0.0:
                    s = abs(nx * x + ny * y + nz) / norm
                    slope[v, u] = min(max(s, 0.25), 1.5)
            sigma_m = depth_sigma[v, u] * d / sigma_scale_m
            weight[v, u] = min(1.0, slope[v, u]) / (1.0 + sigma_m * sigma_m)
            p = min(max(confidence[v, u], 0.02), 0.98)
            odds = np.log(p / (1.0 - p)) + 1.0  # p = 0.27 says as little as chance
            if odds > 0.0:
                evidence[v, u] = odds * weight[v, u]


@njit(cache=True, nogil=True)
def integrate(
    slots: I4, keys: I8, sdf_m: F4, weights: F4, rgb_fixed: I4, label_ids: U1, label_evidence: F4,
    depth_m: F4, slope: F4, pixel_weight: F4, rgb: U1, labels: U1, evidence: F4, skip: Bool,
    k_px: F8, T_cw: F8, voxel_m: float, front_m: float, behind_m: float, near_m: float, far_m: float,
    max_weight: float, min_weight: float, only_band: bool, dirty: Bool,
) -> int:
    """Fuse one view into blocks `slots` with `keys`; returns the number of voxels updated.

    sdf_m, weights (C, 512); rgb_fixed (C, 512, 3) in 1/256; label_ids, label_evidence (C, 512, 4)
    are updated in place; dirty (N,) is set where a mesh made of the block may change. Pixels with
    `skip` carve free space but leave no surface. `only_band` leaves free space alone.
    """
    h, w = depth_m.shape
    mask = np.int64((1 << 21) - 1)
    updated = 0
    front = np.float32(front_m)
    for n in range(slots.shape[0]):
        slot = slots[n]
        ox = (((keys[n] >> 42) - _OFFSET) * SIDE + 0.5) * voxel_m
        oy = ((((keys[n] >> 21) & mask) - _OFFSET) * SIDE + 0.5) * voxel_m
        oz = (((keys[n] & mask) - _OFFSET) * SIDE + 0.5) * voxel_m
        cx = T_cw[0, 0] * ox + T_cw[0, 1] * oy + T_cw[0, 2] * oz + T_cw[0, 3]
        cy = T_cw[1, 0] * ox + T_cw[1, 1] * oy + T_cw[1, 2] * oz + T_cw[1, 3]
        cz = T_cw[2, 0] * ox + T_cw[2, 1] * oy + T_cw[2, 2] * oz + T_cw[2, 3]
        for i in range(SIDE):
            for j in range(SIDE):
                ax = cx + (T_cw[0, 0] * i + T_cw[0, 1] * j) * voxel_m
                ay = cy + (T_cw[1, 0] * i + T_cw[1, 1] * j) * voxel_m
                az = cz + (T_cw[2, 0] * i + T_cw[2, 1] * j) * voxel_m
                for k in range(SIDE):
                    z = az + T_cw[2, 2] * k * voxel_m
                    if z < near_m or z > far_m:
                        continue
                    u = int(np.floor(k_px[0] * (ax + T_cw[0, 2] * k * voxel_m) / z + k_px[2] + 0.5))
                    v = int(np.floor(k_px[1] * (ay + T_cw[1, 2] * k * voxel_m) / z + k_px[3] + 0.5))
                    if u < 0 or v < 0 or u >= w or v >= h:
                        continue
                    d = depth_m[v, u]
                    if d <= 0.0:
                        continue
                    s = np.float32((d - z) * slope[v, u])
                    if s < -behind_m:
                        continue  # behind the surface: unseen, not empty
                    wp = pixel_weight[v, u]
                    at = (i * SIDE + j) * SIDE + k
                    old = weights[slot, at]
                    if s >= front:
                        if only_band:
                            continue
                        s = front
                    else:
                        if skip[v, u]:
                            continue
                        if s < 0.0:
                            wp = wp * np.float32(1.0 + s / behind_m)
                    total = old + wp
                    if total <= 0.0:
                        continue
                    updated += 1
                    before = sdf_m[slot, at]
                    after = before + (s - before) * (wp / total)
                    sdf_m[slot, at] = after
                    weights[slot, at] = min(total, np.float32(max_weight))
                    if after != before or (old < min_weight and total >= min_weight):
                        dirty[n] = True
                    if s < front:
                        share = wp / total
                        for c in range(3):
                            f = rgb_fixed[slot, at, c]
                            target = np.float32(256 * np.int32(rgb[v, u, c]))
                            rgb_fixed[slot, at, c] = f + np.int32(np.round((target - f) * share))
                        label = labels[v, u]
                        e = evidence[v, u] * np.float32(1.0 - 0.5 * abs(s) / front)
                        if label > 0 and e > 0.0:
                            vote(label_ids, label_evidence, slot, at, label, e)
                            dirty[n] = True
    return updated


@njit(cache=True, nogil=True)
def vote(label_ids: U1, label_evidence: F4, slot: int, at: int, label: int, e: float) -> None:
    """Add evidence to one label of a voxel; the weakest of the four gives way by losing as much."""
    weakest = 0
    for c in range(TOP_LABELS):
        if label_ids[slot, at, c] == label:
            label_evidence[slot, at, c] += np.float32(e)
            return
        if label_ids[slot, at, c] == 0:
            label_ids[slot, at, c] = label
            label_evidence[slot, at, c] = np.float32(e)
            return
        if label_evidence[slot, at, c] < label_evidence[slot, at, weakest]:
            weakest = c
    rest = label_evidence[slot, at, weakest] - np.float32(e)
    if rest < 0.0:
        label_ids[slot, at, weakest] = label
        label_evidence[slot, at, weakest] = -rest
    else:
        label_evidence[slot, at, weakest] = rest
