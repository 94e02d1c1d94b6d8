"""Merging of predictions: a static scene improves, people never smear, wrong poses stay out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mono_hydra.config import PerceptionConfig
from mono_hydra.geometry import se3
from mono_hydra.labels import load_label_space
from mono_hydra.perception import temporal_kernels as kernels
from mono_hydra.perception.temporal import TemporalMerger
from mono_hydra.types import F8, Camera, Prediction, TrackedPose

CAMERA = Camera(80, 60, 65.0, 65.0, 39.5, 29.5)
NYU = load_label_space("nyu40")
WALL, CHAIR, PERSON = 1, 5, 31
WALL_M = 3.0


def pose(k: int) -> TrackedPose:
    """View k of a camera that slides along a wall at z = WALL_M of the first camera."""
    T = se3.from_rt(
        se3.exp_so3(np.array([0.0, 0.02 * k, 0.0])), np.array([0.05 * k, 0.0, 0.02 * k])
    )
    return TrackedPose(k, 0.3 * k, T)


def true_depth(T: F8) -> F8:
    x = (np.arange(CAMERA.width) - CAMERA.cx) / CAMERA.fx
    y = (np.arange(CAMERA.height) - CAMERA.cy) / CAMERA.fy
    rays = np.stack(np.broadcast_arrays(x[None], y[:, None], 1.0), axis=-1) @ T[2, :3]
    return np.asarray((WALL_M - T[2, 3]) / rays)


def view(k: int, *, noise: float = 0.0, seed: int = 0) -> Prediction:
    rng = np.random.default_rng([seed, k])
    depth_m = true_depth(pose(k).T_world_camera)
    shape = depth_m.shape
    return Prediction(
        camera=CAMERA,
        rgb=np.zeros((*shape, 3), np.uint8),
        depth_m=(depth_m * np.exp(noise * rng.standard_normal(shape))).astype(np.float32),
        depth_sigma=np.full(shape, max(noise, 0.01), np.float32),
        labels=np.full(shape, WALL, np.uint8),
        confidence=np.full(shape, 0.8, np.float32),
        label_space="nyu40",
    )


def merger(**changes: object) -> TemporalMerger:
    return TemporalMerger(PerceptionConfig().model_copy(update=changes), NYU)


def test_independent_noise_of_a_static_scene_shrinks_and_sigma_says_so() -> None:
    merging = merger(temporal_correlation=0.0)
    for k in range(4):
        found = merging.step(view(k, noise=0.015), pose(k))
    error = np.log(found.depth_m / true_depth(pose(3).T_world_camera))[5:-5, 5:-25]
    assert error.std() < 0.6 * 0.015  # of four views: half, but for the borders
    assert error.std() == pytest.approx(float(found.depth_sigma[5:-5, 5:-25].mean()), rel=0.15)


def test_errors_that_repeat_do_not_make_it_surer() -> None:
    merging = merger(temporal_correlation=1.0)
    for k in range(4):
        found = merging.step(view(k, noise=0.015), pose(k))
    assert found.depth_sigma == pytest.approx(np.full_like(found.depth_sigma, 0.015), rel=1e-3)


def test_a_label_that_flickers_once_is_outvoted() -> None:
    merging = merger()
    for k in range(3):
        merging.step(view(k), pose(k))
    flicker = view(3)
    flicker.labels[20:40, 10:50] = CHAIR
    flicker.confidence[20:40, 10:50] = 0.5
    found = merging.step(flicker, pose(3))
    assert (found.labels[20:40, 10:50] == WALL).all()


def test_one_confident_view_does_not_outvote_the_current_one() -> None:
    merging = merger(temporal_views=1)
    merging.step(view(0), pose(0))
    other = view(1)
    other.labels[:] = CHAIR
    other.confidence[:] = 0.3
    assert (merging.step(other, pose(1)).labels == CHAIR).all()


def test_a_walking_person_leaves_nothing_behind_and_stays_whole() -> None:
    merging = merger()
    for k in range(4):
        now = view(k)
        body = np.s_[10:55, 5 + 15 * k : 20 + 15 * k]
        now.labels[body] = PERSON
        now.depth_m[body] = 2.9  # so near the wall that the gate alone would not tell
        found = merging.step(now, pose(k))
        truth = true_depth(pose(k).T_world_camera)
        is_body = now.labels == PERSON
        assert np.array_equal(found.labels == PERSON, is_body)
        assert np.array_equal(found.depth_m[is_body], now.depth_m[is_body])
        assert np.abs(np.log(found.depth_m / truth))[~is_body].max() < 0.002


@pytest.mark.parametrize("turn", [0.5, -0.4])
def test_a_wrong_pose_is_gated_out(turn: float) -> None:
    merging = merger()
    for k in range(3):
        merging.step(view(k), pose(k))
    wrong = se3.from_rt(se3.exp_so3(np.array([0.0, 0.0, turn])), np.array([0.0, 0.0, 1.0]))
    now = view(3)
    found = merging.step(now, replace(pose(3), T_world_camera=wrong))
    assert np.array_equal(found.depth_m, now.depth_m)
    assert merging.contradicted == 3


def test_a_lost_frame_neither_learns_nor_teaches() -> None:
    merging = merger()
    merging.step(view(0), replace(pose(0), state="lost"))
    now = view(1, noise=0.05)
    assert np.array_equal(merging.step(now, pose(1)).depth_m, now.depth_m)


def test_old_views_are_forgotten() -> None:
    merging = merger(temporal_max_age_s=0.5)
    merging.step(view(0), pose(0))
    now = view(1, noise=0.05)
    late = replace(pose(1), stamp_s=9.0)
    assert np.array_equal(merging.step(now, late).depth_m, now.depth_m)


def test_looking_back_agrees_with_projecting_point_by_point() -> None:
    rng = np.random.default_rng(3)
    now, then = view(2, noise=0.02, seed=1), view(0, noise=0.02, seed=2)
    now.depth_m[rng.random(now.depth_m.shape) < 0.05] = 0.0
    then.labels[rng.random(then.labels.shape) < 0.1] = PERSON
    T_then_now = se3.inverse(pose(0).T_world_camera) @ pose(2).T_world_camera
    ratio, pixel = np.empty(now.depth_m.shape, np.float32), np.empty(now.depth_m.shape, np.int32)
    is_dynamic = NYU.mask("dynamic")
    met, agreed = kernels.look_back(
        now.depth_m, now.labels, CAMERA.vector(), T_then_now, then.depth_m.ravel(),
        then.labels.ravel(), is_dynamic, 0.05, 0.01, ratio, pixel,
    )  # fmt: skip
    expected = np.full(ratio.shape, np.nan)
    n_met = 0
    for row in range(CAMERA.height):
        for column in range(CAMERA.width):
            d = float(now.depth_m[row, column])
            if d == 0.0:
                continue
            ray = np.array([(column - CAMERA.cx) / CAMERA.fx, (row - CAMERA.cy) / CAMERA.fy, 1.0])
            point = T_then_now[:3, :3] @ (d * ray) + T_then_now[:3, 3]
            u = int(np.floor(CAMERA.fx * point[0] / point[2] + CAMERA.cx + 0.5))
            v = int(np.floor(CAMERA.fy * point[1] / point[2] + CAMERA.cy + 0.5))
            if not (0 <= u < CAMERA.width and 0 <= v < CAMERA.height):
                continue
            if is_dynamic[then.labels[v, u]]:
                continue
            n_met += 1
            if abs(then.depth_m[v, u] - point[2]) <= max(0.05, 0.01 * point[2]):
                expected[row, column] = np.log(then.depth_m[v, u] / point[2])
    assert met == n_met
    assert agreed == np.isfinite(expected).sum()
    np.testing.assert_allclose(ratio, expected, atol=1e-6)
