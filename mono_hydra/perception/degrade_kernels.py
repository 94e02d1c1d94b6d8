"""Errors of a network, looked up by surface point and viewing direction."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mono_hydra.types import F4, F8, U1, Bool


# sums in any order, so that the anchors fill vector registers; no NaN enters here
@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _blend(lattice: F4, x: float, y: float, z: float, weights: F4, first: int, last: int) -> float:
    """Trilinear reading of lattice (N, N, N, K) at cell coordinates, anchors first..last-1."""
    mask = lattice.shape[0] - 1  # N is a power of two
    fx, fy, fz = math.floor(x), math.floor(y), math.floor(z)
    ax, ay, az = np.float32(x - fx), np.float32(y - fy), np.float32(z - fz)
    i0, j0, k0 = int(fx) & mask, int(fy) & mask, int(fz) & mask
    i1, j1, k1 = (i0 + 1) & mask, (j0 + 1) & mask, (k0 + 1) & mask
    one = np.float32(1.0)
    bx, by, bz = one - ax, one - ay, one - az
    w000, w001, w010, w011 = bx * by * bz, bx * by * az, bx * ay * bz, bx * ay * az
    w100, w101, w110, w111 = ax * by * bz, ax * by * az, ax * ay * bz, ax * ay * az
    total = np.float32(0.0)
    for k in range(first, last):
        value = (
            w000 * lattice[i0, j0, k0, k]
            + w001 * lattice[i0, j0, k1, k]
            + w010 * lattice[i0, j1, k0, k]
            + w011 * lattice[i0, j1, k1, k]
            + w100 * lattice[i1, j0, k0, k]
            + w101 * lattice[i1, j0, k1, k]
            + w110 * lattice[i1, j1, k0, k]
            + w111 * lattice[i1, j1, k1, k]
        )
        total += weights[k] * value
    return float(total)


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def fields(
    depth_m: F4,
    k_px: F8,
    T_world_camera: F8,
    lattice: F4,
    anchors: F8,
    cells_per_m: F8,
    wants_labels: Bool,
    labels: U1,
    depth_field: F4,
    label_fields: F4,
) -> None:
    """depth_field (H, W), label_fields (3, H, W): wrongness, choice, doubt where labels want them.

    cells_per_m (3,): lattice cells per metre of depth error, label patches and label choice.
    """
    height, width = depth_m.shape
    n_anchors = anchors.shape[0]
    R = T_world_camera[:3, :3]
    ones = np.ones(n_anchors, np.float32)
    w_depth = np.empty(n_anchors, np.float32)
    w_label = np.empty(n_anchors, np.float32)
    a0 = anchors[:, 0].astype(np.float32)
    a1 = anchors[:, 1].astype(np.float32)
    a2 = anchors[:, 2].astype(np.float32)
    half = np.float32(0.5)
    for v in range(height):
        for u in range(width):
            z = depth_m[v, u]
            if z <= 0.0:
                continue
            rx, ry = (u - k_px[2]) / k_px[0], (v - k_px[3]) / k_px[1]
            dx = R[0, 0] * rx + R[0, 1] * ry + R[0, 2]
            dy = R[1, 0] * rx + R[1, 1] * ry + R[1, 2]
            dz = R[2, 0] * rx + R[2, 1] * ry + R[2, 2]
            px = T_world_camera[0, 3] + dx * z
            py = T_world_camera[1, 3] + dy * z
            pz = T_world_camera[2, 3] + dz * z
            length = math.sqrt(dx * dx + dy * dy + dz * dz)
            ux = np.float32(dx / length)
            uy = np.float32(dy / length)
            uz = np.float32(dz / length)
            sum_depth, sum_label = np.float32(0.0), np.float32(0.0)
            for k in range(n_anchors):
                # 1 towards the camera, 0 away; the third power falls to .95 correlation at 20 deg
                near = half - half * (a0[k] * ux + a1[k] * uy + a2[k] * uz)
                w_label[k] = near
                w_depth[k] = near * near * near
                sum_label += w_label[k] * w_label[k]
                sum_depth += w_depth[k] * w_depth[k]
            s = cells_per_m[0]
            depth_field[v, u] = _blend(lattice, px * s, py * s, pz * s, w_depth, 0, n_anchors)
            depth_field[v, u] /= math.sqrt(sum_depth)
            if not wants_labels[labels[v, u]]:
                continue
            # other places of the same lattice are independent of the depth error
            s = cells_per_m[1]
            wrong = _blend(
                lattice, px * s + 19.0, py * s + 7.0, pz * s + 31.0, w_label, 0, n_anchors
            )
            label_fields[0, v, u] = wrong / math.sqrt(sum_label)
            label_fields[2, v, u] = _blend(
                lattice, px * s + 41.0, py * s + 53.0, pz * s + 11.0, ones, 0, 1
            )
            s = cells_per_m[2]
            label_fields[1, v, u] = _blend(
                lattice, px * s + 3.0, py * s + 29.0, pz * s + 47.0, ones, 1, 2
            )
