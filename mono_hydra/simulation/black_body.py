"""Colour of light by its temperature."""

from __future__ import annotations

import numpy as np

from mono_hydra.types import F8


def kelvin_rgb(kelvin: float) -> F8:
    """(3,) linear colour of a black body relative to 6500 K, of luminance 1.

    Source: the usual polynomial fit of the Planckian locus in sRGB, evaluated on 1000..12000 K.
    """
    t = float(np.clip(kelvin, 1500.0, 12000.0)) / 100.0
    red = 1.0 if t <= 66 else 1.2929 * (t - 60) ** -0.1332
    green = 0.3901 * np.log(t) - 0.6318 if t <= 66 else 1.1299 * (t - 60) ** -0.0755
    blue = 1.0 if t >= 66 else (0.0 if t <= 19 else 0.5432 * np.log(t - 10) - 1.1963)
    linear = np.clip([red, green, blue], 0.02, 1.0) ** 2.2
    return np.asarray(linear / (linear @ np.array([0.2126, 0.7152, 0.0722])))
