"""Small scenes of boxes on a floor, ray cast exactly, as keyframes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mono_hydra.types import F8, Camera, Keyframe

CAMERA = Camera(160, 120, 125.0, 125.0, 79.5, 59.5)
FLOOR = 2


@dataclass(frozen=True)
class Body:
    label: int
    low: tuple[float, float, float]
    high: tuple[float, float, float]


def look_at(eye: tuple[float, float, float], target: tuple[float, float, float]) -> F8:
    forward = np.array(target) - np.array(eye)
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    T = np.eye(4)
    T[:3, :3] = np.column_stack([right, np.cross(forward, right), forward])
    T[:3, 3] = eye
    return T


def keyframe(number: int, bodies: list[Body], T_world_camera: F8) -> Keyframe:
    u, v = np.meshgrid(np.arange(CAMERA.width), np.arange(CAMERA.height))
    rays = np.stack(
        [(u - CAMERA.cx) / CAMERA.fx, (v - CAMERA.cy) / CAMERA.fy, np.ones(u.shape)], axis=-1
    )
    directions = rays @ T_world_camera[:3, :3].T
    eye = T_world_camera[:3, 3]
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = np.where(directions[..., 2] < -1e-9, -eye[2] / directions[..., 2], np.inf)
        labels = np.where(np.isfinite(depth), FLOOR, 0).astype(np.uint8)
        for body in bodies:
            t0 = (np.array(body.low) - eye) / directions
            t1 = (np.array(body.high) - eye) / directions
            enter = np.nanmax(np.minimum(t0, t1), axis=-1)
            leave = np.nanmin(np.maximum(t0, t1), axis=-1)
            hit = (enter <= leave) & (enter > 0.0) & (enter < depth)
            depth = np.where(hit, enter, depth)
            labels = np.where(hit, np.uint8(body.label), labels)
    depth = np.where(np.isfinite(depth) & (depth < 8.0), depth, 0.0).astype(np.float32)
    shape = depth.shape
    return Keyframe(
        id=number,
        frame_index=number,
        stamp_s=0.25 * number,
        camera=CAMERA,
        T_world_camera=T_world_camera,
        rgb=np.repeat(labels[..., None], 3, axis=-1),
        depth_m=depth,
        depth_sigma=np.full(shape, 0.01, np.float32),
        labels=labels,
        confidence=np.full(shape, 0.9, np.float32),
    )


def circle(
    bodies: list[Body], n: int = 8, radius: float = 2.2, height: float = 1.5
) -> list[Keyframe]:
    """Views from all around the origin."""
    views = []
    for k in range(n):
        angle = 2 * np.pi * k / n + 0.1
        eye = (radius * np.cos(angle), radius * np.sin(angle), height)
        views.append(keyframe(k, bodies, look_at(eye, (0.0, 0.0, 0.4))))
    return views
