"""Random views as a person with a camera takes them: eye height, in a room, not into a near wall.

People photograph what is in a room rather than the wall before them: of `N_DIRECTIONS` random
directions at one place the one that shows most things is taken.
"""

from __future__ import annotations

import numpy as np

from mono_hydra.simulation.scene import HouseScene
from mono_hydra.types import F8, Camera

EYE_M = (1.1, 1.65)
PITCH_DEG = (-32.0, 2.0)
ROLL_SD_DEG = 2.0
CLEARANCE_M = 0.3
MEDIAN_DEPTH_M = (1.3, 6.0)
MAX_NEAR_SHARE = 0.05  # of the picture nearer than 0.6 m
TRIES_PER_VIEW = 200
N_DIRECTIONS = 3


def random_views(
    scene: HouseScene, camera: Camera, n_views: int, rng: np.random.Generator
) -> list[F8]:
    """Up to `n_views` poses T_world_camera (4, 4), rooms taken by area."""
    rooms = scene.house.rooms
    boxes = [(r.polygon_m.min(axis=0), r.polygon_m.max(axis=0)) for r in rooms]
    area = np.array([float(np.prod(high - low)) for low, high in boxes])
    small = camera.resized(64, 48)
    views: list[F8] = []
    for _ in range(TRIES_PER_VIEW * n_views):
        if len(views) == n_views:
            break
        k = int(rng.choice(len(rooms), p=area / area.sum()))
        eye_m = np.array([*rng.uniform(*boxes[k]), rooms[k].floor_z_m + rng.uniform(*EYE_M)])
        directions = [_looking(eye_m, rng) for _ in range(N_DIRECTIONS)]
        if not _inside(eye_m[:2], rooms[k].polygon_m):
            continue
        if scene.distance(eye_m[None])[0] < CLEARANCE_M:
            continue
        T_world_camera = max(directions, key=lambda T: _n_things(scene, T, small))
        depth_m = scene.depth(T_world_camera, small)
        is_near = (depth_m < 0.6).mean() > MAX_NEAR_SHARE
        if not is_near and MEDIAN_DEPTH_M[0] < np.median(depth_m) < MEDIAN_DEPTH_M[1]:
            views.append(T_world_camera)
    return views


def _n_things(scene: HouseScene, T_world_camera: F8, camera: Camera) -> int:
    return len(np.unique(scene.view(T_world_camera, camera).instances))


def _looking(eye_m: F8, rng: np.random.Generator) -> F8:
    yaw, pitch = rng.uniform(0.0, 2.0 * np.pi), np.deg2rad(rng.uniform(*PITCH_DEG))
    roll = np.deg2rad(rng.normal(0.0, ROLL_SD_DEG))
    forward = np.array([np.cos(yaw) * np.cos(pitch), np.sin(yaw) * np.cos(pitch), np.sin(pitch)])
    level = np.array([np.sin(yaw), -np.cos(yaw), 0.0])
    steep = np.cross(forward, level)
    right = np.cos(roll) * level + np.sin(roll) * steep
    T_world_camera = np.eye(4)
    T_world_camera[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
    T_world_camera[:3, 3] = eye_m
    return T_world_camera


def _inside(point_m: F8, polygon_m: F8) -> bool:
    """Whether a point lies in a polygon (N, 2): crossings of a ray along x."""
    a, b = polygon_m, np.roll(polygon_m, -1, axis=0)
    spans = (a[:, 1] > point_m[1]) != (b[:, 1] > point_m[1])
    rise = np.where(b[:, 1] == a[:, 1], 1.0, b[:, 1] - a[:, 1])
    cross_x = a[:, 0] + (point_m[1] - a[:, 1]) / rise * (b[:, 0] - a[:, 0])
    return bool(np.count_nonzero(spans & (point_m[0] < cross_x)) % 2)
