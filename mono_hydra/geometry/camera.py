"""Camera models: project points, and the rays of pixels (pinhole, radial-tangential, fisheye).

Pixel centres lie at integer coordinates. Rays have z = 1 in the camera frame.
Sources: Brown-Conrady as in OpenCV's calib3d; Kannala-Brandt equidistant as in OpenCV's fisheye.
"""

from __future__ import annotations

import numpy as np

from mono_hydra.types import F8, Camera

MAX_FISHEYE_RAD = np.deg2rad(89.0)  # beyond, a ray has no point at z = 1


def project(camera: Camera, points_camera_m: F8) -> F8:
    """Pixels (..., 2) of points (..., 3) in the camera frame; NaN behind the camera."""
    points = np.asarray(points_camera_m, dtype=np.float64)
    z = np.where(points[..., 2] > 1e-9, points[..., 2], np.nan)
    x, y = _distort(camera, points[..., 0] / z, points[..., 1] / z)
    return np.stack([camera.fx * x + camera.cx, camera.fy * y + camera.cy], axis=-1)


def pixel_rays(camera: Camera) -> F8:
    """(H, W, 3) rays with z = 1 of all pixels."""
    v, u = np.mgrid[: camera.height, : camera.width].astype(np.float64)
    return rays_of(camera, np.stack([u, v], axis=-1))


def rays_of(camera: Camera, pixels: F8) -> F8:
    """Rays (..., 3) with z = 1 of pixels (..., 2)."""
    x_d = (pixels[..., 0] - camera.cx) / camera.fx
    y_d = (pixels[..., 1] - camera.cy) / camera.fy
    x, y = _undistort(camera, x_d, y_d)
    return np.stack([x, y, np.ones_like(x)], axis=-1)


def camera_from_fov(width: int, height: int, fov_deg: float) -> Camera:
    """Pinhole camera with the given horizontal field of view, degrees, centre in the middle."""
    focal_px = float(0.5 * width / np.tan(np.deg2rad(fov_deg) / 2.0))
    return Camera(width, height, focal_px, focal_px, (width - 1) / 2.0, (height - 1) / 2.0)


def _distort(camera: Camera, x: F8, y: F8) -> tuple[F8, F8]:
    if camera.model == "radtan" and camera.distortion:
        k1, k2, p1, p2, k3 = (*camera.distortion, 0.0)[:5]
        r2 = x * x + y * y
        radial = 1.0 + r2 * (k1 + r2 * (k2 + r2 * k3))
        x_d = x * radial + 2.0 * p1 * x * y + p2 * (r2 + 2.0 * x * x)
        y_d = y * radial + p1 * (r2 + 2.0 * y * y) + 2.0 * p2 * x * y
        return x_d, y_d
    if camera.model == "fisheye":
        r = np.hypot(x, y)
        theta = np.arctan(r)
        scale = np.where(r > 1e-9, _fisheye_radius(camera, theta) / np.maximum(r, 1e-9), 1.0)
        return x * scale, y * scale
    return x, y


def _undistort(camera: Camera, x_d: F8, y_d: F8) -> tuple[F8, F8]:
    if camera.model == "radtan" and camera.distortion:
        x, y = x_d, y_d
        for _ in range(30):  # fixed point; converges where the lens is one to one
            x_again, y_again = _distort(camera, x, y)
            x, y = x + (x_d - x_again), y + (y_d - y_again)
        return x, y
    if camera.model == "fisheye":
        r_d = np.hypot(x_d, y_d)
        theta = np.minimum(r_d, MAX_FISHEYE_RAD)
        for _ in range(20):
            theta = np.clip(theta - (_fisheye_radius(camera, theta) - r_d), 0.0, MAX_FISHEYE_RAD)
        scale = np.where(r_d > 1e-9, np.tan(theta) / np.maximum(r_d, 1e-9), 1.0)
        return x_d * scale, y_d * scale
    return x_d, y_d


def _fisheye_radius(camera: Camera, theta: F8) -> F8:
    k1, k2, k3, k4 = (*camera.distortion, 0.0, 0.0, 0.0, 0.0)[:4]
    t2 = theta * theta
    return np.asarray(theta * (1.0 + t2 * (k1 + t2 * (k2 + t2 * (k3 + t2 * k4)))))
