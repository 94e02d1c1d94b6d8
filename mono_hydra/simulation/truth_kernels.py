"""Numba kernels of the truth: which samples a frame sees, how objects show, free rays."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mono_hydra.types import F4, F8, U1, Bool


@njit(cache=True, nogil=True)
def project_point(
    x: float, y: float, z: float, intrinsics: F8, model: int, distortion: F8
) -> tuple[float, float]:
    """Pixel of a camera-frame point; model 0 pinhole, 1 radial-tangential, 2 fisheye."""
    a, b = x / z, y / z
    if model == 1:
        k1, k2, p1, p2, k3 = distortion
        r2 = a * a + b * b
        radial = 1.0 + r2 * (k1 + r2 * (k2 + r2 * k3))
        a, b = (
            a * radial + 2.0 * p1 * a * b + p2 * (r2 + 2.0 * a * a),
            b * radial + p1 * (r2 + 2.0 * b * b) + 2.0 * p2 * a * b,
        )
    elif model == 2:
        k1, k2, k3, k4, _ = distortion
        r = np.sqrt(a * a + b * b)
        if r > 1e-9:
            t = np.arctan(r)
            t2 = t * t
            scale = t * (1.0 + t2 * (k1 + t2 * (k2 + t2 * (k3 + t2 * k4)))) / r
            a, b = a * scale, b * scale
    return intrinsics[0] * a + intrinsics[2], intrinsics[1] * b + intrinsics[3]


@njit(cache=True, nogil=True)
def count_seen(
    points: F8,
    normals: F8,
    label: U1,
    instance: NDArray[np.uint16],
    T_camera_world: F8,
    intrinsics: F8,
    model: int,
    distortion: F8,
    depth_m: F4,
    labels: U1,
    instances: NDArray[np.uint16],
    z_range_m: F8,
    min_cosine: float,
    tolerance_m: float,
    tolerance_share: float,
    seen: NDArray[np.uint16],
    min_z: F4,
) -> None:
    """Add one to `seen` (N,) for each sample this depth image shows; keep the least z (N,).

    `points` (N, 3) world, `normals` (N, 3) unit, towards free space, with their `label` and
    `instance` (N,); `depth_m`, `labels`, `instances` (H, W) true images, depth 0 = none;
    `z_range_m` (2,) nearest and farthest z; `min_cosine` of the angle of incidence. A sample shows
    where |z - depth| <= tolerance_m + tolerance_share * z and the pixel shows its own thing: the
    floor one centimetre below a mat passes the first test, yet nobody sees it.
    """
    height, width = depth_m.shape
    T = T_camera_world
    cx = -(T[0, 0] * T[0, 3] + T[1, 0] * T[1, 3] + T[2, 0] * T[2, 3])
    cy = -(T[0, 1] * T[0, 3] + T[1, 1] * T[1, 3] + T[2, 1] * T[2, 3])
    cz = -(T[0, 2] * T[0, 3] + T[1, 2] * T[1, 3] + T[2, 2] * T[2, 3])
    for i in range(points.shape[0]):
        px, py, pz = points[i, 0], points[i, 1], points[i, 2]
        z = T[2, 0] * px + T[2, 1] * py + T[2, 2] * pz + T[2, 3]
        if z < z_range_m[0] or z > z_range_m[1]:
            continue
        dx, dy, dz = cx - px, cy - py, cz - pz
        facing = dx * normals[i, 0] + dy * normals[i, 1] + dz * normals[i, 2]
        if facing <= 0.0 or facing < min_cosine * np.sqrt(dx * dx + dy * dy + dz * dz):
            continue
        x = T[0, 0] * px + T[0, 1] * py + T[0, 2] * pz + T[0, 3]
        y = T[1, 0] * px + T[1, 1] * py + T[1, 2] * pz + T[1, 3]
        u, v = project_point(x, y, z, intrinsics, model, distortion)
        if not (u > -0.5 and v > -0.5 and u < width - 0.5 and v < height - 0.5):
            continue
        row, column = int(v + 0.5), int(u + 0.5)
        if labels[row, column] != label[i] or instances[row, column] != instance[i]:
            continue
        d = depth_m[row, column]
        if d > 0.0 and abs(z - d) <= tolerance_m + tolerance_share * z:
            seen[i] += 1
            if z < min_z[i]:
                min_z[i] = z


@njit(cache=True, nogil=True)
def measure_objects(
    instances: NDArray[np.uint16],
    depth_m: F4,
    pixels: NDArray[np.uint32],
    min_z: F4,
    truncated: Bool,
) -> None:
    """Per instance id: pixels, least depth, whether it touches the border; outputs are zeroed."""
    height, width = instances.shape
    pixels[:] = 0
    min_z[:] = np.inf
    truncated[:] = False
    for v in range(height):
        for u in range(width):
            k = instances[v, u]
            if k == 0 or k >= pixels.shape[0]:
                continue
            pixels[k] += 1
            if depth_m[v, u] < min_z[k]:
                min_z[k] = depth_m[v, u]
            if v == 0 or u == 0 or v == height - 1 or u == width - 1:
                truncated[k] = True


@njit(cache=True, nogil=True)
def mark_free_rays(
    depth_m: F4,
    rays: F8,
    T_world_camera: F8,
    stride: int,
    range_m: float,
    origin_m: F8,
    voxel_m: float,
    seen_free: Bool,
) -> None:
    """Mark the voxels that the depth rays cross before they end (Amanatides and Woo's walk).

    `depth_m` (H, W), `rays` (H, W, 3) camera frame with unit z, taken every `stride` pixels and cut
    at z = `range_m`; `origin_m` (3,) outer corner of voxel 0; `seen_free` (X, Y, Z) is written.
    """
    height, width = depth_m.shape
    nx, ny, nz = seen_free.shape
    T = T_world_camera
    start_x = (T[0, 3] - origin_m[0]) / voxel_m
    start_y = (T[1, 3] - origin_m[1]) / voxel_m
    start_z = (T[2, 3] - origin_m[2]) / voxel_m
    for v in range(stride // 2, height, stride):
        for u in range(stride // 2, width, stride):
            end = min(depth_m[v, u], range_m)
            if end <= 0.0:
                continue
            rx, ry, rz = rays[v, u, 0], rays[v, u, 1], rays[v, u, 2]
            dx = (T[0, 0] * rx + T[0, 1] * ry + T[0, 2] * rz) / voxel_m
            dy = (T[1, 0] * rx + T[1, 1] * ry + T[1, 2] * rz) / voxel_m
            dz = (T[2, 0] * rx + T[2, 1] * ry + T[2, 2] * rz) / voxel_m
            i, step_x, t_x, gap_x = _axis(start_x, dx)
            j, step_y, t_y, gap_y = _axis(start_y, dy)
            k, step_z, t_z, gap_z = _axis(start_z, dz)
            while True:
                if 0 <= i < nx and 0 <= j < ny and 0 <= k < nz:
                    seen_free[i, j, k] = True
                if t_x <= t_y and t_x <= t_z:
                    if t_x > end:
                        break
                    i += step_x
                    t_x += gap_x
                elif t_y <= t_z:
                    if t_y > end:
                        break
                    j += step_y
                    t_y += gap_y
                else:
                    if t_z > end:
                        break
                    k += step_z
                    t_z += gap_z


@njit(cache=True, nogil=True)
def _axis(start: float, slope: float) -> tuple[int, int, float, float]:
    """First cell, step, first crossing and distance between crossings along one axis."""
    cell = int(np.floor(start))
    if slope > 0.0:
        return cell, 1, (cell + 1 - start) / slope, 1.0 / slope
    if slope < 0.0:
        return cell, -1, (cell - start) / slope, -1.0 / slope
    return cell, 0, np.inf, np.inf
