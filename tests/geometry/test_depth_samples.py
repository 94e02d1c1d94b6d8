from __future__ import annotations

import numpy as np

from mono_hydra.geometry.depth_samples import depth_at, repeats
from mono_hydra.types import Camera, Prediction

CAMERA = Camera(40, 30, 20.0, 20.0, 19.5, 14.5)


def prediction(depth_m: np.ndarray) -> Prediction:
    shape = (30, 40)
    return Prediction(
        CAMERA, np.zeros((*shape, 3), np.uint8), depth_m.astype(np.float32),
        np.full(shape, 0.1, np.float32), np.zeros(shape, np.uint8), np.zeros(shape, np.float32),
        "nyu40",
    )  # fmt: skip


def normalised(pixels: list[tuple[float, float]]) -> np.ndarray:
    return (np.array(pixels) - [19.5, 14.5]) / 20.0


def test_a_slope_gives_its_depth_and_sigma():
    depth_m = 2.0 + 0.02 * np.arange(40)[None] + np.zeros((30, 1))
    z, sigma = depth_at(prediction(depth_m), normalised([(10, 5), (30.2, 20.4)]))
    np.testing.assert_allclose(z, [2.2, 2.6], rtol=1e-5)
    np.testing.assert_allclose(sigma, 0.1, rtol=1e-5)


def test_edges_holes_borders_and_moving_things_give_none():
    depth_m = np.full((30, 40), 2.0)
    depth_m[:, 20:] = 3.0  # an edge
    depth_m[10, 5] = 0.0  # a hole
    depth_m[20, 5] = np.nan
    moving = np.zeros((30, 40), np.bool_)
    moving[25, 30] = True
    pixels = [(19, 15), (6, 10), (5, 20), (0, 4), (39, 4), (-50, 4), (30, 25), (30, 10)]
    z, sigma = depth_at(prediction(depth_m), normalised(pixels), moving)
    assert np.isnan(z[:-1]).all()
    assert np.isnan(sigma[:-1]).all()
    assert z[-1] == 3.0
    z, _ = depth_at(prediction(depth_m), np.array([[np.nan, 0.0]]))
    assert np.isnan(z).all()
    assert depth_at(prediction(depth_m), np.zeros((0, 2)))[0].shape == (0,)


def test_samples_that_err_alike_count_for_less():
    apart = np.array([[0.0, 0.0], [50.0, 0.0], [0.0, 50.0]])
    np.testing.assert_allclose(repeats(apart, 0.1), 1.0)
    together = np.zeros((7, 2))
    np.testing.assert_allclose(repeats(together, 0.1), 7.0)
    np.testing.assert_allclose(repeats(together, 0.0), 1.0)
    closer = [repeats(d * np.eye(2), 0.2).sum() for d in (0.4, 0.2, 0.1)]
    assert closer == sorted(closer)
    assert len(repeats(np.zeros((0, 2)), 0.1)) == 0
