"""A world of axis-aligned boxes and an exact ray caster, so that graph tests need no renderer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mono_hydra.types import F8, Camera, Keyframe, MeshBlock

CAMERA = Camera(96, 72, 52.0, 52.0, 47.5, 35.5)
WALL, FLOOR, DOOR, CEILING = 1, 2, 8, 22


@dataclass(frozen=True, eq=False)
class BoxWorld:
    """Solid boxes (low, high) with NYU40 labels."""

    low_m: F8  # (N, 3)
    high_m: F8  # (N, 3)
    labels: F8  # (N,)

    def cast(self, origin_m: F8, directions: F8) -> tuple[F8, F8]:
        """Distance along each direction (N, 3) in units of its length, inf for none; label (N,)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            a = (self.low_m[None] - origin_m) / directions[:, None]
            b = (self.high_m[None] - origin_m) / directions[:, None]
        near = np.nanmax(np.minimum(a, b), axis=2)
        far = np.nanmin(np.maximum(a, b), axis=2)
        t = np.where((near <= far) & (near > 1e-6), near, np.inf)
        first = t.argmin(axis=1)
        distance = t[np.arange(len(t)), first]
        return distance, np.where(np.isfinite(distance), self.labels[first], 0)

    def keyframe(self, index: int, T_world_camera: F8, camera: Camera = CAMERA) -> Keyframe:
        """What a depth camera with labels sees."""
        v, u = np.mgrid[: camera.height, : camera.width]
        rays = np.stack(
            [(u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, np.ones(u.shape)], axis=-1
        ).reshape(-1, 3)
        t, label = self.cast(T_world_camera[:3, 3], rays @ T_world_camera[:3, :3].T)
        shape = (camera.height, camera.width)
        depth = np.where(np.isfinite(t), t, 0.0).reshape(shape).astype(np.float32)
        return Keyframe(
            index, index, 0.25 * index, camera, T_world_camera, np.zeros((*shape, 3), np.uint8),
            depth, np.full(shape, 0.01, np.float32), label.reshape(shape).astype(np.uint8),
            np.ones(shape, np.float32),
        )  # fmt: skip

    def clearance(self, points_m: F8) -> F8:
        """Distance of points (N, 3) to the nearest box, 0 inside."""
        outside = np.maximum(self.low_m[None] - points_m[:, None], points_m[:, None] - self.high_m)
        return np.asarray(np.linalg.norm(np.maximum(outside, 0.0), axis=2).min(axis=1))


def box_world(boxes: Sequence[tuple[F8, F8, int]]) -> BoxWorld:
    """World of (low, high, label)."""
    low, high, labels = zip(*boxes, strict=True)
    return BoxWorld(np.array(low, float), np.array(high, float), np.array(labels))


def two_rooms(
    door_width_m: float = 0.9,
    door_height_m: float = 2.05,
    ceiling_m: float = 2.6,
    sizes_m: tuple[float, float] = (4.0, 3.0),
    depth_m: float = 3.5,
    extra: Sequence[tuple[F8, F8, int]] = (),
) -> BoxWorld:
    """Rooms of sizes_m x depth_m side by side along x, a wall of 0.12 m with a door between."""
    a = sizes_m[0]
    t, end, h = 0.12, sizes_m[0] + 0.12 + sizes_m[1], ceiling_m
    middle = depth_m / 2
    boxes = [
        ((-0.2, -0.2, -0.2), (end + 0.2, depth_m + 0.2, 0.0), FLOOR),
        ((-0.2, -0.2, h), (end + 0.2, depth_m + 0.2, h + 0.2), CEILING),
        ((-0.2, -0.2, 0.0), (0.0, depth_m + 0.2, h), WALL),
        ((end, -0.2, 0.0), (end + 0.2, depth_m + 0.2, h), WALL),
        ((0.0, -0.2, 0.0), (end, 0.0, h), WALL),
        ((0.0, depth_m, 0.0), (end, depth_m + 0.2, h), WALL),
        ((a, 0.0, 0.0), (a + t, middle - door_width_m / 2, h), WALL),
        ((a, middle + door_width_m / 2, 0.0), (a + t, depth_m, h), WALL),
    ]
    if door_height_m < h:
        boxes.append(
            (
                (a, middle - door_width_m / 2, door_height_m),
                (a + t, middle + door_width_m / 2, h),
                WALL,
            )
        )
    return box_world([*boxes, *extra])


def look(position_m: F8, yaw_rad: float, pitch_rad: float = -0.1) -> F8:
    """T_world_camera of a camera that looks along yaw, tilted up by pitch; no roll."""
    forward = np.array(
        [
            np.cos(pitch_rad) * np.cos(yaw_rad),
            np.cos(pitch_rad) * np.sin(yaw_rad),
            np.sin(pitch_rad),
        ]
    )
    right = np.array([np.sin(yaw_rad), -np.cos(yaw_rad), 0.0])
    T = np.eye(4)
    T[:3, 0], T[:3, 1], T[:3, 2] = right, np.cross(forward, right), forward
    T[:3, 3] = position_m
    return T


def turn(position_m: F8, n: int = 10, pitches_rad: Sequence[float] = (0.15, -0.4)) -> list[F8]:
    """Poses that look around from one point."""
    return [look(position_m, 2 * np.pi * k / n, pitch) for pitch in pitches_rad for k in range(n)]


def mesh_of(keyframe: Keyframe) -> MeshBlock:
    """The keyframe's pixels as mesh vertices with labels (no faces), a block of their own."""
    c, T = keyframe.camera, keyframe.T_world_camera
    v, u = np.nonzero(keyframe.depth_m > 0)
    z = keyframe.depth_m[v, u].astype(np.float64)
    points = np.stack([(u - c.cx) / c.fx * z, (v - c.cy) / c.fy * z, z], axis=1)
    vertices = (points @ T[:3, :3].T + T[:3, 3]).astype(np.float32)
    n = len(vertices)
    return MeshBlock(
        (keyframe.id, 0, 0), vertices, np.zeros((n, 3), np.float32), np.zeros((n, 3), np.uint8),
        keyframe.labels[v, u], np.ones(n, np.float32), np.zeros((0, 3), np.int32),
    )  # fmt: skip
