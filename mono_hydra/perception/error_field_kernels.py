"""Gaussian process regression without calls into a threaded library, which small systems wait for.

Rasmussen and Williams (2006): algorithm 2.1 for mean and variance, equation 4.19 for the kernel.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mono_hydra.types import F4, I4

BLOCK = 128  # wanted points solved together, so that they stay in the cache
ONE = np.float32(1.0)


@njit(cache=True, nogil=True, error_model="numpy")
def _correlate(points_m: F4, x: float, y: float, z: float, per_square: np.float32, out: F4) -> None:
    """Correlation of the field at points (3, N) and at a place: (1 + r^2 / 16 l^2)^-8, plus none.

    The rational quadratic kernel is close to the Gaussian one and needs no exponential.
    """
    for i in range(out.shape[0]):
        a, b, c = points_m[0, i] - x, points_m[1, i] - y, points_m[2, i] - z
        near = ONE / (ONE + (a * a + b * b + c * c) * per_square)
        near *= near
        near *= near
        out[i] = near * near


@njit(cache=True, nogil=True, error_model="numpy")
def regress(
    points_m: F4,
    known: F4,
    known_sigma: F4,
    group_of_known: I4,
    wanted_m: F4,
    nugget: F4,
    length_m: float,
    scale_share: float,
    mean: F4,
    explained: F4,
) -> None:
    """Mean (W,) and explained variance (W,) of an error with variance 1 at wanted_m (3, W).

    Known errors (A,) at points_m (3, A) of one group share the uncertainty known_sigma. Of the
    variance, scale_share is one number for the view, the rest a field; the known have their own
    nugget (A,), a standard deviation, beside it.
    """
    n, m = known.shape[0], mean.shape[0]
    per_square = np.float32(1.0 / (16.0 * length_m * length_m))
    flat, smooth = np.float32(scale_share), np.float32(1.0 - scale_share)
    # rows of the upper factor: the inner loops run over neighbours in memory
    U = np.empty((n, n), np.float32)
    white = known.copy()
    for i in range(n):
        row = U[i, i:]
        _correlate(points_m[:, i:], points_m[0, i], points_m[1, i], points_m[2, i], per_square, row)
        shared = known_sigma[i]
        for j in range(n - i):
            row[j] = flat + smooth * row[j]
            if group_of_known[i + j] == group_of_known[i]:
                row[j] += shared * known_sigma[i + j]
        row[0] += nugget[i] * nugget[i]
    for k in range(n):
        row = U[k, k:]
        scale = ONE / math.sqrt(max(row[0], np.float32(1e-6)))
        for j in range(n - k):
            row[j] *= scale
        white[k] *= scale
        for i in range(k + 1, n):
            factor = U[k, i]
            below = U[i, i:]
            above = U[k, i:]
            for j in range(n - i):
                below[j] -= factor * above[j]
            white[i] -= factor * white[k]
    V = np.empty((n, BLOCK), np.float32)
    for start in range(0, m, BLOCK):
        size = min(BLOCK, m - start)
        chunk = wanted_m[:, start : start + size]
        chunk_mean, chunk_explained = mean[start : start + size], explained[start : start + size]
        for j in range(size):
            chunk_mean[j] = np.float32(0.0)
            chunk_explained[j] = np.float32(0.0)
        for k in range(n):
            target = V[k, :size]
            _correlate(chunk, points_m[0, k], points_m[1, k], points_m[2, k], per_square, target)
            for j in range(size):
                target[j] = flat + smooth * target[j]
        for k in range(n):
            solved = V[k, :size]
            scale, value = ONE / U[k, k], white[k]
            for j in range(size):
                solved[j] *= scale
                chunk_mean[j] += value * solved[j]
                chunk_explained[j] += solved[j] * solved[j]
            for i in range(k + 1, n):
                factor = U[k, i]
                target = V[i, :size]
                for j in range(size):
                    target[j] -= factor * solved[j]
