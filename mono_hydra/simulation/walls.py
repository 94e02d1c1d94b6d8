"""Room shells as surfaces: wall faces with openings cut out, floors and ceilings, reveals."""

from __future__ import annotations

import itertools

import numpy as np

from mono_hydra.simulation.shapes import Shape, joined, quad
from mono_hydra.types import F8

Hole = tuple[float, float, float, float]  # s0, s1 along the wall, z0, z1 above its foot, metres


def wall_face(start_m: F8, end_m: F8, foot_z_m: float, top_z_m: float, holes: list[Hole]) -> Shape:
    """One upright wall rectangle facing left of start -> end, with rectangular holes.

    Args:
        start_m: (2,) plan position where the wall begins; free space lies to the left.
        end_m: (2,) plan position where it ends.
        foot_z_m: height of its lower edge.
        top_z_m: height of its upper edge.
        holes: (s0, s1, z0, z1) along the wall and above the foot.
    """
    length, height = float(np.hypot(*(end_m - start_m))), top_z_m - foot_z_m
    cuts_s = sorted({0.0, length, *(s for h in holes for s in h[:2])})
    cuts_z = sorted({0.0, height, *(z for h in holes for z in h[2:])})
    along = (end_m - start_m) / length
    cells = [
        (s0, s1, z0, z1)
        for s0, s1 in itertools.pairwise(cuts_s)
        for z0, z1 in itertools.pairwise(cuts_z)
        if not any(h[0] < (s0 + s1) / 2 < h[1] and h[2] < (z0 + z1) / 2 < h[3] for h in holes)
    ]
    shapes = []
    for s0, s1, z0, z1 in cells:
        # seen from the left of the direction of travel, "right" is against it
        p, q = start_m + along * s0, start_m + along * s1
        low, high = foot_z_m + z0, foot_z_m + z1
        corners = np.array([[*p, low], [*q, low], [*q, high], [*p, high]])
        shape = quad(corners[[1, 0, 3, 2]])
        shapes.append(Shape(shape.vertices_m, shape.faces, shape.uv + np.array([length - s1, z0])))
    return joined(*shapes)


def opening_reveal(
    center_m: F8,
    along_m: F8,
    width_m: float,
    z0_m: float,
    z1_m: float,
    depth_m: tuple[float, float],
    with_bottom: bool,
) -> Shape:
    """Sides, head and (optionally) bottom of an opening through a wall, facing its inside.

    Args:
        center_m: (2,) middle of the opening in plan.
        along_m: (2,) unit vector of the width.
        width_m: clear width.
        z0_m: lower edge.
        z1_m: upper edge.
        depth_m: extent along the normal (along turned left), from and to.
        with_bottom: whether to draw the lower face too.
    """
    normal = np.array([-along_m[1], along_m[0]])
    corner = {
        (i, j): center_m + along_m * (i - 0.5) * width_m + normal * depth_m[j]
        for i in (0, 1)
        for j in (0, 1)
    }
    a0, a1, b0, b1 = corner[0, 0], corner[0, 1], corner[1, 0], corner[1, 1]
    sides = [
        [[*a1, z0_m], [*a0, z0_m], [*a0, z1_m], [*a1, z1_m]],
        [[*b0, z0_m], [*b1, z0_m], [*b1, z1_m], [*b0, z1_m]],
        [[*a0, z1_m], [*b0, z1_m], [*b1, z1_m], [*a1, z1_m]],
    ]
    if with_bottom:
        sides.append([[*a0, z0_m], [*b0, z0_m], [*b1, z0_m], [*a1, z0_m]])
    shapes = [quad(np.array(s)) for s in sides]
    shapes[0] = _facing(shapes[0], along_m)
    shapes[1] = _facing(shapes[1], -along_m)
    shapes[2] = _facing(shapes[2], np.array([0.0, 0.0, -1.0]))
    return joined(*(shapes[:3] + [_facing(s, np.array([0.0, 0.0, 1.0])) for s in shapes[3:]]))


def _facing(shape: Shape, direction: F8) -> Shape:
    """The flat shape turned over if it looks away from `direction`."""
    a, b, c = shape.vertices_m[shape.faces[0]]
    normal = np.cross(b - a, c - a)
    if float(normal[: len(direction)] @ direction) >= 0.0:
        return shape
    return Shape(shape.vertices_m, shape.faces[:, ::-1].copy(), shape.uv[:, ::-1].copy())


def slab(low_m: tuple[float, float], high_m: tuple[float, float], z_m: float, up: bool) -> Shape:
    """A horizontal rectangle looking up or down."""
    (x0, y0), (x1, y1) = low_m, high_m
    corners = np.array([[x0, y0, z_m], [x1, y0, z_m], [x1, y1, z_m], [x0, y1, z_m]])
    return quad(corners if up else corners[::-1].copy())
