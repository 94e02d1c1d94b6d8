"""Which points lie in any of many camera frusta."""

from __future__ import annotations

import numpy as np
from numba import njit

from mono_hydra.types import F8, Bool


@njit(cache=True, nogil=True)
def in_any_frustum(
    points_m: F8,
    T_camera_world: F8,
    width: int,
    height: int,
    intrinsics_px: F8,
    model: int,
    distortion: F8,
    max_z_m: float,
) -> Bool:
    """(N,) points_m (N, 3) in the image of any T_camera_world (K, 4, 4) at 0 < z <= max_z_m.

    intrinsics_px fx, fy, cx, cy; model 0 pinhole, 1 radial-tangential (k1 k2 p1 p2 k3),
    2 fisheye (k1 k2 k3 k4); distortion (5,).
    """
    fx, fy, cx, cy = intrinsics_px
    found = np.zeros(points_m.shape[0], np.bool_)
    for i in range(points_m.shape[0]):
        px, py, pz = points_m[i, 0], points_m[i, 1], points_m[i, 2]
        for k in range(T_camera_world.shape[0]):
            T = T_camera_world[k]
            z = T[2, 0] * px + T[2, 1] * py + T[2, 2] * pz + T[2, 3]
            if z <= 1e-3 or z > max_z_m:
                continue
            x = (T[0, 0] * px + T[0, 1] * py + T[0, 2] * pz + T[0, 3]) / z
            y = (T[1, 0] * px + T[1, 1] * py + T[1, 2] * pz + T[1, 3]) / z
            if model != 0:
                if x * x + y * y > 9.0:
                    continue  # beyond 71 degrees the lens polynomials fold back
                x, y = _distorted(x, y, model, distortion)
            u, v = fx * x + cx, fy * y + cy
            if -0.5 <= u < width - 0.5 and -0.5 <= v < height - 0.5:
                found[i] = True
                break
    return found


@njit(cache=True, nogil=True)
def _distorted(x: float, y: float, model: int, d: F8) -> tuple[float, float]:
    """Normalised image coordinates behind the lens, as OpenCV defines both models."""
    r2 = x * x + y * y
    if model == 1:
        radial = 1.0 + r2 * (d[0] + r2 * (d[1] + r2 * d[4]))
        x_d = x * radial + 2.0 * d[2] * x * y + d[3] * (r2 + 2.0 * x * x)
        y_d = y * radial + d[2] * (r2 + 2.0 * y * y) + 2.0 * d[3] * x * y
        return x_d, y_d
    r = np.sqrt(r2)
    if r < 1e-9:
        return x, y
    t = np.arctan(r)
    t2 = t * t
    radius = t * (1.0 + t2 * (d[0] + t2 * (d[1] + t2 * (d[2] + t2 * d[3]))))
    return x * radius / r, y * radius / r
