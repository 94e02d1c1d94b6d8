"""Surfaces of simple bodies: boxes, prisms, turned bodies, tubes, cloth.

A `Shape` is a triangle soup with shared vertices in some local frame, z up, metres. Triangles face
outwards. `uv` is metres on the surface (u along the longer edge of flat faces, so that wood grain
runs lengthwise), or 0..1 over the rectangle for `panel`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mono_hydra.simulation.house import box_part_vertices
from mono_hydra.types import F8, I4


@dataclass(frozen=True, eq=False)
class Shape:
    """Triangles with texture coordinates."""

    vertices_m: F8  # (V, 3)
    faces: I4  # (F, 3)
    uv: F8  # (F, 3, 2)

    def moved(self, x_m: float = 0.0, y_m: float = 0.0, z_m: float = 0.0) -> Shape:
        """The shape shifted."""
        return Shape(self.vertices_m + np.array([x_m, y_m, z_m]), self.faces, self.uv)

    def turned(self, angle_rad: float, axis: str = "z") -> Shape:
        """The shape rotated about an axis through the origin, right-handed."""
        return Shape(self.vertices_m @ rotation(angle_rad, axis).T, self.faces, self.uv)

    def scaled(self, x: float = 1.0, y: float = 1.0, z: float = 1.0) -> Shape:
        """The shape stretched by positive factors; uv keeps its scale."""
        return Shape(self.vertices_m * np.array([x, y, z]), self.faces, self.uv)


def rotation(angle_rad: float, axis: str = "z") -> F8:
    """(3, 3) rotation about x, y or z."""
    c, s = float(np.cos(angle_rad)), float(np.sin(angle_rad))
    i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrix = np.eye(3)
    matrix[i, i] = matrix[j, j] = c
    matrix[i, j], matrix[j, i] = -s, s
    return matrix


def joined(*shapes: Shape) -> Shape:
    """Several shapes as one."""
    offsets = np.cumsum([0, *(len(s.vertices_m) for s in shapes)])
    return Shape(
        np.concatenate([s.vertices_m for s in shapes]),
        np.concatenate([s.faces + o for s, o in zip(shapes, offsets, strict=False)]).astype(
            np.int32
        ),
        np.concatenate([s.uv for s in shapes]),
    )


def projected_uv(vertices_m: F8, faces: I4) -> F8:
    """(F, 3, 2) metres on the axis plane each face looks along; u along the longer extent."""
    corners = vertices_m[faces]
    normal = np.abs(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]))
    axis = np.argmax(normal, axis=1)
    extent = np.ptp(vertices_m, axis=0)
    pairs = []
    for a in range(3):
        i, j = [k for k in range(3) if k != a]
        pairs.append((i, j) if extent[i] >= extent[j] else (j, i))
    columns = np.array(pairs)[axis]  # (F, 2)
    return np.take_along_axis(corners, np.repeat(columns[:, None, :], 3, axis=1), axis=2)


def solid(vertices_m: F8, faces: I4) -> Shape:
    """A shape from outward triangles, with projected uv."""
    return Shape(vertices_m, faces, projected_uv(vertices_m, faces))


def box(low: tuple[float, float, float], high: tuple[float, float, float]) -> Shape:
    """A box with sharp edges between two corners."""
    vertices, faces = box_part_vertices(np.asarray(low, float), np.asarray(high, float))
    return solid(vertices, faces)


def quad(corners_m: F8, unit_uv: bool = False) -> Shape:
    """One rectangle of four corners, counter-clockwise as seen; the first edge is u."""
    corners = np.asarray(corners_m, float)
    u, v = np.linalg.norm(corners[1] - corners[0]), np.linalg.norm(corners[3] - corners[0])
    if unit_uv:
        u = v = 1.0
    uv = np.array([[0, 0], [u, 0], [u, v], [0, v]], float)
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    return Shape(corners, faces, uv[faces])
