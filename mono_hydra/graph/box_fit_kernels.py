"""Compiled loops of the box fit: outlines of an upright box in views, and its least squares.

A box is (x, y, z, length, width, height, yaw), world frame, z up, metres and radians.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mono_hydra.types import F4, F8, I4, U1, Bool

N_SIDES = 4  # left, right, bottom, top
MIN_SIDE_M = 0.02


@njit(cache=True, nogil=True, error_model="numpy")
def extreme_pixels(component: I4, R_level_camera: F8, k_px: F8, pixel: I4) -> None:
    """Outermost pixels of every component (N, 4, 2; row and column): left, right, bottom, top.

    Seen from an upright camera: `R_level_camera` turns rays into a frame whose axes are right,
    forward (both level) and up. A component without pixels keeps its -1.
    """
    h, w = component.shape
    n = pixel.shape[0]
    best = np.full((n, N_SIDES), -np.inf)
    R = R_level_camera
    for v in range(h):
        y = (v - k_px[3]) / k_px[1]
        for u in range(w):
            c = component[v, u]
            if c < 0:
                continue
            x = (u - k_px[2]) / k_px[0]
            right = R[0, 0] * x + R[0, 1] * y + R[0, 2]
            ahead = max(R[1, 0] * x + R[1, 1] * y + R[1, 2], 1e-3)
            up = R[2, 0] * x + R[2, 1] * y + R[2, 2]
            turn, rise = right / ahead, up / math.sqrt(right * right + ahead * ahead)
            for side in range(N_SIDES):
                value = turn if side < 2 else rise
                value = -value if side % 2 == 0 else value
                if value > best[c, side]:
                    best[c, side] = value
                    pixel[c, side, 0], pixel[c, side, 1] = v, u


@njit(cache=True, nogil=True, error_model="numpy")
def judge_edges(
    component: I4,
    labels: U1,
    depth_m: F4,
    sigma: F4,
    is_object: Bool,
    pixel: I4,
    step_px: int,
    jump_share: float,
    trust: U1,
) -> None:
    """What lies beyond the outermost pixels: `trust` (N, 4) is 2 an edge, 1 perhaps, 0 hidden.

    An edge is where something farther away, or structure, begins. Something nearer hides the rest,
    as the border of the image does; another object at the same depth may be a wrong label.
    """
    h, w = component.shape
    for c in range(pixel.shape[0]):
        for side in range(N_SIDES):
            v, u = pixel[c, side, 0], pixel[c, side, 1]
            trust[c, side] = 0
            if v < 0:
                continue
            v1 = v + (step_px if side == 2 else -step_px if side == 3 else 0)
            u1 = u + (step_px if side == 1 else -step_px if side == 0 else 0)
            if v1 < 0 or u1 < 0 or v1 >= h or u1 >= w or labels[v1, u1] == 0:
                continue
            own, other = depth_m[v, u], depth_m[v1, u1]
            # planes are better known than things: a floor may seem to lie before its chair
            share = jump_share if is_object[labels[v1, u1]] else jump_share + 2.0 * sigma[v, u]
            if other <= 0.0 or other < own * (1.0 - share) - 0.03:
                continue
            farther = other > own * (1.0 + jump_share) + 0.03
            trust[c, side] = 2 if farther or not is_object[labels[v1, u1]] else 1


@njit(cache=True, nogil=True, error_model="numpy")
def outline_of_box(box: F8, eye_m: F8, heading: F8, outline: F8) -> float:
    """Largest left, right, down and up slope (4,) of a box from a place; returns its distance.

    `heading` (2,) is the level unit vector in which the slopes are read: a turn is right / ahead,
    a rise is up / level distance; the left and the lower ones are negated.
    """
    c, s = math.cos(box[6]), math.sin(box[6])
    outline[:] = -np.inf
    for corner in range(8):
        a = (0.5 if corner & 1 else -0.5) * box[3]
        b = (0.5 if corner & 2 else -0.5) * box[4]
        dx = box[0] + c * a - s * b - eye_m[0]
        dy = box[1] + s * a + c * b - eye_m[1]
        dz = box[2] + (0.5 if corner & 4 else -0.5) * box[5] - eye_m[2]
        ahead = max(heading[0] * dx + heading[1] * dy, 0.05)
        turn = (heading[1] * dx - heading[0] * dy) / ahead
        rise = dz / max(math.sqrt(dx * dx + dy * dy), 0.05)
        outline[0], outline[1] = max(outline[0], -turn), max(outline[1], turn)
        outline[2], outline[3] = max(outline[2], -rise), max(outline[3], rise)
    dx, dy = box[0] - eye_m[0], box[1] - eye_m[1]
    return max(math.sqrt(dx * dx + dy * dy), 0.2)


@njit(cache=True, nogil=True, error_model="numpy")
def box_residuals(
    box: F8,
    eyes_m: F8,
    headings: F8,
    outlines: F8,
    weights: F8,
    edge_sigma: F8,
    prior: F8,
    prior_axes: F8,
    prior_sigma: F8,
    size_limits_m: F8,
    residuals: F8,
) -> float:
    """Residuals in standard deviations, and half their robust sum of squares.

    Per view and side the box's outline less the seen one (metres at the box over `edge_sigma`: at
    the object and per metre of distance); a side of weight 0 is hidden, where only a box too small
    counts. Then six of the prior (place along `prior_axes`, sides) and six of the size limits
    (least, most).
    """
    total, n = 0.0, 0
    outline = np.empty(N_SIDES)
    for view in range(eyes_m.shape[0]):
        far = outline_of_box(box, eyes_m[view], headings[view], outline)
        sigma = math.hypot(edge_sigma[0], edge_sigma[1] * far)
        for side in range(N_SIDES):
            r = (outline[side] - outlines[view, side]) * far / sigma
            w = weights[view, side]
            if w == 0.0:
                r, w = min(r, 0.0), 0.5
            # Cauchy: a wrong label or an unseen rim is an outlier
            residuals[n] = math.sqrt(w) * r / math.sqrt(1.0 + r * r / 9.0)
            total += w * 9.0 * math.log(1.0 + r * r / 9.0)
            n += 1
    for k in range(6):
        if k < 3:
            off = 0.0
            for axis in range(3):
                off += prior_axes[k, axis] * (box[axis] - prior[axis])
        else:
            off = box[k] - prior[k]
        residuals[n] = off / prior_sigma[k]
        total += residuals[n] ** 2
        n += 1
    longer, shorter = max(box[3], box[4]), min(box[3], box[4])
    for k in range(3):
        side = longer if k == 0 else shorter if k == 1 else box[5]
        below = min(side - size_limits_m[0, k], 0.0)
        above = max(side - size_limits_m[1, k], 0.0)
        residuals[n] = below / (0.02 + 0.15 * size_limits_m[0, k])
        residuals[n + 1] = above / (0.05 + 0.15 * size_limits_m[1, k])
        total += residuals[n] ** 2 + residuals[n + 1] ** 2
        n += 2
    return 0.5 * total


@njit(cache=True, nogil=True, error_model="numpy")
def fit_box(
    box: F8,
    n_free: int,
    eyes_m: F8,
    headings: F8,
    outlines: F8,
    weights: F8,
    edge_sigma: F8,
    prior: F8,
    prior_axes: F8,
    prior_sigma: F8,
    size_limits_m: F8,
    n_steps: int,
) -> float:
    """Levenberg-Marquardt on the first `n_free` numbers of `box`, in place; returns the cost."""
    n = N_SIDES * eyes_m.shape[0] + 12
    here, there = np.empty(n), np.empty(n)
    J = np.empty((n, n_free))
    damping = 1e-2
    cost = box_residuals(
        box, eyes_m, headings, outlines, weights, edge_sigma, prior, prior_axes, prior_sigma,
        size_limits_m, here,
    )  # fmt: skip
    for _ in range(n_steps):
        for k in range(n_free):
            moved = box.copy()
            moved[k] += 1e-4
            box_residuals(
                moved, eyes_m, headings, outlines, weights, edge_sigma, prior, prior_axes,
                prior_sigma, size_limits_m, there,
            )  # fmt: skip
            J[:, k] = (there - here) / 1e-4
        H, g = J.T @ J, J.T @ here
        improved = False
        for _ in range(5):
            A = H.copy()
            for k in range(n_free):
                A[k, k] += damping * (H[k, k] + 1e-6)
            step = np.linalg.solve(A, g)
            tried = box.copy()
            for k in range(n_free):
                tried[k] -= step[k]
            for k in range(3, 6):
                tried[k] = max(tried[k], MIN_SIDE_M)
            tried_cost = box_residuals(
                tried, eyes_m, headings, outlines, weights, edge_sigma, prior, prior_axes,
                prior_sigma, size_limits_m, there,
            )  # fmt: skip
            if tried_cost < cost:
                gain = cost - tried_cost
                box[:] = tried
                cost = tried_cost
                here[:] = there
                damping = max(damping * 0.3, 1e-6)
                improved = gain > 1e-4 * cost
                break
            damping *= 4.0
        if not improved:
            break
    return cost
