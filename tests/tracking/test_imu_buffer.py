"""Inertial samples: cut at stamps, faults met."""

from __future__ import annotations

import numpy as np
import pytest

from mono_hydra.tracking.imu import ImuBuffer, ImuModel
from mono_hydra.types import ImuSamples


def ramp(stamps_s: list[float]) -> ImuSamples:
    """Samples whose every value is their stamp."""
    stamps = np.array(stamps_s)
    values = np.tile(stamps[:, None], (1, 3))
    return ImuSamples(stamps, values, values)


def test_steps_are_cut_at_both_stamps() -> None:
    buffer = ImuBuffer(ImuModel())
    buffer.add(ramp([0.0, 0.01, 0.02, 0.03]))
    steps = buffer.steps(0.005, 0.025)
    np.testing.assert_allclose(steps.dt_s, [0.005, 0.01, 0.005])
    np.testing.assert_allclose(steps.gyro_rad_s[:, 0], [0.005, 0.01, 0.02, 0.025])


@pytest.mark.parametrize("stamps_s", [[0.0, 0.01, 0.01], [0.0, 0.02, 0.01], [0.0, 0.01, np.nan]])
def test_equal_backward_and_unknown_stamps_are_dropped(stamps_s: list[float]) -> None:
    buffer = ImuBuffer(ImuModel())
    buffer.add(ramp(stamps_s))
    assert buffer.n_dropped == 1
    assert len(buffer.between(-1.0, 1.0).stamps_s) == 2


def test_order_is_kept_from_call_to_call() -> None:
    buffer = ImuBuffer(ImuModel())
    buffer.add(ramp([0.0, 0.02]))
    buffer.add(ramp([0.01, 0.03]))
    np.testing.assert_array_equal(buffer.between(-1.0, 1.0).stamps_s, [0.0, 0.02, 0.03])


def test_a_gap_brings_the_noise_of_an_unknown_motion() -> None:
    model = ImuModel()
    buffer = ImuBuffer(model)
    buffer.add(ramp([0.0, 0.005, 0.205, 0.21]))
    steps = buffer.steps(0.0, 0.21)
    assert steps.longest_gap_s == pytest.approx(0.2)
    np.testing.assert_allclose(np.argsort(steps.gyro_density2)[-1], 1)
    grown = steps.gyro_density2[1] * steps.dt_s[1]
    assert grown == pytest.approx((0.6 * 0.2) ** 2, rel=1e-3)
    assert steps.gyro_density2[0] == pytest.approx(model.noise.gyro**2)


def test_a_saturated_sample_counts_for_little() -> None:
    model = ImuModel(gyro_range_rad_s=10.0)
    buffer = ImuBuffer(model)
    gyro = np.zeros((4, 3))
    gyro[1, 2] = -9.8
    buffer.add(ImuSamples(np.arange(4) / 200.0, gyro, np.zeros((4, 3))))
    factor = np.sqrt(buffer.steps(0.0, 0.015).gyro_density2) / model.noise.gyro
    np.testing.assert_allclose(factor, [100.0, 100.0, 1.0])


def test_spikes_take_the_median_around_them_and_motion_is_left_alone() -> None:
    t = np.arange(400) / 200.0
    gyro = np.column_stack([2.0 * np.sin(9.0 * t), np.zeros(400), np.cos(5.0 * t)])
    accel = np.column_stack([8.0 * np.sin(20.0 * t), np.zeros(400), 9.81 + np.zeros(400)])
    hit = np.arange(20, 400, 37)
    spoilt_gyro, spoilt_accel = gyro.copy(), accel.copy()
    spoilt_gyro[hit] += 5.0
    spoilt_accel[hit] -= 40.0
    for chunk in (13, 400):
        buffer = ImuBuffer(ImuModel())
        clean = ImuBuffer(ImuModel())
        for first in range(0, 400, chunk):
            part = slice(first, first + chunk)
            buffer.add(ImuSamples(t[part], spoilt_gyro[part], spoilt_accel[part]))
            clean.add(ImuSamples(t[part], gyro[part], accel[part]))
        assert buffer.n_spikes == len(hit)
        assert clean.n_spikes == 0
        mended = buffer.between(-1.0, 3.0)
        assert np.abs(mended.gyro_rad_s - gyro).max() < 0.5
        assert np.abs(mended.accel_m_s2 - accel).max() < 3.0
