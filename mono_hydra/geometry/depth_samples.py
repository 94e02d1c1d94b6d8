"""Predicted depth at points of the image."""

from __future__ import annotations

import numpy as np

from mono_hydra.types import F8, Bool, Prediction

MAX_STEP = 0.1  # (largest - smallest) / median of 3x3 pixels: beyond, a depth edge


def repeats(points: F8, reach: float) -> F8:
    """How many of the points repeat each one's error, itself included.

    A network errs by patches: two of its depths that lie d apart in one image have errors that
    correlate by exp(-d / reach). With its variance times this number, a sample counts for its share
    of what the samples around it tell together.

    Args:
        points: (N, 2) normalised image coordinates.
        reach: in the same unit; 0: each errs by itself.

    Returns:
        (N,), 1 or more.
    """
    if reach <= 0.0:
        return np.ones(len(points))
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    return np.asarray(np.exp(-apart / reach).sum(axis=1))


def depth_at(prediction: Prediction, points: F8, moving: Bool | None = None) -> tuple[F8, F8]:
    """Depth and the standard deviation of its logarithm, NaN where there is none to use.

    Args:
        prediction: of the image the points were seen in, through a pinhole camera.
        points: (N, 2) normalised image coordinates.
        moving: (H, W) of the prediction's grid, true on things that move by themselves.

    Returns:
        Median of 3x3 pixels along the optical axis, m, and sigma, both (N,).
    """
    c = prediction.camera
    depth_m, sigma = np.full(len(points), np.nan), np.full(len(points), np.nan)
    x = np.round(c.fx * points[:, 0] + c.cx)
    y = np.round(c.fy * points[:, 1] + c.cy)
    inside = (x >= 1) & (y >= 1) & (x < c.width - 1) & (y < c.height - 1)  # not so for NaN
    at_x, at_y = x[inside].astype(np.int64), y[inside].astype(np.int64)
    if len(at_x) == 0:
        return depth_m, sigma
    patches = np.stack(
        [prediction.depth_m[at_y + j, at_x + i] for j in (-1, 0, 1) for i in (-1, 0, 1)], axis=1
    ).astype(np.float64)
    middle = np.median(patches, axis=1)
    good = (patches > 0.0).all(axis=1)  # not so for NaN
    good &= patches.max(axis=1) - patches.min(axis=1) <= MAX_STEP * middle
    if moving is not None:
        good &= ~moving[at_y, at_x]
    spread = prediction.depth_sigma[at_y, at_x].astype(np.float64)
    depth_m[inside] = np.where(good, middle, np.nan)
    sigma[inside] = np.where(good, spread, np.nan)
    return depth_m, sigma
