"""Triangulated depth of tracks: right, as sure as stated, and silent where it cannot know."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mono_hydra.tracking.given import GivenTracker
from mono_hydra.tracking.inertial_filter import InertialFilter
from mono_hydra.tracking.landmarks import LandmarkWindow, find_landmarks
from mono_hydra.tracking.slam_points import points_seen
from mono_hydra.tracking.track_store import FeatureTracks
from mono_hydra.types import F8, Landmarks
from tests.tracking import wall as world
from tests.tracking.flights import OPTIONS, estimates, flight

SIGMA = 1.0 / 460.0


def seen(
    seed: int, step_m: float, n_views: int = 15, slide: float = 0.0
) -> tuple[F8, Landmarks, FeatureTracks, F8]:
    """Points before a camera that moves sideways: their depth, landmarks, last view, shifts."""
    rng = np.random.default_rng(seed)
    points = rng.uniform([-1.5, -1.0, 1.5], [1.5, 1.0, 6.0], (200, 3))
    centres = np.cumsum(np.tile([step_m, 0.0, 0.0], (n_views, 1)), axis=0)
    stamps_s = np.linspace(0.0, 0.1 * (n_views - 1), n_views)
    walk = np.cumsum(slide * np.sqrt(0.1) * rng.standard_normal((n_views, 200, 2)), axis=0)
    views = []
    for k, centre in enumerate(centres):
        x = points - centre
        uv = x[:, :2] / x[:, 2:] + SIGMA * rng.standard_normal((200, 2)) + walk[k] - walk[-1]
        views.append(FeatureTracks(np.arange(200), uv))
    R = np.tile(np.eye(3), (n_views, 1, 1))
    found = find_landmarks(R, centres, stamps_s, views, SIGMA, slide)
    return points[:, 2].copy(), found, views[-1], centres


def true_depth(depth_m: F8, found: Landmarks, last: FeatureTracks) -> F8:
    """Of the landmarks; they are some of the points of the last view."""
    return depth_m[np.isin(last.points[:, 0], found.points[:, 0])]


@pytest.mark.parametrize("slide", [0.0, 3.0 * SIGMA])
def test_depth_is_right_and_as_sure_as_stated(slide: float) -> None:
    errors = []
    for seed in range(5):
        depth_m, found, last, _ = seen(seed, 0.03, slide=slide)
        assert len(found.depth_m) > 100
        error = np.log(found.depth_m / true_depth(depth_m, found, last))
        errors.append(error / found.sigma)
    assert np.std(np.concatenate(errors)) == pytest.approx(1.0, abs=0.15)


def test_without_a_baseline_nothing_is_known() -> None:
    assert len(seen(0, 0.0005)[1].depth_m) == 0
    assert len(seen(0, 0.03, n_views=2)[1].depth_m) == 0


def test_a_track_that_fits_no_point_is_left_out() -> None:
    depth_m, _, last, centres = seen(1, 0.03)
    x = np.column_stack([last.points, np.ones(200)]) * depth_m[:, None] + centres[-1]
    views = []
    for k, centre in enumerate(centres):
        y = x - centre
        uv = y[:, :2] / y[:, 2:]
        uv[:20, 1] += 30.0 * SIGMA * np.sin(k)  # they move by themselves
        views.append(FeatureTracks(np.arange(200), uv))
    R = np.tile(np.eye(3), (len(views), 1, 1))
    found = find_landmarks(R, centres, np.linspace(0.0, 1.4, len(views)), views, SIGMA, 0.0)
    assert not np.isin(views[-1].points[:20, 0], found.points[:, 0]).any()
    assert len(found.depth_m) > 100


def test_the_filter_knows_depth_of_what_it_sees() -> None:
    made = flight(1, 6.0)
    tracker = InertialFilter(made.T_body_camera, replace(OPTIONS, slide_px=0.0))
    assert tracker.landmarks() is None
    estimates(tracker, made)
    tracker.keep_now()
    found = tracker.landmarks()
    assert found is not None
    assert len(found.depth_m) > 5
    state = tracker.state
    assert state is not None
    # points of the state are some of these tracks, estimated another way
    newest = tracker.newest_tracks
    indices = np.flatnonzero(np.isin(state.point_ids, newest.ids))
    last = len(state.clone_ids) - 1
    depth_m = points_seen(state, indices, last, tracker.T_body_camera).x[:, 2]
    ratios = []
    for i, z in zip(indices.tolist(), depth_m.tolist(), strict=True):
        sight = newest.points[newest.ids == state.point_ids[i]][0]
        same = (found.points == sight).all(axis=1)
        ratios += (found.depth_m[same] / z).tolist()
    assert len(ratios) > 3
    assert np.abs(np.log(ratios)).max() < 0.15


class _Recording:
    """Poses of a walk along the wall."""

    def __init__(self, poses: F8) -> None:
        self._poses = poses

    def trajectory(self) -> tuple[F8, F8]:
        return np.linspace(0.0, 0.1 * (len(self._poses) - 1), len(self._poses)), self._poses


def test_given_poses_tell_depth_through_the_tracks() -> None:
    picture = world.patterned()
    poses = np.array([world.pose(0.03 * k) for k in range(25)])
    window = LandmarkWindow(world.CAMERA.fx, 1.0, 3.0, n_tracks=100)
    tracker = GivenTracker(_Recording(poses), np.eye(3), window)
    assert tracker.landmarks() is None
    for k, T in enumerate(poses):
        frame, _ = world.view(picture, T, stamp_s=0.1 * k, index=k)
        assert tracker.step(frame) is not None
    found = tracker.landmarks()
    assert found is not None
    assert len(found.depth_m) > 30
    assert np.abs(np.log(found.depth_m / world.WALL_M)).max() < 0.1
    missing = np.full((1, 4, 4), np.nan)
    lost = GivenTracker(_Recording(np.concatenate([poses[:3], missing])), np.eye(3), window)
    frame, _ = world.view(picture, poses[0], stamp_s=0.3, index=3)
    assert lost.step(frame) is None
    assert lost.landmarks() is None


def test_without_a_window_given_poses_have_no_landmarks() -> None:
    assert GivenTracker(_Recording(np.eye(4)[None]), np.eye(3)).landmarks() is None
