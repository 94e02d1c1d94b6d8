from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from m2h.depth_file import DepthFile
from mono_hydra.config import PerceptionConfig
from mono_hydra.perception.file_depth import NO_SCALE, FileDepthPredictor, anchors_of
from mono_hydra.types import Camera, Frame, Prediction
from tests.onnx_models import brightness, write_card

CAMERA = Camera(128, 96, 110.0, 110.0, 63.5, 47.5)
NEAR, FAR = 1.5, 0.18  # inverse depth, 1/m


def scene(seed: int = 0) -> tuple[Any, Any]:
    """A picture whose brightness is its inverse depth, and that depth (96, 128)."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 256, (6, 8)).repeat(16, axis=0).repeat(16, axis=1)
    grey = blocks.astype(np.uint8)
    depth_m = 1.0 / (FAR + (NEAR - FAR) * grey / 255.0)
    return np.repeat(grey[:, :, None], 3, axis=2), depth_m


class Shipped:
    """What m2h_tiny would say: the true depth with noise, and gross errors in a third."""

    def __init__(self, noise: float = 0.1, wrong: float = 0.3) -> None:
        self.noise, self.wrong, self.factor = noise, wrong, 1.0

    def step(self, frame: Frame, T_world_camera: Any) -> Prediction:
        rng = np.random.default_rng(frame.index)
        depth_m = scene(frame.index)[1]
        error = self.noise * rng.standard_normal(depth_m.shape)
        error += (rng.random(depth_m.shape) < self.wrong) * rng.uniform(0.4, 1.0)
        sigma = np.full(depth_m.shape, 0.2, np.float32)
        labels = np.full(depth_m.shape, 7, np.uint8)
        seen_m = (self.factor * depth_m * np.exp(error)).astype(np.float32)
        return Prediction(CAMERA, frame.rgb, seen_m, sigma, labels, sigma, "nyu40", edges=sigma)


def frame(index: int) -> Frame:
    return Frame(index, float(index), scene(index)[0], CAMERA)


def predictor(
    folder: Path, network: Any, *, slope: float = 1.0, offset: float = 0.0, **card: Any
) -> FileDepthPredictor:
    path = brightness(folder / "own.onnx", slope=slope, offset=offset, size=(96, 128))
    write_card(path, input_size=[96, 128], **card)
    return FileDepthPredictor(DepthFile(path, n_threads=1), network, PerceptionConfig(), 128)


@pytest.mark.parametrize("moved", [(1.0, 0.0), (250.0, -400.0), (0.002, 0.005)])
def test_depth_is_right_whatever_the_networks_scale_and_shift(tmp_path: Path, moved: Any) -> None:
    slope, offset = moved
    own = predictor(tmp_path, Shipped(), slope=slope, offset=offset, mean=[0.5] * 3, std=[0.2] * 3)
    for index in range(3):
        found = own.step(frame(index), np.eye(4))
        assert found is not None
        error = np.abs(np.log(found.depth_m / scene(index)[1]))
        assert np.median(error) < 0.03
        assert error.max() < 0.12
        assert (found.labels == 7).all()
        assert found.edges is not None
        # noise of the known depth, and what all its pixels may share
        assert np.median(found.depth_sigma) == pytest.approx(
            np.hypot(0.11, 0.2 * 0.4**0.5), rel=0.2
        )
    assert own.scales == {"fitted": 3}


def test_the_scale_is_that_of_the_known_depth(tmp_path: Path) -> None:
    shipped = Shipped(noise=0.0, wrong=0.0)
    own = predictor(tmp_path, shipped)
    shipped.factor = 1.2
    found = own.step(frame(0), np.eye(4))
    assert found is not None
    np.testing.assert_allclose(found.depth_m, 1.2 * scene(0)[1], rtol=0.01)


def test_the_last_scale_stays_where_none_is_found(tmp_path: Path, caplog: Any) -> None:
    shipped = Shipped(noise=0.02, wrong=0.0)
    own = predictor(tmp_path, shipped)
    first = own.step(frame(0), np.eye(4))
    shipped.factor = 1e3  # all beyond what may be fitted on
    with caplog.at_level(logging.WARNING, logger="mono_hydra"):
        second, third = own.step(frame(1), np.eye(4)), own.step(frame(2), np.eye(4))
    assert first is not None
    assert second is not None
    assert third is not None
    assert np.abs(np.log(second.depth_m / scene(1)[1])).max() < 0.05
    assert (
        np.median(first.depth_sigma) < np.median(second.depth_sigma) < np.median(third.depth_sigma)
    )
    assert own.scales == {"fitted": 1, "reused": 2}
    # others may have left the logger talking
    assert sum(record.levelno == logging.WARNING for record in caplog.records) == 1


def test_frames_before_the_first_scale_are_counted_not_guessed(tmp_path: Path) -> None:
    own = predictor(tmp_path, Shipped(), slope=-1.0)  # farther is larger: not inverse depth
    assert own.step(frame(0), np.eye(4)) is None
    assert own.skipped == {NO_SCALE: 1}


def test_a_metric_file_alone_keeps_its_scale_and_has_no_labels(tmp_path: Path) -> None:
    own = predictor(tmp_path, None, slope=3.0, offset=1.0, output="metric_depth")
    found = own.step(frame(0), np.eye(4))
    assert found is not None
    np.testing.assert_allclose(found.depth_m, 3.0 * frame(0).rgb[:, :, 0] / 255 + 1.0, rtol=1e-4)
    np.testing.assert_allclose(found.depth_sigma, 0.15, rtol=1e-5)
    assert not found.labels.any()
    assert not found.confidence.any()
    assert own.scales == {"own": 1}


def test_the_shipped_networks_depth_does_not_move_a_metric_file(tmp_path: Path) -> None:
    shipped = Shipped()
    shipped.factor = 1.4
    own = predictor(tmp_path, shipped, slope=3.0, offset=1.0, output="metric_depth")
    found = own.step(frame(0), np.eye(4))
    assert found is not None
    np.testing.assert_allclose(found.depth_m, 3.0 * frame(0).rgb[:, :, 0] / 255 + 1.0, rtol=1e-4)
    assert (found.labels == 7).all()


def test_known_depth_is_taken_where_it_is_sure() -> None:
    seen = Shipped(wrong=0.0).step(frame(0), np.eye(4))
    seen.depth_sigma[:, :40] = 0.3
    seen.depth_sigma[:, 40:] = 0.1
    seen.depth_m[:20, 40:] = 0.0
    points = anchors_of(seen.depth_m, seen.depth_sigma)
    assert 30 < len(points.row) < 300
    assert points.column.min() >= 40
    assert points.row.min() >= 20
    np.testing.assert_allclose(points.depth_m, seen.depth_m[points.row, points.column])
    seen.depth_m[:] = 0.0
    assert len(anchors_of(seen.depth_m, seen.depth_sigma).row) == 0
