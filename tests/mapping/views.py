"""Analytic views for the mapping tests: the inside of a box room with a ball in it."""

from __future__ import annotations

import numpy as np

from mono_hydra.config import KeyframeConfig, MappingConfig
from mono_hydra.labels import load_label_space
from mono_hydra.mapping.keyframes import KeyframeStore
from mono_hydra.mapping.volume import Volume
from mono_hydra.types import F8, Camera, Frame, Keyframe, Prediction, TrackedPose

CAMERA = Camera(80, 60, 60.0, 60.0, 39.5, 29.5)
LOW, HIGH = np.array([-1.5, -1.2, -1.0]), np.array([1.5, 1.2, 1.1])
BALL_RADIUS_M = 0.4
WALL, FLOOR, CHAIR, CEILING, PERSON = 1, 2, 5, 22, 31


def look(eye: F8, target: F8) -> F8:
    """T_world_camera of a camera at `eye` that looks at `target`, upright."""
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    T = np.eye(4)
    T[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
    T[:3, 3] = eye
    return T


def cast(T_world_camera: F8) -> tuple[np.ndarray, np.ndarray]:
    """Depth (H, W) and labels (H, W) of the room with the ball at its origin."""
    u, v = np.meshgrid(np.arange(CAMERA.width), np.arange(CAMERA.height))
    rays = np.stack(
        [(u - CAMERA.cx) / CAMERA.fx, (v - CAMERA.cy) / CAMERA.fy, np.ones(u.shape)], -1
    )
    rays = rays @ T_world_camera[:3, :3].T
    eye = T_world_camera[:3, 3]
    depth, labels = np.full(u.shape, np.inf), np.zeros(u.shape, np.uint8)
    for axis in range(3):
        for bound, label in ((LOW, (WALL, WALL, FLOOR)), (HIGH, (WALL, WALL, CEILING))):
            with np.errstate(divide="ignore", invalid="ignore"):
                t = (bound[axis] - eye[axis]) / rays[..., axis]
            nearer = (t > 0) & (t < depth)
            depth, labels = np.where(nearer, t, depth), np.where(nearer, label[axis], labels)
    a, b = (rays**2).sum(-1), 2 * rays @ eye
    root = b * b - 4 * a * (eye @ eye - BALL_RADIUS_M**2)
    t = np.where(root > 0, (-b - np.sqrt(np.maximum(root, 0))) / (2 * a), np.inf)
    ball = (t > 0) & (t < depth)
    return np.where(ball, t, depth).astype(np.float32), np.where(ball, CHAIR, labels).astype(
        np.uint8
    )


def poses(n: int) -> list[F8]:
    """A walk around the ball that looks at it and at the walls in turn."""
    out = []
    for i in range(n):
        angle = 4.0 * np.pi * i / n
        eye = np.array([1.0 * np.cos(angle), 0.8 * np.sin(angle), 0.3 * np.sin(3 * angle)])
        out.append(
            look(eye, np.zeros(3) if i % 2 else 2.0 * eye + [0.0, 0.0, -0.8 + 0.5 * (i % 4)])
        )
    return out


def prediction(T_world_camera: F8, *, confidence: float = 1.0) -> Prediction:
    depth, labels = cast(T_world_camera)
    rgb = np.repeat((60 + 40 * (labels % 4))[..., None], 3, axis=2).astype(np.uint8)
    return Prediction(
        CAMERA,
        rgb,
        depth,
        np.full_like(depth, 0.01),
        labels,
        np.full_like(depth, confidence),
        "nyu40",
    )


def store_of(walk: list[F8], **settings: float) -> KeyframeStore:
    store = KeyframeStore(KeyframeConfig(**settings))
    for i, T in enumerate(walk):
        frame = Frame(i, 0.3 * i, np.zeros((1, 1, 3), np.uint8), CAMERA)
        store.add(frame, prediction(T), TrackedPose(i, 0.3 * i, T))
    return store


def fused(keyframes: list[Keyframe], config: MappingConfig | None = None) -> Volume:
    volume = Volume(config or MappingConfig(), load_label_space("nyu40"))
    for keyframe in keyframes:
        volume.step(keyframe)
    return volume


def contents(volume: Volume) -> dict[int, bytes]:
    """Every bit of every block by its key."""
    volume.restore_all()
    keys = volume.all_keys()
    return {
        int(key): b"".join(a[slot].tobytes() for a in volume.blocks.arrays())
        for key, slot in zip(keys, volume.blocks.find(keys), strict=True)
    }
