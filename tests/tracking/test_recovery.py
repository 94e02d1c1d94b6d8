"""Losing the map and finding it again, along a wall with a pattern."""

from __future__ import annotations

import numpy as np
import pytest

from mono_hydra.geometry import se3
from mono_hydra.simulation.imu import DEVICES, sense
from mono_hydra.simulation.journey import CutPath
from mono_hydra.simulation.motion import KNOT_S, Motion
from mono_hydra.tracking.filter_options import FilterOptions
from mono_hydra.tracking.imu import ImuModel
from mono_hydra.tracking.inertial_tracker import InertialTracker, TrackerOptions
from mono_hydra.tracking.visual_tracker import VisualOptions, VisualTracker
from mono_hydra.types import F8, U1, ImuSamples, TrackedPose
from tests.tracking.wall import CAMERA, T_BODY_CAMERA, Known, errors_of, patterned, view

RATE_HZ, KEYFRAME_EVERY = 20.0, 6
CUT_S, BACK_S, END_S = 5.0, 2.8, 8.0


def strafing() -> Motion:
    """A rest of 1.5 s, then to and fro along the wall, looking at it."""
    t = KNOT_S * np.arange(int(END_S / KNOT_S) + 4)
    moving = np.clip(t - 1.5, 0.0, None)
    control = np.zeros((len(t), 6))
    control[:, 0] = -2.0 + 2.4 * np.sin(0.6 * moving) * np.minimum(moving, 1.0)
    control[:, 1] = 0.2 * np.sin(1.7 * moving) * np.minimum(moving, 1.0)
    control[:, 2] = 1.5 + 0.1 * np.sin(2.3 * moving) * np.minimum(moving, 1.0)
    control[:, 3] = np.pi / 2 + 0.1 * np.sin(1.1 * moving) * np.minimum(moving, 1.0)
    return Motion(control)


@pytest.fixture(scope="module")
def wall() -> U1:
    return patterned()


def imu_of(path: CutPath | Motion) -> ImuSamples:
    stamps_s = np.arange(0.0, END_S, 1.0 / 200.0)
    body = path.body(stamps_s, T_BODY_CAMERA)
    return sense(body, 200.0, DEVICES["tumvi"], np.random.default_rng(0)).samples


def run(
    tracker: InertialTracker | VisualTracker, source: Known, path: CutPath | Motion, wall: U1
) -> tuple[list[TrackedPose], F8]:
    """Poses of a run with keyframes at fixed intervals, and the true ones of the same images."""
    poses, truth = [], []
    for k, stamp_s in enumerate(np.arange(0.0, END_S, 1.0 / RATE_HZ)):
        T = path.camera(np.array([stamp_s])).T_world[0]
        frame, source.prediction = view(wall, T, float(stamp_s), k)
        tracked = tracker.step(frame)
        if tracked is None:
            continue
        poses.append(tracked)
        truth.append(T)
        if k % KEYFRAME_EVERY == 0:
            tracker.observe(frame, source.prediction)
    return poses, np.array(truth)


def inertial(path: CutPath | Motion, source: Known) -> InertialTracker:
    options = TrackerOptions(
        FilterOptions(imu=ImuModel(DEVICES["tumvi"].scaled(2.0)), focal_px=CAMERA.fx, slide_px=1.0)
    )
    return InertialTracker(imu_of(path), T_BODY_CAMERA, source, options)


def visual(path: CutPath | Motion, source: Known) -> VisualTracker:
    filter_options = FilterOptions(
        imu=ImuModel(max_gap_s=1.0), focal_px=CAMERA.fx, gravity_m_s2=0.0, scale_sigma=0.0
    )
    return VisualTracker(source, VisualOptions(filter_options))


@pytest.mark.parametrize("make", [inertial, visual])
def test_after_a_cut_nothing_is_said_until_the_map_is_found_again(make, wall: U1) -> None:
    path, source = CutPath(strafing(), CUT_S, BACK_S), Known()
    tracker = make(path, source)
    poses, truth = run(tracker, source, path, wall)
    stamps_s = np.array([p.stamp_s for p in poses])
    assert stamps_s[stamps_s < CUT_S][-1] == pytest.approx(CUT_S - 1.0 / RATE_HZ)
    again_s = stamps_s[stamps_s >= CUT_S - 1e-6][0] - CUT_S
    assert 0.2 < again_s < 2.0
    assert stamps_s[-1] == pytest.approx(END_S - 1.0 / RATE_HZ)
    assert errors_of(poses, truth).max() < 0.15  # the jump itself is 1.4 m long
    assert tracker.n_losses == 1
    states = [r.state for r in tracker.history]
    assert len(states) == round(END_S * RATE_HZ)
    assert states.count("lost") == round(again_s * RATE_HZ)
    covariances = np.array([p.covariance for p in poses])
    assert np.linalg.eigvalsh(covariances).min() > 0.0
    late = covariances[stamps_s >= CUT_S][0]
    assert np.trace(late[3:, 3:]) > 0.03**2


