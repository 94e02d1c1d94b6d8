"""Predicted depth corrected by what triangulation says of the image's corners.

The error of ln depth is taken for a Gaussian process on the image, with the network's sigma as its
amplitude: a part that all pixels share, and a part alike in pixels near to each other, the more so
at like depths. Landmarks are samples of it (Rasmussen and Williams 2006, chapter 2), some of them
wrong, so that they are weighted as under Student's t. What the process learns is taken off the
depth, and what it leaves open is the new sigma.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Protocol

import cv2
import numpy as np

from mono_hydra.geometry.depth_samples import depth_at
from mono_hydra.types import F8, Landmarks, Prediction, TrackedPose

MIN_LANDMARKS = 3
SHARED = 0.2  # of the variance: one error of the whole image
LENGTH = 0.4  # image widths over which the correlation of the rest falls to 1 / e
DEPTH_SHARE, DEPTH_LENGTH = 0.4, 0.3  # so much of the rest is for like ln depth alone
LANDMARK_SIGMA = 0.07  # of ln depth, beyond what landmarks say: they lie at edges, poses err
STUDENT_DOF = 4.0
ROUNDS = 3
GRID_PX = 8  # the error is smooth: it is found on a grid
MIN_VARIANCE_SHARE = 0.05


class LandmarkSource(Protocol):
    """Who sees points of known depth: a tracker."""

    def landmarks(self) -> Landmarks | None:
        """Of the image of the newest pose."""
        ...


@dataclass(frozen=True, eq=False)
class _Pixels:
    """Pixels of the prediction that have a depth."""

    at: F8  # (N, 2) column and row, in image widths
    log_depth: F8  # (N,)
    sigma: F8  # (N,)

    @staticmethod
    def of(prediction: Prediction, row: F8, column: F8) -> _Pixels:
        """Those at rows (N,) and columns (N,)."""
        at = np.column_stack([column, row]) / prediction.camera.width
        z = prediction.depth_m[row, column].astype(np.float64)
        return _Pixels(at, np.log(z), prediction.depth_sigma[row, column].astype(np.float64))


class LandmarkCorrection:
    """Draws predicted depth towards the landmarks of its image."""

    def __init__(self, source: LandmarkSource) -> None:
        """`source` is asked for the landmarks of each keyframe."""
        self._source = source
        self.counts = Counter[str]()  # keyframes: corrected, kept

    def step(self, prediction: Prediction, tracked: TrackedPose) -> Prediction:
        """The prediction, in agreement with the landmarks as far as both are sure."""
        seen = self._source.landmarks()
        corrected = None if seen is None else corrected_by(prediction, seen)
        self.counts["kept" if corrected is None else "corrected"] += 1
        return prediction if corrected is None else corrected


def corrected_by(prediction: Prediction, seen: Landmarks) -> Prediction | None:
    """The prediction after the landmarks of its image; None where there are too few of them."""
    camera = prediction.camera
    predicted_m, _ = depth_at(prediction, seen.points)
    good = np.isfinite(predicted_m)
    if int(good.sum()) < MIN_LANDMARKS:
        return None
    column = np.round(camera.fx * seen.points[good, 0] + camera.cx).astype(np.int64)
    row = np.round(camera.fy * seen.points[good, 1] + camera.cy).astype(np.int64)
    known = _Pixels.of(prediction, row, column)
    error = np.log(seen.depth_m[good] / predicted_m[good])
    noise2 = seen.sigma[good] ** 2 + LANDMARK_SIGMA**2
    prior = _covariance(known, known)
    weight = np.ones(len(error))
    for _ in range(ROUNDS):
        solved = np.linalg.solve(prior + np.diag(noise2 / weight), error)
        left = error - prior @ solved
        weight = (STUDENT_DOF + 1.0) / (STUDENT_DOF + left**2 / noise2)
    root = np.linalg.cholesky(prior + np.diag(noise2 / weight))
    halfway = np.linalg.solve(root, error)

    height, width = prediction.depth_m.shape
    rows, columns = np.mgrid[GRID_PX // 2 : height : GRID_PX, GRID_PX // 2 : width : GRID_PX]
    has_depth = prediction.depth_m[rows, columns] > 0.0
    mean, learnt = np.zeros(rows.shape), np.zeros(rows.shape)
    grid = _Pixels.of(prediction, rows[has_depth], columns[has_depth])
    gain = np.linalg.solve(root, _covariance(known, grid))
    mean[has_depth] = gain.T @ halfway
    learnt[has_depth] = (gain**2).sum(axis=0) / grid.sigma**2
    mean_px, learnt_px = _enlarged(mean, width, height), _enlarged(learnt, width, height)
    left_share = np.clip(1.0 - learnt_px, MIN_VARIANCE_SHARE, 1.0)
    return replace(
        prediction,
        depth_m=(prediction.depth_m * np.exp(mean_px)).astype(np.float32),
        depth_sigma=(prediction.depth_sigma * np.sqrt(left_share)).astype(np.float32),
    )


def _covariance(one: _Pixels, other: _Pixels) -> F8:
    """(N, M) of the network's errors of ln depth."""
    difference = one.at[:, None] - other.at
    apart = np.sqrt((difference**2).sum(axis=2))
    deeper2 = (one.log_depth[:, None] - other.log_depth) ** 2
    alike = 1.0 - DEPTH_SHARE + DEPTH_SHARE * np.exp(-0.5 * deeper2 / DEPTH_LENGTH**2)
    correlation = SHARED + (1.0 - SHARED) * np.exp(-apart / LENGTH) * alike
    return np.asarray(correlation * one.sigma[:, None] * other.sigma)


def _enlarged(coarse: F8, width: int, height: int) -> F8:
    """A grid of every `GRID_PX`-th pixel at all pixels, bilinear."""
    column = (np.arange(width, dtype=np.float32) - GRID_PX // 2) / GRID_PX
    row = (np.arange(height, dtype=np.float32) - GRID_PX // 2) / GRID_PX
    x, y = np.meshgrid(column, row)
    image = cv2.remap(
        coarse.astype(np.float32), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(image, np.float64)
