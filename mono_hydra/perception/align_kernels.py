"""Loops over pixels of the aligner: which plane a pixel lies on, and what moves its depth."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mono_hydra.types import F4, F8, I4, I8, U1

# A quarter of the pixels of a kind lie on no plane that is known, anywhere within 0.6 of ln depth;
# without the factor 1 / sqrt(2 pi), which the planes' densities lack as well.
STRAY_DENSITY = 0.25 / 0.75 / 0.6 * math.sqrt(2.0 * math.pi)
MIN_RATIO, MAX_RATIO = 0.75, 1.35  # of a pixel's depth and its plane's; beyond three sigmas
EXTENT_M = 0.3  # beyond its known extent a wall is by a factor e less likely per this length


@njit(cache=True, nogil=True)
def assign(
    depth_m: F4,
    sigma: F4,
    labels: U1,
    kind_of_label: I4,
    k_px: F8,
    T_world_camera: F8,
    planes: F8,
    error: F4,
    error_sigma: F4,
    attachment_m: F8,
    gate: float,
    growth_m: float,
    stride: int,
    plane_of_pixel: I4,
    residual: F4,
    belief: F4,
) -> None:
    """The plane each pixel lies on, -1 for none, and ln(depth / depth of the plane).

    `belief` is the probability that it lies on that plane, rather than on another one near it or on
    none that is known (Bar-Shalom's probabilistic data association, for one pixel).

    kind_of_label (256,): 0 floor, 1 ceiling, 2 wall, 3 hangs on a wall, -1 none. `error` (H, W) is
    what is known of the pixel's error of ln depth, with its sigma; planes (P, 9): Plane.rows.
    """
    height, width = depth_m.shape
    R, t = T_world_camera[:3, :3], T_world_camera[:3, 3]
    n_planes = planes.shape[0]
    distances = np.empty(n_planes)
    for p in range(n_planes):
        distances[p] = (
            planes[p, 0] * t[0] + planes[p, 1] * t[1] + planes[p, 2] * t[2] - planes[p, 3]
        )
    for row in range(0, height, stride):
        y = (row - k_px[3]) / k_px[1]
        for column in range(0, width, stride):
            plane_of_pixel[row, column] = -1
            kind = kind_of_label[labels[row, column]]
            d = depth_m[row, column]
            if kind < 0 or d <= 0.0:
                continue
            x = (column - k_px[2]) / k_px[0]
            rx = R[0, 0] * x + R[0, 1] * y + R[0, 2]
            ry = R[1, 0] * x + R[1, 1] * y + R[1, 2]
            rz = R[2, 0] * x + R[2, 1] * y + R[2, 2]
            wanted = 2 if kind == 3 else kind
            best, total, last, last_plane = 0.0, STRAY_DENSITY, 0.0, -1
            best_guess = d * math.exp(-error[row, column])
            for p in range(n_planes):
                distance = distances[p]
                if distance < 0.15 or int(planes[p, 7]) != wanted:
                    continue
                nx, ny, nz = planes[p, 0], planes[p, 1], planes[p, 2]
                slope = -(nx * rx + ny * ry + nz * rz)
                share = best_guess * slope / distance  # of the plane's own depth
                if slope < 0.02 or share < MIN_RATIO or share > MAX_RATIO:
                    continue
                hit = distance / slope
                beyond = 0.0
                if wanted == 2:
                    along = -ny * (t[0] + hit * rx) + nx * (t[1] + hit * ry)
                    if along < planes[p, 5] - growth_m or along > planes[p, 6] + growth_m:
                        continue
                    beyond = max(planes[p, 5] - along, along - planes[p, 6], 0.0)
                off = math.log(share)
                variance = (planes[p, 4] ** 2 + attachment_m[kind] ** 2) / distance**2
                variance += error_sigma[row, column] ** 2
                cost = off * off / variance
                if cost > gate * gate:
                    continue
                density = math.exp(-0.5 * cost - beyond / EXTENT_M) / math.sqrt(variance)
                if int(planes[p, 8]) == last_plane:  # another stretch of the same plane
                    total += max(density - last, 0.0)
                    last = max(density, last)
                else:
                    total += density
                    last, last_plane = density, int(planes[p, 8])
                if density > best:
                    best = density
                    plane_of_pixel[row, column] = int(planes[p, 8])
                    residual[row, column] = math.log(d / hit)
            belief[row, column] = best / total


@njit(cache=True, nogil=True)
def cells(
    depth_m: F4,
    k_px: F8,
    T_world_camera: F8,
    cell_m: float,
    table_keys: I8,
    table_ids: I4,
    cell_of_pixel: I4,
    centres: F8,
) -> int:
    """Number the world cells the pixels fall into; centres (N, 4) hold mean points and counts."""
    height, width = depth_m.shape
    R, t = T_world_camera[:3, :3], T_world_camera[:3, 3]
    mask = table_keys.shape[0] - 1
    n = 0
    for row in range(height):
        y = (row - k_px[3]) / k_px[1]
        for column in range(width):
            d = depth_m[row, column]
            cell_of_pixel[row, column] = -1
            if d <= 0.0:
                continue
            x = (column - k_px[2]) / k_px[0]
            wx = t[0] + d * (R[0, 0] * x + R[0, 1] * y + R[0, 2])
            wy = t[1] + d * (R[1, 0] * x + R[1, 1] * y + R[1, 2])
            wz = t[2] + d * (R[2, 0] * x + R[2, 1] * y + R[2, 2])
            i = math.floor(wx / cell_m) + 100000
            j = math.floor(wy / cell_m) + 100000
            k = math.floor(wz / cell_m) + 100000
            key = (i * 200003 + j) * 200003 + k
            slot = (key * 40503 ^ (key >> 17)) & mask
            while table_keys[slot] != -1 and table_keys[slot] != key:
                slot = (slot + 1) & mask
            if table_keys[slot] == -1:
                if n >= centres.shape[0]:
                    continue
                table_keys[slot] = key
                table_ids[slot] = n
                n += 1
            c = table_ids[slot]
            cell_of_pixel[row, column] = c
            centres[c, 0] += wx
            centres[c, 1] += wy
            centres[c, 2] += wz
            centres[c, 3] += 1.0
    for c in range(n):
        for axis in range(3):
            centres[c, axis] /= centres[c, 3]
    return n


@njit(cache=True, nogil=True)
def correct(
    depth_m: F4,
    sigma: F4,
    labels: U1,
    kind_of_label: I4,
    plane_of_pixel: I4,
    residual: F4,
    belief: F4,
    plane_sigma_m: F8,
    distance_m: F8,
    attachment_m: F8,
    cell_of_pixel: I4,
    cell_error: F8,
    cell_variance: F8,
    corrected_m: F4,
    corrected_sigma: F4,
) -> None:
    """Depth without its known error; pixels on a plane are drawn to it by both variances.

    distance_m (P,): of the camera from the planes. cell_variance: share of
    the variance of ln depth that is left after the error field is known.
    """
    height, width = depth_m.shape
    for row in range(height):
        for column in range(width):
            d = depth_m[row, column]
            c = cell_of_pixel[row, column]
            if d <= 0.0 or c < 0:
                continue
            variance = float(sigma[row, column]) ** 2 * cell_variance[c]
            error = cell_error[c]
            p = plane_of_pixel[row, column]
            if p >= 0:
                kind = kind_of_label[labels[row, column]]
                plane = (plane_sigma_m[p] ** 2 + attachment_m[kind] ** 2) / distance_m[p] ** 2
                share = variance / (variance + plane)
                b = float(belief[row, column])
                step = share * (residual[row, column] - error)
                error += b * step
                # either on the plane or not, and the mean of both lies between
                variance = variance * (1.0 - b * share) + b * (1.0 - b) * step * step
            corrected_m[row, column] = d * math.exp(-error)
            corrected_sigma[row, column] = math.sqrt(variance)


@njit(cache=True, nogil=True)
def direction_scores(x_m: F8, y_m: F8, weights: F8, bin_m: float, n_angles: int) -> F8:
    """How sharply points (N,) of walls gather on lines of two directions at right angles."""
    scores = np.zeros(n_angles)
    reach = 0.0
    for i in range(len(x_m)):
        reach = max(reach, abs(x_m[i]) + abs(y_m[i]))
    n_bins = int(2 * reach / bin_m) + 3
    for a in range(n_angles):
        angle = 0.5 * math.pi * a / n_angles
        cosine, sine = math.cos(angle), math.sin(angle)
        u = np.zeros(n_bins)
        v = np.zeros(n_bins)
        for i in range(len(x_m)):
            u[int((cosine * x_m[i] + sine * y_m[i] + reach) / bin_m)] += weights[i]
            v[int((cosine * y_m[i] - sine * x_m[i] + reach) / bin_m)] += weights[i]
        scores[a] = (u * u).sum() + (v * v).sum()
    return scores
