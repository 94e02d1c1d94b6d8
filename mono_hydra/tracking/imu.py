"""Inertial samples on their way into the filter: buffered, cut at frame stamps, with their noise.

Noise as continuous densities (Kalibr's names, `simulation.imu.DEVICES`). Body = IMU frame; the
accelerometer at rest reads +9.81 along world up. Faults are met here: samples out of order are
dropped and counted, gaps and saturated samples get a larger noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mono_hydra.simulation.imu import DEVICES, ImuNoise
from mono_hydra.types import F8, ImuSamples

SATURATED_SHARE = 0.95  # of the range; sensors bend before they clip
SATURATED_FACTOR = 100.0
SPIKE_WINDOW = 7  # samples, up to the one that is judged and those known after it
SPIKE_GYRO_RAD_S, SPIKE_ACCEL_M_S2 = 1.0, 10.0  # from the median: more than a jolt does
SPIKE_MADS = 6.0  # median absolute deviations, where the motion itself is rough
GAP_GYRO_RAD_S = 0.6  # what a hand-held camera may turn while nothing is heard of it
GAP_ACCEL_M_S2 = 3.0
REAL_EUROC = DEVICES["euroc"].scaled(3.0)  # white noise stands in for scale errors and tilts


@dataclass(frozen=True)
class ImuModel:
    """What the filter believes of the device."""

    noise: ImuNoise = REAL_EUROC
    rate_hz: float = 200.0
    gyro_range_rad_s: float = 17.4  # 1000 deg/s
    accel_range_m_s2: float = 156.0  # 16 g
    max_gap_s: float = 0.05


@dataclass(frozen=True, eq=False)
class ImuSteps:
    """Samples of one stretch of time, its ends included; K steps between K + 1 samples."""

    dt_s: F8  # (K,)
    gyro_rad_s: F8  # (K + 1, 3)
    accel_m_s2: F8  # (K + 1, 3)
    gyro_density2: F8  # (K,) squared densities, rad2/s
    accel_density2: F8  # (K,) m2/s3
    longest_gap_s: float  # between two true samples


class ImuBuffer:
    """The last seconds of samples."""

    def __init__(self, model: ImuModel, keep_s: float = 6.0) -> None:
        self.model = model
        self.n_dropped = 0
        self.n_spikes = 0
        self._keep_s = keep_s
        self._rows = np.zeros((0, 7))  # stamp, gyro, accel

    def add(self, samples: ImuSamples) -> None:
        """Append samples; those not finite or not later than the last are dropped and counted.

        A sample far from those around it takes their median; it is counted too.
        """
        rows = np.column_stack([samples.stamps_s, samples.gyro_rad_s, samples.accel_m_s2])
        finite = np.isfinite(rows).all(axis=1)
        start = self._rows[-1, 0] if len(self._rows) else -np.inf
        latest = np.maximum.accumulate(np.where(finite, rows[:, 0], -np.inf))
        before = np.maximum(np.concatenate([[-np.inf], latest[:-1]]), start)
        good = finite & (rows[:, 0] > before)
        self.n_dropped += int(np.count_nonzero(~good))
        n_known = len(self._rows)
        rows = np.concatenate([self._rows, rows[good]])
        self.n_spikes += _mend_spikes(rows, n_known)
        if len(rows):
            rows = rows[rows[:, 0] >= rows[-1, 0] - self._keep_s]
        self._rows = rows

    def between(self, start_s: float, end_s: float) -> ImuSamples:
        """True samples with start < stamp <= end."""
        stamps = self._rows[:, 0]
        rows = self._rows[(stamps > start_s) & (stamps <= end_s)]
        return ImuSamples(rows[:, 0], rows[:, 1:4], rows[:, 4:7])

    def steps(self, start_s: float, end_s: float) -> ImuSteps:
        """The samples between two instants, interpolated at both; the ends hold beyond the data."""
        rows, stamps = self._rows, self._rows[:, 0]
        inside = stamps[(stamps > start_s) & (stamps < end_s)]
        knots = np.concatenate([[start_s], inside, [end_s]])
        if len(rows) == 0:
            values, gaps = np.zeros((2, 6)), np.array([end_s - start_s])
        else:
            values = np.column_stack([np.interp(knots, stamps, rows[:, i]) for i in range(1, 7)])
            gaps = self._gaps(knots)
        gyro2, accel2 = self._densities(values, gaps)
        return ImuSteps(
            np.diff(knots),
            np.ascontiguousarray(values[:, :3]),
            np.ascontiguousarray(values[:, 3:]),
            gyro2,
            accel2,
            float(gaps.max()),
        )

    def _gaps(self, knots: F8) -> F8:
        """(K,) distance of the true samples on both sides of each step."""
        stamps = self._rows[:, 0]
        after = np.searchsorted(stamps, 0.5 * (knots[1:] + knots[:-1]))
        left = np.where(after > 0, stamps[(after - 1).clip(0)], knots[0])
        right = np.where(after < len(stamps), stamps[after.clip(0, len(stamps) - 1)], knots[-1])
        return np.asarray(right - left)

    def _densities(self, values: F8, gaps: F8) -> tuple[F8, F8]:
        noise, model = self.model.noise, self.model
        densities = []
        for sensor, density, reach, gap_sigma in (
            (values[:, :3], noise.gyro, model.gyro_range_rad_s, GAP_GYRO_RAD_S),
            (values[:, 3:], noise.accel, model.accel_range_m_s2, GAP_ACCEL_M_S2),
        ):
            saturated = np.abs(sensor).max(axis=1) >= SATURATED_SHARE * reach
            factor = np.where(saturated[1:] | saturated[:-1], SATURATED_FACTOR, 1.0)
            # a constant error of sigma over the gap: variance sigma^2 gap^2 at its end
            in_gap = np.where(gaps > model.max_gap_s, gap_sigma**2 * gaps, 0.0)
            densities.append((factor * density) ** 2 + in_gap)
        return densities[0], densities[1]


def _mend_spikes(rows: F8, first: int) -> int:
    """Replace spikes of rows (N, 7) from `first` on in place; how many samples had one.

    Hampel's filter: against the median of a window, which half of the samples cannot move.
    """
    half = SPIKE_WINDOW // 2
    if len(rows) < SPIKE_WINDOW or first >= len(rows):
        return 0
    windows = np.lib.stride_tricks.sliding_window_view(rows[:, 1:], SPIKE_WINDOW, axis=0)
    at = np.arange(first, len(rows))
    windows = windows[np.clip(at - half, 0, len(windows) - 1)]  # (n, 6, window)
    middle = np.median(windows, axis=2)
    spread = 1.4826 * np.median(np.abs(windows - middle[..., None]), axis=2)
    least = np.repeat([SPIKE_GYRO_RAD_S, SPIKE_ACCEL_M_S2], 3)
    is_spike = np.abs(rows[first:, 1:] - middle) > np.maximum(least, SPIKE_MADS * spread)
    rows[first:, 1:] = np.where(is_spike, middle, rows[first:, 1:])
    return int(is_spike.any(axis=1).sum())
