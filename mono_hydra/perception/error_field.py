"""What a few known errors of ln depth say about the error everywhere else in the view.

Gaussian process regression: the error of a view is one number for the whole image (its scale)
plus a smooth field over the surface. Rasmussen and Williams (2006), chapter 2.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from mono_hydra.types import F8, I4

LENGTH_M = 0.4  # of the field; shorter than a network's, so that it promises less
SCALE_SHARE = 0.2  # of the variance of ln depth that belongs to the whole image
NUGGET = 0.015  # standard deviation of what neither explains


def infer_error(
    points_m: F8,
    known: F8,
    known_sigma: F8,
    plane_of_known: I4,
    wanted_m: F8,
    sigma: float,
) -> tuple[F8, F8]:
    """Error of ln depth at wanted points and its variance as a share of sigma^2.

    Args:
        points_m: (A, 3) where the error is known.
        known: (A,) errors there.
        known_sigma: (A,) uncertainty by the plane the error was measured with.
        plane_of_known: (A,) errors measured with one plane share its uncertainty.
        wanted_m: (W, 3).
        sigma: standard deviation of ln depth before anything is known.

    Returns:
        Mean (W,) and remaining share of the variance (W,), 1 where nothing is learnt.
    """
    if not len(points_m):
        return np.zeros(len(wanted_m)), np.ones(len(wanted_m))
    variance = sigma * sigma
    shared = plane_of_known[:, None] == plane_of_known[None, :]
    K = variance * _correlation(points_m, points_m)
    K += np.where(shared, np.outer(known_sigma, known_sigma), 0.0)
    K[np.diag_indices(len(K))] += NUGGET**2
    cross = variance * _correlation(wanted_m, points_m)
    L = cholesky(K, lower=True)
    white = solve_triangular(L, cross.T, lower=True)
    mean = solve_triangular(L, known, lower=True) @ white
    explained = (white**2).sum(axis=0)
    return mean, np.clip(1.0 - explained / variance, (0.5 * NUGGET / sigma) ** 2, 1.0)


def _correlation(a_m: F8, b_m: F8) -> F8:
    square = (a_m**2).sum(1)[:, None] + (b_m**2).sum(1)[None, :] - 2.0 * a_m @ b_m.T
    smooth = np.exp(-0.5 * np.maximum(square, 0.0) / LENGTH_M**2)
    return np.asarray(SCALE_SHARE + (1.0 - SCALE_SHARE) * smooth)
