"""Exact geometry of a triangle surface: distances, first hits, all crossings, area samples.

Open3D's RaycastingScene (Embree) underneath; it computes in float32, that is about 1 micrometre in
a house. World frame, metres.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from mono_hydra.open3d_import import load_open3d
from mono_hydra.types import F8, I8, Bool

MIN_TRIANGLE_M2 = 1e-12
OFF_SURFACE_M = 1e-3  # rays leave a surface from here, so that they do not meet it again


@dataclass(frozen=True, eq=False)
class Crossings:
    """All crossings of a bundle of rays with a surface, ordered by ray."""

    ray: I8  # (C,) index of the ray
    t_m: F8  # (C,) distance along the ray
    triangle: I8  # (C,)


@dataclass(frozen=True, eq=False)
class Surface:
    """Triangles in the true world; fronts turn to free space."""

    vertices_m: F8  # (V, 3)
    faces: I8  # (F, 3)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to measure a distance to."""
        return len(self.faces) == 0

    @cached_property
    def areas_m2(self) -> F8:
        """(F,) areas."""
        return np.asarray(0.5 * np.linalg.norm(self._cross, axis=1))

    @cached_property
    def normals(self) -> F8:
        """(F, 3) unit normals; zero for degenerate triangles."""
        length = np.linalg.norm(self._cross, axis=1, keepdims=True)
        return np.asarray(self._cross / np.where(length > 0.0, length, 1.0))

    @cached_property
    def _cross(self) -> F8:
        a, b, c = (self.vertices_m[self.faces[:, k]] for k in range(3))
        return np.cross(b - a, c - a)

    @cached_property
    def _scene(self) -> Any:
        o3d = load_open3d()
        scene = o3d.t.geometry.RaycastingScene()
        scene.add_triangles(
            o3d.core.Tensor(np.ascontiguousarray(self.vertices_m, np.float32)),
            o3d.core.Tensor(np.ascontiguousarray(self.faces, np.uint32)),
        )
        return scene

    def closest(self, points_m: F8) -> tuple[F8, I8]:
        """Distance (N,) to the surface and the nearest triangle (N,); inf and -1 if it is empty."""
        if self.is_empty or len(points_m) == 0:
            return np.full(len(points_m), np.inf), np.full(len(points_m), -1)
        found = self._scene.compute_closest_points(_tensor(points_m))
        nearest = found["points"].numpy().astype(np.float64)
        distance = np.linalg.norm(nearest - points_m, axis=1)
        return np.asarray(distance), found["primitive_ids"].numpy().astype(np.int64)

    def distance(self, points_m: F8) -> F8:
        """(N,) distance to the surface, inf if it is empty."""
        return self.closest(points_m)[0]

    def first_hit(self, origins_m: F8, directions: F8) -> tuple[F8, I8]:
        """Distance (N,) to the first crossing of each ray and its triangle; inf and -1 if none."""
        if self.is_empty or len(origins_m) == 0:
            return np.full(len(origins_m), np.inf), np.full(len(origins_m), -1)
        hit = self._scene.cast_rays(_tensor(np.hstack([origins_m, directions])))
        t_m = hit["t_hit"].numpy().astype(np.float64)
        triangle = hit["primitive_ids"].numpy().astype(np.int64)
        return t_m, np.where(np.isfinite(t_m), triangle, -1)

    def crossings(self, origins_m: F8, directions: F8, reach_m: F8) -> Crossings:
        """All crossings of rays (N, 3) + (N, 3) up to reach (N,)."""
        if self.is_empty or len(origins_m) == 0:
            none = np.zeros(0, np.int64)
            return Crossings(none, np.zeros(0), none)
        found = self._scene.list_intersections(_tensor(np.hstack([origins_m, directions])))
        ray = found["ray_ids"].numpy().astype(np.int64)
        t_m = found["t_hit"].numpy().astype(np.float64)
        triangle = found["primitive_ids"].numpy().astype(np.int64)
        kept = t_m <= reach_m[ray]
        return Crossings(ray[kept], t_m[kept], triangle[kept])

    def blocked(self, starts_m: F8, ends_m: F8) -> Bool:
        """(N,) bool: does the straight segment between the points meet the surface."""
        step = ends_m - starts_m
        length = np.linalg.norm(step, axis=1)
        direction = step / np.where(length > 0.0, length, 1.0)[:, None]
        t_m, _ = self.first_hit(starts_m, np.where(length[:, None] > 0.0, direction, [0, 0, 1.0]))
        return np.asarray(t_m < length)

    def in_matter(self, points_m: F8) -> Bool:
        """(N,) bool: do most rays from the point first meet a surface from behind."""
        directions = _sphere_directions(14)
        n, m = len(points_m), len(directions)
        rays = np.tile(directions, (n, 1))
        t_m, triangle = self.first_hit(np.repeat(points_m, m, axis=0), rays)
        hit = np.isfinite(t_m)
        behind = np.zeros(n * m, bool)
        behind[hit] = np.sum(self.normals[triangle[hit]] * rays[hit], axis=1) > 0.0
        backs, hits = behind.reshape(n, m).sum(axis=1), hit.reshape(n, m).sum(axis=1)
        return np.asarray(2 * backs > hits)

    def sample(self, n_points: int, rng: np.random.Generator) -> tuple[F8, I8]:
        """Points (N, 3) uniform on the surface and their triangles (N,)."""
        triangle = _stratified_choice(self.areas_m2, n_points, rng)
        u, v = rng.random((2, n_points))
        root = np.sqrt(u)
        weights = np.stack([1.0 - root, root * (1.0 - v), root * v], axis=1)
        corners = self.vertices_m[self.faces[triangle]]
        return np.einsum("nk,nkd->nd", weights, corners), triangle


def clean_surface(vertices_m: F8, faces: I8) -> tuple[Surface, I8]:
    """Surface without degenerate triangles and unused vertices, and the kept vertices (V,)."""
    finite = np.asarray(np.isfinite(vertices_m).all(axis=1))
    rough = Surface(vertices_m, faces)
    faces = faces[(rough.areas_m2 >= MIN_TRIANGLE_M2) & finite[faces].all(axis=1)]
    kept = np.unique(faces)
    renumbered = np.full(len(vertices_m), -1, np.int64)
    renumbered[kept] = np.arange(len(kept))
    return Surface(vertices_m[kept], renumbered[faces]), kept


def _tensor(values: F8) -> Any:
    return load_open3d().core.Tensor(np.ascontiguousarray(values, np.float32))


def _stratified_choice(weights: F8, n: int, rng: np.random.Generator) -> I8:
    """N indices with probability by weight: one uniform draw in each of n equal strata."""
    cumulated = np.cumsum(weights)
    at = (np.arange(n) + rng.random(n)) / n * cumulated[-1]
    chosen = np.searchsorted(cumulated, at, side="right")
    return np.asarray(chosen.clip(0, len(weights) - 1), np.int64)


def _sphere_directions(n: int) -> F8:
    """N unit vectors spread evenly (golden spiral); none lies along an axis."""
    k = np.arange(n) + 0.5
    z = 1.0 - 2.0 * k / n
    azimuth = np.pi * (1.0 + np.sqrt(5.0)) * k
    ring = np.sqrt(1.0 - z**2)
    return np.stack([ring * np.cos(azimuth), ring * np.sin(azimuth), z], axis=1)
