from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mono_hydra.perception.depth_scale import (
    METRIC,
    MIN_POINTS,
    RELATIVE,
    REUSE_SIGMA,
    Scale,
    SparseDepth,
    find_scale,
    metric_depth,
)


def points_of(depth_m: Any, sigma: Any = 0.05, shared_sigma: float = 0.0) -> SparseDepth:
    """Points along the one row of a picture."""
    n = len(depth_m)
    zero, each = np.zeros(n, np.int64), np.broadcast_to(np.asarray(sigma, float), n)
    return SparseDepth(zero, np.arange(n), np.asarray(depth_m, float), each, shared_sigma)


def depths(rng: Any, n: int) -> Any:
    return np.exp(rng.uniform(np.log(0.6), np.log(5.5), n))


def inverse_of(depth_m: Any, a: float, b: float) -> Any:
    """(1, N) of a network whose scale and shift are a and b."""
    return ((1.0 / depth_m - b) / a)[None]


def error_of(scale: Scale | None, x: Any, depth_m: Any) -> Any:
    assert scale is not None
    found_m, _ = metric_depth(x, scale, 20.0)
    return np.abs(np.log(found_m[0] / depth_m))


OUTLIERS = {
    "none": lambda rng, n: np.ones(0),
    "near": lambda rng, n: np.exp(-rng.uniform(0.3, 1.2, n)),
    "far": lambda rng, n: np.exp(rng.uniform(0.3, 1.2, n)),
    "both": lambda rng, n: np.exp(rng.choice([-1, 1], n) * rng.uniform(0.3, 1.2, n)),
}


@pytest.mark.parametrize("kind", OUTLIERS)
@pytest.mark.parametrize("noise", [0.0, 0.02, 0.05])
def test_any_scale_and_shift_is_recovered(kind: str, noise: float) -> None:
    rng = np.random.default_rng(int(100 * noise))
    for _ in range(12):
        depth_m = depths(rng, 150)
        a, b = np.exp(rng.uniform(-6.0, 6.0)), rng.uniform(-1.0, 1.0)
        x = inverse_of(depth_m, a, b)
        known_m = depth_m * np.exp(noise * rng.standard_normal(150))
        wrong = rng.permutation(150)[:45]
        factor = OUTLIERS[kind](rng, 45)
        known_m[wrong[: len(factor)]] *= factor
        error = error_of(find_scale(x, points_of(known_m), RELATIVE), x, depth_m)
        assert np.median(error) < 0.03
        assert error.max() < (0.10 if noise else 0.005)  # at the ends of the range


def test_the_scale_of_every_picture_is_its_own() -> None:
    depth_m = depths(np.random.default_rng(1), 60)
    last = None
    for a, b in ((1.0, 0.0), (40.0, 0.2), (0.01, -0.05)):
        x = inverse_of(depth_m, a, b)
        last = find_scale(x, points_of(depth_m), RELATIVE, last)
        assert error_of(last, x, depth_m).max() < 0.005
        assert last is not None
        assert last.state == "fitted"


@pytest.mark.parametrize("noise", [0.04, 0.12])
def test_sigma_is_the_spread_of_the_points_whatever_the_outliers(noise: float) -> None:
    rng = np.random.default_rng(4)
    depth_m = depths(rng, 400)
    x = inverse_of(depth_m, 3.0, 0.1)
    known_m = depth_m * np.exp(noise * rng.standard_normal(400))
    clean = find_scale(x, points_of(known_m), RELATIVE)
    known_m[::4] *= 3.0
    dirty = find_scale(x, points_of(known_m), RELATIVE)
    assert clean is not None
    assert dirty is not None
    assert clean.sigma == pytest.approx(noise, rel=0.1)
    assert dirty.sigma == pytest.approx(noise, rel=0.2)
    assert metric_depth(x, clean, 20.0)[1].min() >= np.float32(clean.sigma)


def test_an_error_that_all_points_share_stays_in_sigma() -> None:
    rng = np.random.default_rng(4)
    depth_m = depths(rng, 400)
    x = inverse_of(depth_m, 3.0, 0.1)
    known_m = depth_m * np.exp(0.05 * rng.standard_normal(400))
    scale = find_scale(x, points_of(known_m, shared_sigma=0.12), RELATIVE)
    assert scale is not None
    assert scale.sigma == pytest.approx(0.13, rel=0.05)


def test_sigma_grows_beyond_the_points() -> None:
    rng = np.random.default_rng(5)
    depth_m = rng.uniform(1.0, 1.5, 30)
    x = inverse_of(depth_m, 1.0, 0.0)
    known_m = depth_m * np.exp(0.05 * rng.standard_normal(30))
    scale = find_scale(x, points_of(known_m), RELATIVE)
    assert scale is not None
    far = np.array([[1 / 1.2, 1 / 4.0]], np.float32)
    found_m, sigma = metric_depth(far, scale, 20.0)
    assert sigma[0, 1] > 1.5 * sigma[0, 0]
    assert abs(np.log(found_m[0, 1] / 4.0)) < 3.0 * sigma[0, 1]


