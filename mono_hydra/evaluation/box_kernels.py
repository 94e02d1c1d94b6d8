"""Overlap of turned rectangles, the plan of upright boxes: convex clipping (Sutherland-Hodgman)."""

from __future__ import annotations

import numpy as np
from numba import njit

from mono_hydra.types import F8


@njit(cache=True, nogil=True)
def rectangle_corners(x: float, y: float, length: float, width: float, yaw: float) -> F8:
    """(4, 2) corners, counter-clockwise."""
    c, s = np.cos(yaw), np.sin(yaw)
    corners = np.empty((4, 2))
    for k in range(4):
        u = 0.5 * length * (1.0 if k == 0 or k == 3 else -1.0)
        v = 0.5 * width * (1.0 if k < 2 else -1.0)
        corners[k, 0] = x + c * u - s * v
        corners[k, 1] = y + s * u + c * v
    return corners


@njit(cache=True, nogil=True)
def clipped_area(subject: F8, clip: F8) -> float:
    """Area of the overlap of two convex counter-clockwise polygons (N, 2), (M, 2)."""
    current = np.empty((16, 2))
    following = np.empty((16, 2))
    n = subject.shape[0]
    for k in range(n):
        current[k] = subject[k]
    for e in range(clip.shape[0]):
        ax, ay = clip[e, 0], clip[e, 1]
        bx, by = clip[(e + 1) % clip.shape[0], 0], clip[(e + 1) % clip.shape[0], 1]
        kept = 0
        for k in range(n):
            px, py = current[k, 0], current[k, 1]
            qx, qy = current[(k + 1) % n, 0], current[(k + 1) % n, 1]
            side_p = (bx - ax) * (py - ay) - (by - ay) * (px - ax)
            side_q = (bx - ax) * (qy - ay) - (by - ay) * (qx - ax)
            if side_p >= 0.0:
                following[kept, 0], following[kept, 1] = px, py
                kept += 1
            if (side_p > 0.0 and side_q < 0.0) or (side_p < 0.0 and side_q > 0.0):
                t = side_p / (side_p - side_q)
                following[kept, 0] = px + t * (qx - px)
                following[kept, 1] = py + t * (qy - py)
                kept += 1
        n = kept
        if n < 3:
            return 0.0
        for k in range(n):
            current[k] = following[k]
    doubled = 0.0
    for k in range(n):  # relative to the first corner: far from the origin nothing cancels
        j = (k + 1) % n
        doubled += (current[k, 0] - current[0, 0]) * (current[j, 1] - current[0, 1])
        doubled -= (current[j, 0] - current[0, 0]) * (current[k, 1] - current[0, 1])
    return max(0.5 * doubled, 0.0)


@njit(cache=True, nogil=True)
def box_ious(boxes: F8, others: F8) -> F8:
    """(N, M) 3-D overlap over union; boxes (., 7): centre x y z, length width height, yaw."""
    ious = np.zeros((boxes.shape[0], others.shape[0]))
    for i in range(boxes.shape[0]):
        a = boxes[i]
        plan = rectangle_corners(a[0], a[1], a[3], a[4], a[6])
        for j in range(others.shape[0]):
            b = others[j]
            top = min(a[2] + 0.5 * a[5], b[2] + 0.5 * b[5])
            bottom = max(a[2] - 0.5 * a[5], b[2] - 0.5 * b[5])
            reach = 0.5 * (np.hypot(a[3], a[4]) + np.hypot(b[3], b[4]))
            if top <= bottom or np.hypot(a[0] - b[0], a[1] - b[1]) >= reach:
                continue
            overlap = clipped_area(plan, rectangle_corners(b[0], b[1], b[3], b[4], b[6]))
            shared = overlap * (top - bottom)
            ious[i, j] = shared / (a[3] * a[4] * a[5] + b[3] * b[4] * b[5] - shared)
    return ious
