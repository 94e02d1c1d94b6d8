"""Truth that follows from other truth: normals from depth, outlines from labels and depth.

Camera axes right, down, forward; normals face the camera.
"""

from __future__ import annotations

from itertools import permutations, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m2h.types import EDGE_UNKNOWN, F4, F8, U1, Intrinsics

MAX_STEP_SHARE = 0.05  # of depth between neighbours of one surface
DEPTH_EDGE_SHARE = 0.05
MIN_STEPS = 3.0  # a jump of quantised depth counts from so many steps


def rays(intrinsics: Intrinsics, height: int, width: int) -> F4:
    """(H, W, 3) rays of all pixels with z = 1."""
    v, u = np.mgrid[:height, :width].astype(np.float32)
    x = (u - np.float32(intrinsics.cx)) / np.float32(intrinsics.fx)
    y = (v - np.float32(intrinsics.cy)) / np.float32(intrinsics.fy)
    return np.stack([x, y, np.ones_like(x)], axis=-1).astype(np.float32)


def depth_of_distance(distance_m: F4, intrinsics: Intrinsics) -> F4:
    """Depth z (H, W) of distances along the rays (H, W); what is not finite becomes 0."""
    length = np.linalg.norm(rays(intrinsics, *distance_m.shape), axis=-1)
    depth_m = distance_m / length
    return np.where(np.isfinite(depth_m) & (depth_m > 0.0), depth_m, 0.0).astype(np.float32)


def normals_of_depth(depth_m: F4, intrinsics: Intrinsics) -> F4:
    """Unit normals (H, W, 3) of the surface through each pixel and its four neighbours.

    The cross product of the central differences of the back-projected points. Zero where one of
    the five depths is unknown or differs from the middle one by more than `MAX_STEP_SHARE`. Useful
    for depth of full precision only: a step of 39 mm (8 bit NYUv2) leaves no normals.
    """
    points = depth_m[..., None] * rays(intrinsics, *depth_m.shape)
    across = points[1:-1, 2:] - points[1:-1, :-2]
    down = points[2:, 1:-1] - points[:-2, 1:-1]
    inner = np.cross(down, across)
    length = np.linalg.norm(inner, axis=-1, keepdims=True)
    middle = depth_m[1:-1, 1:-1]
    beside = (depth_m[1:-1, 2:], depth_m[1:-1, :-2], depth_m[2:, 1:-1], depth_m[:-2, 1:-1])
    known = (middle > 0.0) & (length[..., 0] > 0.0)
    for neighbour in beside:
        known &= (neighbour > 0.0) & (np.abs(neighbour - middle) <= MAX_STEP_SHARE * middle)
    normals = np.zeros((*depth_m.shape, 3), np.float32)
    normals[1:-1, 1:-1] = np.where(known[..., None], inner / np.maximum(length, 1e-20), 0.0)
    return normals


def edges_of_labels(labels: U1, depth_m: F4 | None = None, depth_step_m: float = 0.0) -> U1:
    """Outlines (H, W): 1 edge, 0 none, `EDGE_UNKNOWN` where labels leave it open.

    An edge lies between two neighbours (right, lower) of different known class, or at a jump of
    known depth that a surface seen at a slant does not explain: the second difference of inverse
    depth (zero on any plane) times the depth exceeds `DEPTH_EDGE_SHARE`, and the jump `MIN_STEPS`
    quantisation steps. Edges and unknowns are dilated by one pixel; edges win.

    Args:
        labels: (H, W) NYU40 ids, 0 = unknown.
        depth_m: (H, W), 0 = unknown; None: labels alone.
        depth_step_m: quantisation of the depth.
    """
    edges = np.zeros(labels.shape, bool)
    for first, second in (_right(), _lower()):
        both = (labels[first] > 0) & (labels[second] > 0)
        edges[first] |= both & (labels[first] != labels[second])
    if depth_m is not None:
        edges |= _depth_jumps(depth_m, depth_step_m)
    result = np.where(_dilated(labels == 0), EDGE_UNKNOWN, 0).astype(np.uint8)
    result[_dilated(edges)] = 1
    return result


def axes_of(normals: F4, reference: F4) -> F8:
    """Signed permutation (3, 3) that turns normals of unknown axes into the reference's frame.

    The best of the 48 over pixels known in both, (H, W, 3) each; the identity if there are none.
    """
    known = (np.abs(normals).sum(axis=-1) > 0) & (np.abs(reference).sum(axis=-1) > 0)
    if not known.any():
        return np.eye(3)
    moment = reference[known].T.astype(np.float64) @ normals[known].astype(np.float64)
    candidates = [
        np.eye(3)[list(order)] * np.array(signs)[:, None]
        for order in permutations(range(3))
        for signs in product((1.0, -1.0), repeat=3)
    ]
    return max(candidates, key=lambda axes: float((axes * moment).sum()))


def _depth_jumps(depth_m: F4, depth_step_m: float) -> NDArray[np.bool_]:
    """(H, W) pixels left of or above a jump."""
    jumps = np.zeros(depth_m.shape, bool)
    inverse = np.divide(1.0, depth_m, out=np.zeros_like(depth_m), where=depth_m > 0.0)
    for axis, (first, second) in enumerate((_right(), _lower())):
        here, there = depth_m[first], depth_m[second]
        near = np.minimum(here, there)
        step = inverse[second] - inverse[first]
        bend = np.full(step.shape, np.inf, np.float32)
        one, other = _lower() if axis else _right()
        change = np.abs(step[other] - step[one])
        bend[one] = np.minimum(bend[one], change)
        bend[other] = np.minimum(bend[other], change)
        sharp = bend * near > DEPTH_EDGE_SHARE
        wide = np.abs(there - here) > np.maximum(DEPTH_EDGE_SHARE * near, MIN_STEPS * depth_step_m)
        jumps[first] |= sharp & wide & (here > 0.0) & (there > 0.0)
    return jumps


def _right() -> tuple[Any, Any]:
    return (slice(None), slice(None, -1)), (slice(None), slice(1, None))


def _lower() -> tuple[Any, Any]:
    return (slice(None, -1), slice(None)), (slice(1, None), slice(None))


def _dilated(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    import cv2

    return np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)
