"""Polygons of rectilinear regions: tracing, moving the edges inwards, triangles, tests.

Plan coordinates in metres; polygons are counter-clockwise (inside to the left), (N, 2).
"""

from __future__ import annotations

import numpy as np

from mono_hydra.types import F8, I4, Bool


def trace(cells: Bool, cell_m: float) -> F8:
    """Outline of one simply connected region of grid cells, corners only.

    Raises:
        ValueError: if the region is empty, in several parts, or has a hole.
    """
    padded = np.pad(cells, 1)
    step: dict[tuple[int, int], tuple[int, int]] = {}
    n_steps = 0
    for (dx, dy), (ax, ay), (bx, by) in (
        ((0, -1), (0, 0), (1, 0)),
        ((1, 0), (1, 0), (1, 1)),
        ((0, 1), (1, 1), (0, 1)),
        ((-1, 0), (0, 1), (0, 0)),
    ):
        border = padded & ~np.roll(padded, (-dx, -dy), axis=(0, 1))
        for i, j in np.argwhere(border) - 1:
            step[int(i) + ax, int(j) + ay] = (int(i) + bx, int(j) + by)
            n_steps += 1
    if not step:
        raise ValueError("empty region")
    start = min(step)
    loop, at = [start], step[start]
    while at != start and len(loop) <= n_steps:
        loop.append(at)
        at = step[at]
    if len(loop) != n_steps:
        raise ValueError("region in parts or with a hole")
    points = np.array(loop, float)
    before, after = points - np.roll(points, 1, axis=0), np.roll(points, -1, axis=0) - points
    turns = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    return np.asarray(points[np.abs(turns) > 1e-9] * cell_m)


def inset(polygon_m: F8, distance_m: float) -> F8:
    """Every edge moved inwards by the same distance (negative: outwards); corners stay sharp."""
    edge = np.roll(polygon_m, -1, axis=0) - polygon_m
    edge = edge / np.linalg.norm(edge, axis=1, keepdims=True)
    inward = np.stack([-edge[:, 1], edge[:, 0]], axis=1)
    before, after = np.roll(inward, 1, axis=0), inward
    share = 1.0 + np.einsum("ij,ij->i", before, after)
    return np.asarray(polygon_m + distance_m * (before + after) / share[:, None])


def cut_corner(polygon_m: F8, corner: int, before_m: float, after_m: float) -> F8:
    """A polygon with one corner replaced by an oblique edge."""
    a, b, c = polygon_m[corner - 1], polygon_m[corner], polygon_m[(corner + 1) % len(polygon_m)]
    first = b + (a - b) / np.linalg.norm(a - b) * before_m
    second = b + (c - b) / np.linalg.norm(c - b) * after_m
    return np.concatenate([polygon_m[:corner], [first, second], polygon_m[corner + 1 :]])


def area(polygon_m: F8) -> float:
    """Signed area, positive when counter-clockwise."""
    x, y = polygon_m.T
    return float(0.5 * np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))


def contains(polygon_m: F8, points_m: F8) -> Bool:
    """(N,) whether points (N, 2) lie inside; even-odd rule."""
    x, y = points_m[:, 0][:, None], points_m[:, 1][:, None]
    a, b = polygon_m, np.roll(polygon_m, -1, axis=0)
    spans = (a[:, 1] > y) != (b[:, 1] > y)
    with np.errstate(divide="ignore", invalid="ignore"):
        cross_x = a[:, 0] + (y - a[:, 1]) * (b[:, 0] - a[:, 0]) / (b[:, 1] - a[:, 1])
    return np.asarray((spans & (x < cross_x)).sum(axis=1) % 2 == 1)


def distance_to_edges(polygon_m: F8, points_m: F8) -> F8:
    """(N,) distance of points (N, 2) to the nearest edge, inside or out."""
    a = polygon_m[None]
    d = np.roll(polygon_m, -1, axis=0)[None] - a
    p = points_m[:, None] - a
    t = np.clip(np.einsum("ijk,ijk->ij", p, d) / np.einsum("ijk,ijk->ij", d, d), 0.0, 1.0)
    return np.asarray(np.linalg.norm(p - t[..., None] * d, axis=2).min(axis=1))


def triangulate(polygon_m: F8) -> I4:
    """(N - 2, 3) counter-clockwise triangles of a simple polygon, by cutting ears."""
    left = list(range(len(polygon_m)))
    triangles = []
    while len(left) > 3:
        for k in range(len(left)):
            i, j, m = left[k - 1], left[k], left[(k + 1) % len(left)]
            a, b, c = polygon_m[i], polygon_m[j], polygon_m[m]
            if _turn(a, b, c) <= 1e-12:
                continue
            if any(_in_triangle(polygon_m[q], a, b, c) for q in left if q not in (i, j, m)):
                continue
            triangles.append((i, j, m))
            del left[k]
            break
        else:
            raise ValueError("polygon crosses itself")
    triangles.append((left[0], left[1], left[2]))
    return np.array(triangles, np.int32)


def _turn(a: F8, b: F8, c: F8) -> float:
    return float((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))


def _in_triangle(p: F8, a: F8, b: F8, c: F8) -> bool:
    return _turn(a, b, p) >= -1e-12 and _turn(b, c, p) >= -1e-12 and _turn(c, a, p) >= -1e-12
