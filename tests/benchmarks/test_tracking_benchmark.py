"""The real recording of tracks (30 s of EuRoC V1_01), and the second set of poses of 7-Scenes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from mono_hydra.errors import DatasetError


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


def test_listed_poses_are_turned_into_poses_of_the_camera(
    tmp_path: Path, load_benchmark: Callable[[str], ModuleType]
) -> None:
    read = load_benchmark("tracked_images").read_listed_poses
    half = np.sqrt(0.5)
    path = tmp_path / "poses.txt"
    path.write_text(
        f"# name qw qx qy qz tx ty tz f\n"
        f"seq-01/frame-000030.color.jpg {half} 0 0 {half} 1 2 3 525\n"
        f"frame-000045.color.jpg 1 0 0 0 0 0 -1 525\n"
    )
    stamps_s, T_world_camera = read(path)
    np.testing.assert_allclose(stamps_s, [1.0, 1.5])
    # a quarter turn about z takes x to y: the centre is -R^T t
    np.testing.assert_allclose(T_world_camera[0, :3, 3], [-2.0, 1.0, -3.0], atol=1e-12)
    np.testing.assert_allclose(T_world_camera[0, :3, 0], [0.0, -1.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(T_world_camera[1, :3, 3], [0.0, 0.0, 1.0])
    path.write_text("frame-000001.color.jpg a b c d 0 0 0 1\n")
    with pytest.raises(DatasetError, match="not a list"):
        read(path)
