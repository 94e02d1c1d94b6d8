"""Where the outline of a segment ends: rays that its left, right, lower and upper rim touch.

An outline is exact to a pixel even where depth is not, so that outlines of several views place an
object better than its points do.
"""

from __future__ import annotations

import numpy as np

from mono_hydra.graph import box_fit_kernels as kernels
from mono_hydra.types import F4, F8, I4, U1, Bool, Keyframe

STEP_PX = 3  # beyond the rim, past the blur of depth edges
JUMP_SHARE = 0.03  # of the depth; a smaller step is no edge
STEEP = 0.35  # least level share of the viewing direction; steeper views tell no left and right


def level_frame(T_world_camera: F8) -> F8 | None:
    """(3, 3) world axes right, ahead (both level) and up of a view; None for a steep view."""
    ahead = T_world_camera[:2, 2]
    level = float(np.hypot(*ahead))
    if level < STEEP:
        return None
    x, y = ahead / level
    return np.array([[y, -x, 0.0], [x, y, 0.0], [0.0, 0.0, 1.0]])


def rim_rays(
    keyframe: Keyframe, component: I4, n_components: int, is_object: Bool
) -> tuple[F4, U1] | None:
    """Rays to the rims of all components of a view, and how far each is an edge.

    Args:
        keyframe: the view.
        component: (H, W) number of the piece, -1 none.
        n_components: how many pieces there are.
        is_object: (256,) labels of objects.

    Returns:
        (N, 4, 3) camera rays (z = 1) to the left, right, lower and upper rim, and (N, 4) 2 for an
        edge, 1 for what may be one, 0 for a rim that is hidden. None for a view too steep.
    """
    frame = level_frame(keyframe.T_world_camera)
    if frame is None:
        return None
    k = keyframe.camera
    pixel = np.full((n_components, 4, 2), -1, np.int32)
    R = np.ascontiguousarray(frame @ keyframe.T_world_camera[:3, :3])
    kernels.extreme_pixels(component, R, k.vector(), pixel)
    trust = np.zeros((n_components, 4), np.uint8)
    kernels.judge_edges(
        component, keyframe.labels, keyframe.depth_m, keyframe.depth_sigma, is_object, pixel,
        STEP_PX, JUMP_SHARE, trust,
    )  # fmt: skip
    rays = np.ones((n_components, 4, 3), np.float32)
    rays[..., 0] = (pixel[..., 1] - k.cx) / k.fx
    rays[..., 1] = (pixel[..., 0] - k.cy) / k.fy
    return rays, trust
