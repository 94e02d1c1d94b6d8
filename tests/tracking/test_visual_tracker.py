"""Parts of tracking without an IMU."""

from __future__ import annotations

import numpy as np
import pytest

from mono_hydra.geometry import se3
from mono_hydra.tracking.filter_options import FilterOptions
from mono_hydra.tracking.filter_state import CORE, DP, TH, FilterState
from mono_hydra.tracking.imu import ImuModel
from mono_hydra.tracking.track_store import FeatureTracks
from mono_hydra.tracking.visual_tracker import (
    LEVEL_CAMERA,
    DepthReference,
    ScaleDrift,
    VisualOptions,
    VisualTracker,
    up_in_camera,
)
from mono_hydra.types import F8, U1, Camera, Frame, Prediction
from tests.tracking.wall import CAMERA, Known, errors_of, patterned, pose, view


def seen(points: F8) -> FeatureTracks:
    return FeatureTracks(np.arange(len(points)), points[:, :2] / points[:, 2:])


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_a_step_is_found_against_points_of_predicted_depth(share: float) -> None:
    rng = np.random.default_rng(1)
    points = rng.uniform([-1.5, -1, 1.5], [1.5, 1, 5], (80, 3))
    T = se3.from_rt(se3.exp_so3(np.array([0.02, -0.05, 0.01])), np.array([0.08, 0.02, -0.05]))
    reference = DepthReference()
    reference.set(seen(points), points[:, 2] * np.exp(rng.normal(0.0, 0.05, 80)))
    later = seen(se3.transform(se3.inverse(T), points))
    later.points[:] += rng.normal(0.0, 0.5 / 500.0, later.points.shape)
    wrong = np.arange(80) < 80 * share
    later.points[wrong] += rng.uniform(0.03, 0.1, (int(wrong.sum()), 2))
    found = reference.pose_of(later)
    assert found is not None
    miss = se3.log(se3.inverse(T) @ found)
    assert np.linalg.norm(miss[:3]) < 0.01
    assert np.linalg.norm(miss[3:]) < 0.02


def test_few_points_give_no_step() -> None:
    points = np.random.default_rng(2).uniform([-1, -1, 2], [1, 1, 4], (8, 3))
    reference = DepthReference()
    reference.set(seen(points), points[:, 2])
    assert reference.pose_of(seen(points)) is None
    assert reference.pose_of(FeatureTracks(np.zeros(0, np.int64), np.zeros((0, 2)))) is None


def test_scale_that_is_wrong_all_the_time_is_covered() -> None:
    drift = ScaleDrift(0.1, 1e6)
    for k in range(51):
        drift.step(0.1 * k, np.array([0.2 * k, 0.0, 0.0]))
    # 10 m walked with a scale of sigma 0.1: 1 m
    assert np.sqrt(drift.covariance[0, 0]) == pytest.approx(1.0, rel=1e-3)
    assert np.abs(drift.covariance[1:]).max() == 0.0


def test_wandering_scale_is_covered_as_draws_of_it_spread() -> None:
    rng = np.random.default_rng(3)
    n, step_s, sigma, time_s = 200, 0.1, 0.1, 3.0
    speed = np.stack([np.ones(n), np.linspace(-1.0, 1.0, n), np.zeros(n)], axis=1)
    drift = ScaleDrift(sigma, time_s)
    for k, position in enumerate(np.vstack([np.zeros(3), np.cumsum(speed * step_s, axis=0)])):
        drift.step(k * step_s, position)
    keep = np.exp(-step_s / time_s)
    scale = sigma * rng.standard_normal(4000)
    off = np.zeros((4000, 3))
    for v in speed:
        off += scale[:, None] * v * step_s
        scale = keep * scale + sigma * np.sqrt(1 - keep**2) * rng.standard_normal(4000)
    np.testing.assert_allclose(drift.covariance, np.cov(off.T), atol=0.06 * np.var(off[:, 0]))


def test_a_seen_step_moves_the_state_and_its_covariance() -> None:
    rng = np.random.default_rng(4)
    R, p = se3.exp_so3(np.array([0.3, -0.2, 0.5])), np.array([1.0, -2.0, 0.5])
    step = se3.from_rt(se3.exp_so3(np.array([0.1, 0.05, -0.1])), np.array([0.2, 0.1, -0.3]))
    state = FilterState(0.0, R, 1e-12 * np.eye(CORE), 0.0)
    state.motion[1] = p
    state.move(step, 0.01, 0.02, 0.1)
    expected = se3.from_rt(R, p) @ step
    np.testing.assert_allclose(state.T_world_body, expected, atol=1e-12)
    np.testing.assert_allclose(state.v, R @ step[:3, 3] / 0.1, atol=1e-12)
    draws = []
    for _ in range(4000):
        turn, shift = se3.exp_so3(rng.normal(0.0, 0.01, 3)), rng.normal(0.0, 0.02, 3)
        T = se3.from_rt(R, p) @ se3.from_rt(turn @ step[:3, :3], step[:3, 3] + shift)
        error = T[:3, :3] @ expected[:3, :3].T
        draws.append([*se3.log_so3(error), *(T[:3, 3] - error @ expected[:3, 3])])
    at = np.r_[TH, DP]
    spread = np.cov(np.array(draws).T)
    np.testing.assert_allclose(state.P[np.ix_(at, at)], spread, atol=0.1 * spread.max())


