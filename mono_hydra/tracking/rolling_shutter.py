"""Sights of a camera that reads its rows one after another, as all rows at once had seen them.

A row's reading is `row_s` later than the image's stamp, which belongs to the middle row. With 15 ms
between the first and the last row and a turn of 60 degrees/s the borders are off by 3 pixels.
"""

from __future__ import annotations

import numpy as np

from mono_hydra.geometry import se3
from mono_hydra.types import F8


def row_delay_s(rows_px: F8, height: int, readout_s: float) -> F8:
    """(N,) seconds after the stamp at which image rows (N,) were read."""
    return np.asarray(((rows_px + 0.5) / height - 0.5) * readout_s)


def at_the_stamp(points: F8, row_s: F8, rate_rad_s: F8, velocity_m_s: F8, depth_m: float) -> F8:
    """(N, 2) where the points would have been seen at the stamp.

    Args:
        points: (N, 2) normalised image coordinates.
        row_s: (N,) when each of them was read.
        rate_rad_s: (3,) of the camera, its own axes.
        velocity_m_s: (3,) of the camera, its own axes.
        depth_m: of the scene, about; matters for the part that the velocity makes.
    """
    late = depth_m * np.column_stack([points, np.ones(len(points))])
    # a point at x of the camera at row_s: Exp(w t) x + v t of the camera at the stamp
    turned = late + np.cross(rate_rad_s, late) * row_s[:, None]
    turned += 0.5 * np.cross(rate_rad_s, np.cross(rate_rad_s, late)) * (row_s**2)[:, None]
    then = turned + velocity_m_s * row_s[:, None]
    return np.asarray(then[:, :2] / then[:, 2:])


def camera_motion(
    rate_body_rad_s: F8, velocity_world_m_s: F8, R_world_body: F8, T_body_camera: F8
) -> tuple[F8, F8]:
    """Rate and velocity (3,) of the camera in its own axes, from those of the body."""
    R_bc, arm = T_body_camera[:3, :3], T_body_camera[:3, 3]
    velocity_body = R_world_body.T @ velocity_world_m_s + se3.hat(rate_body_rad_s) @ arm
    return R_bc.T @ rate_body_rad_s, R_bc.T @ velocity_body
