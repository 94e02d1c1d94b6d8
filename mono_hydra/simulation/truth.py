"""What is true of a sequence, collected frame by frame: seen surface, objects, free space.

The definitions are those of the scores: a surface sample is seen in a frame that has it in the
image at z between 0.3 and 5 m, below 80 degrees of incidence, with nothing before it: the pixel
has its depth and shows the same thing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mono_hydra.geometry import se3
from mono_hydra.geometry.camera import pixel_rays
from mono_hydra.simulation import truth_kernels
from mono_hydra.simulation.free_space import FreeSpace
from mono_hydra.simulation.house import ObjectTruth
from mono_hydra.simulation.scene import HouseScene
from mono_hydra.types import F4, F8, I8, U1, Bool, Camera

MAX_RANGE_M = 5.0
MIN_RANGE_M = 0.3
MAX_INCIDENCE_DEG = 80.0
DEPTH_TOLERANCE = (0.02, 0.01)  # metres, share of z
SAMPLES_PER_M2 = 400.0
SAMPLES_LIMITS = (20_000, 1_000_000)
MIN_SEEN_FRAMES = 3
OBSERVABLE_PIXELS = 400  # at 640x480
OBSERVABLE_Z_M = 4.5
OBSERVABLE_FRAMES = 5
OBSERVABLE_SPAN_S = 0.5
OBSERVABLE_SURFACE = 0.15
FREE_RAY_SPACING_M = 0.05  # between the depth rays that mark free space, at full range
DYNAMIC_IDS = 60_000  # instance ids from here on are moving things

_MODEL = {"pinhole": 0, "radtan": 1, "fisheye": 2}


@dataclass(frozen=True, eq=False)
class Samples:
    """Points spread evenly over the true surface."""

    points_m: F4  # (N, 3)
    normals: F4  # (N, 3)
    label: U1  # (N,)
    instance: Any  # (N,) uint16
    room: U1  # (N,)


@dataclass(frozen=True, eq=False)
class Visibility:
    """How each object shows in each frame."""

    frames: Any  # (F,) i4
    ids: Any  # (O,) u2
    pixels: Any  # (F, O) u4
    min_z_m: F4  # (F, O), inf where it does not show
    truncated: Bool  # (F, O) it touches the border of the image


@dataclass(frozen=True, eq=False)
class ObjectSight:
    """How well one object was seen."""

    observable: bool
    pixels_max: int
    frames_seen: int  # with enough pixels, near enough
    surface_seen: float  # share of its samples seen in at least three frames


def sample_surface(scene: HouseScene, seed: int = 0) -> Samples:
    """Area-weighted samples, about 5 cm apart (stratified along the list of triangles)."""
    area = scene.area_m2
    total = float(area.sum())
    n = int(np.clip(round(SAMPLES_PER_M2 * total), *SAMPLES_LIMITS))
    rng = np.random.default_rng(seed)
    at = (np.arange(n) + rng.random(n)) / n * total
    triangle = np.minimum(np.searchsorted(np.cumsum(area), at), len(area) - 1)
    u, v = rng.random(n), rng.random(n)
    fold = u + v > 1.0
    u[fold], v[fold] = 1.0 - u[fold], 1.0 - v[fold]
    a, b, c = (scene.vertices_m[scene.triangles[triangle, k]].astype(np.float64) for k in range(3))
    points = a + u[:, None] * (b - a) + v[:, None] * (c - a)
    return Samples(
        points.astype(np.float32), scene.normal[triangle], scene.label[triangle],
        scene.instance[triangle], scene.room[triangle],
    )  # fmt: skip


class TruthCollector:
    """Takes every clean depth, label and instance image once, in any order."""

    def __init__(
        self,
        scene: HouseScene,
        camera: Camera,
        n_frames: int,
        space: FreeSpace,
        free_every: int = 2,
    ) -> None:
        """`space.seen_free` is written; rays of every `free_every`-th frame mark it."""
        self.scene = scene
        self.camera = camera
        self.space = space
        self.samples = sample_surface(scene)
        self.seen = np.zeros(len(self.samples.points_m), np.uint16)
        self.min_z_m = np.full(len(self.seen), np.inf, np.float32)
        self.ids = np.array(sorted(o.id for o in scene.house.objects), np.uint16)
        n_ids = int(self.ids.max()) + 1 if len(self.ids) else 1
        self._pixels = np.zeros((n_frames, n_ids), np.uint32)
        self._object_z = np.full((n_frames, n_ids), np.inf, np.float32)
        self._truncated = np.zeros((n_frames, n_ids), bool)
        self._points = self.samples.points_m.astype(np.float64)
        self._normals = self.samples.normals.astype(np.float64)
        self._rays = pixel_rays(camera)
        self._stride = max(1, int(FREE_RAY_SPACING_M * camera.fx / MAX_RANGE_M))
        self._free_every = free_every
        distortion = np.zeros(5)
        distortion[: len(camera.distortion)] = camera.distortion
        self._model = (camera.vector(), _MODEL[camera.model], distortion)

    def add(self, frame: int, T_world_camera: F8, depth_m: F4, labels: U1, instances: Any) -> None:
        """One frame's depth (H, W) metres, label ids (H, W) and instance ids (H, W)."""
        truth_kernels.count_seen(
            self._points, self._normals, self.samples.label, self.samples.instance,
            se3.inverse(T_world_camera), *self._model, depth_m, labels, instances,
            np.array([MIN_RANGE_M, MAX_RANGE_M]), float(np.cos(np.deg2rad(MAX_INCIDENCE_DEG))),
            *DEPTH_TOLERANCE, self.seen, self.min_z_m,
        )  # fmt: skip
        truth_kernels.measure_objects(
            instances, depth_m, self._pixels[frame], self._object_z[frame], self._truncated[frame]
        )
        if frame % self._free_every == 0:
            truth_kernels.mark_free_rays(
                depth_m, self._rays, T_world_camera, self._stride, MAX_RANGE_M,
                self.space.origin_m, self.space.voxel_m, self.space.seen_free,
            )  # fmt: skip

    def visibility(self) -> Visibility:
        """Objects by frames."""
        columns = self.ids.astype(np.int64)
        return Visibility(
            np.arange(len(self._pixels), dtype=np.int32), self.ids, self._pixels[:, columns],
            self._object_z[:, columns], self._truncated[:, columns],
        )  # fmt: skip

    def share_of_surface_seen(self) -> float:
        """Share of the samples inside rooms that at least three frames saw."""
        inside = self.samples.room > 0
        return float((self.seen[inside] >= MIN_SEEN_FRAMES).mean()) if inside.any() else 0.0


def object_sight(
    truth: ObjectTruth, visibility: Visibility, stamps_s: F8, samples: Samples, seen: Any, n_px: int
) -> ObjectSight:
    """Whether an object counts as observable; `n_px` is the number of pixels of an image."""
    column = int(np.searchsorted(visibility.ids, truth.id))
    pixels = visibility.pixels[:, column]
    wanted = OBSERVABLE_PIXELS * n_px / (640 * 480)
    good: I8 = np.flatnonzero(
        (pixels >= wanted) & (visibility.min_z_m[:, column] <= OBSERVABLE_Z_M)
    )
    own = samples.instance == truth.id
    surface = float((seen[own] >= MIN_SEEN_FRAMES).mean()) if own.any() else 0.0
    spans = len(good) > 0 and stamps_s[good[-1]] - stamps_s[good[0]] >= OBSERVABLE_SPAN_S
    observable = bool(len(good) >= OBSERVABLE_FRAMES and spans and surface >= OBSERVABLE_SURFACE)
    return ObjectSight(observable, int(pixels.max(initial=0)), len(good), surface)
