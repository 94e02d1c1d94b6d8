"""What a few known errors of ln depth say about the error everywhere else in the view.

Gaussian process regression: the error of a view is one number for the whole image (its scale)
plus a smooth field over the surface, both larger where the depth is less sure.
Rasmussen and Williams (2006), chapter 2.
"""

from __future__ import annotations

import numpy as np

from mono_hydra.perception.error_field_kernels import regress
from mono_hydra.types import F4, F8, I4

LENGTH_M = 0.4  # of the field; shorter than a network's, so that it promises less
SCALE_SHARE = 0.2  # of the variance of ln depth that belongs to the whole image
NUGGET = 0.015  # standard deviation of what neither explains


def infer_error(
    points_m: F8,
    known: F8,
    known_sigma: F8,
    plane_of_known: I4,
    sigma: F8,
    wanted_m: F8,
) -> tuple[F4, F4]:
    """Error of ln depth at wanted points, both as shares of what was expected there.

    Args:
        points_m: (A, 3) where the error is known.
        known: (A,) errors there.
        known_sigma: (A,) uncertainty by the plane the error was measured with.
        plane_of_known: (A,) errors measured with one plane share its uncertainty.
        sigma: (A,) standard deviation of ln depth before anything is known.
        wanted_m: (W, 3).

    Returns:
        Mean (W,) in standard deviations of the wanted point, and share of its variance that
        remains (W,), 1 where nothing is learnt.
    """
    mean = np.zeros(len(wanted_m), np.float32)
    explained = np.zeros(len(wanted_m), np.float32)
    if len(points_m):
        middle = points_m.mean(axis=0)  # single precision wants small numbers
        regress(
            np.ascontiguousarray((points_m - middle).T, np.float32),
            (known / sigma).astype(np.float32), (known_sigma / sigma).astype(np.float32),
            plane_of_known, np.ascontiguousarray((wanted_m - middle).T, np.float32),
            (NUGGET / sigma).astype(np.float32), LENGTH_M, SCALE_SHARE, mean, explained,
        )  # fmt: skip
    return mean, np.clip(np.float32(1.0) - explained, np.float32(0.0), np.float32(1.0))
