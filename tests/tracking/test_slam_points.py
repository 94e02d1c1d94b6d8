"""Points in the filter's state: derivatives, what stays unobserved, their coming and going."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest

from mono_hydra.evaluation.covariance import pose_errors
from mono_hydra.tracking import slam_points
from mono_hydra.tracking.filter_state import CLONE, CORE, POINT, FilterState
from mono_hydra.tracking.inertial_filter import InertialFilter
from mono_hydra.tracking.track_store import UsedTracks
from mono_hydra.tracking.updates import update_from_tracks
from tests.tracking import naive
from tests.tracking.flights import OPTIONS, estimates, flight, steps

SIGMA = 1.0 / 460.0


def window_state(w: naive.Window, seed: int = 0) -> FilterState:
    """A state whose clones are those of a window, with a random covariance of small errors."""
    n = len(w.R)
    state = FilterState(0.0, w.R[-1], np.eye(CORE))
    state.motion[1] = w.p[-1]
    state.clone_ids, state.clone_stamps_s = list(range(n)), [0.1 * k for k in range(n)]
    state.clone_R, state.clone_p, state.clone_scale = w.R.copy(), w.p.copy(), w.scale.copy()
    root = np.random.default_rng(seed).standard_normal((CORE + CLONE * n,) * 2)
    state.P = 1e-5 * root @ root.T
    return state


def with_point(w: naive.Window, anchor: int) -> FilterState:
    """The window's point in its state, anchored in one clone."""
    state = window_state(w)
    C, c = slam_points.clone_camera(state, anchor, w.T_body_camera)
    x = C.T @ (w.f - c)
    M = np.random.default_rng(1).standard_normal((POINT, len(state.P)))
    point = np.array([x[0] / x[2], x[1] / x[2], 1.0 / x[2]])
    state.add_point(7, anchor, point, 0.1 * M, 1e-4 * np.eye(POINT))
    return state


def test_derivatives_of_a_seen_point_are_right_with_any_anchor() -> None:
    w = naive.window(1)
    step = 1e-6
    for anchor, clone in ((0, 5), (5, 0), (3, 3)):
        state = with_point(w, anchor)
        view = slam_points.points_seen(state, np.array([0]), clone, w.T_body_camera)
        numeric = np.empty((3, len(state.P)))
        for i in range(len(state.P)):
            sides = []
            for sign in (1.0, -1.0):
                other = copy.deepcopy(state)
                other.correct(sign * step * np.eye(len(state.P))[i])
                x = slam_points.points_seen(other, np.array([0]), clone, w.T_body_camera).x
                sides.append(x[0])
            numeric[:, i] = (sides[0] - sides[1]) / (2.0 * step)
        np.testing.assert_allclose(view.H[0], numeric, atol=1e-5)


def test_a_point_that_changes_its_anchor_is_seen_as_before() -> None:
    w = naive.window(2)
    state = with_point(w, 0)
    before = [slam_points.points_seen(state, np.array([0]), k, w.T_body_camera) for k in range(6)]
    covariances = [b.H[0] @ state.P @ b.H[0].T for b in before]
    slam_points.move_anchors(state, 0, 5, w.T_body_camera)
    assert state.point_anchors == [5]
    for k in range(6):
        after = slam_points.points_seen(state, np.array([0]), k, w.T_body_camera)
        np.testing.assert_allclose(after.x, before[k].x, atol=1e-9)
        np.testing.assert_allclose(after.H[0] @ state.P @ after.H[0].T, covariances[k], atol=1e-9)


