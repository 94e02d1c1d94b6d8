"""Where the tasks of one prediction contradict each other, its depth is less sure.

Two cheap checks at the network's resolution: normals of the predicted depth against predicted
normals, borders of the labels against predicted edges. The weights are our choice.
"""

from __future__ import annotations

import numpy as np

from m2h.types import F4, U1, Intrinsics

_NORMAL_WEIGHT, _EDGE_WEIGHT = 0.5, 0.25


def sigma_factor(
    depth_m: F4, normals: F4 | None, labels: U1 | None, edges: F4 | None, camera: Intrinsics
) -> F4:
    """Factor >= 1 for the sigma of each pixel (h, w).

    Args:
        depth_m: (h, w).
        normals: (h, w, 3), unit vectors facing the camera, if predicted.
        labels: (h, w), if predicted.
        edges: (h, w), probability, if predicted.
        camera: of these pixels.
    """
    factor = np.ones(depth_m.shape, np.float32)
    if normals is not None:
        cosine = np.einsum("ijk,ijk->ij", normals_of_depth(depth_m, camera), normals)
        factor += _NORMAL_WEIGHT * (1 - np.clip(cosine, -1, 1))
    if labels is not None and edges is not None:
        factor += _EDGE_WEIGHT * np.abs(label_borders(labels) - edges)
    return factor


def normals_of_depth(depth_m: F4, camera: Intrinsics) -> F4:
    """Unit normals (h, w, 3) towards the camera, from differences of back-projected points.

    For a depth z over pixels, the normal of the surface is along
    (fx z_x, fy z_y, -(z + (u - cx) z_x + (v - cy) z_y)).
    """
    z_y, z_x = np.gradient(depth_m)
    u = np.arange(depth_m.shape[1], dtype=np.float32) - np.float32(camera.cx)
    v = np.arange(depth_m.shape[0], dtype=np.float32)[:, None] - np.float32(camera.cy)
    normals = np.empty((*depth_m.shape, 3), np.float32)
    normals[..., 0] = camera.fx * z_x
    normals[..., 1] = camera.fy * z_y
    normals[..., 2] = -(depth_m + u * z_x + v * z_y)
    length = np.sqrt(np.einsum("ijk,ijk->ij", normals, normals))
    unit: F4 = normals / np.maximum(length, 1e-12)[..., None]
    return unit


def label_borders(labels: U1) -> F4:
    """1 at pixels that touch another label to the right, left, above or below, else 0."""
    borders = np.zeros(labels.shape, np.float32)
    across = labels[:, 1:] != labels[:, :-1]
    down = labels[1:] != labels[:-1]
    borders[:, 1:][across] = borders[:, :-1][across] = 1
    borders[1:][down] = borders[:-1][down] = 1
    return borders
