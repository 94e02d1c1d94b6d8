"""Kernels of the voxel volume: block table, touching, visibility and fusion.

Blocks hold 8 x 8 x 8 voxels; voxel (x, y, z) of block (i, j, k) has its centre at
((i, j, k) * 8 + (x, y, z) + 0.5) * voxel. A block's key packs its three coordinates, 21 bits each.
Truncated signed distance after Curless and Levoy (1996), measured along the local surface normal.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mono_hydra.types import F4, F8, I4, I8, U1, U2, Bool

SIDE = 8
VOXELS = SIDE**3
TOP_LABELS = 4
EMPTY = np.int64(-(2**62))
_OFFSET = np.int64(1 << 20)


@njit(cache=True, nogil=True, inline="always")
def pack(i: int, j: int, k: int) -> int:
    """Key of a block; keys sort like (i, j, k)."""
    return (
        ((np.int64(i) + _OFFSET) << 42) | ((np.int64(j) + _OFFSET) << 21) | (np.int64(k) + _OFFSET)
    )


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


@njit(cache=True, nogil=True)
def neighbours(keys: I8) -> I8:
    """(27 N,) keys of the blocks around each block, itself included."""
    ijk = unpack(keys)
    out = np.empty(27 * keys.shape[0], np.int64)
    for n in range(keys.shape[0]):
        for d in range(27):
            out[27 * n + d] = pack(
                ijk[n, 0] + d // 9 - 1, ijk[n, 1] + d // 3 % 3 - 1, ijk[n, 2] + d % 3 - 1
            )
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
    depth_m: F4,
    labels: U1,
    is_skipped: Bool,
    k_px: F8,
    T_wc: F8,
    block_m: float,
    stretch: F4,
    front_m: float,
    behind_m: float,
    max_range_m: float,
    stride: int,
    seen: I8,
) -> I8:
    """Sorted keys of the blocks that the truncation band of a depth image passes through.

    depth_m, labels, stretch (H, W); is_skipped (256,): labels that leave no surface; seen: scratch
    set, its length a power of two.
    """
    h, w = depth_m.shape
    mask = seen.shape[0] - 1
    seen[:] = EMPTY
    out = np.empty(seen.shape[0] // 2, np.int64)
    n_out = 0
    last = EMPTY
    for v in range(0, h, stride):
        for u in range(0, w, stride):
            d = depth_m[v, u]
            if d <= 0.0 or d > max_range_m or is_skipped[labels[v, u]]:
                continue
            x = (u - k_px[2]) / k_px[0]
            y = (v - k_px[3]) / k_px[1]
            first = d - front_m * stretch[v, u]
            band = (front_m + behind_m) * stretch[v, u]
            n_steps = max(2, int(np.ceil(band / (0.45 * block_m))) + 1)
            for s in range(n_steps):
                z = first + band * s / (n_steps - 1)
                if z <= 0.0:
                    continue
                px = T_wc[0, 0] * x * z + T_wc[0, 1] * y * z + T_wc[0, 2] * z + T_wc[0, 3]
                py = T_wc[1, 0] * x * z + T_wc[1, 1] * y * z + T_wc[1, 2] * z + T_wc[1, 3]
                pz = T_wc[2, 0] * x * z + T_wc[2, 1] * y * z + T_wc[2, 2] * z + T_wc[2, 3]
                key = pack(
                    int(np.floor(px / block_m)),
                    int(np.floor(py / block_m)),
                    int(np.floor(pz / block_m)),
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
    keys: I8,
    k_px: F8,
    width: int,
    height: int,
    T_cw: F8,
    block_m: float,
    near_m: float,
    far_m: float,
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


@njit(cache=True, nogil=True, fastmath=True)  # inputs are finite: the store holds no NaN
def prepare(
    depth_m: F4,
    depth_sigma: F4,
    k_px: F8,
    sigma_scale_m: float,
    sigmas_of_front: float,
    max_stretch: float,
    slope: F4,
    weight: F4,
    stretch: F4,
) -> None:
    """Per pixel |n . r| of the local plane, fusion weight and width of the band; images (H, W).

    The band stretches where its front is less than so many sigmas of the depth: views that
    disagree must still meet in it, or each carves the other's surface away.

    r is the pixel's ray with unit depth, n the plane's unit normal: a depth difference times the
    slope is the distance to the plane. With a = fx z_u / z, b = fy z_v / z the plane through the
    neighbours has the normal a (-1, 0, x) + b (0, -1, y) + (0, 0, 1), whose product with r is 1.
    """
    h, w = depth_m.shape
    one = np.float32(1.0)
    fx, fy = np.float32(k_px[0] / 4.0), np.float32(k_px[1] / 4.0)  # neighbours are 4 px apart
    limit = np.float32(0.3)
    inverse_scale = np.float32(1.0 / sigma_scale_m)
    for v in range(h):
        y = np.float32((v - k_px[3]) / k_px[1])
        v0, v1 = max(v - 2, 0), min(v + 2, h - 1)
        inner_row = v - v0 == 2 and v1 - v == 2
        for u in range(w):
            x = np.float32((u - k_px[2]) / k_px[0])
            d = depth_m[v, u]
            s = one
            if inner_row and 2 <= u < w - 2 and d > 0.0:
                left, right = depth_m[v, u - 2], depth_m[v, u + 2]
                up, down = depth_m[v0, u], depth_m[v1, u]
                nearest = min(min(left, right), min(up, down))
                du, dv = right - left, down - up
                if nearest > 0.0 and abs(du) < limit * d and abs(dv) < limit * d:
                    a, b = fx * du / d, fy * dv / d
                    c = one + a * x + b * y
                    s = one / np.sqrt(a * a + b * b + c * c)
                    s = min(max(s, np.float32(0.25)), np.float32(1.5))
            sigma_m = depth_sigma[v, u] * d
            wide = sigma_m * s * np.float32(sigmas_of_front)
            stretch[v, u] = min(max(wide, one), np.float32(max_stretch))
            t = sigma_m * inverse_scale
            slope[v, u] = s
            weight[v, u] = min(one, s) / (one + t * t) if d > 0.0 else np.float32(0.0)


@njit(cache=True, nogil=True)
def integrate(
    slots: I4,
    keys: I8,
    sdf_m: F4,
    weights: F4,
    rgb_fixed: U2,
    label_ids: U1,
    label_evidence: F4,
    depth_m: F4,
    slope: F4,
    pixel_weight: F4,
    stretch: F4,
    rgb: U1,
    labels: U1,
    confidence: F4,
    odds_of_confidence: F4,
    is_skipped: Bool,
    k_px: F8,
    T_cw: F8,
    voxel_m: float,
    front_m: float,
    behind_m: float,
    near_m: float,
    far_m: float,
    max_weight: float,
    min_weight: float,
    only_band: bool,
    dirty: Bool,
) -> int:
    """Fuse one view into blocks `slots` with `keys`; returns the number of voxels updated.

    sdf_m, weights (C, 512); rgb_fixed (C, 512, 3) in 1/256; label_ids, label_evidence (C, 512, 4)
    are updated in place; dirty (N,) is set where a mesh made of the block may change. Pixels whose
    label is_skipped (256,) carve free space but leave no surface; `only_band` does not carve.
    """
    h, w = depth_m.shape
    mask = np.int64((1 << 21) - 1)
    updated = 0
    front, behind = np.float32(front_m), np.float32(behind_m)
    near, far = np.float32(near_m), np.float32(far_m)
    cap, enough = np.float32(max_weight), np.float32(min_weight)
    label_reach, least = np.float32(1.5 * voxel_m), np.float32(0.05)
    half, one, zero = np.float32(0.5), np.float32(1.0), np.float32(0.0)
    # rows of K @ T: u * z, v * z and z are linear along a line of voxels
    A = np.empty((3, 4), np.float64)
    for c in range(4):
        A[0, c] = k_px[0] * T_cw[0, c] + k_px[2] * T_cw[2, c]
        A[1, c] = k_px[1] * T_cw[1, c] + k_px[3] * T_cw[2, c]
        A[2, c] = T_cw[2, c]
    step_u = np.float32(A[0, 2] * voxel_m)
    step_v = np.float32(A[1, 2] * voxel_m)
    step_z = np.float32(A[2, 2] * voxel_m)
    for n in range(slots.shape[0]):
        slot = slots[n]
        ox = (((keys[n] >> 42) - _OFFSET) * SIDE + 0.5) * voxel_m
        oy = ((((keys[n] >> 21) & mask) - _OFFSET) * SIDE + 0.5) * voxel_m
        oz = (((keys[n] & mask) - _OFFSET) * SIDE + 0.5) * voxel_m
        for line in range(SIDE * SIDE):
            px, py = ox + (line >> 3) * voxel_m, oy + (line & 7) * voxel_m
            start_u = np.float32(A[0, 0] * px + A[0, 1] * py + A[0, 2] * oz + A[0, 3])
            start_v = np.float32(A[1, 0] * px + A[1, 1] * py + A[1, 2] * oz + A[1, 3])
            start_z = np.float32(A[2, 0] * px + A[2, 1] * py + A[2, 2] * oz + A[2, 3])
            for k in range(SIDE):
                z = start_z + k * step_z
                if z < near or z > far:
                    continue
                inverse = one / z
                uf = (start_u + k * step_u) * inverse + half
                vf = (start_v + k * step_v) * inverse + half
                if uf < zero or vf < zero:
                    continue
                u, v = np.int32(uf), np.int32(vf)
                if u >= w or v >= h:
                    continue
                d = depth_m[v, u]
                if d <= zero:
                    continue
                s = (d - z) * slope[v, u]
                wide = stretch[v, u]
                if s < -behind * wide:
                    continue  # behind the surface: unseen, not empty
                wp = pixel_weight[v, u]
                at = line * SIDE + k
                in_band = s < front * wide
                if not in_band:
                    if only_band:
                        continue
                    s = front * wide
                else:
                    if is_skipped[labels[v, u]]:
                        continue
                    if s < zero:
                        wp = wp * (one + s / (behind * wide))
                old = weights[slot, at]
                total = old + wp
                if total <= zero:
                    continue
                updated += 1
                share = wp / total
                before = sdf_m[slot, at]
                after = before + (s - before) * share
                sdf_m[slot, at] = after
                weights[slot, at] = min(total, cap)
                if after != before or (old < enough and total >= enough):
                    dirty[n] = True
                if in_band:
                    for c in range(3):
                        f = np.float32(rgb_fixed[slot, at, c])
                        f += (np.float32(rgb[v, u, c]) * np.float32(256.0) - f) * share
                        rgb_fixed[slot, at, c] = np.uint16(f + half)
                    label = labels[v, u]
                    odds = odds_of_confidence[np.int32(confidence[v, u] * np.float32(255.0) + half)]
                    # a voxel off the surface looks at another part of it: votes count near it only
                    nearness = max(one - abs(s) / (label_reach * wide), least)
                    e = odds * wp * nearness * nearness
                    if label > 0 and e > zero:
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
