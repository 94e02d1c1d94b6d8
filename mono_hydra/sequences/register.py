"""Bring a depth image into the view of the colour camera."""

from __future__ import annotations

import numpy as np

from mono_hydra.sequences import register_kernels
from mono_hydra.types import F4, F8, Camera


def register_depth(
    depth_m: F4, depth_camera: Camera, T_color_depth: F8, color_camera: Camera
) -> F4:
    """Depth (H, W) seen by `depth_camera` as `color_camera` would see it; the nearer surface wins.

    Both cameras are pinhole; metres along each camera's own axis, 0 where unknown.
    """
    out_m = np.zeros((color_camera.height, color_camera.width), np.float32)
    register_kernels.register(
        np.ascontiguousarray(depth_m),
        depth_camera.vector(),
        np.ascontiguousarray(T_color_depth, dtype=np.float64),
        color_camera.vector(),
        out_m,
    )
    return out_m