def prediction(normals: F8, label: int) -> Prediction:
    shape = normals.shape[:2]
    return Prediction(
        Camera(shape[1], shape[0], 100.0, 100.0, 20.0, 15.0), np.zeros((*shape, 3), np.uint8),
        np.full(shape, 2.0, np.float32), np.full(shape, 0.1, np.float32),
        np.full(shape, label, np.uint8), np.ones(shape, np.float32), "nyu40",
        normals=normals.astype(np.float32),
    )  # fmt: skip


def test_up_is_seen_on_floors_and_ceilings() -> None:
    rng = np.random.default_rng(5)
    up = se3.exp_so3(np.array([0.35, 0.0, 0.1])) @ LEVEL_CAMERA
    normals = up + rng.normal(0.0, 0.1, (30, 40, 3))
    normals[:, :20] *= -1.0  # of a ceiling
    normals[:6] = [1.0, 0.0, 0.0]  # a wall that is called floor
    normals /= np.linalg.norm(normals, axis=2, keepdims=True)
    found = up_in_camera(prediction(normals, 2), frozenset({2, 22}))
    assert found is not None
    assert np.degrees(np.arccos(found @ up)) < 1.0
    assert up_in_camera(prediction(normals, 1), frozenset({2, 22})) is None


def test_a_floor_draws_a_tilted_camera_upright_and_leaves_its_heading() -> None:
    class Seen:
        """A floor ahead of a level camera."""

        def step(self, frame: Frame, T_world_camera: F8) -> Prediction:
            return prediction(np.broadcast_to(LEVEL_CAMERA, (30, 40, 3)), 2)

    tracker = VisualTracker(Seen(), VisualOptions(level_ids=frozenset({2})))
    rgb = np.zeros((30, 40, 3), np.uint8)
    frame = Frame(0, 0.0, rgb, Camera(40, 30, 100.0, 100.0, 20.0, 15.0))
    assert tracker.step(frame) is not None
    state = tracker.filter.state
    assert state is not None
    state.P[:3, :3] += 0.05**2 * np.eye(3)
    level, tilt = state.R.copy(), se3.exp_so3(np.array([0.06, -0.04, 0.0]))
    state.R = tilt @ state.R
    before = state.R.copy()
    for _ in range(30):
        tracker.observe(frame, Seen().step(frame, np.eye(4)))
    off = np.arccos(state.R[2] @ level[2])
    assert off < 0.3 * np.arccos(before[2] @ level[2])
    turned = se3.log_so3(state.R @ before.T)
    assert abs(turned[2]) < 1e-3


def rolling_view(
    wall: U1, stamp_s: float, index: int, readout_s: float
) -> tuple[Frame, Prediction, F8]:
    """A wall from a camera that swings, read in bands of ten rows; its pose at the stamp."""

    def at(t: float) -> F8:
        return pose(0.4 * np.sin(0.8 * t), 0.0, 0.25 * np.sin(5.0 * t))

    frame, prediction = view(wall, at(stamp_s), stamp_s, index)
    rgb = frame.rgb.copy()
    for first in range(0, CAMERA.height, 10):
        row_s = ((first + 5.0) / CAMERA.height - 0.5) * readout_s
        rows = slice(first, first + 10)
        rgb[rows] = view(wall, at(stamp_s + row_s))[0].rgb[rows]
    return Frame(index, stamp_s, rgb, CAMERA), prediction, at(stamp_s)


def test_a_rolling_shutter_that_is_known_is_taken_out() -> None:
    wall, readout_s = patterned(), 0.04

    def error_m(told_s: float) -> float:
        source = Known()
        options = FilterOptions(
            imu=ImuModel(max_gap_s=1.0), focal_px=CAMERA.fx, gravity_m_s2=0.0, scale_sigma=0.0
        )
        tracker = VisualTracker(source, VisualOptions(options, readout_s=told_s))
        poses, truth = [], []
        for k in range(60):
            frame, source.prediction, T = rolling_view(wall, k / 20.0, k, readout_s)
            tracked = tracker.step(frame)
            if tracked is not None and source.prediction is not None:
                poses.append(tracked)
                truth.append(T)
                if k % 6 == 0:
                    tracker.observe(frame, source.prediction)
        assert len(poses) > 50
        return float(np.sqrt(np.mean(errors_of(poses, np.array(truth)) ** 2)))

    known_m, ignored_m = error_m(readout_s), error_m(0.0)
    assert known_m < 0.1
    assert known_m < 0.5 * ignored_m
