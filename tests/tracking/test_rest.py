"""Rest: recognised, not imagined, and the state that starts from it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mono_hydra.errors import TrackingError
from mono_hydra.geometry import se3
from mono_hydra.simulation.imu import DEVICES
from mono_hydra.simulation.motion import Motion
from mono_hydra.simulation.tracks import T_BODY_CAMERA, simulate_flight
from mono_hydra.tracking.filter_state import CORE, FilterState
from mono_hydra.tracking.imu import ImuModel
from mono_hydra.tracking.inertial_filter import InertialFilter
from mono_hydra.tracking.rest import common_flow_px, first_state, read_rest
from mono_hydra.tracking.track_store import FeatureTracks
from mono_hydra.tracking.updates import gravity_rows, rest_rows
from mono_hydra.types import F8, ImuSamples
from tests.tracking.flights import OPTIONS, flight, steps

MODEL = ImuModel(DEVICES["euroc"])


def at_rest(R_world_body: F8, seed: int = 0) -> ImuSamples:
    """A second of samples without start biases."""
    rng = np.random.default_rng(seed)
    white = rng.standard_normal((2, 200, 3)) * np.sqrt(200.0)
    gyro = 0.01 + MODEL.noise.gyro * white[0]
    accel = R_world_body.T @ [0.0, 0.0, 9.81] + MODEL.noise.accel * white[1]
    return ImuSamples(np.arange(200) / 200.0, gyro, accel)


@pytest.mark.parametrize("tilt", [(0, 0), (0.5, 0), (0, -1.2), (np.pi, 0), (2.0, 1.0)])
def test_start_finds_the_vertical(tilt: tuple[float, float]) -> None:
    R = se3.exp_so3(np.array([tilt[0], 0.0, 0.0])) @ se3.exp_so3(np.array([0.0, tilt[1], 0.0]))
    state = first_state(0.0, read_rest(at_rest(R), MODEL), 0.1, 9.81)
    up = state.R.T @ [0.0, 0.0, 1.0]
    assert np.degrees(np.arccos(min(up @ R.T @ [0.0, 0.0, 1.0], 1.0))) < 0.2
    np.testing.assert_allclose(state.gyro_bias, 0.01, atol=1e-3)


def test_tilt_is_known_as_badly_as_the_accelerometers_bias() -> None:
    state = first_state(0.0, read_rest(at_rest(np.eye(3)), MODEL), 0.1, 9.81)
    sigma = np.sqrt(np.diag(state.P))
    np.testing.assert_allclose(sigma[:2], 0.15 / 9.81, rtol=0.1)
    assert (sigma[12:14] > 0.05).all()


@pytest.mark.parametrize(
    ("gyro", "accel", "word"), [(1.0, 1.0 / 9.81, "m/s2"), (57.3, 1.0, "rad/s")]
)
def test_wrong_units_are_refused_in_one_line(gyro: float, accel: float, word: str) -> None:
    samples = at_rest(np.eye(3))
    wrong = replace(
        samples, gyro_rad_s=gyro * samples.gyro_rad_s, accel_m_s2=accel * samples.accel_m_s2
    )
    with pytest.raises(TrackingError, match=word) as caught:
        first_state(0.0, read_rest(wrong, MODEL), 0.1, 9.81)
    assert "\n" not in str(caught.value)


def test_rest_rows_are_derivatives() -> None:
    rng = np.random.default_rng(1)
    state = FilterState(0.0, se3.exp_so3(rng.normal(size=3)), np.eye(CORE))
    state.motion[:] = rng.normal(size=(2, 3))
    gyro, accel = rng.normal(size=3), rng.normal(size=3)
    H, _ = rest_rows(state, gyro, accel)
    D, step = np.zeros((9, CORE)), 1e-6
    for i in range(15):
        sides = []
        for sign in (1.0, -1.0):
            other = FilterState(0.0, state.R, np.eye(CORE))
            other.motion[:] = state.motion
            d = np.zeros(CORE)
            d[i] = sign * step
            other.correct(d)
            sides.append(rest_rows(other, gyro, accel)[1])
        D[:, i] = -(sides[0] - sides[1]) / (2.0 * step)
    np.testing.assert_allclose(H, D, atol=1e-6)
    np.testing.assert_array_equal(gravity_rows(state, accel)[0], H[6:])


def test_flow_ignores_turns_noise_and_a_passer_by() -> None:
    rng = np.random.default_rng(3)
    ids, n = np.arange(60), 60
    rays = np.column_stack([rng.uniform(-0.6, 0.6, (n, 2)), np.ones(n)])
    R_old_new = se3.exp_so3(np.array([0.02, -0.03, 0.05]))
    turned = rays @ R_old_new
    new = turned[:, :2] / turned[:, 2:] + rng.standard_normal((n, 2)) / 460.0
    new[:12] += 0.2
    flow = common_flow_px(
        FeatureTracks(ids, rays[:, :2]), FeatureTracks(ids, new), R_old_new, 460.0
    )
    assert flow < 1.0


def test_twenty_seconds_at_rest_then_motion() -> None:
    made = flight(0, 4.0, rest_s=20.0, n_tracks=40)
    tracker = InertialFilter(made.T_body_camera, OPTIONS)
    for k, stamp_s, samples, tracks in steps(made):
        tracker.propagate(samples, stamp_s)
        tracker.add_frame(stamp_s, tracks)
        estimate = tracker.estimate()
        if estimate is not None and stamp_s < 21.0:
            assert np.linalg.norm(estimate.velocity_world_m_s) < 0.02
            assert np.linalg.norm(estimate.T_world_body[:3, 3]) < 0.05
        if k == len(made.stamps_s) - 1:
            assert estimate is not None
            error = np.linalg.norm(estimate.velocity_world_m_s) - np.linalg.norm(
                made.velocity_m_s[k]
            )
            assert abs(error) < 0.1


def test_constant_speed_with_ten_tracks_is_never_rest() -> None:
    rng = np.random.default_rng(4)
    control = np.zeros((60, 6))
    control[:, 1] = 0.03 * np.maximum(np.arange(60) - 24, 0)  # 0.3 m/s, sideways, after rest
    motion = Motion(control)
    made = simulate_flight(motion, DEVICES["euroc"], rng, n_tracks=10)
    tracker = InertialFilter(T_BODY_CAMERA, OPTIONS)
    rested = []
    for _, stamp_s, samples, tracks in steps(made):
        tracker.propagate(samples, stamp_s)
        tracker.add_frame(stamp_s, tracks)
        rested.append((stamp_s, tracker.is_resting))
    assert any(r for s, r in rested if s < 2.0)
    assert not any(r for s, r in rested if s > 2.7)