def test_a_place_never_seen_is_no_map(wall: U1) -> None:
    path, source = CutPath(strafing(), CUT_S, BACK_S), Known()
    tracker = inertial(path, source)
    other = patterned(1)
    n_before = 0
    for k, stamp_s in enumerate(np.arange(0.0, 7.0, 1.0 / RATE_HZ)):
        T = path.camera(np.array([stamp_s])).T_world[0]
        frame, source.prediction = view(wall if stamp_s < CUT_S else other, T, float(stamp_s), k)
        tracked = tracker.step(frame)
        assert tracked is None or stamp_s < CUT_S
        if tracked is not None and k % KEYFRAME_EVERY == 0:
            tracker.observe(frame, source.prediction)
            n_before += 1
    assert n_before > 5


def test_steps_from_keyframe_to_keyframe_carry_covariances_that_hold(wall: U1) -> None:
    path, source = strafing(), Known()
    tracker = inertial(path, source)
    poses, truth = run(tracker, source, path, wall)
    of_index = {p.frame_index: (p, T) for p, T in zip(poses, truth, strict=True)}
    values = []
    for p, T in zip(poses, truth, strict=True):
        before = (p.frame_index - 1) // KEYFRAME_EVERY * KEYFRAME_EVERY
        if p.relative is None or before not in of_index or p.frame_index % KEYFRAME_EVERY:
            continue
        step = se3.inverse(of_index[before][1]) @ T
        miss = se3.log(se3.inverse(p.relative.T_keyframe_camera) @ step)
        assert np.linalg.norm(miss[3:]) < 0.04
        values.append(miss @ np.linalg.solve(p.relative.covariance, miss) / 6.0)
    assert len(values) > 15
    assert 0.02 < np.mean(values) < 3.0


def test_keyframes_that_leave_the_window_are_better_known_than_at_first(wall: U1) -> None:
    path, source = strafing(), Known()
    tracker = inertial(path, source)
    refined: dict[int, F8] = {}
    first, truth = {}, {}
    for k, stamp_s in enumerate(np.arange(0.0, END_S, 1.0 / RATE_HZ)):
        T = path.camera(np.array([stamp_s])).T_world[0]
        frame, source.prediction = view(wall, T, float(stamp_s), k)
        tracked = tracker.step(frame)
        if tracked is not None and k % KEYFRAME_EVERY == 0:
            first[k], truth[k] = tracked, T
            tracker.observe(frame, source.prediction)
        refined |= tracker.refined()
    moving = [k for k in sorted(refined) if k > 2.0 * RATE_HZ]
    assert len(moving) > 12
    start = min(first)
    T_truth_map = truth[start] @ se3.inverse(first[start].T_world_camera)

    def error_of(T_map_camera: F8, k: int) -> float:
        return float(np.linalg.norm((T_truth_map @ T_map_camera - truth[k])[:3, 3]))

    before = np.mean([error_of(first[k].T_world_camera, k) for k in moving])
    after = np.mean([error_of(refined[k], k) for k in moving])
    assert after < before


def test_health_says_how_the_tracks_fare(wall: U1) -> None:
    path, source = strafing(), Known()
    tracker = inertial(path, source)
    run(tracker, source, path, wall)
    seen = [r for r in tracker.history if r.state == "tracking"]
    assert all(r.health.n_tracks > 40 for r in seen)
    assert all(0.5 < r.health.inlier_share <= 1.0 for r in seen[5:])
    parallax = np.array([r.health.parallax_px for r in seen])
    assert np.nanmax(parallax) > 10.0
    later = [r.health.nis_per_dof for r in seen if r.stamp_s > 3.0]
    assert 0.001 < np.mean(later) < 3.0  # the tracks have hardly any noise


def test_a_fast_turn_or_a_pause_is_no_cut(wall: U1) -> None:
    source = Known()
    tracker = inertial(strafing(), source)
    T = strafing().camera(np.array([0.0])).T_world[0]
    for k, stamp_s in enumerate((0.0, 0.05, 0.1)):
        frame, _ = view(wall, T, stamp_s, k)
        tracker.step(frame)
    for k, stamp_s in enumerate((1.1, 1.15, 1.2), start=3):  # a second later
        frame, _ = view(patterned(1), T, stamp_s, k)
        tracker.step(frame)
    assert tracker.n_losses == 0
    turned = T @ se3.from_rt(se3.exp_so3(np.array([0.0, 0.2, 0.0])), np.zeros(3))
    tracker.step(view(patterned(1), turned, 1.25, 6)[0])
    assert tracker.n_losses == 0
    tracker.step(view(patterned(1), turned, 1.3, 7)[0])
    tracker.step(view(patterned(2), turned, 1.35, 8)[0])
    assert tracker.n_losses == 1
