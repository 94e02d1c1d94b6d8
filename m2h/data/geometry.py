"""Crop, mirror and resize samples with everything that belongs to them.

Pixel centres lie at integers, so the image's corner lies at (-0.5, -0.5) at every size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from m2h.types import Intrinsics, Sample


def cropped(sample: Sample, top: int, left: int, height: int, width: int) -> Sample:
    """The part of a sample; the principal point moves."""
    rows, columns = slice(top, top + height), slice(left, left + width)
    k = sample.intrinsics
    moved = _planes(sample, lambda plane, name: plane[rows, columns])
    if k is None:
        return moved
    return replace(moved, intrinsics=Intrinsics(k.fx, k.fy, k.cx - left, k.cy - top))


def mirrored(sample: Sample) -> Sample:
    """Left and right exchanged; normals change the sign of x."""
    moved = _planes(sample, lambda plane, name: np.ascontiguousarray(plane[:, ::-1]))
    if moved.normals is not None:
        moved = replace(moved, normals=moved.normals * np.array([-1, 1, 1], np.float32))
    k, width = sample.intrinsics, sample.image.shape[1]
    if k is None:
        return moved
    return replace(moved, intrinsics=Intrinsics(k.fx, k.fy, width - 1 - k.cx, k.cy))


def resized(sample: Sample, height: int, width: int) -> Sample:
    """The sample at another size: image averaged or interpolated, truth from the nearest pixel.

    Depth keeps its values: the scene has not moved, the focal length says the rest. Outlines three
    pixels wide survive shrinking to a third.
    """
    import cv2

    old_height, old_width = sample.image.shape[:2]
    if (old_height, old_width) == (height, width):
        return sample
    shrinks = height < old_height or width < old_width

    def resize(plane: Any, name: str) -> Any:
        smooth = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        way = smooth if name == "image" else cv2.INTER_NEAREST_EXACT
        return cv2.resize(np.ascontiguousarray(plane), (width, height), interpolation=way)

    moved = _planes(sample, resize)
    k = sample.intrinsics
    if k is None:
        return moved
    sx, sy = width / old_width, height / old_height
    scaled = Intrinsics(k.fx * sx, k.fy * sy, (k.cx + 0.5) * sx - 0.5, (k.cy + 0.5) * sy - 0.5)
    return replace(moved, intrinsics=scaled)


def _planes(sample: Sample, change: Callable[[Any, str], Any]) -> Sample:
    """The sample with `change(plane, name)` of every image it has."""
    names = ("image", "depth_m", "labels", "normals", "edges", "teacher")
    planes = {name: getattr(sample, name) for name in names}
    return replace(
        sample, **{n: change(plane, n) for n, plane in planes.items() if plane is not None}
    )
