"""Upright boxes of true and estimated objects, and their exact overlap."""

from __future__ import annotations

from typing import Any

import numpy as np

from mono_hydra.evaluation.alignment import Alignment
from mono_hydra.evaluation.box_kernels import box_ious
from mono_hydra.evaluation.graph_file import Node
from mono_hydra.geometry.se3 import matrix_from_quat_xyzw
from mono_hydra.types import F8, Bool

MIN_EXTENT_M = 0.10  # thinner is noise at voxels of 5 cm


def upright_box(center_m: F8, size_m: F8, R_world_box: F8) -> F8:
    """(7,) centre, length, width, height, yaw; the axis nearest to the vertical is the height."""
    vertical = int(np.argmax(np.abs(R_world_box[2])))
    first, second = (axis for axis in range(3) if axis != vertical)
    along = R_world_box[:2, first]
    yaw_rad = np.arctan2(along[1], along[0])
    return np.array([*center_m, size_m[first], size_m[second], size_m[vertical], yaw_rad])


def estimated_box(node: Node, alignment: Alignment) -> F8:
    """(7,) box of an object node in the true world; without a box, a point at its position."""
    center_m, size_m, R_world_box = _box_of_record(node)
    return upright_box(
        alignment.points(center_m[None])[0],
        alignment.scale * size_m,
        alignment.box_axes(R_world_box),
    )


def true_box(record: dict[str, Any]) -> F8:
    """(7,) box of a record of `objects.json`."""
    return np.array([*record["center"], *record["size"], record["yaw"]], dtype=np.float64)


def overlaps(boxes: F8, others: F8) -> F8:
    """(N, M) exact 3-D IoU of boxes (N, 7) and (M, 7), extents grown to 0.10 m about the centre."""
    return np.asarray(box_ious(_grown(boxes), _grown(others)))


def _grown(boxes: F8) -> F8:
    grown = np.array(boxes, dtype=np.float64).reshape(-1, 7)
    grown[:, 3:6] = np.maximum(grown[:, 3:6], MIN_EXTENT_M)
    return grown


def contains(boxes: F8, points_m: F8, margin_m: float) -> Bool:
    """(M, N) bool: lies point n in box m grown by the margin on every side."""
    offset = points_m[None, :, :] - boxes[:, None, :3]
    c, s = np.cos(boxes[:, 6])[:, None], np.sin(boxes[:, 6])[:, None]
    along = c * offset[..., 0] + s * offset[..., 1]
    across = -s * offset[..., 0] + c * offset[..., 1]
    local = np.stack([along, across, offset[..., 2]], axis=-1)
    return np.asarray((np.abs(local) <= 0.5 * boxes[:, None, 3:6] + margin_m).all(axis=-1))


def _box_of_record(node: Node) -> tuple[F8, F8, F8]:
    box = node.attributes.get("bounding_box") or {}
    kind = box.get("type", "INVALID")
    if kind in ("INVALID", 0) or not ("dimensions" in box or "min" in box):
        return node.position_m, np.zeros(3), np.eye(3)
    q = box.get("world_R_center") or {"x": 0.0, "y": 0.0, "z": 0.0, "w": 1.0}
    R = matrix_from_quat_xyzw(np.array([q["x"], q["y"], q["z"], q["w"]], dtype=np.float64))
    if "dimensions" in box:
        center_m = np.array(box["world_P_center"], dtype=np.float64)
        return center_m, np.array(box["dimensions"], dtype=np.float64), R
    low, high = np.array(box["min"], dtype=np.float64), np.array(box["max"], dtype=np.float64)
    if kind == "AABB" or "world_P_center" not in box:
        return (low + high) / 2.0, high - low, np.eye(3)
    # up to version 1.0.2, min and max of a turned box are relative to its own centre
    center_m = np.array(box["world_P_center"], dtype=np.float64) + R @ ((low + high) / 2.0)
    return center_m, high - low, R
