"""A camera that turns on the spot: no parallax, tracks of a few frames."""

from __future__ import annotations

import numpy as np
import pytest

from mono_hydra.simulation.imu import DEVICES
from mono_hydra.simulation.motion import KNOT_S, Motion
from mono_hydra.simulation.tracks import T_BODY_CAMERA, simulate_flight
from mono_hydra.tracking.inertial_filter import InertialFilter
from mono_hydra.tracking.track_store import FeatureTracks
from tests.tracking.flights import OPTIONS, steps


@pytest.mark.parametrize("depth", [False, True])
def test_turning_on_the_spot_moves_nothing(depth: bool) -> None:
    n_rest, n_turn = round(2.0 / KNOT_S), round(8.0 / KNOT_S)
    control = np.zeros((n_rest + n_turn, 6))
    control[n_rest:, 3] = 1.2 * KNOT_S * np.arange(n_turn)  # 70 degrees a second
    control[:, 3] = np.convolve(np.pad(control[:, 3], 4, mode="edge"), np.full(9, 1 / 9), "valid")
    rng = np.random.default_rng(6)
    made = simulate_flight(
        Motion(control), DEVICES["tumvi"], rng, predicted_depth=depth, n_tracks=60
    )
    names = np.arange(100_000)  # of the tracks; a quarter is lost from frame to frame in the turn
    tracker = InertialFilter(T_BODY_CAMERA, OPTIONS)
    off_m = []
    for k, stamp_s, samples, tracks in steps(made):
        tracker.propagate(samples, stamp_s)
        if stamp_s > 2.0:
            lost = np.flatnonzero(rng.random(len(names)) < 0.25)
            names[lost] = 100_000 * (k + 1) + lost
        tracks = FeatureTracks(names[tracks.ids], tracks.points, tracks.depth_m, tracks.depth_sigma)
        tracker.add_frame(stamp_s, tracks)
        estimate = tracker.estimate()
        if estimate is not None:
            start = made.T_world_body[0][:3, 3]
            moved = made.T_world_body[k][:3, 3] - start
            off_m.append(np.linalg.norm(estimate.T_world_body[:3, 3]) - np.linalg.norm(moved))
    assert len(off_m) > 100
    assert np.abs(off_m).max() < 0.15  # 3.2 m without updates from tracks without parallax
    assert tracker.condition == "tracking"
