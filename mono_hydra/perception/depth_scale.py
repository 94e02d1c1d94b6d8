"""Scale and shift that make a network's inverse depth metric, from sparse points of known depth.

1/z = a x + b, with x the network's inverse depth: of any scale for a relative network, 1/depth for
a metric one. One function serves all of them, whoever knows the points: `find_scale`. Robust
regression by iteratively reweighted least squares; the start is Siegel's repeated median (1982),
the weights are Tukey's biweight. With Huber's, 30 % of outliers moved the worst surface by 2 to
30 %, with these by 1 %. Errors count relative to the depth: a network's are.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from mono_hydra.types import F4, F8, I8

logger = logging.getLogger(__name__)

MIN_POINTS = 15
MIN_INLIERS = 8
MIN_INLIER_SHARE = 1 / 3  # of many points, eight agree by chance
NEAREST_M, FARTHEST_M = 0.3, 6.0  # points beyond are too unsure to fit on
ROUNDS = 8
INLIER = 0.25  # of ln depth
TUKEY = 4.685  # standard deviations without any weight; 95 % efficient on a normal distribution
MIN_SIGMA = 0.02  # of ln depth; no network is better than this
# our choice, not measured: a relative network scales each picture anew, so old scales are unsure
REUSE_SIGMA = 0.10
N_START = 100  # points of the start, whose cost grows with their square
MIN_INVERSE_PER_M = 0.05  # 20 m: where a fit may pass through zero


@dataclass(frozen=True, eq=False)
class SparseDepth:
    """Points of known depth in one image."""

    row: I8  # (N,) pixels
    column: I8  # (N,)
    depth_m: F8  # (N,)
    sigma: F8  # (N,) standard deviation of ln depth, of each point alone
    shared_sigma: float = 0.0  # of ln depth, the error that all of them have in common


@dataclass(frozen=True)
class ScalePrior:
    """What is known of scale and shift before any point is seen."""

    a: float
    a_sigma: float  # infinite: nothing is known
    b_sigma_per_m: float  # b is drawn to 0
    a_limits: tuple[float, float]
    own_sigma: float | None  # of ln depth at the network's own scale; None: it has none


@dataclass(frozen=True, eq=False)
class Scale:
    """1/z = a x + b for one image, and how well it is known."""

    a: float
    b_per_m: float
    sigma: float  # standard deviation of ln depth of a pixel
    covariance: F8  # (2, 2) of a, b
    state: Literal["fitted", "reused", "own"]
    n_points: int = 0
    n_inliers: int = 0


# b: decides where a picture has no range; shifts beyond 5/m are then fitted badly or rejected
RELATIVE = ScalePrior(0.0, np.inf, 1.0, (-np.inf, np.inf), None)
# a: what single cameras were found off by; own_sigma: as for other networks without a sigma
METRIC = ScalePrior(1.0, 0.2, 0.1, (0.6, 1.6), 0.15)


def find_scale(
    x: F4, points: SparseDepth | None, prior: ScalePrior, last: Scale | None = None
) -> Scale | None:
    """Scale of one image: fitted, else the last one, else the network's own.

    Args:
        x: (H, W) inverse depth of the network, NaN where unknown.
        points: of known depth, if there are any.
        prior: RELATIVE or METRIC.
        last: what this function returned for the image before.

    Returns:
        None for a relative network without a fit now or before. The sigma of a reused scale grows
        each time.
    """
    fitted = None if points is None else _fit(x, points, prior)
    if fitted is not None:
        return fitted
    if last is not None and last.state != "own":
        return replace(last, sigma=float(np.hypot(last.sigma, REUSE_SIGMA)), state="reused")
    if prior.own_sigma is None:
        return None
    return Scale(prior.a, 0.0, prior.own_sigma, np.zeros((2, 2)), "own")


def metric_depth(x: F4, scale: Scale, max_depth_m: float) -> tuple[F4, F4]:
    """Depth (H, W) in metres, 0 where unknown or beyond, and the standard deviation of its log.

    Sigma is that of the points about the fit, and grows where the fit is stretched beyond them.
    """
    x = x.astype(np.float64)
    inverse = scale.a * x + scale.b_per_m
    known = inverse >= 1.0 / max_depth_m  # not so for NaN
    depth_m = 1.0 / np.where(known, inverse, np.inf)
    (aa, ab), (_, bb) = scale.covariance
    stretched = np.where(known, (aa * x + 2.0 * ab) * x + bb, 0.0) * depth_m**2
    sigma = np.sqrt(scale.sigma**2 + np.maximum(stretched, 0.0))
    return depth_m.astype(np.float32), sigma.astype(np.float32)


def _fit(x_image: F4, points: SparseDepth, prior: ScalePrior) -> Scale | None:
    """The robust fit; None, with a line in the log, where it is not to be trusted."""
    x = x_image[points.row, points.column].astype(np.float64)
    z = points.depth_m
    usable = np.isfinite(x) & (z >= NEAREST_M) & (z <= FARTHEST_M) & (points.sigma > 0.0)
    x, z, weight = x[usable], z[usable], points.sigma[usable] ** -2.0
    n = len(x)
    if n < MIN_POINTS or np.ptp(x) == 0.0:
        logger.debug("no scale of the depth from %d points with too little to tell", n)
        return None
    weight /= np.median(weight)
    unit = float(np.median(np.abs(x))) or float(np.abs(x).max())  # keeps the equations well scaled
    a, b, covariance = _robust(x / unit, 1.0 / z, weight, _rescaled(prior, unit))
    residual = _log_ratio(x / unit, z, a, b)
    n_inliers = int((np.abs(residual) < INLIER).sum())
    if a <= 0.0 or n_inliers < max(MIN_INLIERS, MIN_INLIER_SHARE * n):
        logger.debug("scale of the depth rejected: a %.3g, %d of %d agree", a, n_inliers, n)
        return None
    sigma = float(np.hypot(_spread(residual), points.shared_sigma))
    to_x = np.diag([1.0 / unit, 1.0])
    return Scale(a / unit, b, sigma, to_x @ covariance @ to_x, "fitted", n, n_inliers)


def _rescaled(prior: ScalePrior, unit: float) -> ScalePrior:
    low, high = prior.a_limits
    return replace(
        prior, a=prior.a * unit, a_sigma=prior.a_sigma * unit, a_limits=(low * unit, high * unit)
    )


def _robust(x: F8, inverse: F8, weight: F8, prior: ScalePrior) -> tuple[float, float, F8]:
    """a, b and their covariance, by reweighted least squares."""
    a, b = _start(x, inverse)
    covariance = np.zeros((2, 2))
    for _ in range(ROUNDS):
        deviation = np.abs(_log_ratio(x, 1.0 / inverse, a, b)) * np.sqrt(weight)
        sigma = max(1.4826 * float(np.median(deviation)), 0.5 * MIN_SIGMA)
        trust = np.maximum(1.0 - (deviation / (TUKEY * sigma)) ** 2, 0.0) ** 2
        fitted = np.maximum(a * x + b, MIN_INVERSE_PER_M)
        a, b, covariance = _solve(x, inverse, trust * weight / (sigma * fitted) ** 2, prior)
    return a, b, covariance


def _start(x: F8, inverse: F8) -> tuple[float, float]:
    """Repeated median: of each point's median slope to all others; half of them may be wrong."""
    chosen = np.linspace(0, len(x) - 1, min(len(x), N_START)).astype(int)
    x, inverse = x[chosen], inverse[chosen]
    run, rise = x[:, None] - x, inverse[:, None] - inverse
    slopes = [
        float(np.median(dy[dx != 0.0] / dx[dx != 0.0]))
        for dx, dy in zip(run, rise, strict=True)
        if dx.any()
    ]
    a = float(np.median(slopes)) if slopes else 0.0
    return a, float(np.median(inverse - a * x))


