"""Surfaces of simple bodies: boxes, prisms, turned bodies, tubes, cloth.

A `Shape` is a triangle soup with shared vertices in some local frame, z up, metres. Triangles face
outwards. `uv` is metres on the surface (u along the longer edge of flat faces, so that wood grain
runs lengthwise), or 0..1 over the rectangle for `panel`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mono_hydra.simulation.house import box_part_vertices
from mono_hydra.simulation.outlines import triangulate
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
    """Several shapes as one; none at all give an empty shape."""
    if not shapes:
        return Shape(np.zeros((0, 3)), np.zeros((0, 3), np.int32), np.zeros((0, 3, 2)))
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
    u, v = (1.0 if unit_uv else float(np.linalg.norm(corners[k] - corners[0])) for k in (1, 3))
    uv = np.array([[0, 0], [u, 0], [u, v], [0, v]], float)
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    return Shape(corners, faces, uv[faces])


def lathe(profile_m: list[tuple[float, float]], sides: int = 16) -> Shape:
    """A body turned about z from (radius, height) points, listed from the bottom up outside.

    A first or last radius of 0 closes the body in a point, else it is closed by a flat disc.
    """
    points = list(profile_m)
    if points[0][0] > 0.0:
        points.insert(0, (0.0, points[0][1]))
    if points[-1][0] > 0.0:
        points.append((0.0, points[-1][1]))
    radius, height = np.array(points, float).T
    angle = np.arange(sides) * 2.0 * np.pi / sides
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    vertices = np.concatenate([np.column_stack([r * ring, np.full(sides, z)]) for r, z in points])
    k, nxt = np.arange(sides), (np.arange(sides) + 1) % sides
    arc = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(radius), np.diff(height)))])
    around = np.stack([k, k + 1], axis=1) * 2.0 * np.pi / sides * max(float(radius.max()), 1e-3)
    faces, uv = [], []
    for j in range(len(points) - 1):
        a, b = j * sides, (j + 1) * sides
        u0, u1, v0, v1 = (
            around[:, 0],
            around[:, 1],
            np.full(sides, arc[j]),
            np.full(sides, arc[j + 1]),
        )
        if radius[j] > 0.0:
            faces.append(np.stack([a + k, a + nxt, b + nxt], axis=1))
            uv.append(
                np.stack(
                    [np.stack([u0, v0], 1), np.stack([u1, v0], 1), np.stack([u1, v1], 1)], axis=1
                )
            )
        if radius[j + 1] > 0.0:
            faces.append(np.stack([a + k, b + nxt, b + k], axis=1))
            uv.append(
                np.stack(
                    [np.stack([u0, v0], 1), np.stack([u1, v1], 1), np.stack([u0, v1], 1)], axis=1
                )
            )
    return Shape(vertices, np.concatenate(faces).astype(np.int32), np.concatenate(uv))


def cylinder(radius_m: float, height_m: float, sides: int = 16) -> Shape:
    """An upright closed cylinder standing on z = 0."""
    return lathe([(radius_m, 0.0), (radius_m, height_m)], sides)


def rounded_box(
    low: tuple[float, float, float], high: tuple[float, float, float], bevel_m: float = 0.01
) -> Shape:
    """A box whose edges and corners are cut off; 44 triangles."""
    low_m, high_m = np.asarray(low, float), np.asarray(high, float)
    bevel = min(bevel_m, 0.45 * float((high_m - low_m).min()))
    signs = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    corners = np.where(signs == 1, high_m, low_m)
    inward = np.where(signs == 1, -bevel, bevel)
    # vertex 3 c + a: corner c drawn back along both axes other than a, so that it lies in face a
    vertices = np.repeat(corners, 3, axis=0) + np.repeat(inward, 3, axis=0) * (
        1 - np.tile(np.eye(3), (8, 1))
    )
    return solid(vertices, ROUNDED_FACES)


def _rounded_faces() -> I4:
    signs = [(i, j, k) for i in (0, 1) for j in (0, 1) for k in (0, 1)]
    number = {s: n for n, s in enumerate(signs)}
    middle = np.array(signs, float) * 2.0 - 1.0
    at = np.repeat(middle, 3, axis=0) * (1.0 - 0.2 * (1 - np.tile(np.eye(3), (8, 1))))
    polygons: list[list[int]] = [[3 * c, 3 * c + 1, 3 * c + 2] for c in range(8)]
    for a in range(3):
        b, c = (a + 1) % 3, (a + 2) % 3
        for side in (0, 1):
            ring = []
            for sb, sc in ((0, 0), (1, 0), (1, 1), (0, 1)):
                s = [0, 0, 0]
                s[a], s[b], s[c] = side, sb, sc
                ring.append(3 * number[s[0], s[1], s[2]] + a)
            polygons.append(ring)
        for sb in (0, 1):  # the edge along axis a between faces b and c
            for sc in (0, 1):
                s0, s1 = [0, 0, 0], [0, 0, 0]
                s0[b] = s1[b] = sb
                s0[c] = s1[c] = sc
                s1[a] = 1
                m, n = 3 * number[s0[0], s0[1], s0[2]], 3 * number[s1[0], s1[1], s1[2]]
                polygons.append([m + b, n + b, n + c, m + c])
    faces = []
    for ring in polygons:
        p = at[ring]
        outward = np.cross(p[1] - p[0], p[2] - p[0]) @ p.mean(axis=0) > 0
        ordered = ring if outward else ring[::-1]
        faces += [[ordered[0], ordered[k], ordered[k + 1]] for k in range(1, len(ordered) - 1)]
    return np.array(faces, np.int32)


ROUNDED_FACES = _rounded_faces()


def cushion(
    length_m: float, width_m: float, thickness_m: float, cells: int = 8, power: float = 4.0
) -> Shape:
    """A pillow lying on z = 0, thickest in the middle, with pinched corners."""
    line = np.linspace(-1.0, 1.0, cells + 1)
    u, v = np.meshgrid(line, line, indexing="ij")
    swell = np.sqrt(np.maximum((1.0 - np.abs(u) ** power) * (1.0 - np.abs(v) ** power), 0.0))
    draw = 1.0 - 0.05 * (1.0 - np.abs(u * v))
    x, y = 0.5 * length_m * u * draw, 0.5 * width_m * v * draw
    top = np.stack([x, y, 0.5 * thickness_m * (1.0 + swell)], axis=-1).reshape(-1, 3)
    bottom = np.stack([x, y, 0.5 * thickness_m * (1.0 - swell)], axis=-1).reshape(-1, 3)
    grid = grid_faces(cells + 1, cells + 1)
    faces = np.concatenate([grid, grid[:, ::-1] + len(top)]).astype(np.int32)
    return solid(np.concatenate([top, bottom]), faces)


def grid_faces(n_x: int, n_y: int) -> I4:
    """Triangles of an (n_x, n_y) vertex grid (row-major, x first), looking up."""
    i, j = np.meshgrid(np.arange(n_x - 1), np.arange(n_y - 1), indexing="ij")
    a = (i * n_y + j).ravel()
    b, c, d = a + n_y, a + n_y + 1, a + 1
    return np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)]).astype(np.int32)


def mound(xs_m: F8, ys_m: F8, heights_m: F8, base_z_m: float) -> Shape:
    """A closed body with upright sides under a height field: heights_m (X, Y) over the grid."""
    n_x, n_y = len(xs_m), len(ys_m)
    x, y = np.meshgrid(xs_m, ys_m, indexing="ij")
    top = np.stack([x, y, heights_m], axis=-1).reshape(-1, 3)
    bottom = np.stack([x, y, np.full_like(x, base_z_m)], axis=-1).reshape(-1, 3)
    grid = grid_faces(n_x, n_y)
    number = np.arange(n_x * n_y).reshape(n_x, n_y)
    rim = np.concatenate([number[:-1, 0], number[-1, :-1], number[:0:-1, -1], number[0, :0:-1]])
    nxt, off = np.roll(rim, -1), n_x * n_y
    sides = np.concatenate(
        [np.stack([rim + off, nxt + off, nxt], 1), np.stack([rim + off, nxt, rim], 1)]
    )
    floor = (
        np.array(
            [
                [number[0, 0], number[0, -1], number[-1, -1]],
                [number[0, 0], number[-1, -1], number[-1, 0]],
            ]
        )
        + off
    )
    return solid(
        np.concatenate([top, bottom]), np.concatenate([grid, sides, floor]).astype(np.int32)
    )


def prism(polygon_m: F8, z0_m: float, z1_m: float) -> Shape:
    """A counter-clockwise outline (N, 2) raised from z0 to z1."""
    n = len(polygon_m)
    cap = triangulate(polygon_m)
    vertices = np.concatenate([np.column_stack([polygon_m, np.full(n, z)]) for z in (z0_m, z1_m)])
    k, nxt = np.arange(n), (np.arange(n) + 1) % n
    sides = np.concatenate([np.stack([k, nxt, nxt + n], 1), np.stack([k, nxt + n, k + n], 1)])
    return solid(vertices, np.concatenate([sides, cap + n, cap[:, ::-1]]).astype(np.int32))


def ribbon(path_m: F8, thickness_m: float, z0_m: float, z1_m: float) -> Shape:
    """An upright sheet along a plan path (N, 2), e.g. a curtain; u runs along the path."""
    tangent = np.gradient(path_m, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    side = 0.5 * thickness_m * np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)
    ring = np.concatenate([path_m - side, (path_m + side)[::-1]])
    n, m = len(path_m), len(ring)
    vertices = np.concatenate([np.column_stack([ring, np.full(m, z)]) for z in (z0_m, z1_m)])
    k, nxt = np.arange(m), (np.arange(m) + 1) % m
    sides = np.concatenate([np.stack([k, nxt, nxt + m], 1), np.stack([k, nxt + m, k + m], 1)])
    a = np.arange(n - 1)
    strip = np.concatenate(
        [np.stack([a, a + 1, m - 2 - a], 1), np.stack([a, m - 2 - a, m - 1 - a], 1)]
    )
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path_m, axis=0), axis=1))])
    u = np.concatenate([along, along[::-1]])
    flat = np.stack([np.tile(u, 2), np.repeat([0.0, z1_m - z0_m], m)], axis=1)
    faces = np.concatenate([sides, strip + m, strip[:, ::-1]]).astype(np.int32)
    return Shape(vertices, faces, flat[faces])


def tube(path_m: F8, radius_m: float | F8, sides: int = 8) -> Shape:
    """A closed round bar along a path (N, 3), of one radius or one per point."""
    path = np.asarray(path_m, float)
    tangent = np.gradient(path, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    helper = np.eye(3)[int(np.argmin(np.abs(tangent).max(axis=0)))]
    first = np.cross(tangent, helper)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    second = np.cross(tangent, first)
    angle = np.arange(sides) * 2.0 * np.pi / sides
    radius = np.broadcast_to(np.asarray(radius_m, float), (len(path),))[:, None, None]
    ring = (
        np.cos(angle)[None, :, None] * first[:, None]
        + np.sin(angle)[None, :, None] * second[:, None]
    )
    vertices = np.concatenate([(path[:, None] + radius * ring).reshape(-1, 3), path[[0, -1]]])
    k, nxt = np.arange(sides), (np.arange(sides) + 1) % sides
    start, end = len(path) * sides, len(path) * sides + 1
    faces = []
    for j in range(len(path) - 1):
        a, b = j * sides, (j + 1) * sides
        faces += [np.stack([a + k, a + nxt, b + nxt], 1), np.stack([a + k, b + nxt, b + k], 1)]
    last = (len(path) - 1) * sides
    faces += [
        np.stack([np.full(sides, start), nxt, k], 1),
        np.stack([np.full(sides, end), last + k, last + nxt], 1),
    ]
    return solid(vertices, np.concatenate(faces).astype(np.int32))


def rod(
    start_m: tuple[float, float, float],
    end_m: tuple[float, float, float],
    radius_m: float,
    end_radius_m: float | None = None,
    sides: int = 8,
) -> Shape:
    """A straight round bar, conical when the second radius differs."""
    radii = np.array([radius_m, radius_m if end_radius_m is None else end_radius_m])
    return tube(np.array([start_m, end_m], float), radii, sides)


def panel(width_m: float, height_m: float) -> Shape:
    """An upright rectangle facing -y, standing on z = 0 with its middle at x = 0; uv 0..1."""
    w = width_m / 2
    corners = np.array([[-w, 0, 0], [w, 0, 0], [w, 0, height_m], [-w, 0, height_m]], float)
    return quad(corners, unit_uv=True)


def sheet(length_m: float, width_m: float) -> Shape:
    """A horizontal rectangle facing up at z = 0, middle at the origin; uv 0..1."""
    l, w = length_m / 2, width_m / 2  # noqa: E741
    return quad(np.array([[-l, -w, 0], [l, -w, 0], [l, w, 0], [-l, w, 0]], float), unit_uv=True)
