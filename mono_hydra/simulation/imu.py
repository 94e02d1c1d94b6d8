"""Inertial samples of a motion: exact rates and specific force, then a device's noise.

Noise as continuous densities (Kalibr's names and units; tracking.md section 1 for the devices):
discrete sigma = density sqrt(rate), walk a step = density / sqrt(rate). Body = IMU frame; the
accelerometer at rest reads +9.81 along world up. t_imu = t_image + time offset.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mono_hydra.simulation.motion import MotionState
from mono_hydra.types import F8, ImuSamples

GRAVITY_M_S2 = 9.81


@dataclass(frozen=True)
class ImuNoise:
    """Densities of one device, and the spread of what it has at the start."""

    gyro: float  # rad/s/sqrt(Hz)
    gyro_walk: float  # rad/s2/sqrt(Hz)
    accel: float  # m/s2/sqrt(Hz)
    accel_walk: float  # m/s3/sqrt(Hz)
    gyro_bias: float = 0.01  # rad/s, standard deviation of the first bias
    accel_bias: float = 0.05  # m/s2
    scale_error: float = 0.0  # standard deviation of each axis' scale factor - 1
    misalignment_rad: float = 0.0  # of the axes against one another

    def scaled(self, factor: float) -> ImuNoise:
        """The same device, `factor` times as noisy; start biases kept."""
        return ImuNoise(
            self.gyro * factor, self.gyro_walk * factor, self.accel * factor,
            self.accel_walk * factor, self.gyro_bias, self.accel_bias,
            self.scale_error, self.misalignment_rad,
        )  # fmt: skip


DEVICES = {
    "euroc": ImuNoise(1.70e-4, 1.94e-5, 2.0e-3, 3.0e-3),
    "tumvi": ImuNoise(1.6e-4, 2.2e-5, 2.8e-3, 8.6e-4),
    "d455": ImuNoise(1.76e-3, 1.72e-5, 1.97e-2, 8.3e-4),
    "perfect": ImuNoise(0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
}


@dataclass(frozen=True, eq=False)
class SensedImu:
    """Noisy samples, and the biases in them."""

    samples: ImuSamples
    gyro_bias_rad_s: F8  # (N, 3)
    accel_bias_m_s2: F8  # (N, 3)


def specific_force(body: MotionState) -> F8:
    """(N, 3) what a perfect accelerometer reads, body axes."""
    lift = body.acceleration_m_s2 + np.array([0.0, 0.0, GRAVITY_M_S2])
    return np.asarray(np.einsum("nji,nj->ni", body.T_world[:, :3, :3], lift))


def sense(
    body: MotionState,
    rate_hz: float,
    noise: ImuNoise,
    rng: np.random.Generator,
    offset_s: float = 0.0,
) -> SensedImu:
    """Samples of a device that moves as `body`; its clock runs `offset_s` ahead of the images'."""
    n = len(body.stamps_s)
    white = rng.standard_normal((2, n, 3))
    steps = rng.standard_normal((2, n, 3)) / np.sqrt(rate_hz)
    steps[:, 0] = 0.0
    first = rng.standard_normal((2, 3))
    skew = np.eye(3) + noise.misalignment_rad * rng.standard_normal((2, 3, 3))
    for k in range(2):
        skew[k][np.diag_indices(3)] = 1.0 + noise.scale_error * rng.standard_normal(3)
    gyro_bias = noise.gyro_bias * first[0] + noise.gyro_walk * np.cumsum(steps[0], axis=0)
    accel_bias = noise.accel_bias * first[1] + noise.accel_walk * np.cumsum(steps[1], axis=0)
    sigma = np.sqrt(rate_hz)
    gyro = body.rate_rad_s @ skew[0].T + gyro_bias + noise.gyro * sigma * white[0]
    accel = specific_force(body) @ skew[1].T + accel_bias + noise.accel * sigma * white[1]
    return SensedImu(ImuSamples(body.stamps_s + offset_s, gyro, accel), gyro_bias, accel_bias)
