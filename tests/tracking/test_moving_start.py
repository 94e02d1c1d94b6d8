"""Starts from windows of simulated flights, against the truth."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from mono_hydra.geometry import se3
from mono_hydra.simulation.imu import DEVICES
from mono_hydra.simulation.tracks import FOCAL_PX, FlightTracks, made_path, simulate_flight
from mono_hydra.tracking.filter_state import FilterState
from mono_hydra.tracking.imu import ImuBuffer, ImuModel
from mono_hydra.tracking.moving_start import StartLimits, StartWindow, moving_start
from mono_hydra.tracking.track_store import FeatureTracks
from mono_hydra.types import F8

MODEL = ImuModel(DEVICES["tumvi"])
WALKS = (MODEL.noise.gyro_walk, MODEL.noise.accel_walk)


def flight(seed: int) -> FlightTracks:
    rng = np.random.default_rng(seed)
    return simulate_flight(made_path(14.0, rng), DEVICES["tumvi"], rng, predicted_depth=True)


def window(made: FlightTracks, first: int, *, depth_factor: float | None = 1.0) -> StartWindow:
    """A second at 10 Hz; depth in two of the images."""
    at = np.arange(first, first + 21, 2)
    buffer = ImuBuffer(MODEL, 100.0)
    buffer.add(made.imu)
    tracks = []
    for n, k in enumerate(at):
        ids, points, depth_m, sigma = made.frames[k]
        with_depth = n in (0, 5) and depth_factor is not None
        tracks.append(
            FeatureTracks(ids, points, depth_m * depth_factor, sigma)
            if with_depth
            else FeatureTracks(ids, points)
        )
    stamps = made.stamps_s[at]
    steps = [buffer.steps(a, b) for a, b in itertools.pairwise(stamps)]
    return StartWindow(stamps, tracks, steps)


def start(made: FlightTracks, first: int, **options) -> FilterState | None:
    limits = StartLimits(inflation=1.0)
    return moving_start(
        window(made, first, **options), made.T_body_camera, WALKS, FOCAL_PX, limits=limits
    )


def errors(state: FilterState, made: FlightTracks, k: int) -> F8:
    """Tilt (2) and velocity (3), as the filter defines them; the heading is the start's own."""
    R = made.T_world_body[k][:3, :3]
    heading = se3.exp_so3(np.array([0.0, 0.0, -np.arctan2(R[1, 0], R[0, 0])]))
    turn = heading @ R @ state.R.T
    lag = heading @ made.velocity_m_s[k] - turn @ state.v
    return np.concatenate([se3.log_so3(turn)[:2], lag])


def test_moving_devices_are_found_with_an_honest_covariance():
    nees = []
    for seed in range(4):
        made = flight(seed)
        for first in (60, 160):
            state = start(made, first)
            assert state is not None
            e = errors(state, made, first + 20)
            assert np.linalg.norm(e[:2]) < np.deg2rad(2.0)
            assert np.linalg.norm(e[2:]) < 0.2
            at = np.array([0, 1, 3, 4, 5])
            nees.append(e @ np.linalg.solve(state.P[np.ix_(at, at)], e) / 5.0)
            assert np.abs(state.gyro_bias - true_bias(made, first)).max() < 0.02
    assert 0.3 < np.mean(nees) < 5.0  # before the inflation that a run uses


def true_bias(made: FlightTracks, first: int) -> F8:
    """Of the gyroscope, from the rest that each flight begins with."""
    del first
    return made.imu.gyro_rad_s[:200].mean(axis=0)


@pytest.mark.parametrize("factor", [0.85, 1.2])
def test_wrong_depth_is_told_apart_from_motion_or_covered_by_sigma(factor: float):
    made = flight(1)
    state = start(made, 60, depth_factor=factor)
    assert state is not None
    miss = state.log_scale - (np.log(factor) + made.log_scale[70])
    assert abs(miss) < 4.0 * np.sqrt(state.P[15, 15])


def test_no_depth_no_start():
    assert start(flight(0), 60, depth_factor=None) is None


def test_few_tracks_no_start():
    made = flight(0)
    full = window(made, 60)
    few = [FeatureTracks(t.ids[:8], t.points[:8], t.depth_m, t.depth_sigma) for t in full.tracks]
    thin = StartWindow(full.stamps_s, few, full.steps)
    assert moving_start(thin, made.T_body_camera, WALKS, FOCAL_PX) is None


def test_tracks_that_contradict_the_imu_give_no_start():
    made = flight(2)
    full = window(made, 60)
    rng = np.random.default_rng(0)
    noise = [t.points + rng.normal(0.0, 0.03, t.points.shape) for t in full.tracks]
    wild = [
        FeatureTracks(t.ids, p, t.depth_m, t.depth_sigma)
        for t, p in zip(full.tracks, noise, strict=True)
    ]
    broken = StartWindow(full.stamps_s, wild, full.steps)
    assert moving_start(broken, made.T_body_camera, WALKS, FOCAL_PX) is None
