"""The whole filter on simulated flights, and on the one real recording of tracks."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest

from mono_hydra.evaluation.covariance import pose_errors, score_covariance
from mono_hydra.geometry import se3
from mono_hydra.simulation.tracks import FlightTracks
from mono_hydra.tracking.filter_state import CLONE, CORE
from mono_hydra.tracking.inertial_filter import InertialEstimate, InertialFilter
from mono_hydra.tracking.track_store import FeatureTracks, TrackStore
from mono_hydra.types import F8
from tests.tracking.flights import OPTIONS, estimates, feed, flight, steps


@pytest.fixture(scope="module")
def made() -> FlightTracks:
    return flight(1, 8.0)


@pytest.fixture(scope="module")
def flown(made: FlightTracks) -> list[InertialEstimate]:
    """All estimates of the flight."""
    return estimates(InertialFilter(made.T_body_camera, OPTIONS), made)


def test_flight_is_followed_within_centimetres(
    made: FlightTracks, flown: list[InertialEstimate]
) -> None:
    truth = made.T_world_body[-len(flown) :]
    errors = pose_errors(np.array([e.T_world_body for e in flown]), truth)
    assert np.linalg.norm(errors[:, 3:], axis=1).max() < 0.08
    scores = score_covariance(
        np.array([e.T_world_body for e in flown]), truth, np.array([e.covariance for e in flown])
    )
    # one flight's errors are correlated: 0.7 to 1.4 holds for the mean of many (the benchmark)
    assert 0.1 < scores["pose_per_dof"] < 3.0


@pytest.mark.parametrize("offset_s", [-0.015, 0.015])
def test_an_offset_of_the_clocks_is_found(made: FlightTracks, offset_s: float) -> None:
    late = replace(made, stamps_s=made.stamps_s - offset_s)
    found = estimates(InertialFilter(made.T_body_camera, OPTIONS), late, ahead_s=0.05)
    last = found[-1]
    assert last.time_offset_s == pytest.approx(offset_s, abs=0.002)
    assert abs(last.time_offset_s - offset_s) < 4.0 * last.time_offset_sigma_s
    truth = made.T_world_body[-len(found) :]
    errors = pose_errors(np.array([e.T_world_body for e in found]), truth)
    assert np.linalg.norm(errors[:, 3:], axis=1).max() < 0.08
    held = InertialFilter(made.T_body_camera, replace(OPTIONS, time_offset_sigma_s=0.0))
    assert estimates(held, late, ahead_s=0.05)[-1].time_offset_s == 0.0


def test_an_unknown_yaw_or_place_of_the_world_stays_as_unknown(made: FlightTracks) -> None:
    one = InertialFilter(made.T_body_camera, OPTIONS)
    feed(one, made, last=50)
    other = copy.deepcopy(one)
    unknown = 0.1 * open_directions(other)
    assert other.state is not None
    assert one.state is not None
    other.state.P += unknown @ unknown.T
    feed(one, made, first=50)
    feed(other, made, first=50)
    unknown = 0.1 * open_directions(other)
    added = other.state.P - one.state.P
    np.testing.assert_allclose(added, unknown @ unknown.T, atol=1e-6)
    np.testing.assert_allclose(other.state.p, one.state.p, atol=1e-6)


def open_directions(tracker: InertialFilter) -> F8:
    """(n, 4) errors that no measurement sees: a turn about the vertical, three shifts."""
    assert tracker.state is not None
    n = len(tracker.state.P)
    directions = np.zeros((n, 4))
    clones = range(CORE, tracker.state.first_point, CLONE)
    for first, shift in [(0, 6), *((k, k + 3) for k in clones)]:
        directions[first + 2, 0] = 1.0
        directions[shift : shift + 3, 1:] = np.eye(3)
    return directions


def test_a_turned_and_shifted_world_turns_and_shifts_the_estimate(made: FlightTracks) -> None:
    one = InertialFilter(made.T_body_camera, OPTIONS)
    feed(one, made, last=90)
    other = copy.deepcopy(one)
    T = se3.from_rt(se3.exp_so3(np.array([0.0, 0.0, 1.1])), np.array([4.0, -3.0, 0.5]))
    move_world(other, T)
    feed(one, made, first=90, last=130)
    feed(other, made, first=90, last=130)
    a, b = one.estimate(), other.estimate()
    assert a is not None
    assert b is not None
    np.testing.assert_allclose(T @ a.T_world_body, b.T_world_body, atol=1e-6)
    np.testing.assert_allclose(a.covariance, b.covariance, atol=1e-5 * np.abs(a.covariance).max())


def move_world(tracker: InertialFilter, T: F8) -> None:
    """The same state in the coordinates of another world."""
    state = tracker.state
    assert state is not None
    R, t = T[:3, :3], T[:3, 3]
    A = np.eye(len(state.P))
    A[:3, :3] = A[3:6, 3:6] = A[6:9, 6:9] = R
    A[6:9, :3] = se3.hat(t) @ R
    for k in range(len(state.clone_ids)):
        at = CORE + CLONE * k
        A[at : at + 6, at : at + 6] = se3.adjoint(T)
    state.P = A @ state.P @ A.T
    state.R = R @ state.R
    state.motion = state.motion @ R.T
    state.motion[1] += t
    state.clone_R, state.clone_p = R @ state.clone_R, state.clone_p @ R.T + t
    frames = tracker._rest._recent
    turned = [(stamp_s, R @ R_wc, tracks) for stamp_s, R_wc, tracks in frames]
    frames.clear()
    frames.extend(turned)


def test_no_sight_is_used_twice(made: FlightTracks, monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[tuple[int, int]] = []
    take = TrackStore.take

    def counted(self: TrackStore, ids: list[int], limit: int) -> object:
        taken = take(self, ids, limit)
        lengths = np.diff(taken.starts)
        used.extend(
            zip(np.repeat(taken.ids, lengths).tolist(), taken.clone_ids.tolist(), strict=True)
        )
        return taken

    monkeypatch.setattr(TrackStore, "take", counted)
    feed(InertialFilter(made.T_body_camera, OPTIONS), made, last=120)
    assert len(used) > 300
    assert len(used) == len(set(used))


def test_two_runs_give_the_same_bytes(made: FlightTracks) -> None:
    ends = []
    for _ in range(2):
        tracker = InertialFilter(made.T_body_camera, OPTIONS)
        feed(tracker, made, last=80)
        assert tracker.state is not None
        ends.append(tracker.state.P.tobytes())
    assert ends[0] == ends[1]


def test_pinned_clone_outlives_the_window(made: FlightTracks) -> None:
    tracker = InertialFilter(made.T_body_camera, OPTIONS)
    feed(tracker, made, last=50)
    pinned = tracker.pin()
    feed(tracker, made, first=50, last=110)
    assert tracker.state is not None
    assert pinned in tracker.state.clone_ids
    assert len(tracker.state.clone_ids) <= OPTIONS.max_clones
    relative = tracker.relative_to_pinned()
    assert relative is not None
    assert np.linalg.eigvalsh(relative[1]).min() > 0.0


def test_one_depth_image_shown_ten_times_is_not_ten_images() -> None:
    made = flight(2, 4.0, depth=True)
    shown = 48
    spread = {}
    for times in (1, 10):
        tracker = InertialFilter(made.T_body_camera, OPTIONS)
        errors = dict(zip(made.frames[shown][0].tolist(), np.arange(200), strict=False))
        rng = np.random.default_rng(0)
        error = 0.08 * rng.standard_normal(200)
        for k, stamp_s, samples, tracks in steps(made):
            tracker.propagate(samples, stamp_s)
            depth = tracks.depth_m if shown <= k < shown + 2 * times else None
            if depth is not None:
                known = np.array([i in errors for i in tracks.ids.tolist()])
                noise = np.array([error[errors.get(i, 0)] for i in tracks.ids.tolist()])
                depth = np.where(known, depth * np.exp(noise), np.nan)
            sigma = None if depth is None else np.full(len(tracks.ids), 0.08)
            tracker.add_frame(stamp_s, FeatureTracks(tracks.ids, tracks.points, depth, sigma))
        estimate = tracker.estimate()
        assert estimate is not None
        spread[times] = estimate.log_scale_sigma
    assert spread[1] < OPTIONS.scale_sigma
    assert spread[10] > spread[1] / 3.0
    assert spread[10] > 0.01


def test_late_depth_gives_what_depth_on_time_gives() -> None:
    made = flight(3, 5.0, depth=True)
    ends = []
    for delay in (0, 2):
        tracker = InertialFilter(made.T_body_camera, OPTIONS)
        waiting: list[tuple[int, float, FeatureTracks]] = []
        for k, stamp_s, samples, tracks in steps(made):
            tracker.propagate(samples, stamp_s)
            tracker.add_frame(stamp_s, FeatureTracks(tracks.ids, tracks.points))
            waiting.append((k, stamp_s, tracks))
            if k >= delay:
                _, then_s, then = waiting[k - delay]
                assert then.depth_m is not None
                assert then.depth_sigma is not None
                tracker.add_depth(then_s, then.ids, then.depth_m, then.depth_sigma)
        estimate = tracker.estimate()
        assert estimate is not None
        ends.append(estimate)
    moved = np.linalg.norm(ends[0].T_world_body[:3, 3])
    difference = np.linalg.norm((ends[0].T_world_body - ends[1].T_world_body)[:3, 3])
    assert difference < 0.05 * moved


def test_useless_depth_changes_nothing(made: FlightTracks) -> None:
    tracker = InertialFilter(made.T_body_camera, OPTIONS)
    feed(tracker, made, last=60)
    assert tracker.state is not None
    stamp_s, ids = tracker.state.clone_stamps_s[-1], made.frames[59][0]
    for value in (np.nan, 0.0, 30.0, -1.0):
        n = tracker.add_depth(stamp_s, ids, np.full(len(ids), value), np.full(len(ids), 0.1))
        assert n == 0
    assert tracker.add_depth(stamp_s + 0.003, ids, np.ones(len(ids)), np.ones(len(ids))) == 0


def test_a_gap_of_the_imu_degrades_and_is_survived(made: FlightTracks) -> None:
    tracker = InertialFilter(made.T_body_camera, OPTIONS)
    conditions = {}
    for k, stamp_s, samples, tracks in steps(made):
        if not 80 <= k < 84:
            tracker.propagate(samples, stamp_s)
        tracker.add_frame(stamp_s, tracks)
        conditions[k] = tracker.condition
        if k == 110:
            break
    assert conditions[83] == "degraded"
    assert conditions[110] == "tracking"
    estimate = tracker.estimate()
    assert estimate is not None
    speed = np.linalg.norm(estimate.velocity_world_m_s)
    assert abs(speed - np.linalg.norm(made.velocity_m_s[110])) < 0.15


def test_few_tracks_for_a_third_of_a_second_degrade_even_from_stamp_zero(
    made: FlightTracks,
) -> None:
    blind_from = 80
    for zero_s in (0.0, float(made.stamps_s[blind_from])):
        tracker = InertialFilter(made.T_body_camera, OPTIONS)
        for k, stamp_s, samples, tracks in steps(made):
            moved = replace(samples, stamps_s=samples.stamps_s - zero_s)
            tracker.propagate(moved, stamp_s - zero_s)
            if k in (blind_from + 1, blind_from + 2):
                continue  # frames that did not arrive
            few = FeatureTracks(tracks.ids[:10], tracks.points[:10])
            tracker.add_frame(stamp_s - zero_s, few if k >= blind_from else tracks)
            if k == blind_from + 5:
                assert tracker.condition == "tracking"
            if k == blind_from + 8:
                break
        assert tracker.condition == "degraded"


@pytest.mark.parametrize("value", [np.nan, -1.0])
def test_a_broken_covariance_means_lost_and_no_pose(made: FlightTracks, value: float) -> None:
    tracker = InertialFilter(made.T_body_camera, OPTIONS)
    feed(tracker, made, last=45)
    assert tracker.state is not None
    tracker.state.P[3, 3] = value
    feed(tracker, made, first=45, last=46)
    assert tracker.condition == "lost"
    assert tracker.estimate() is None
    feed(tracker, made, first=46, last=48)


def test_frames_out_of_order_are_counted(made: FlightTracks) -> None:
    tracker = InertialFilter(made.T_body_camera, OPTIONS)
    feed(tracker, made, last=40)
    tracks = FeatureTracks(*made.frames[39])
    tracker.add_frame(float(made.stamps_s[39]), tracks)
    tracker.add_frame(float(made.stamps_s[30]), tracks)
    assert tracker.n_stamps_dropped == 2


def test_camera_pose_carries_the_bodys_covariance(flown: list[InertialEstimate]) -> None:
    T_bc = se3.exp(np.array([0.3, 0.2, -0.5, 0.1, 0.2, 0.3]))
    tracked = flown[-1].tracked_pose(3, T_bc)
    xi = 1e-4 * np.arange(1.0, 7.0)
    moved = se3.inverse(tracked.T_world_camera) @ flown[-1].T_world_body @ se3.exp(xi) @ T_bc
    assert tracked.covariance is not None
    in_body = xi @ np.linalg.solve(flown[-1].covariance, xi)
    in_camera = se3.log(moved) @ np.linalg.solve(tracked.covariance, se3.log(moved))
    assert in_camera == pytest.approx(in_body, rel=1e-6)
