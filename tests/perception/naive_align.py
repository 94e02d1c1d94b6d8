"""Slow, obvious twins of the aligner's kernels."""

from __future__ import annotations

import numpy as np

from mono_hydra.perception import align_kernels as kernels
from mono_hydra.types import F4, F8, I4


def regress(
    points_m: F8, known: F8, known_sigma: F8, group: I4, wanted_m: F8, nugget: F8,
    length_m: float, scale_share: float,
) -> tuple[F8, F8]:  # fmt: skip
    """Mean and explained share; points (A, 3), wanted (W, 3)."""

    def correlation(a: F8, b: F8) -> F8:
        square = ((a[:, None] - b[None]) ** 2).sum(-1)
        field = (1.0 + square / (16.0 * length_m**2)) ** -8
        return np.asarray(scale_share + (1.0 - scale_share) * field)

    same = group[:, None] == group[None]
    K = correlation(points_m, points_m) + same * np.outer(known_sigma, known_sigma)
    K += np.diag(nugget**2)
    cross = correlation(wanted_m, points_m)
    explained = np.einsum("wa,ab,wb->w", cross, np.linalg.inv(K), cross)
    return cross @ np.linalg.solve(K, known), explained


def weigh(
    patches: F8, scale_share: float, n_views: float, length_m: float, turn_rad: float
) -> tuple[float, float]:
    """Offset and its standard deviation by dense matrices."""
    n, offset, distance, along, across, azimuth, variance = patches.T
    distance = np.maximum(distance, 0.3)
    square = np.subtract.outer(along, along) ** 2 + np.subtract.outer(across, across) ** 2
    turn = np.abs(np.angle(np.exp(1j * np.subtract.outer(azimuth, azimuth))))
    exponent = 0.5 * square / length_m**2 + 0.5 * turn**2 / turn_rad**2
    rho = (1.0 - scale_share) * np.where(exponent < 6.0, np.exp(-exponent), 0.0)
    rho += np.diag(scale_share / n)
    weights = 1.0 / (distance**2 * variance * rho.sum(axis=1))
    own = distance * np.sqrt(variance)
    C = np.outer(own, own) * (rho + scale_share / n_views)
    total = weights.sum()
    return float(weights @ offset / total), float(np.sqrt(weights @ C @ weights) / total)


def draw_pixel(
    x: float, y: float, depth_m: float, kind: int, error: float, variance: float, facing: F4,
    planes: F8, attached_m: F8, gate: float,
) -> tuple[float, float]:  # fmt: skip
    """Depth and sigma of one pixel drawn to the planes (P, 12)."""
    ray = np.array([x, y, 1.0])
    found = []
    for plane in planes:
        if plane[10] != (2 if kind == 3 else kind):
            continue
        slope = -plane[:3] @ ray
        hit = plane[6] / slope if slope > 0.0 else np.inf
        ratio = depth_m * np.exp(-error) / hit
        if not kernels.MIN_RATIO < ratio < kernels.MAX_RATIO:
            continue
        spread = plane[7] + (attached_m[kind] / plane[6]) ** 2
        off = 2.0 * (ratio - 1.0) / (ratio + 1.0)
        cost = off**2 / (variance + spread)
        if plane[10] == 2:
            along = hit * (plane[3:6] @ ray)
            beyond = max(plane[8] - along, along - plane[9])
            if beyond > kernels.GROWTH_M:
                continue
            cost += kernels.UNSEEN if beyond > 0.0 else 0.0
        turned = float(facing @ plane[:3])
        if facing.any() and turned < kernels.FACING:
            cost += (kernels.FACING - turned) * kernels.PER_TURN
        if cost < gate**2:
            found.append((cost, float(np.log(depth_m / hit)) - error, spread))
    found.sort()
    if not found:
        return depth_m * float(np.exp(-error)), float(np.sqrt(variance))
    cost, off, spread = found[0]
    to = variance / (variance + spread) * off
    left = variance * spread / (variance + spread)
    if len(found) > 1:
        cost_2, off_2, spread_2 = found[1]
        likelihood = np.exp(-0.5 * cost) / np.sqrt(variance + spread)
        likelihood_2 = np.exp(-0.5 * cost_2) / np.sqrt(variance + spread_2)
        to_2 = variance / (variance + spread_2) * off_2
        left += likelihood_2 / (likelihood + likelihood_2) * (to - to_2) ** 2
    odds = kernels.ODDS_LEVEL if kind < 2 else kernels.ODDS_WALL
    on = odds * np.exp(-0.5 * cost)
    on /= on + np.sqrt(2.0 * np.pi) / 6.0
    mean = on * to
    spread_of_two = on * (left + (to - mean) ** 2) + (1.0 - on) * (variance + mean**2)
    return depth_m * float(np.exp(-error - mean)), float(np.sqrt(spread_of_two))
