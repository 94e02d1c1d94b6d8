"""Loops over the pairs of patches of a plane."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mono_hydra.types import F8


@njit(cache=True, nogil=True, error_model="numpy")
def weigh(
    patches: F8, scale_share: float, n_views: float, length_m: float, turn_rad: float
) -> tuple[float, float]:
    """Offset of a plane and its standard deviation from patches (N, 7): Plane.patches.

    Errors of ln depth of two patches are correlated by how near they lie (length_m) and how
    similarly they were seen (turn_rad). A patch counts the less the more others repeat it; the
    variance of the weighted mean is exact for those correlations, whatever the weights.
    """
    n = patches.shape[0]
    weights = np.empty(n)
    rho = np.empty((n, n))
    per_square, per_turn = 0.5 / length_m**2, 0.5 / turn_rad**2
    for i in range(n):
        for j in range(i, n):
            a, b = patches[i, 3] - patches[j, 3], patches[i, 4] - patches[j, 4]
            turn = abs(patches[i, 5] - patches[j, 5])
            turn = min(turn, 2.0 * math.pi - turn)
            exponent = (a * a + b * b) * per_square + turn * turn * per_turn
            r = math.exp(-exponent) if exponent < 6.0 else 0.0
            r *= 1.0 - scale_share
            rho[i, j] = r
            rho[j, i] = r
        rho[i, i] += scale_share / patches[i, 0]  # the scale of a view is drawn anew
    for i in range(n):
        repeated = 0.0
        for j in range(n):
            repeated += rho[i, j]
        weights[i] = 1.0 / (max(patches[i, 2], 0.3) ** 2 * patches[i, 6] * repeated)
    total, offset, variance, scale = 0.0, 0.0, 0.0, 0.0
    for i in range(n):
        total += weights[i]
        offset += weights[i] * patches[i, 1]
        own = weights[i] * max(patches[i, 2], 0.3) * math.sqrt(patches[i, 6])
        scale += own
        row = 0.0
        for j in range(n):
            row += rho[i, j] * weights[j] * max(patches[j, 2], 0.3) * math.sqrt(patches[j, 6])
        variance += own * row
    variance += scale * scale * scale_share / n_views
    return offset / total, math.sqrt(variance) / total