def _solve(x: F8, inverse: F8, weight: F8, prior: ScalePrior) -> tuple[float, float, F8]:
    """Weighted least squares with the prior; a at its limit where it would lie beyond."""
    a_weight, b_weight = prior.a_sigma**-2.0, prior.b_sigma_per_m**-2.0
    aa = float(weight @ x**2) + a_weight
    ab, bb = float(weight @ x), float(weight.sum()) + b_weight
    ya, yb = float(weight @ (x * inverse)) + a_weight * prior.a, float(weight @ inverse)
    determinant = aa * bb - ab * ab  # positive: the pull of b keeps it so
    a = (ya * bb - yb * ab) / determinant
    a = float(np.clip(a, *prior.a_limits))
    covariance = np.array([[bb, -ab], [-ab, aa]]) / determinant
    return a, (yb - ab * a) / bb, covariance


def _log_ratio(x: F8, depth_m: F8, a: float, b: float) -> F8:
    """Log of known over fitted depth; large where the fit passes through zero."""
    return np.asarray(np.log(np.maximum(a * x + b, 1e-3) * depth_m))


def _spread(residual: F8) -> float:
    """Standard deviation without outliers."""
    inside = residual[np.abs(residual) <= 3.0 * 1.4826 * np.median(np.abs(residual))]
    spread = float(np.sqrt(np.mean(inside**2) * len(inside) / max(len(inside) - 2, 1)))
    return max(spread, MIN_SIGMA)
