"""Landmarks correct predicted depth where they are, and say how far."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mono_hydra.perception.landmark_correction import (
    DEPTH_LENGTH,
    DEPTH_SHARE,
    LENGTH,
    SHARED,
    LandmarkCorrection,
    corrected_by,
)
from mono_hydra.types import F8, Camera, Landmarks, Prediction, TrackedPose

CAMERA = Camera(160, 120, 130.0, 130.0, 79.5, 59.5)
SIGMA = 0.15
POSE = TrackedPose(0, 0.0, np.eye(4))


def made(seed: int) -> tuple[Prediction, F8]:
    """A slope predicted with an error as the process has it, and its true depth (H, W)."""
    rng = np.random.default_rng(seed)
    v, u = np.mgrid[0 : CAMERA.height, 0 : CAMERA.width]
    predicted = 1.5 + 2.0 * u / CAMERA.width + 1.0 * v / CAMERA.height
    rows, columns = v[::8, ::8].ravel(), u[::8, ::8].ravel()
    at = np.column_stack([columns, rows]) / CAMERA.width
    log_depth = np.log(predicted[rows, columns])
    apart = np.linalg.norm(at[:, None] - at, axis=2)
    deeper2 = (log_depth[:, None] - log_depth) ** 2
    alike = 1.0 - DEPTH_SHARE + DEPTH_SHARE * np.exp(-0.5 * deeper2 / DEPTH_LENGTH**2)
    covariance = SIGMA**2 * (SHARED + (1.0 - SHARED) * np.exp(-apart / LENGTH) * alike)
    root = np.linalg.cholesky(covariance + 1e-12 * np.eye(len(at)))
    error = (root @ rng.standard_normal(len(at))).reshape(v[::8, ::8].shape)
    error = np.kron(error, np.ones((8, 8)))
    zeros = np.zeros(predicted.shape, np.uint8)
    prediction = Prediction(
        CAMERA, np.zeros((*predicted.shape, 3), np.uint8), predicted.astype(np.float32),
        np.full(predicted.shape, SIGMA, np.float32), zeros, np.ones(predicted.shape, np.float32),
        "nyu40",
    )  # fmt: skip
    return prediction, predicted * np.exp(error)


def landmarks(true_m: F8, rng: np.random.Generator, n: int, sigma: float = 0.02) -> Landmarks:
    """At random pixels."""
    row, column = rng.integers(4, CAMERA.height - 4, n), rng.integers(4, CAMERA.width - 4, n)
    points = np.column_stack([(column - CAMERA.cx) / CAMERA.fx, (row - CAMERA.cy) / CAMERA.fy])
    depth_m = true_m[row, column] * np.exp(sigma * rng.standard_normal(n))
    return Landmarks(points, depth_m, np.full(n, sigma))


def error_of(prediction: Prediction, true_m: F8) -> F8:
    return np.asarray(np.log(prediction.depth_m / true_m))


@pytest.mark.parametrize(("wrong_share", "limit"), [(0.0, 0.5), (0.2, 0.7)])
def test_the_error_falls_and_sigma_tells_what_is_left(wrong_share: float, limit: float) -> None:
    before, after, whitened = [], [], []
    for seed in range(8):
        rng = np.random.default_rng(100 + seed)
        prediction, true_m = made(seed)
        found = landmarks(true_m, rng, 60)
        wrong = rng.random(60) < wrong_share
        found = replace(found, depth_m=np.where(wrong, 1.6 * found.depth_m, found.depth_m))
        corrected = corrected_by(prediction, found)
        assert corrected is not None
        before.append(np.abs(error_of(prediction, true_m)).mean())
        after.append(np.abs(error_of(corrected, true_m)).mean())
        whitened.append(error_of(corrected, true_m) / corrected.depth_sigma)
    assert np.mean(after) < limit * np.mean(before)
    assert 0.6 < np.std(np.concatenate(whitened)) < 1.3


def test_sigma_stays_where_no_landmark_is() -> None:
    prediction, true_m = made(3)
    found = landmarks(true_m, np.random.default_rng(0), 200)
    left = found.points[:, 0] < -0.4
    part = Landmarks(found.points[left], found.depth_m[left], found.sigma[left])
    corrected = corrected_by(prediction, part)
    assert corrected is not None
    sigma = corrected.depth_sigma
    assert sigma[:, :20].mean() < 0.6 * SIGMA
    assert sigma[:, -20:].mean() > 0.8 * SIGMA
    assert (sigma <= SIGMA * (1.0 + 1e-6)).all()


def test_one_error_of_the_whole_image_is_taken_off() -> None:
    prediction, _ = made(4)
    true_m = 1.2 * prediction.depth_m.astype(np.float64)
    corrected = corrected_by(prediction, landmarks(true_m, np.random.default_rng(0), 40, 0.0))
    assert corrected is not None
    assert np.abs(error_of(corrected, true_m)).mean() < 0.05


def test_too_few_landmarks_or_none_leave_the_prediction() -> None:
    prediction, true_m = made(5)
    assert corrected_by(prediction, landmarks(true_m, np.random.default_rng(0), 2)) is None

    class Blind:
        """A tracker without landmarks."""

        def landmarks(self) -> Landmarks | None:
            return None

    stage = LandmarkCorrection(Blind())
    assert stage.step(prediction, POSE) is prediction
    assert stage.counts == {"kept": 1}


def test_unknown_depth_stays_unknown() -> None:
    prediction, true_m = made(6)
    prediction.depth_m[:40] = 0.0
    found = landmarks(true_m, np.random.default_rng(0), 60)
    corrected = corrected_by(prediction, found)
    assert corrected is not None
    np.testing.assert_array_equal(corrected.depth_m[:40], 0.0)
    assert (corrected.depth_m[40:] > 0.0).all()
    assert np.isfinite(corrected.depth_sigma).all()
