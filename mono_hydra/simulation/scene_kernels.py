"""Numba kernels of the ray-cast scene: what each pixel's hit means."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mono_hydra.types import F4, I8, U1

NO_HIT = np.iinfo(np.uint32).max


@njit(cache=True, nogil=True)
def gather_hits(
    t_hit: F4,
    primitive: NDArray[np.uint32],
    rays: F4,
    normal: F4,
    label: U1,
    instance: NDArray[np.uint16],
    room: U1,
    depth_m: F4,
    triangle: I8,
    normals: F4,
    labels: U1,
    instances: NDArray[np.uint16],
    rooms: U1,
) -> None:
    """Fill the images of a view from the hits of its rays.

    `t_hit` (H, W) hit parameter = z-depth, `primitive` (H, W) uint32, `rays` (H, W, 6); `normal`
    (T, 3), `label`, `instance`, `room` (T,) of the triangles; the rest (H, W) are outputs, normals
    turned to the camera.
    """
    height, width = t_hit.shape
    for v in range(height):
        for u in range(width):
            k = primitive[v, u]
            if k == NO_HIT:
                depth_m[v, u] = 0.0
                triangle[v, u] = -1
                normals[v, u, 0] = 0.0
                normals[v, u, 1] = 0.0
                normals[v, u, 2] = 0.0
                labels[v, u] = 0
                instances[v, u] = 0
                rooms[v, u] = 0
                continue
            depth_m[v, u] = t_hit[v, u]
            triangle[v, u] = k
            nx, ny, nz = normal[k, 0], normal[k, 1], normal[k, 2]
            if nx * rays[v, u, 3] + ny * rays[v, u, 4] + nz * rays[v, u, 5] > 0.0:
                nx, ny, nz = -nx, -ny, -nz
            normals[v, u, 0] = nx
            normals[v, u, 1] = ny
            normals[v, u, 2] = nz
            labels[v, u] = label[k]
            instances[v, u] = instance[k]
            rooms[v, u] = room[k]
