"""Registration of depth equals a slow, obvious one."""

import numpy as np

from mono_hydra.geometry import se3
from mono_hydra.sequences.register import register_depth
from mono_hydra.sequences.register_kernels import FOOTPRINT
from mono_hydra.types import F4, F8, Camera

DEPTH_CAMERA = Camera(32, 24, 29.0, 29.0, 15.5, 11.5)
COLOR_CAMERA = Camera(40, 30, 33.0, 32.0, 19.0, 15.0)


def _naive(depth_m: F4, T: F8) -> np.ndarray:
    out = np.full((30, 40), np.inf)
    for (v, u), z in np.ndenumerate(depth_m):
        ray = np.array([(u - 15.5) / 29.0, (v - 11.5) / 29.0, 1.0])
        x, y, z_out = T[:3, :3] @ (ray * float(z)) + T[:3, 3]
        if z <= 0 or z_out <= 1e-3:
            continue
        half = 0.5 * FOOTPRINT * np.array([33.0, 32.0]) / 29.0 * float(z) / z_out
        middle = np.array([33.0 * x / z_out + 19.0, 32.0 * y / z_out + 15.0])
        for row in range(30):
            for column in range(40):
                inside = np.array([column, row])
                if ((inside >= middle - half) & (inside < middle + half)).all():
                    out[row, column] = min(out[row, column], z_out)
    return np.where(np.isinf(out), 0.0, out)


def test_registration_equals_the_naive_twin() -> None:
    rng = np.random.default_rng(0)
    depth_m = rng.uniform(1.0, 3.0, (24, 32)).astype(np.float32)
    depth_m[rng.random((24, 32)) < 0.2] = 0.0
    T = se3.exp(np.array([0.02, -0.05, 0.03, -0.1, 0.02, 0.05]))
    out = register_depth(depth_m, DEPTH_CAMERA, T, COLOR_CAMERA)
    np.testing.assert_allclose(out, _naive(depth_m, T), rtol=1e-5)


def test_what_lies_behind_the_other_camera_is_dropped() -> None:
    T = se3.from_rt(np.diag([1.0, -1.0, -1.0]), np.zeros(3))
    depth_m = np.full((24, 32), 2.0, np.float32)
    assert not register_depth(depth_m, DEPTH_CAMERA, T, COLOR_CAMERA).any()


def test_a_pixel_grid_onto_itself_changes_nothing_but_the_nearer_rim() -> None:
    depth_m = np.full((24, 32), 2.0, np.float32)
    out = register_depth(depth_m, DEPTH_CAMERA, np.eye(4), DEPTH_CAMERA)
    np.testing.assert_array_equal(out, depth_m)
