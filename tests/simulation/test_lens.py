"""Lenses project their own rays back, and reach as far as asked."""

from __future__ import annotations

import numpy as np
import pytest

from mono_hydra.errors import SimulationError
from mono_hydra.geometry.camera import camera_from_fov, pixel_rays, project
from mono_hydra.simulation.lens import LENSES, distorted_camera, field_of_view_deg


@pytest.mark.parametrize("lens", LENSES)
@pytest.mark.parametrize("fov", [60.0, 90.0])
def test_rays_of_every_pixel_project_back(lens: str, fov: float) -> None:
    camera = distorted_camera(camera_from_fov(64, 48, fov), lens, fov)
    v, u = np.mgrid[:48, :64]
    np.testing.assert_allclose(project(camera, pixel_rays(camera)), np.stack([u, v], -1), atol=0.01)


def test_a_fisheye_reaches_what_was_asked_for() -> None:
    camera = distorted_camera(camera_from_fov(640, 480, 140.0), "fisheye", 140.0)
    assert field_of_view_deg(camera) == pytest.approx(140.0, abs=0.3)


def test_lines_bend_inwards() -> None:
    straight, bent = (
        distorted_camera(camera_from_fov(640, 480, 80.0), k, 80.0) for k in ("none", "radtan")
    )
    edge = np.array([[0.8, 0.0, 1.0]])
    assert project(bent, edge)[0, 0] < project(straight, edge)[0, 0] - 10.0


def test_too_wide_a_radial_lens_is_refused() -> None:
    with pytest.raises(SimulationError, match="fisheye"):
        distorted_camera(camera_from_fov(640, 480, 120.0), "radtan", 120.0)
