"""The bound that m2h_tiny's scale sets: what one image scores."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest

from m2h.types import Prediction, Sample
from mono_hydra.errors import ConfigError
from mono_hydra.evaluation.perception import Judged


@pytest.fixture
def benchmark(load_benchmark: Callable[[str], ModuleType]) -> ModuleType:
    return load_benchmark("depth_anchors")


def test_a_perfect_network_keeps_the_scale_error_and_nothing_else(benchmark: ModuleType) -> None:
    rng = np.random.default_rng(0)
    depth_m = rng.uniform(0.8, 4.0, (60, 80)).astype(np.float32)
    depth_m[:5] = 0.0
    zeros, sigma = np.zeros((60, 80), np.float32), np.full((60, 80), 0.2, np.float32)
    seen_m = (1.1 * depth_m * np.exp(0.1 * rng.standard_normal((60, 80)))).astype(np.float32)
    seen = Prediction(seen_m, sigma, zeros.astype(np.uint8), zeros, zeros[..., None], zeros)
    one = Judged(Sample("made", "0", np.zeros((60, 80, 3), np.uint8), depth_m=depth_m))
    scores = benchmark.score(one, seen, 0.0, rng)
    assert scores["file.abs_rel"] == pytest.approx(0.1, abs=0.02)
    assert scores["file.within_1sigma"] == 1.0  # sigma allows for an error that all points share
    assert scores["anchors.abs_rel"] > scores["file.abs_rel"] + 0.01
    assert scores["anchors.abs_rel_median"] < scores["anchors.abs_rel"]
    worse = benchmark.score(one, seen, 0.2, rng)
    assert worse["file.abs_rel"] > scores["file.abs_rel"] + 0.02


def test_no_image_is_refused(benchmark: ModuleType) -> None:
    with pytest.raises(ConfigError, match="must be 1 or more"):
        benchmark.main(["--images", "0"])
