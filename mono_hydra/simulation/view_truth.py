"""Outlines of things in an exact view: where labels, objects or depth change between pixels.

An edge lies between two neighbours (right, lower) whose NYU40 class or object differs, or whose
depths do not lie on one surface: each is further than `DEPTH_STEP` of the nearer depth off the
tangent plane of the other. Tangent planes keep floors seen at a grazing angle free of edges. Edges
are dilated by one pixel.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from mono_hydra.geometry.camera import pixel_rays
from mono_hydra.types import F4, U1, Bool, Camera

DEPTH_STEP = 0.05


def edge_image(depth_m: F4, normals: F4, labels: U1, instances: Any, camera: Camera) -> U1:
    """(H, W) 1 on an outline, else 0.

    Args:
        depth_m: (H, W) along the optical axis, 0 = nothing.
        normals: (H, W, 3) unit, camera frame, zero where nothing is met.
        labels: (H, W) NYU40 ids.
        instances: (H, W) ids of objects.
        camera: of the images.
    """
    rays = pixel_rays(camera).astype(np.float32)
    edges = np.zeros(depth_m.shape, np.uint8)
    for a, b in (
        ((slice(None), slice(None, -1)), (slice(None), slice(1, None))),
        ((slice(None, -1), slice(None)), (slice(1, None), slice(None))),
    ):
        differ = (labels[a] != labels[b]) | (instances[a] != instances[b])
        off = ~_on_plane(depth_m, normals, rays, a, b) & ~_on_plane(depth_m, normals, rays, b, a)
        edges[a] |= (differ | off).astype(np.uint8)
    return np.asarray(cv2.dilate(edges, np.ones((3, 3), np.uint8)), np.uint8)


def _on_plane(depth_m: F4, normals: F4, rays: F4, a: Any, b: Any) -> Bool:
    """Whether pixels b lie on the tangent planes of pixels a."""
    here, there = depth_m[a], depth_m[b]
    height = (normals[a] * rays[a]).sum(axis=-1) * here
    slope = (normals[a] * rays[b]).sum(axis=-1)
    wanted = np.divide(height, slope, out=np.full_like(here, np.inf), where=np.abs(slope) > 1e-4)
    near = np.minimum(here, there)
    return np.asarray(np.abs(wanted - there) <= DEPTH_STEP * near, bool)