@pytest.mark.parametrize("slide", [0.0, 3.0 * SIGMA])
def test_window_and_new_point_together_know_what_all_rows_say(slide: float) -> None:
    w = naive.window(3)
    state = window_state(w)
    n = len(w.R)
    used = UsedTracks(
        np.array([4]), np.array([0, n]), np.arange(n), w.uv, np.full(n, np.nan), np.full(n, np.nan)
    )
    prior = state.P.copy()
    assert update_from_tracks(state, used, w.T_body_camera, SIGMA, slide).n_used == 1
    assert slam_points.add_points(state, used, [0], w.T_body_camera, SIGMA, slide) == [4]
    probe = with_point(w, n - 1)  # its rows are derivatives by clones and point at once
    rows = []
    for k in range(n):
        view = slam_points.points_seen(probe, np.array([0]), k, w.T_body_camera)
        x, H = view.x[0], view.H[0]
        rows.append((H[:2] - np.outer(x[:2] / x[2], H[2])) / x[2] / SIGMA)
    H = np.concatenate(rows)
    sight, axis = np.repeat(np.arange(n), 2), np.tile([0, 1], n)
    noise = naive.noise_of(sight, axis, np.array(state.clone_stamps_s), (slide / SIGMA) ** 2)
    information = H.T @ np.linalg.solve(noise, H)
    information[: len(prior), : len(prior)] += np.linalg.inv(prior)
    expected = np.linalg.inv(information)
    np.testing.assert_allclose(state.P, expected, atol=1e-4 * np.abs(expected).max())
    np.testing.assert_allclose(state.points, probe.points, atol=1e-6)


def test_a_turned_or_shifted_world_is_not_seen_by_points() -> None:
    w = naive.window(4)
    state = with_point(w, 1)
    view = slam_points.points_seen(state, np.array([0]), 4, w.T_body_camera)
    open_turn, open_shift = np.zeros(len(state.P)), np.zeros(len(state.P))
    for k in range(len(w.R)):
        first = CORE + CLONE * k
        open_turn[first + 2] = 1.0
        open_shift[first + 3 : first + 6] = 1.0, -2.0, 0.5
    assert np.abs(view.H[0] @ open_turn).max() < 1e-9
    assert np.abs(view.H[0] @ open_shift).max() < 1e-9


def test_sights_and_depth_draw_a_point_to_where_they_say() -> None:
    w = naive.window(5)
    state = with_point(w, 2)
    newest = len(w.R) - 1
    before = slam_points.points_seen(state, np.array([0]), newest, w.T_body_camera).x[0]
    uv = before[None, :2] / before[2] + 0.01
    assert slam_points.update_from_sights(state, np.array([0]), uv, w.T_body_camera, SIGMA).all()
    seen = slam_points.points_seen(state, np.array([0]), newest, w.T_body_camera).x[0]
    assert np.abs(seen[:2] / seen[2] - uv[0]).max() < 0.003
    far = np.array([np.log(seen[2]) + state.clone_scale[newest] + 0.02])
    assert (
        slam_points.update_from_depths(
            state, np.array([0]), newest, far, np.array([1e-3]), w.T_body_camera
        )
        == 1
    )
    now = slam_points.points_seen(state, np.array([0]), newest, w.T_body_camera).x[0]
    assert abs(np.log(now[2]) + state.clone_scale[newest] - far[0]) < 0.004
    nonsense = uv + 5.0
    assert not slam_points.update_from_sights(
        state, np.array([0]), nonsense, w.T_body_camera, SIGMA
    ).any()


def test_points_come_from_lasting_tracks_and_go_with_them() -> None:
    made = flight(6, 5.0)
    tracker = InertialFilter(made.T_body_camera, replace(OPTIONS, max_points=10))
    counts, seen_once = [], 0
    for _, stamp_s, samples, tracks in steps(made):
        tracker.propagate(samples, stamp_s)
        tracker.add_frame(stamp_s, tracks)
        state = tracker.state
        if state is not None and state.clone_stamps_s[-1] == stamp_s:
            counts.append(len(state.point_ids))
            assert set(state.point_ids) <= set(tracks.ids.tolist())
            assert set(state.point_anchors) <= set(state.clone_ids)
            assert not set(state.point_ids) & set(tracker._tracks.sights)
            assert len(state.P) == CORE + CLONE * len(state.clone_ids) + POINT * counts[-1]
            seen_once += counts[-1]
    assert max(counts) == 10
    assert seen_once > 100


def test_without_points_the_filter_still_works() -> None:
    made = flight(7, 4.0)
    tracker = InertialFilter(made.T_body_camera, replace(OPTIONS, max_points=0))
    poses = [e.T_world_body for e in estimates(tracker, made)]
    assert tracker.state is not None
    assert tracker.state.point_ids == []
    errors = pose_errors(np.array(poses), made.T_world_body[-len(poses) :])
    assert np.linalg.norm(errors[:, 3:], axis=1).max() < 0.08
