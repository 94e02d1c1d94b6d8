"""A small renderer for still pictures of a mesh: ray casting, soft light, ambient shade.

Back faces are cut away, so that rooms can be looked into from above and through the nearer walls.
Open3D answers the rays; the shading is numpy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from mono_hydra.open3d_import import load_open3d
from mono_hydra.types import F4, F8, U1, Bool, MeshBlock

_SUN = np.array([0.35, -0.5, 0.8]) / np.linalg.norm([0.35, -0.5, 0.8])
_SHADE_RAYS = 12
_SHADE_REACH_M = 0.7
_OFFSET_M = 0.02  # rays of shade start this far off the surface: voxels leave it rough


@dataclass(frozen=True, eq=False)
class Eye:
    """A pinhole view: where it is, where it looks, and its image."""

    T_camera_world: F8  # (4, 4)
    focal_px: float
    width_px: int
    height_px: int

    @property
    def center_m(self) -> F8:
        """(3,) in the world."""
        return np.asarray(-self.T_camera_world[:3, :3].T @ self.T_camera_world[:3, 3])

    def project(self, points_m: F8) -> tuple[F8, F8]:
        """Pixels (N, 2) and depths (N,) of world points (N, 3)."""
        p = np.asarray(points_m) @ self.T_camera_world[:3, :3].T + self.T_camera_world[:3, 3]
        depth = np.maximum(p[:, 2], 1e-3)
        centre = np.array([self.width_px, self.height_px]) / 2.0
        return p[:, :2] / depth[:, None] * self.focal_px + centre, p[:, 2]

    def scaled(self, factor: float) -> Eye:
        """The same view at another image size."""
        return Eye(
            self.T_camera_world,
            self.focal_px * factor,
            round(self.width_px * factor),
            round(self.height_px * factor),
        )


def look_at(
    points_m: F8,
    azimuth_deg: float,
    elevation_deg: float,
    width_px: int,
    height_px: int,
    *,
    field_of_view_deg: float = 32.0,
    margin: float = 0.04,
) -> Eye:
    """An eye that looks down on points from a direction and holds all of them in its image.

    Args:
        points_m: (N, 3) what must be seen.
        azimuth_deg: direction the eye stands in, from +x towards +y.
        elevation_deg: height of the eye above the horizon.
        width_px: image width.
        height_px: image height.
        field_of_view_deg: of the image width.
        margin: share of the image that stays free on each side.
    """
    a, e = np.radians([azimuth_deg, elevation_deg])
    back = np.array([np.cos(a) * np.cos(e), np.sin(a) * np.cos(e), np.sin(e)])
    right = np.array([-np.sin(a), np.cos(a), 0.0])
    R = np.stack([right, np.cross(-back, right), -back])  # rows: right, down, forward
    focal = 0.5 * width_px / np.tan(np.radians(field_of_view_deg) / 2)
    p = points_m @ R.T
    limit = np.array([width_px, height_px]) * (0.5 - margin) / focal
    # |xy - centre| <= limit * (z + distance) for all points: per axis two lines that meet
    ahead = (p[:, :2] / limit - p[:, 2:3]).max(axis=0)
    behind = (-p[:, :2] / limit - p[:, 2:3]).max(axis=0)
    centre, distance = limit * (ahead - behind) / 2, float(((ahead + behind) / 2).max())
    T = np.eye(4)
    T[:3, :3] = R
    T[:3, 3] = [-centre[0], -centre[1], distance]
    return Eye(T, float(focal), width_px, height_px)


def render_mesh(
    mesh: MeshBlock,
    eye: Eye,
    background: tuple[int, int, int],
    *,
    keep: Bool | None = None,
    rgb: U1 | None = None,
    gain: float = 1.0,
) -> U1:
    """Picture (H, W, 3) of the front faces of a mesh.

    Args:
        mesh: triangles that face free space.
        eye: the view; two rays a pixel side are cast.
        background: colour where nothing is hit.
        keep: (F,) bool, faces to draw; all by default.
        rgb: (V, 3) colours instead of the mesh's own.
        gain: factor on the light.

    Raises:
        DependencyError: Open3D is missing.
    """
    faces = mesh.faces if keep is None else mesh.faces[keep]
    corners = mesh.vertices_m[faces].astype(np.float64)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    towards = np.einsum("ij,ij->i", normals, eye.center_m - corners[:, 0]) > 0
    big = eye.scaled(2.0)
    image = np.tile(np.array(background, np.float32), (big.height_px, big.width_px, 1))
    if not towards.any():
        return cv2.resize(image, (eye.width_px, eye.height_px)).astype(np.uint8)
    o3d = load_open3d()
    visible = _scene(o3d, mesh.vertices_m, faces[towards])
    hit = _cast(o3d, visible, big)
    colours = (mesh.rgb if rgb is None else rgb).astype(np.float32)
    smooth = mesh.normals.astype(np.float32)
    seen = np.isfinite(hit["t_hit"])
    triangle = faces[towards][hit["primitive_ids"][seen]]
    u, v = hit["primitive_uvs"][seen].T[:, :, None]
    weights = (1 - u - v, u, v)
    colour = sum(w * colours[triangle[:, k]] for k, w in enumerate(weights))
    normal = sum(w * smooth[triangle[:, k]] for k, w in enumerate(weights))
    normal = normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-6)
    points = hit["origin"] + hit["direction"][seen] * hit["t_hit"][seen][:, None]
    # the light counts whole rooms, also the walls that the picture leaves out
    ambient = _ambient(o3d, _scene(o3d, mesh.vertices_m, faces), points, normal, seen)
    light = 0.62 * ambient + 0.38 * np.clip(normal @ _SUN, 0.0, 1.0) * (0.4 + 0.6 * ambient)
    image[seen] = np.clip(gain * colour * (0.22 + 0.95 * light[:, None]), 0, 255)
    return cv2.resize(image, (eye.width_px, eye.height_px), interpolation=cv2.INTER_AREA).astype(
        np.uint8
    )


def exposure(mesh: MeshBlock) -> float:
    """Gain that brings the bright parts of a dim recording near to paper white."""
    bright = float(np.percentile(mesh.rgb.max(axis=1), 93)) if len(mesh.rgb) else 255.0
    return float(np.clip(255.0 / max(bright, 1.0), 0.9, 2.2))


def _scene(o3d: Any, vertices_m: F4, faces: Any) -> Any:
    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(
        np.ascontiguousarray(vertices_m, np.float32), np.ascontiguousarray(faces, np.uint32)
    )
    return scene


def _cast(o3d: Any, scene: Any, eye: Eye) -> dict[str, Any]:
    x = (np.arange(eye.width_px) + 0.5 - eye.width_px / 2) / eye.focal_px
    y = (np.arange(eye.height_px) + 0.5 - eye.height_px / 2) / eye.focal_px
    rays = np.ones((eye.height_px, eye.width_px, 3))
    rays[..., 0], rays[..., 1] = x, y[:, None]
    direction = (rays @ eye.T_camera_world[:3, :3]).astype(np.float32)
    origin = eye.center_m.astype(np.float32)
    packed = np.concatenate([np.broadcast_to(origin, direction.shape), direction], axis=-1)
    found = scene.cast_rays(o3d.core.Tensor(packed))
    names = ("t_hit", "primitive_ids", "primitive_uvs")
    return {n: found[n].numpy() for n in names} | {"origin": origin, "direction": direction}


def _ambient(o3d: Any, scene: Any, points_m: F4, normals: F4, seen: Any) -> F4:
    """(N,) share of the half space over each point that nothing near covers."""
    rng = np.random.default_rng(0)
    rows, columns = np.nonzero(seen)
    coarse = (rows % 2 == 0) & (columns % 2 == 0)
    start = (points_m[coarse] + _OFFSET_M * normals[coarse]).astype(np.float32)
    open_share = np.zeros(len(start), np.float32)
    for _ in range(_SHADE_RAYS):
        scatter = rng.normal(size=(len(start), 3)).astype(np.float32)
        scatter /= np.maximum(np.linalg.norm(scatter, axis=1, keepdims=True), 1e-6)
        direction = normals[coarse] + 0.99 * scatter  # cosine-weighted
        direction /= np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-6)
        rays = np.concatenate([start, direction], axis=1).astype(np.float32)
        distance = scene.cast_rays(o3d.core.Tensor(rays))["t_hit"].numpy()
        open_share += np.clip(distance / _SHADE_REACH_M, 0.0, 1.0)
    grid = np.zeros(((seen.shape[0] + 1) // 2, (seen.shape[1] + 1) // 2), np.float32)
    weight = np.zeros_like(grid)
    where = rows[coarse] // 2, columns[coarse] // 2
    grid[where], weight[where] = open_share / _SHADE_RAYS, 1.0
    size = (7, 7)
    smooth = cv2.GaussianBlur(grid, size, 0) / np.maximum(cv2.GaussianBlur(weight, size, 0), 1e-3)
    full = cv2.resize(smooth, (seen.shape[1], seen.shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.clip(full[seen], 0.0, 1.0), np.float32)
