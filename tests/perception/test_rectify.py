"""Rectified images show what the pinhole camera would have seen."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mono_hydra.geometry.camera import camera_from_fov, pixel_rays, project, rays_of
from mono_hydra.perception.rectify import (
    rectified_camera,
    rectify_depth,
    rectify_labels,
    rectify_rgb,
)
from mono_hydra.types import Camera

RADTAN = Camera(376, 240, 229.3, 228.6, 183.1, 123.7, "radtan", (-0.283, 0.074, 2e-4, 2e-5))
FISHEYE = Camera(256, 256, 95.5, 95.5, 127.5, 128.4, "fisheye", (0.0035, 7e-4, -0.002, 2e-4))
PINHOLE = Camera(640, 480, 525.0, 525.0, 320.0, 240.0)


@pytest.mark.parametrize("camera", [PINHOLE, RADTAN, FISHEYE], ids=lambda c: c.model)
@given(u=st.floats(0.1, 0.9), v=st.floats(0.1, 0.9))
@settings(max_examples=40, deadline=None)
def test_projecting_a_pixels_ray_gives_the_pixel(camera: Camera, u: float, v: float) -> None:
    pixel = np.array([u * camera.width, v * camera.height])
    np.testing.assert_allclose(project(camera, 2.5 * rays_of(camera, pixel)), pixel, atol=1e-4)


def test_points_behind_the_camera_have_no_pixel() -> None:
    assert np.isnan(project(PINHOLE, np.array([0.1, 0.2, -1.0]))).all()


def test_field_of_view_spans_the_width() -> None:
    camera = camera_from_fov(640, 480, 90.0)
    rays = rays_of(camera, np.array([[-0.5, 239.5], [639.5, 239.5]]))
    np.testing.assert_allclose(rays[:, 0], [-1.0, 1.0])


def test_halving_depth_takes_exact_samples_of_the_source() -> None:
    depth_m = np.random.default_rng(0).uniform(1, 5, (480, 640)).astype(np.float32)
    target = rectified_camera(PINHOLE, 320)
    np.testing.assert_array_equal(rectify_depth(depth_m, PINHOLE, target), depth_m[::2, ::2])
    full = pixel_rays(PINHOLE)[::2, ::2]
    np.testing.assert_allclose(pixel_rays(target), full, atol=1e-12)


@pytest.mark.parametrize("camera", [PINHOLE, RADTAN, FISHEYE], ids=lambda c: c.model)
def test_a_slanted_plane_keeps_its_depth(camera: Camera) -> None:
    target = rectified_camera(camera, 160)

    def plane(rays: np.ndarray) -> np.ndarray:
        return (2.0 / (1.0 + 0.3 * rays[..., 0] - 0.2 * rays[..., 1])).astype(np.float32)

    depth_m = rectify_depth(plane(pixel_rays(camera)), camera, target)
    seen = depth_m > 0
    assert seen.mean() > 0.9
    # nearest sampling is off by up to 0.71 source pixels; a fisheye pixel spans 1 + r^2 of the ray
    # plane; |grad z| = |(0.3, 0.2)| z^2 / 2; and some room for the curvature
    r2 = (pixel_rays(target)[..., :2] ** 2).sum(axis=-1)
    tolerance = 1.3 * 0.71 / camera.fx * (1.0 + r2) * 0.361 * depth_m**2 / 2.0
    assert (np.abs(depth_m - plane(pixel_rays(target))) <= tolerance)[seen].all()


def test_depth_of_another_camera_lands_on_the_colour_grid() -> None:
    depth_camera = Camera(160, 120, 140.0, 140.0, 79.0, 61.0)
    target = rectified_camera(PINHOLE, 320)
    rays = pixel_rays(depth_camera)
    depth_m = rectify_depth((2.0 + 0.5 * rays[..., 0]).astype(np.float32), depth_camera, target)
    expected = 2.0 + 0.5 * pixel_rays(target)[..., 0]
    seen = depth_m > 0
    assert np.abs(depth_m - expected)[seen].max() < 0.5 * 0.51 / 140.0 + 1e-6


def test_what_the_source_does_not_see_is_unknown() -> None:
    narrow = Camera(100, 80, 400.0, 400.0, 49.5, 39.5)
    depth_m = rectify_depth(np.ones((80, 100), np.float32), narrow, rectified_camera(PINHOLE, 320))
    assert depth_m[0, 0] == 0.0
    assert depth_m[120, 160] == 1.0


def test_labels_of_any_size_keep_their_ids() -> None:
    labels = np.zeros((968, 1296), np.uint8)
    labels[:, 648:] = 40
    camera = Camera(648, 484, 580.0, 580.0, 323.5, 241.5)
    out = rectify_labels(labels, camera, rectified_camera(camera, 320))
    assert set(np.unique(out)) == {0, 40}
    assert out[100, 150] == 0
    assert out[100, 170] == 40


def test_colour_is_averaged_not_aliased() -> None:
    stripes = np.zeros((480, 640, 3), np.uint8)
    stripes[:, ::2] = 200
    out = rectify_rgb(stripes, PINHOLE, rectified_camera(PINHOLE, 160))
    assert out.shape == (120, 160, 3)
    assert np.abs(out[2:-2, 2:-2].astype(int) - 100).max() <= 1
