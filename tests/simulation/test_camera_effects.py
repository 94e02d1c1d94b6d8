from dataclasses import replace

import numpy as np

from mono_hydra.geometry import se3
from mono_hydra.simulation.camera_effects import CLEAN, CameraEffects, CameraOptions, meter
from mono_hydra.types import Camera

CAMERA = Camera(96, 72, 80.0, 80.0, 47.5, 35.5)
DEPTH_M = np.full((72, 96), 2.0, np.float32)


def bars(level=0.2):
    image = np.full((72, 96, 3), 0.3 * level, np.float32)
    image[:, 40:56] = 2.0 * level
    return image


def effects(seed=0, **options):
    return CameraEffects(CAMERA, replace(CLEAN, **options), np.random.default_rng(seed))


def turning(rate_rad_s):
    return lambda t: se3.exp(np.array([0.0, rate_rad_s * t, 0.0, 0.0, 0.0, 0.0]))


def test_clean_camera_adds_nothing_but_exposure():
    rgb = effects().apply(bars(), DEPTH_M, 0.0)
    assert len(np.unique(rgb.reshape(-1, 3), axis=0)) == 2


def test_exposure_makes_dim_and_bright_rooms_look_alike():
    dim, bright = (effects().apply(bars(level), DEPTH_M, 0.0) for level in (0.01, 5.0))
    assert np.abs(dim.astype(int) - bright).max() <= 1


def test_exposure_lags_behind_a_change_and_then_arrives():
    camera = effects(exposure_lag_s=0.4)
    camera.apply(bars(0.2), DEPTH_M, 0.0)
    before = camera.exposure
    camera.apply(bars(2.0), DEPTH_M, 0.07)
    soon = camera.exposure
    for k in range(100):
        camera.apply(bars(2.0), DEPTH_M, 0.07 * (k + 2))
    assert before / 10 * 1.5 < soon < before
    assert np.isclose(camera.exposure, before / 10, rtol=0.01)


def test_darkness_brings_noise():
    def noise(level):
        camera = effects(shot_noise=0.01, read_noise=0.002)
        return camera.apply(np.full((72, 96, 3), level, np.float32), DEPTH_M, 0.0).std()

    assert noise(0.001) > 2.0 * noise(0.5) > 0.0


def test_turning_blurs_upright_edges_and_standing_still_does_not():
    options = {"max_shutter_s": 0.02}
    dim = bars(0.01)
    still = effects(**options).apply(dim, DEPTH_M, 0.0, turning(0.0))
    moving = effects(**options).apply(dim, DEPTH_M, 0.0, turning(3.0))
    assert np.array_equal(still, effects().apply(dim, DEPTH_M, 0.0))
    assert len(np.unique(moving[36, :, 0])) > len(np.unique(still[36, :, 0]))


def test_rolling_shutter_leans_a_pole_by_rate_times_readout():
    rate, readout_s = 2.0, 0.03
    rgb = effects(readout_s=readout_s).apply(bars(), DEPTH_M, 0.0, turning(rate))
    centre = [(np.flatnonzero(row[:, 0] > 128)).mean() for row in rgb[[0, 35, 71]]]
    lean = 80.0 * rate * readout_s  # pixels; turning right moves the picture left
    assert np.isclose(centre[0] - centre[2], lean, atol=1.0)
    assert np.isclose(centre[1], 47.5, atol=1.0)


def test_corners_are_darker_with_vignetting():
    grey = np.full((72, 96, 3), 0.2, np.float32)
    rgb = effects(vignetting=0.4).apply(grey, DEPTH_M, 0.0)
    assert rgb[0, 0].mean() < rgb[36, 48].mean() - 15


def test_white_balance_takes_most_of_a_cast_away():
    warm = np.full((72, 96, 3), 0.2, np.float32) * np.array([1.6, 1.0, 0.5], np.float32)
    _, gains = meter(warm, white_strength=1.0)
    assert np.allclose(gains * [1.6, 1.0, 0.5], 1.0, atol=1e-3)


def test_same_seed_gives_the_same_bytes():
    def film():
        camera = CameraEffects(CAMERA, CameraOptions(), np.random.default_rng(5))
        return [camera.apply(bars(), DEPTH_M, 0.1 * k, turning(0.5)).tobytes() for k in range(3)]

    assert film() == film()
