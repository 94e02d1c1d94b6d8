"""Lenses that bend straight lines, with coefficients as ordinary cameras have them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mono_hydra.errors import SimulationError
from mono_hydra.geometry.camera import rays_of
from mono_hydra.types import Camera

LENSES = ("none", "radtan", "fisheye")
RADTAN = (-0.28, 0.074, 0.0002, 0.00002)  # about EuRoC's
FISHEYE = (0.0035, 0.0007, -0.0021, 0.0002)  # TUM-VI's
MAX_RADTAN_FOV_DEG = 90.0  # beyond, rays of the corners are no longer found by iteration


def distorted_camera(camera: Camera, lens: str, fov_deg: float) -> Camera:
    """A pinhole camera with another lens before it.

    Args:
        camera: pinhole.
        lens: one of `LENSES`.
        fov_deg: horizontal field of view wanted; a fisheye's focal length follows from it, a
            radial-tangential lens keeps the pinhole's and sees a little more.

    Raises:
        SimulationError: the lens does not reach so far.
    """
    if lens == "none":
        return camera
    if lens == "radtan":
        if fov_deg > MAX_RADTAN_FOV_DEG:
            raise SimulationError(
                f"--distortion radtan: reaches {MAX_RADTAN_FOV_DEG:g} degrees, {fov_deg:g} asked "
                "for; give fisheye or a smaller --fov"
            )
        return replace(camera, model="radtan", distortion=RADTAN)
    half = np.deg2rad(fov_deg) / 2.0
    k1, k2, k3, k4 = FISHEYE
    t2 = half * half
    radius = half * (1.0 + t2 * (k1 + t2 * (k2 + t2 * (k3 + t2 * k4))))
    focal_px = float(camera.width / 2.0 / radius)
    return replace(camera, fx=focal_px, fy=focal_px, model="fisheye", distortion=FISHEYE)


def field_of_view_deg(camera: Camera) -> float:
    """Horizontal angle between the first and the last column's rays on the middle row."""
    pixels = np.array([[-0.5, camera.cy], [camera.width - 0.5, camera.cy]])
    left, right = rays_of(camera, pixels)
    cosine = left @ right / np.linalg.norm(left) / np.linalg.norm(right)
    return float(np.rad2deg(np.arccos(cosine)))