def test_sure_points_count_more() -> None:
    rng = np.random.default_rng(6)
    depth_m = depths(rng, 100)
    x = inverse_of(depth_m, 2.0, 0.0)
    biased_m = depth_m * np.where(np.arange(100) % 2, 1.1, 1.0)
    sure = np.where(np.arange(100) % 2, 0.2, 0.02)
    trusting = error_of(find_scale(x, points_of(biased_m, sure), RELATIVE), x, depth_m)
    alike = error_of(find_scale(x, points_of(biased_m), RELATIVE), x, depth_m)
    assert trusting.mean() < 0.01 < 0.03 < alike.mean()


def test_inverse_depth_that_grows_with_the_distance_is_rejected() -> None:
    depth_m = depths(np.random.default_rng(2), 60)
    assert find_scale(-inverse_of(depth_m, 1.0, 0.0), points_of(depth_m), RELATIVE) is None


def test_too_few_points_or_points_out_of_range_give_no_fit() -> None:
    depth_m = depths(np.random.default_rng(2), MIN_POINTS)
    x = inverse_of(depth_m, 2.0, 0.0)
    assert find_scale(x, points_of(depth_m), RELATIVE) is not None
    assert find_scale(x[:, 1:], points_of(depth_m[1:]), RELATIVE) is None
    for bad_m in (0.0, 0.2, 7.0, np.nan):
        spoiled_m = np.where(np.arange(MIN_POINTS) == 3, bad_m, depth_m)
        assert find_scale(x, points_of(spoiled_m), RELATIVE) is None
    unknown = np.where(np.arange(MIN_POINTS) == 3, np.nan, x)
    assert find_scale(unknown, points_of(depth_m), RELATIVE) is None
    assert find_scale(x, None, RELATIVE) is None


def test_points_that_do_not_agree_give_no_fit() -> None:
    rng = np.random.default_rng(8)
    x = rng.uniform(0.5, 0.6, (1, 200))
    known_m = np.where(np.arange(200) % 10, np.exp(rng.uniform(np.log(0.31), np.log(5.9), 200)), 2)
    assert find_scale(x, points_of(known_m), RELATIVE) is None
    assert find_scale(np.full((1, 200), 3.0), points_of(known_m), RELATIVE) is None


def test_a_rejected_fit_takes_the_last_one_and_trusts_it_less_each_time() -> None:
    depth_m = depths(np.random.default_rng(3), 60)
    x = inverse_of(depth_m, 5.0, 0.1)
    fitted = find_scale(x, points_of(depth_m), RELATIVE)
    assert fitted is not None
    once = find_scale(-x, points_of(depth_m), RELATIVE, fitted)
    twice = find_scale(x, None, RELATIVE, once)
    assert once is not None
    assert twice is not None
    assert (once.a, once.b_per_m, once.state) == (fitted.a, fitted.b_per_m, "reused")
    assert once.sigma == pytest.approx(np.hypot(fitted.sigma, REUSE_SIGMA))
    assert twice.sigma == pytest.approx(np.hypot(once.sigma, REUSE_SIGMA))
    assert error_of(twice, x, depth_m).max() < 0.005


def test_a_metric_network_without_points_keeps_its_own_scale() -> None:
    depth_m = depths(np.random.default_rng(3), 60)
    x = inverse_of(depth_m, 1.0, 0.0)
    for last in (None, find_scale(x, None, METRIC)):
        own = find_scale(x, None, METRIC, last)
        assert own is not None
        assert own.state == "own"
        found_m, sigma = metric_depth(x, own, 20.0)
        np.testing.assert_allclose(found_m[0], depth_m, rtol=1e-6)
        np.testing.assert_allclose(sigma, 0.15, rtol=1e-6)


@pytest.mark.parametrize(("true_a", "expected_a"), [(1.2, 1.2), (0.8, 0.8), (2.5, 1.6), (0.3, 0.6)])
def test_a_metric_network_moves_within_its_limits(true_a: float, expected_a: float) -> None:
    depth_m = np.random.default_rng(3).uniform(1.0, 2.5, 100)
    x = inverse_of(depth_m, true_a, 0.0)
    scale = find_scale(x, points_of(depth_m), METRIC)
    assert scale is not None
    assert scale.a == pytest.approx(expected_a, rel=0.02)
    assert 0.6 <= scale.a <= 1.6


def test_few_noisy_points_move_a_metric_network_little() -> None:
    rng = np.random.default_rng(9)
    depth_m = 2.0 * np.exp(0.02 * rng.standard_normal(MIN_POINTS))  # a flat wall says no slope
    x = inverse_of(depth_m, 1.0, 0.0)
    scale = find_scale(x, points_of(2.2 * np.exp(0.1 * rng.standard_normal(MIN_POINTS))), METRIC)
    assert scale is not None
    assert scale.a == pytest.approx(0.93, abs=0.06)
    assert abs(scale.b_per_m) < 0.05


def test_what_lies_behind_the_horizon_is_unknown() -> None:
    scale = Scale(1.0, 0.0, 0.1, np.zeros((2, 2)), "fitted")
    x = np.array([[0.5, 0.05, 0.0, -1.0, np.nan]], np.float32)
    depth_m, sigma = metric_depth(x, scale, 10.0)
    np.testing.assert_allclose(depth_m, [[2.0, 0, 0, 0, 0]])
    assert np.isfinite(sigma).all()
    shifted_m, _ = metric_depth(x, replace(scale, b_per_m=0.15), 10.0)
    np.testing.assert_allclose(shifted_m, [[1 / 0.65, 5.0, 1 / 0.15, 0, 0]], rtol=1e-6)
