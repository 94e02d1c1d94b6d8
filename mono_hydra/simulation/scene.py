"""All triangles of a house as one ray-casting scene: exact depth, labels, distances, sight lines.

World z up, metres; camera axes right, down, forward. Rays leave through the integer pixel
coordinates (pixel centres are integers here, Open3D's own ray maker puts them at halves) with unit
z in the camera frame, so that a hit parameter is z-depth for every optical model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mono_hydra.errors import SimulationError
from mono_hydra.geometry.camera import pixel_rays
from mono_hydra.labels import load_label_space
from mono_hydra.open3d_import import load_open3d
from mono_hydra.simulation import scene_kernels
from mono_hydra.simulation.house import House, Material, Part
from mono_hydra.types import F4, F8, I4, I8, U1, Bool, Camera

MIN_TRIANGLE_AREA_M2 = 1e-12


@dataclass(frozen=True, eq=False)
class View:
    """What the rays of one view meet."""

    depth_m: F4  # (H, W) along the optical axis, 0 = nothing
    triangle: I8  # (H, W) index of the triangle, -1 = nothing
    bary: F4  # (H, W, 2) weights of the triangle's second and third corner
    normals_world: F4  # (H, W, 3) unit, towards the camera
    labels: U1  # (H, W) NYU40 ids, 0 = nothing
    instances: Any  # (H, W) uint16 object ids, 0 = structure or nothing
    rooms: U1  # (H, W) 0 = outside or between rooms


class HouseScene:
    """Concatenated triangles of all parts of a house, and rays against them."""

    vertices_m: F4  # (V, 3)
    triangles: I4  # (T, 3)
    label: U1  # (T,) NYU40 ids
    instance: Any  # (T,) uint16
    room: U1  # (T,)
    material: I4  # (T,) index into `materials`
    uv: F4  # (T, 3, 2) per corner
    normal: F4  # (T, 3) unit, towards free space
    area_m2: F8  # (T,)
    part: I4  # (T,) index into house.parts
    materials: tuple[Material, ...]

    def __init__(self, house: House, extra_parts: tuple[Part, ...] = ()) -> None:
        """Collect the triangles; `extra_parts` are met like the house's own.

        Raises:
            SimulationError: a house without triangles, or with values that are not finite.
        """
        parts = house.parts + extra_parts
        if not parts:
            raise SimulationError(f"house of seed {house.seed}: has no parts; nothing can be seen")
        self.house = house
        self._collect(parts)
        self._rays: dict[Camera, F4] = {}
        self._steps: dict[Camera, tuple[F4, F4]] = {}  # of the rays, a pixel right and down
        o3d = load_open3d()
        self._tensor = o3d.core.Tensor
        self._scene = o3d.t.geometry.RaycastingScene(nthreads=2)
        self._scene.add_triangles(
            self._tensor(self.vertices_m), self._tensor(self.triangles.astype(np.uint32))
        )

    def _collect(self, parts: tuple[Part, ...]) -> None:
        space = load_label_space("nyu40")
        n_vertices = np.cumsum([0] + [len(p.vertices_m) for p in parts])
        n_faces = [len(p.faces) for p in parts]
        vertices = np.concatenate([p.vertices_m for p in parts])
        triangles = np.concatenate(
            [p.faces + start for p, start in zip(parts, n_vertices[:-1], strict=True)]
        )
        if not np.isfinite(vertices).all():
            raise SimulationError(
                f"house of seed {self.house.seed}: a vertex is not finite; report this seed"
            )
        a, b, c = (vertices[triangles[:, k]] for k in range(3))
        cross = np.cross(b - a, c - a)
        doubled = np.linalg.norm(cross, axis=1)
        keep = doubled > 2 * MIN_TRIANGLE_AREA_M2
        index: dict[Material, int] = {}
        for p in parts:
            index.setdefault(p.material, len(index))
        self.materials = tuple(index)
        self.vertices_m = vertices.astype(np.float32)
        self.triangles = triangles[keep].astype(np.int32)
        self.normal = (cross[keep] / doubled[keep, None]).astype(np.float32)
        self.area_m2 = 0.5 * doubled[keep]
        self.uv = np.concatenate([p.uv for p in parts])[keep].astype(np.float32)
        self.part = np.repeat(np.arange(len(parts)), n_faces)[keep].astype(np.int32)
        label = np.array([space.id_of(p.label) for p in parts], np.uint8)
        self.label = label[self.part]
        self.instance = np.array([p.instance for p in parts], np.uint16)[self.part]
        self.room = np.array([p.room for p in parts], np.uint8)[self.part]
        self.material = np.array([index[p.material] for p in parts], np.int32)[self.part]

    def rays(self, T_world_camera: F8, camera: Camera) -> F4:
        """(H, W, 6) origin and direction of each pixel's ray in the world."""
        return _in_world(self._directions(camera), T_world_camera)

    def _directions(self, camera: Camera) -> F4:
        """(H, W, 3) of each pixel's ray in the camera's axes."""
        if camera not in self._rays:
            self._rays[camera] = pixel_rays(camera).astype(np.float32)
        return self._rays[camera]

    def view(self, T_world_camera: F8, camera: Camera) -> View:
        """Everything one view sees; pixels outside a lens's model see nothing."""
        rays = self.rays(T_world_camera, camera)
        hit = self._scene.cast_rays(self._tensor(rays))
        shape = (camera.height, camera.width)
        view = View(
            depth_m=np.empty(shape, np.float32),
            triangle=np.empty(shape, np.int64),
            bary=hit["primitive_uvs"].numpy(),
            normals_world=np.empty((*shape, 3), np.float32),
            labels=np.empty(shape, np.uint8),
            instances=np.empty(shape, np.uint16),
            rooms=np.empty(shape, np.uint8),
        )
        scene_kernels.gather_hits(
            hit["t_hit"].numpy(), hit["primitive_ids"].numpy(), rays, self.normal, self.label,
            self.instance, self.room, view.depth_m, view.triangle, view.normals_world, view.labels,
            view.instances, view.rooms,
        )  # fmt: skip
        return view

    def within_pixels(
        self, T_world_camera: F8, camera: Camera, pixels: I8, offsets_px: F8
    ) -> tuple[I8, F4]:
        """What rays beside the middle of some pixels meet.

        Args:
            T_world_camera: (4, 4).
            camera: of the view.
            pixels: (M,) indices into the raveled image.
            offsets_px: (K, 2) right and down, within half a pixel.

        Returns:
            Triangles (K, M), -1 for none, and bary (K, M, 2), as in `View`.
        """
        directions = self._directions(camera)
        if camera not in self._steps:
            down, right = np.gradient(directions, axis=(0, 1))
            self._steps[camera] = right.reshape(-1, 3), down.reshape(-1, 3)
        right, down = self._steps[camera]
        x, y = offsets_px.astype(np.float32).T[:, :, None, None]
        beside = directions.reshape(-1, 3)[pixels] + x * right[pixels] + y * down[pixels]
        hit = self._scene.cast_rays(self._tensor(_in_world(beside, T_world_camera)))
        ids = hit["primitive_ids"].numpy()
        triangle = np.where(ids == scene_kernels.NO_HIT, -1, ids.astype(np.int64))
        return triangle, hit["primitive_uvs"].numpy()

    def depth(self, T_world_camera: F8, camera: Camera) -> F4:
        """(H, W) z-depth alone, 0 where nothing is met."""
        hit = self._scene.cast_rays(self._tensor(self.rays(T_world_camera, camera)))
        t = hit["t_hit"].numpy()
        return np.where(np.isfinite(t), t, np.float32(0.0))

    def cast(self, origins_m: F8, directions: F8) -> tuple[F8, I8]:
        """First hits of free rays: parameter (N,), inf for none, and triangle (N,), -1 for none."""
        rays = np.concatenate([origins_m, directions], axis=-1).astype(np.float32)
        hit = self._scene.cast_rays(self._tensor(rays))
        t = hit["t_hit"].numpy()
        ids = hit["primitive_ids"].numpy().astype(np.int64)
        return t.astype(np.float64), np.where(np.isfinite(t), ids, -1)

    def distance(self, points_m: F8) -> F8:
        """(N,) unsigned distance of world points (N, 3) to the nearest surface."""
        query = self._tensor(np.ascontiguousarray(points_m, np.float32))
        return np.asarray(self._scene.compute_distance(query).numpy(), np.float64)

    def closest(self, points_m: F8) -> tuple[F8, I8]:
        """Nearest surface point (N, 3) of each point, and the triangle (N,) it lies on."""
        query = self._tensor(np.ascontiguousarray(points_m, np.float32))
        answer = self._scene.compute_closest_points(query)
        ids = answer["primitive_ids"].numpy().astype(np.int64)
        return np.asarray(answer["points"].numpy(), np.float64), ids

    def occluded(self, from_m: F8, to_m: F8, margin_m: float = 1e-3) -> Bool:
        """(N,) whether matter lies between two points; the last `margin_m` of each end are free."""
        way = np.asarray(to_m, np.float64) - from_m
        length = np.linalg.norm(way, axis=-1, keepdims=True)
        unit = way / np.maximum(length, 1e-12)
        rays = np.concatenate([from_m + margin_m * unit, unit], axis=-1).astype(np.float32)
        t, _ = self.cast(rays[..., :3].astype(np.float64), rays[..., 3:].astype(np.float64))
        return np.asarray(t < length[..., 0] - 2 * margin_m)


def _in_world(directions: F4, T_world_camera: F8) -> F4:
    """(..., 6) origin and direction in the world of rays (..., 3) in the camera's axes."""
    rays = np.empty((*directions.shape[:-1], 6), np.float32)
    rays[..., :3] = T_world_camera[:3, 3]
    rays[..., 3:] = directions @ T_world_camera[:3, :3].T.astype(np.float32)
    return rays
