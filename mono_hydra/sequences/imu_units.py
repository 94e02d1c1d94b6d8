"""Find the units and the sign of inertial data from the data."""

from __future__ import annotations

import numpy as np

from mono_hydra.types import F8, ImuSamples

GRAVITY_M_S2 = 9.80665
MIN_COSINE = 0.5  # agreement of acceleration and gravity that settles the sign


def to_si(
    stamps_s: F8, gyro_rad_s: F8, accel: F8, gravity: F8 | None = None
) -> tuple[ImuSamples | None, str]:
    """Samples in SI units with +9.81 along up at rest, and one line that says what was found.

    Args:
        stamps_s: (N,), need not be sorted.
        gyro_rad_s: (N, 3).
        accel: (N, 3), in m/s^2 or in g, with or without gravity, of either sign.
        gravity: (N, 3), direction of gravity (down) as the device estimates it, if it gives one.
    """
    good = np.isfinite(accel).all(axis=1) & np.isfinite(gyro_rad_s).all(axis=1)
    if good.sum() < 2:
        return None, "IMU: no usable samples"
    order = np.flatnonzero(good)[np.argsort(stamps_s[good], kind="stable")]
    order = order[np.concatenate([[True], np.diff(stamps_s[order]) > 0.0])]
    stamps_s, gyro_rad_s, accel = stamps_s[order], gyro_rad_s[order], accel[order]
    gravity = None if gravity is None else gravity[order]
    size = float(np.median(np.linalg.norm(accel, axis=1)))
    down = _unit_or_none(gravity)
    if 0.7 < size < 1.4:
        accel, unit = accel * GRAVITY_M_S2, "g"
    elif 7.0 < size < 13.0:
        unit = "m/s^2"
    elif size < 0.5 and down is not None and gravity is not None:
        # gravity was taken out; the device's own estimate puts it back, its size gives the unit
        in_g = float(np.median(np.linalg.norm(gravity, axis=1))) < 3.0
        scale = GRAVITY_M_S2 if in_g else 1.0
        # such devices state total = gravity + user's; at rest that points down, so felt = -total
        felt = -(accel * scale + down * GRAVITY_M_S2)
        note = f"IMU: acceleration without gravity in {'g' if in_g else 'm/s^2'}; gravity added"
        return ImuSamples(stamps_s, gyro_rad_s, felt), note
    else:
        return None, f"IMU: |a| is {size:.3g}, neither 1 (g) nor 9.81 (m/s^2); not used"
    sign = "sign as given (no gravity stated)"
    if down is not None:
        cosine = float(np.median(np.sum(accel * down, axis=1)) / GRAVITY_M_S2)
        if cosine > MIN_COSINE:
            accel, sign = -accel, "sign turned (it pointed along gravity)"
        elif cosine < -MIN_COSINE:
            sign = "sign as given (against gravity)"
        else:
            sign = "sign as given (gravity stated, but unrelated to the acceleration)"
    return ImuSamples(stamps_s, gyro_rad_s, accel), f"IMU: acceleration in {unit}, {sign}"


def _unit_or_none(gravity: F8 | None) -> F8 | None:
    if gravity is None or not np.isfinite(gravity).all():
        return None
    size = np.linalg.norm(gravity, axis=1, keepdims=True)
    return gravity / size if float(size.min()) > 1e-3 else None
