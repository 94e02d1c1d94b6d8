"""Kernels of the voxel volume: block table, touching, visibility and fusion.

Blocks hold 8 x 8 x 8 voxels; voxel (x, y, z) of block (i, j, k) has its centre at
((i, j, k) * 8 + (x, y, z) + 0.5) * voxel. A block's key packs its three coordinates, 21 bits each.
Truncated signed distance after Curless and Levoy (1996), measured along the local surface normal.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mono_hydra.types import F4, F8, I4, I8, U1, U2, U4, Bool

SIDE = 8
VOXELS = SIDE**3
TOP_LABELS = 4
EMPTY = np.int64(-(2**62))
_OFFSET = np.int64(1 << 20)


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def pack(i: int, j: int, k: int) -> int:
    """Key of a block; keys sort like (i, j, k)."""
    return (
        ((np.int64(i) + _OFFSET) << 42) | ((np.int64(j) + _OFFSET) << 21) | (np.int64(k) + _OFFSET)
    )


@njit(cache=True, nogil=True, error_model="numpy")
def pack_all(ijk: I8) -> I8:
    """Keys (N,) of blocks (N, 3)."""
    out = np.empty(ijk.shape[0], np.int64)
    for n in range(ijk.shape[0]):
        out[n] = pack(ijk[n, 0], ijk[n, 1], ijk[n, 2])
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def unpack(keys: I8) -> I8:
    """(N, 3) block coordinates of keys (N,)."""
    out = np.empty((keys.shape[0], 3), np.int64)
    mask = np.int64((1 << 21) - 1)
    for n in range(keys.shape[0]):
        out[n, 0] = (keys[n] >> 42) - _OFFSET
        out[n, 1] = ((keys[n] >> 21) & mask) - _OFFSET
        out[n, 2] = (keys[n] & mask) - _OFFSET
    return out


@njit(cache=True, nogil=True, error_model="numpy")
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


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _start(key: int, mask: int) -> int:
    h = key * np.int64(-7046029254386353131)
    return (h ^ (h >> 32)) & mask


@njit(cache=True, nogil=True, error_model="numpy")
def table_find(table_keys: I8, table_slots: I4, key: int) -> int:
    """Slot of a key in the open-addressing table, -1 if absent."""
    mask = table_keys.shape[0] - 1
    at = _start(key, mask)
    while table_keys[at] != EMPTY:
        if table_keys[at] == key:
            return table_slots[at]
        at = (at + 1) & mask
    return -1


@njit(cache=True, nogil=True, error_model="numpy")
def table_insert(table_keys: I8, table_slots: I4, keys: I8, slots: I4) -> None:
    """Insert absent keys; the table must stay less than half full."""
    mask = table_keys.shape[0] - 1
    for n in range(keys.shape[0]):
        at = _start(keys[n], mask)
        while table_keys[at] != EMPTY:
            at = (at + 1) & mask
        table_keys[at] = keys[n]
        table_slots[at] = slots[n]


@njit(cache=True, nogil=True, error_model="numpy")
def find_slots(table_keys: I8, table_slots: I4, keys: I8) -> I4:
    """Slots (N,) of keys (N,), -1 where absent."""
    out = np.empty(keys.shape[0], np.int32)
    for n in range(keys.shape[0]):
        out[n] = table_find(table_keys, table_slots, keys[n])
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def touch(
    pixels: F4,
    evidence: F4,
    k_px: F8,
    T_wc: F8,
    block_m: float,
    front_m: float,
    behind_m: float,
    max_range_m: float,
    stride: int,
    seen: I8,
) -> I8:
    """Sorted keys of the blocks that the truncation band of a depth image passes through.

    pixels (H, W, 4) and evidence (H, W) as `prepare` writes them; seen: scratch set, its length a
    power of two.
    """
    h, w = evidence.shape
    mask = seen.shape[0] - 1
    seen[:] = EMPTY
    out = np.empty(seen.shape[0] // 2, np.int64)
    n_out = 0
    last = EMPTY
    for v in range(0, h, stride):
        for u in range(0, w, stride):
            d = pixels[v, u, 0]
            if d <= 0.0 or d > max_range_m or evidence[v, u] < 0.0:
                continue
            x = (u - k_px[2]) / k_px[0]
            y = (v - k_px[3]) / k_px[1]
            first = d - front_m * pixels[v, u, 3]
            band = (front_m + behind_m) * pixels[v, u, 3]
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


@njit(cache=True, nogil=True, error_model="numpy")
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


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)  # the store holds no NaN
def prepare(
    depth_m: F4,
    depth_sigma: F4,
    rgb: U1,
    labels: U1,
    confidence: F4,
    odds_of_confidence: F4,
    is_skipped: Bool,
    k_px: F8,
    sigma_scale_m: float,
    sigmas_of_front: float,
    max_stretch: float,
    pixels: F4,
    colour_label: U4,
    evidence: F4,
) -> None:
    """What fusion needs of each pixel, side by side: one cache line instead of seven.

    pixels (H, W, 4): depth, |n . r| of the local plane, fusion weight, width of the band;
    colour_label (H, W): red, green, blue and label, lowest byte first; evidence (H, W): log-odds of
    the label, 0 without one, -1 where the label is_skipped (256,) and leaves no surface.

    The band stretches where its front is less than so many sigmas of the depth: views that
    disagree must still meet in it, or each carves the other's surface away.

    r is the pixel's ray with unit depth, n the plane's unit normal: a depth difference times the
    slope is the distance to the plane. With a = fx z_u / z, b = fy z_v / z the plane through the
    neighbours has the normal a (-1, 0, x) + b (0, -1, y) + (0, 0, 1), whose product with r is 1.
    """
    h, w = depth_m.shape
    one, zero, tiny = np.float32(1.0), np.float32(0.0), np.float32(1e-6)
    fx, fy = np.float32(k_px[0] / 4.0), np.float32(k_px[1] / 4.0)  # neighbours are 4 px apart
    limit, flattest, steepest = np.float32(0.3), np.float32(0.25), np.float32(1.5)
    inverse_scale = np.float32(1.0 / sigma_scale_m)
    sigmas, widest = np.float32(sigmas_of_front), np.float32(max_stretch)
    x_of_u, slope = np.empty(w, np.float32), np.empty(w, np.float32)
    weight, stretch = np.empty(w, np.float32), np.empty(w, np.float32)
    for u in range(w):
        x_of_u[u] = (u - k_px[2]) / k_px[0]
    top, half = np.float32(255.0), np.float32(0.5)
    skip_of_label = is_skipped.astype(np.float32)
    use_of_label = one - skip_of_label
    use_of_label[0] = zero
    x_inner, slope_inner = x_of_u[2:], slope[2:]
    for v in range(h):
        slope[:] = one
        if 2 <= v < h - 2:
            # slices, so that no index can be negative and the loop compiles to vector code
            y = np.float32((v - k_px[3]) / k_px[1])
            centre, left_of, right_of = depth_m[v, 2:], depth_m[v], depth_m[v, 4:]
            above, below = depth_m[v - 2, 2:], depth_m[v + 2, 2:]
            for u in range(w - 4):
                d = centre[u]
                left, right, up, down = left_of[u], right_of[u], above[u], below[u]
                nearest = min(min(min(left, right), min(up, down)), d)
                du, dv = right - left, down - up
                inverse = one / max(d, tiny)
                a, b = fx * du * inverse, fy * dv * inverse
                c = one + a * x_inner[u] + b * y
                s = one / np.sqrt(a * a + b * b + c * c)
                s = min(max(s, flattest), steepest)
                is_plane = (nearest > zero) & (abs(du) < limit * d) & (abs(dv) < limit * d)
                slope_inner[u] = s if is_plane else one
        depth_row, sigma_row, row = depth_m[v], depth_sigma[v], pixels[v]
        for u in range(w):
            sigma_m = sigma_row[u] * depth_row[u]
            t = sigma_m * inverse_scale
            weight[u] = min(one, slope[u]) / (one + t * t)
            stretch[u] = min(max(sigma_m * slope[u] * sigmas, one), widest)
        for u in range(w):
            row[u, 0] = depth_row[u]
            row[u, 1] = slope[u]
            row[u, 2] = weight[u]
            row[u, 3] = stretch[u]
        rgb_row, label_row, sure_row = rgb[v], labels[v], confidence[v]
        packed_row, evidence_row = colour_label[v], evidence[v]
        for u in range(w):
            packed_row[u] = (
                np.uint32(rgb_row[u, 0])
                | np.uint32(rgb_row[u, 1]) << np.uint32(8)
                | np.uint32(rgb_row[u, 2]) << np.uint32(16)
                | np.uint32(label_row[u]) << np.uint32(24)
            )
        for u in range(w):
            level = np.int32(sure_row[u] * top + half)
            evidence_row[u] = (
                odds_of_confidence[level] * use_of_label[label_row[u]]
                - (skip_of_label[label_row[u]])
            )


@njit(cache=True, nogil=True, error_model="numpy")
def _image_of_voxels(T_cw: F8, k_px: F8, voxel_m: float, rows: F8, steps: F4) -> None:
    """Make rows (3, 4) K @ T, and steps (3, 512) each voxel's u z, v z, z less the first one's.

    u z, v z and z are linear in the voxel's position.
    """
    for c in range(4):
        rows[0, c] = k_px[0] * T_cw[0, c] + k_px[2] * T_cw[2, c]
        rows[1, c] = k_px[1] * T_cw[1, c] + k_px[3] * T_cw[2, c]
        rows[2, c] = T_cw[2, c]
    for at in range(VOXELS):
        x, y, z = (at >> 6) * voxel_m, (at >> 3 & 7) * voxel_m, (at & 7) * voxel_m
        for r in range(3):
            steps[r, at] = rows[r, 0] * x + rows[r, 1] * y + rows[r, 2] * z


@njit(cache=True, nogil=True, error_model="numpy")
def _project_block(
    rows: F8,
    steps: F4,
    corner_m: F8,
    width: int,
    height: int,
    near_m: float,
    far_m: float,
    depth_m: F4,
    pixel: I4,
) -> None:
    """Depth (512,) and pixel (512,) of a block's voxels, -1 out of view; no branch, so vectorised.

    corner_m (3,): centre of the block's first voxel.
    """
    half, one, zero = np.float32(0.5), np.float32(1.0), np.float32(0.0)
    near, far = np.float32(near_m), np.float32(far_m)
    w, h, stride = np.float32(width), np.float32(height), np.int32(width)
    last_u, last_v = np.float32(width - 1), np.float32(height - 1)
    x, y, z = corner_m[0], corner_m[1], corner_m[2]
    u0 = np.float32(rows[0, 0] * x + rows[0, 1] * y + rows[0, 2] * z + rows[0, 3])
    v0 = np.float32(rows[1, 0] * x + rows[1, 1] * y + rows[1, 2] * z + rows[1, 3])
    z0 = np.float32(rows[2, 0] * x + rows[2, 1] * y + rows[2, 2] * z + rows[2, 3])
    step_u, step_v, step_z = steps[0], steps[1], steps[2]
    for at in range(VOXELS):
        d = z0 + step_z[at]
        inverse = one / d
        u = (u0 + step_u[at]) * inverse + half
        v = (v0 + step_v[at]) * inverse + half
        is_seen = (d >= near) & (d <= far) & (u >= zero) & (v >= zero) & (u < w) & (v < h)
        column, line = np.int32(min(max(u, zero), last_u)), np.int32(min(max(v, zero), last_v))
        depth_m[at] = d
        pixel[at] = line * stride + column if is_seen else np.int32(-1)


@njit(cache=True, nogil=True, error_model="numpy")
def integrate(
    slots: I4,
    keys: I8,
    sdf_m: F4,
    weights: F4,
    rgb_fixed: U2,
    label_ids: U1,
    label_evidence: F4,
    pixels: F4,
    colour_label: U4,
    evidence: F4,
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
    are updated in place; dirty (N,) is set where a mesh made of the block may change. pixels,
    colour_label and evidence are the view as `prepare` writes it. Pixels of skipped labels carve
    free space but leave no surface; `only_band` does not carve.
    """
    height, width = evidence.shape
    mask = np.int64((1 << 21) - 1)
    updated = 0
    front, behind = np.float32(front_m), np.float32(behind_m)
    cap, enough = np.float32(max_weight), np.float32(min_weight)
    inverse_reach, least = np.float32(1.0 / (1.5 * voxel_m)), np.float32(0.05)
    half, one, zero = np.float32(0.5), np.float32(1.0), np.float32(0.0)
    pixel_of, colour_of, evidence_of = (
        pixels.reshape(-1, 4), colour_label.reshape(-1), evidence.reshape(-1),
    )  # fmt: skip
    rows, steps, corner_m = np.empty((3, 4)), np.empty((3, VOXELS), np.float32), np.empty(3)
    z, pixel = np.empty(VOXELS, np.float32), np.empty(VOXELS, np.int32)
    _image_of_voxels(T_cw, k_px, voxel_m, rows, steps)
    for n in range(slots.shape[0]):
        slot, key = slots[n], keys[n]
        corner_m[0] = (((key >> 42) - _OFFSET) * SIDE + 0.5) * voxel_m
        corner_m[1] = (((key >> 21 & mask) - _OFFSET) * SIDE + 0.5) * voxel_m
        corner_m[2] = (((key & mask) - _OFFSET) * SIDE + 0.5) * voxel_m
        _project_block(rows, steps, corner_m, width, height, near_m, far_m, z, pixel)
        for at in range(VOXELS):
            p = pixel[at]
            if p < 0:
                continue
            d = pixel_of[p, 0]
            if d <= zero:
                continue
            s = (d - z[at]) * pixel_of[p, 1]
            wide = pixel_of[p, 3]
            if s < -behind * wide:
                continue  # behind the surface: unseen, not empty
            wp = pixel_of[p, 2]
            in_band = s < front * wide
            if not in_band:
                if only_band:
                    continue
                s = front * wide
            else:
                if evidence_of[p] < zero:
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
                packed = colour_of[p]
                for c in range(3):
                    seen = np.float32(packed >> np.uint32(8 * c) & np.uint32(255))
                    f = np.float32(rgb_fixed[slot, at, c])
                    f += (seen * np.float32(256.0) - f) * share
                    rgb_fixed[slot, at, c] = np.uint16(f + half)
                # a voxel off the surface looks at another part of it: votes count near it only
                nearness = max(one - abs(s) * inverse_reach / wide, least)
                e = evidence_of[p] * wp * nearness * nearness
                if e > zero:
                    vote(label_ids[slot, at], label_evidence[slot, at], packed >> np.uint32(24), e)
                    dirty[n] = True
    return updated


@njit(cache=True, nogil=True, error_model="numpy")
def vote(ids: U1, evidence: F4, label: int, e: float) -> None:
    """Add evidence to one label of a voxel; the weakest of the four gives way by losing as much.

    ids, evidence (4,) of the voxel are updated in place.
    """
    weakest = 0
    for c in range(TOP_LABELS):
        if ids[c] == label:
            evidence[c] += e
            return
        if ids[c] == 0:
            ids[c] = label
            evidence[c] = e
            return
        if evidence[c] < evidence[weakest]:
            weakest = c
    rest = evidence[weakest] - e
    if rest < 0.0:
        ids[weakest] = label
        evidence[weakest] = -rest
    else:
        evidence[weakest] = rest
