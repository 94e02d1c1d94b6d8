"""Inertial samples belong to the motion, and their noise is the device's."""

from __future__ import annotations

import numpy as np
import pytest

from mono_hydra.errors import SimulationError
from mono_hydra.simulation.checks import check_imu, integrated_end
from mono_hydra.simulation.imu import DEVICES, GRAVITY_M_S2, ImuNoise, sense
from mono_hydra.simulation.motion import Motion, MotionState

RATE_HZ = 200.0


def moving_body(seconds: float = 12.0) -> MotionState:
    rng = np.random.default_rng(3)
    steps = rng.normal(0.0, 0.03, (round(seconds * 10) + 3, 6))
    steps[:25] = 0.0
    smooth = np.stack([np.convolve(c, np.ones(5) / 5, "same") for c in np.cumsum(steps, 0).T], 1)
    return Motion(smooth).body(np.arange(0.0, seconds, 1.0 / RATE_HZ), np.eye(4))


def test_perfect_samples_at_rest_read_gravity_upwards() -> None:
    body = Motion(np.zeros((30, 6))).body(np.arange(0.0, 2.0, 0.005), np.eye(4))
    imu = sense(body, RATE_HZ, DEVICES["perfect"], np.random.default_rng(0))
    up = np.einsum("nij,nj->ni", body.T_world[:, :3, :3], imu.samples.accel_m_s2)
    np.testing.assert_allclose(up, np.tile([0.0, 0.0, GRAVITY_M_S2], (len(up), 1)), atol=1e-9)
    np.testing.assert_allclose(imu.samples.gyro_rad_s, 0.0, atol=1e-12)


def test_perfect_samples_integrate_to_the_path_within_5_mm() -> None:
    body = moving_body()
    end = integrated_end(body, 0, 1000)
    assert np.linalg.norm(end - body.T_world[1000, :3, 3]) < 0.005
    check_imu(body)


def test_a_motion_that_is_not_its_own_derivative_is_found() -> None:
    body = moving_body()
    wrong = MotionState(
        body.stamps_s, body.T_world, body.velocity_m_s, body.acceleration_m_s2 + 0.01,
        body.rate_rad_s, body.rate_change_rad_s2,
    )  # fmt: skip
    with pytest.raises(SimulationError, match="mm off the path"):
        check_imu(wrong)


def test_white_noise_has_the_density_times_the_root_of_the_rate() -> None:
    body = Motion(np.zeros((1003, 6))).body(np.arange(0.0, 100.0, 1.0 / RATE_HZ), np.eye(4))
    noise = ImuNoise(1e-3, 0.0, 2e-3, 0.0, gyro_bias=0.0, accel_bias=0.0)
    samples = sense(body, RATE_HZ, noise, np.random.default_rng(1)).samples
    assert samples.gyro_rad_s.std() == pytest.approx(1e-3 * np.sqrt(RATE_HZ), rel=0.02)
    assert samples.accel_m_s2.std(axis=0).mean() == pytest.approx(2e-3 * np.sqrt(RATE_HZ), rel=0.02)


def test_the_bias_walks_with_the_root_of_time() -> None:
    body = Motion(np.zeros((103, 6))).body(np.arange(0.0, 10.0, 1.0 / RATE_HZ), np.eye(4))
    noise = ImuNoise(0.0, 1e-3, 0.0, 1e-2, gyro_bias=0.0, accel_bias=0.0)
    ends = [
        sense(body, RATE_HZ, noise, np.random.default_rng(k)).gyro_bias_rad_s[-1]
        for k in range(200)
    ]
    assert np.std(ends) == pytest.approx(1e-3 * np.sqrt(10.0), rel=0.1)


def test_the_time_offset_moves_the_stamps_alone() -> None:
    body = moving_body(3.0)
    a = sense(body, RATE_HZ, DEVICES["d455"], np.random.default_rng(5))
    b = sense(body, RATE_HZ, DEVICES["d455"], np.random.default_rng(5), offset_s=0.02)
    np.testing.assert_allclose(b.samples.stamps_s - a.samples.stamps_s, 0.02, atol=1e-12)
    np.testing.assert_array_equal(a.samples.gyro_rad_s, b.samples.gyro_rad_s)
