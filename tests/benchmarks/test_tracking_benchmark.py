"""The real recording of tracks: 30 s of EuRoC V1_01."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def benchmark(load_benchmark: Callable[[str], ModuleType]) -> ModuleType:
    return load_benchmark("tracking")


@pytest.mark.data
def test_real_tracks_meet_their_limits(benchmark: ModuleType) -> None:
    pytest.importorskip("gtsam", reason="the tracks lie in the gtsam wheel")
    root = os.environ.get("MONO_HYDRA_TEST_DATA")
    if root is None or not (Path(root) / "euroc" / "V1_01_micro").is_dir():
        pytest.skip("MONO_HYDRA_TEST_DATA does not name the test recordings")
    scores = benchmark.real(benchmark.FilterOptions(), 3.0).scores
    assert scores["trajectory.ate.yaw.rmse"] <= 0.05
    assert abs(scores["trajectory.scale_bias"]) <= 0.025
    assert scores["trajectory.nees.position_per_dof"] <= 2.0
