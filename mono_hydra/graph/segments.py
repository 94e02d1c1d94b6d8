"""Single-frame segments: pieces of one object label without a depth jump inside.

Khronos (Schmid et al., 2024) detects objects in the image for the same reason: a cup of a few
centimetres is many pixels in a view and hardly a voxel in a map. Points are in the camera frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mono_hydra.graph import segment_kernels as kernels
from mono_hydra.types import F4, I4, Bool, Keyframe

JUMP_M = 0.04  # depth step that separates two pieces: base and share of the depth
JUMP_SHARE = 0.015


@dataclass(frozen=True, eq=False)
class Segment:
    """One piece of surface of one label in one view."""

    index: int  # value in `Segments.component`
    label: int
    n_px: int
    n_inner_px: int  # pixels surrounded by the segment
    bounds_px: tuple[int, int, int, int]  # first row, last row, first column, last column
    depth_m: float  # mean
    sigma: float  # mean, of ln depth
    confidence: float  # mean
    border_share: float  # pixels at the border of the image
    points_m: F4  # (N, 3) camera frame, sampled


@dataclass(frozen=True, eq=False)
class Segments:
    """All segments of a view."""

    component: I4  # (H, W) number of the piece, -1 none; small pieces keep their number
    n_components: int
    items: tuple[Segment, ...]


def segment_view(
    keyframe: Keyframe,
    is_object: Bool,
    *,
    max_depth_m: float,
    min_px: int,
    max_points: int,
) -> Segments:
    """Cut a keyframe into segments.

    Args:
        keyframe: depth, labels and their confidence on one pixel grid.
        is_object: (256,) which labels become objects.
        max_depth_m: farther pixels are left out.
        min_px: smaller pieces are left out of `items`.
        max_points: about this many points are kept of each piece.

    Returns:
        Segments in reading order of their first pixel.
    """
    height, width = keyframe.depth_m.shape
    component, parent = kernels.new_scratch(height, width)
    n = kernels.components(
        keyframe.labels,
        keyframe.depth_m,
        is_object,
        max_depth_m,
        JUMP_M,
        JUMP_SHARE,
        component,
        parent,
    )
    count, bounds = np.zeros(n, np.int32), np.zeros((n, 4), np.int32)
    mean, inner = np.zeros((n, 4), np.float32), np.zeros(n, np.int32)
    kernels.describe(
        component, keyframe.depth_m, keyframe.depth_sigma, keyframe.confidence, count, bounds, mean
    )
    kernels.inner_pixels(component, inner)
    stride = np.ceil(np.sqrt(count / max_points)).astype(np.int32)
    stride[count < min_px] = 0
    sampled = np.zeros(n, np.int32)
    kernels.count_samples(component, stride, sampled)
    start = np.concatenate([[0], np.cumsum(sampled)]).astype(np.int32)
    points = np.empty((int(start[-1]), 3), np.float32)
    k = keyframe.camera
    kernels.sample_points(
        component, keyframe.depth_m, k.fx, k.fy, k.cx, k.cy, stride, start.copy(), points
    )
    items = tuple(
        Segment(
            index=int(c),
            label=_label(keyframe, component, bounds[c], int(c)),
            n_px=int(count[c]),
            n_inner_px=int(inner[c]),
            bounds_px=(int(bounds[c, 0]), int(bounds[c, 1]), int(bounds[c, 2]), int(bounds[c, 3])),
            depth_m=float(mean[c, 0]),
            sigma=float(mean[c, 1]),
            confidence=float(mean[c, 2]),
            border_share=float(mean[c, 3]),
            points_m=points[start[c] : start[c + 1]],
        )
        for c in np.flatnonzero((count >= min_px) & (sampled > 0))
    )
    return Segments(component, n, items)


def _label(keyframe: Keyframe, component: I4, bounds: I4, index: int) -> int:
    row = component[bounds[0]]
    return int(keyframe.labels[bounds[0], int(np.flatnonzero(row == index)[0])])
