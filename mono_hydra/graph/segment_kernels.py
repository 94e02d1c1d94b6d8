"""Compiled loops of the single-frame segmentation."""

from __future__ import annotations

import numpy as np
from numba import njit

from mono_hydra.types import F4, I4, U1, Bool


@njit(cache=True, nogil=True, error_model="numpy")
def _root(parent: I4, i: int) -> int:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@njit(cache=True, nogil=True, error_model="numpy")
def _joined(
    labels: U1, depth_m: F4, v: int, u: int, dv: int, du: int, jump_m: float, jump_share: float
) -> bool:
    """Whether pixel (v, u) and (v + dv, u + du) lie on one piece of surface."""
    h, w = depth_m.shape
    v1, u1 = v + dv, u + du
    label = labels[v, u]
    if labels[v1, u1] != label or depth_m[v1, u1] <= 0.0:
        return False
    z0, z1 = depth_m[v, u], depth_m[v1, u1]
    limit = jump_m + jump_share * min(z0, z1)
    if abs(z1 - z0) <= limit:
        return True
    # inverse depth is linear on a plane: a steep table top is no edge
    vb, ub = v - dv, u - du
    if 0 <= vb < h and 0 <= ub < w and labels[vb, ub] == label and depth_m[vb, ub] > 0.0:
        ahead = 2.0 / z0 - 1.0 / depth_m[vb, ub]
        if ahead > 0.0 and abs(1.0 / ahead - z1) <= limit:
            return True
    va, ua = v1 + dv, u1 + du
    if 0 <= va < h and 0 <= ua < w and labels[va, ua] == label and depth_m[va, ua] > 0.0:
        back = 2.0 / z1 - 1.0 / depth_m[va, ua]
        if back > 0.0 and abs(1.0 / back - z0) <= limit:
            return True
    return False


@njit(cache=True, nogil=True, error_model="numpy")
def components(
    labels: U1,
    depth_m: F4,
    is_object: Bool,
    max_depth_m: float,
    jump_m: float,
    jump_share: float,
    component: I4,
    parent: I4,
) -> int:
    """Number the connected surface pieces of object labels in `component` (H, W), -1 elsewhere.

    `parent` (H * W) is scratch. Numbers follow the first pixel in reading order.
    """
    h, w = depth_m.shape
    for v in range(h):
        for u in range(w):
            i = v * w + u
            parent[i] = -1
            if not is_object[labels[v, u]] or not 0.0 < depth_m[v, u] <= max_depth_m:
                continue
            parent[i] = i
            has_up = False
            for dv, du in ((-1, 0), (0, -1), (-1, -1), (-1, 1)):
                v1, u1 = v + dv, u + du
                # what lies beside a neighbour above was joined with it already, if it is one piece
                if v1 < 0 or u1 < 0 or u1 >= w or (has_up and dv * du != 0):
                    continue
                other = v1 * w + u1
                if parent[other] < 0 or not _joined(
                    labels, depth_m, v, u, dv, du, jump_m, jump_share
                ):
                    continue
                has_up |= du == 0
                a, b = _root(parent, i), _root(parent, other)
                if a < b:
                    parent[b] = a
                else:
                    parent[a] = b
    n = 0
    for i in range(h * w):
        v, u = i // w, i % w
        if parent[i] < 0:
            component[v, u] = -1
            continue
        root = _root(parent, i)
        if root == i:
            component[v, u] = n
            n += 1
        else:
            component[v, u] = component[root // w, root % w]
    return n


@njit(cache=True, nogil=True, error_model="numpy")
def describe(
    component: I4, depth_m: F4, sigma: F4, confidence: F4, count: I4, bounds_px: I4, mean: F4
) -> None:
    """Per component: pixels (N,), first and last row and column (N, 4), and means (N, 4).

    Columns of `mean`: depth, sigma, confidence, share of pixels on the border of the image.
    """
    h, w = component.shape
    bounds_px[:, 0], bounds_px[:, 2] = h, w
    for v in range(h):
        for u in range(w):
            c = component[v, u]
            if c < 0:
                continue
            count[c] += 1
            bounds_px[c, 0] = min(bounds_px[c, 0], v)
            bounds_px[c, 1] = max(bounds_px[c, 1], v)
            bounds_px[c, 2] = min(bounds_px[c, 2], u)
            bounds_px[c, 3] = max(bounds_px[c, 3], u)
            mean[c, 0] += depth_m[v, u]
            mean[c, 1] += sigma[v, u]
            mean[c, 2] += confidence[v, u]
            if v <= 1 or u <= 1 or v >= h - 2 or u >= w - 2:
                mean[c, 3] += 1.0
    for c in range(count.shape[0]):
        if count[c] > 0:
            mean[c] /= count[c]


@njit(cache=True, nogil=True, error_model="numpy")
def sample_points(
    component: I4,
    depth_m: F4,
    fx: float,
    fy: float,
    cx: float,
    cy: float,
    stride: I4,
    start: I4,
    points_camera_m: F4,
) -> None:
    """Back-project every `stride[c]`-th pixel of component c; stride 0 leaves it out.

    `start` (N + 1) are the offsets of the components in `points_camera_m`; on return `start[c]` is
    one past the last point of c.
    """
    h, w = component.shape
    for v in range(h):
        for u in range(w):
            c = component[v, u]
            if c < 0 or stride[c] == 0 or v % stride[c] != 0 or u % stride[c] != 0:
                continue
            z = depth_m[v, u]
            k = start[c]
            points_camera_m[k, 0] = (u - cx) / fx * z
            points_camera_m[k, 1] = (v - cy) / fy * z
            points_camera_m[k, 2] = z
            start[c] = k + 1


@njit(cache=True, nogil=True, error_model="numpy")
def count_samples(component: I4, stride: I4, count: I4) -> None:
    """How many points `sample_points` will write per component."""
    h, w = component.shape
    for v in range(h):
        for u in range(w):
            c = component[v, u]
            if c >= 0 and stride[c] > 0 and v % stride[c] == 0 and u % stride[c] == 0:
                count[c] += 1


@njit(cache=True, nogil=True, error_model="numpy")
def inner_pixels(component: I4, inner: I4) -> None:
    """Per component: pixels whose four neighbours belong to it too; slivers have none."""
    h, w = component.shape
    for v in range(1, h - 1):
        for u in range(1, w - 1):
            c = component[v, u]
            if (
                c >= 0
                and component[v - 1, u] == c
                and component[v + 1, u] == c
                and component[v, u - 1] == c
                and component[v, u + 1] == c
            ):
                inner[c] += 1


def new_scratch(height: int, width: int) -> tuple[I4, I4]:
    """Arrays `component` and `parent` for images of this size."""
    return np.full((height, width), -1, np.int32), np.empty(height * width, np.int32)
