"""What the true camera could have seen: the union of its view frusta."""

from __future__ import annotations

import numpy as np

from mono_hydra.evaluation.view_kernels import in_any_frustum
from mono_hydra.types import F8, Bool, Camera

BEYOND_RANGE_M = 0.25
_MODEL = {"pinhole": 0, "radtan": 1, "fisheye": 2}


def in_view(points_m: F8, camera: Camera, T_world_camera: F8, max_range_m: float) -> Bool:
    """(N,) bool: does the point lie in a view frustum, occluded or not.

    Args:
        points_m: (N, 3) in the true world.
        camera: of the images.
        T_world_camera: (M, 4, 4) true poses, all of them.
        max_range_m: the frusta reach 0.25 m beyond it.
    """
    distortion = np.zeros(5)
    distortion[: len(camera.distortion)] = camera.distortion[:5]
    model = _MODEL[camera.model] if camera.distortion or camera.model == "fisheye" else 0
    return np.asarray(
        in_any_frustum(
            np.ascontiguousarray(points_m),
            np.ascontiguousarray(np.linalg.inv(_spread(T_world_camera))),
            camera.width,
            camera.height,
            camera.vector(),
            model,
            distortion,
            max_range_m + BEYOND_RANGE_M,
        )
    )


def _spread(poses: F8) -> F8:
    """The same poses, coarsely first, so that most points are settled after a few of them."""
    stride = 32
    order = np.concatenate([np.arange(start, len(poses), stride) for start in range(stride)])
    return np.asarray(poses[order.astype(int)])
