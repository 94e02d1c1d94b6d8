"""A world of one wall with a pattern, seen by a camera that moves before it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mono_hydra.geometry import se3
from mono_hydra.types import F8, U1, Camera, Frame, Prediction, TrackedPose

CAMERA = Camera(320, 240, 260.0, 260.0, 159.5, 119.5)
WALL_M = 3.0  # its y
# camera axes (right, down, forward) in a world whose z is up, looking along y
R_LOOK = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
PIXEL_M = 0.005
# a body with x forward, y left, z up that carries the camera at its origin
T_BODY_CAMERA = se3.from_rt(
    np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]), np.zeros(3)
)


@dataclass
class Known:
    """True depth of the image that is being shown."""

    prediction: Prediction | None = None

    def step(self, frame: Frame, T_world_camera: F8) -> Prediction | None:
        return self.prediction


def errors_of(poses: list[TrackedPose], truth: F8) -> F8:
    """(N,) distance of estimated cameras to the true ones (N, 4, 4), aligned by the first pose."""
    T_truth_map = truth[0] @ se3.inverse(poses[0].T_world_camera)
    found = np.array([(T_truth_map @ p.T_world_camera)[:3, 3] for p in poses])
    return np.asarray(np.linalg.norm(found - truth[:, :3, 3], axis=1))


def patterned(seed: int = 0) -> U1:
    """Grey blocks of many sizes, 12 m by 3 m."""
    rng = np.random.default_rng(seed)
    picture = np.full((600, 2400), 128, np.uint8)
    for _ in range(4000):
        x, y = rng.integers(0, 2400), rng.integers(0, 600)
        w, h = rng.integers(4, 60, 2)
        picture[y : y + h, x : x + w] = rng.integers(0, 256)
    return picture


def pose(x_m: float, y_m: float = 0.0, yaw: float = 0.0) -> F8:
    """T_world_camera (4, 4) at 1.5 m of height, level."""
    turn = se3.exp_so3(np.array([0.0, 0.0, yaw]))
    return se3.from_rt(turn @ R_LOOK, np.array([x_m, y_m, 1.5]))


def view(
    wall: U1, T_world_camera: F8, stamp_s: float = 0.0, index: int = 0
) -> tuple[Frame, Prediction]:
    """What the camera sees, and the true depth of it."""
    v, u = np.mgrid[0 : CAMERA.height, 0 : CAMERA.width]
    x, y = (u - CAMERA.cx) / CAMERA.fx, (v - CAMERA.cy) / CAMERA.fy
    along = np.stack([x, y, np.ones(u.shape)], axis=-1) @ T_world_camera[:3, :3].T
    z = (WALL_M - T_world_camera[1, 3]) / along[..., 1]
    point = T_world_camera[:3, 3] + along * z[..., None]
    column = np.clip((point[..., 0] + 6.0) / PIXEL_M, 0, wall.shape[1] - 1).astype(int)
    row = np.clip((3.0 - point[..., 2]) / PIXEL_M, 0, wall.shape[0] - 1).astype(int)
    rgb = np.repeat(wall[row, column][..., None], 3, axis=2)
    depth = z.astype(np.float32)
    labels = np.zeros(depth.shape, np.uint8)
    prediction = Prediction(
        CAMERA, rgb, depth, np.full_like(depth, 0.05), labels, np.ones_like(depth), "nyu40"
    )
    return Frame(index, stamp_s, rgb, CAMERA), prediction
