"""A floor at z = 0 seen from given places, with labels painted on it: the degrader's test input."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mono_hydra.geometry import se3
from mono_hydra.geometry.camera import pixel_rays
from mono_hydra.types import F8, U1, Camera, Frame, Prediction

CAMERA = Camera(160, 120, 130.0, 130.0, 80.0, 60.0)
CHAIR = 5


def look_at(target_m: F8, polar_rad: float, azimuth_rad: float, distance_m: float) -> F8:
    """T_world_camera that looks at a floor point from a direction."""
    away = np.array(
        [
            np.sin(polar_rad) * np.cos(azimuth_rad),
            np.sin(polar_rad) * np.sin(azimuth_rad),
            np.cos(polar_rad),
        ]
    )
    right = np.cross(-away, [0.3, 1.0, 0.1])
    right /= np.linalg.norm(right)
    down = np.cross(-away, right)
    return se3.from_rt(np.stack([right, down, -away], axis=1), target_m + distance_m * away)


class Floor:
    """An undisturbed predictor: the floor z = 0, labelled by a function of world x, y."""

    def __init__(self, paint: Callable[[F8], U1] | None = None) -> None:
        self._paint = paint

    def step(self, frame: Frame, T_world_camera: F8) -> Prediction:
        depth_m, points = floor_view(T_world_camera)
        labels = np.where(depth_m > 0, CHAIR, 0).astype(np.uint8)
        if self._paint is not None:
            labels = self._paint(points)
        return Prediction(
            camera=CAMERA,
            rgb=frame.rgb,
            depth_m=depth_m,
            depth_sigma=np.full(depth_m.shape, 0.01, np.float32),
            labels=labels,
            confidence=np.ones(depth_m.shape, np.float32),
            label_space="nyu40",
        )


def floor_view(T_world_camera: F8) -> tuple[np.ndarray, F8]:
    """Depth (H, W) up to 8 m and world points (H, W, 3)."""
    rays = pixel_rays(CAMERA) @ T_world_camera[:3, :3].T
    with np.errstate(divide="ignore"):
        depth_m = -T_world_camera[2, 3] / rays[..., 2]
    depth_m[(depth_m <= 0.0) | (depth_m > 8.0)] = 0.0
    return depth_m.astype(np.float32), T_world_camera[:3, 3] + rays * depth_m[..., None]


def frame(index: int = 0) -> Frame:
    """A black picture."""
    return Frame(index, index / 30.0, np.zeros((120, 160, 3), np.uint8), CAMERA)
