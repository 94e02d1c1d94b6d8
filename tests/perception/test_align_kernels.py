"""The aligner's kernels against their slow twins, on random and on degenerate input."""

from __future__ import annotations

import numpy as np
import pytest

from mono_hydra.perception import align_kernels as kernels
from mono_hydra.perception.error_field_kernels import regress
from mono_hydra.perception.plane_kernels import weigh
from mono_hydra.types import F4, F8
from tests.perception import naive_align as naive

ATTACHED_M = np.array([0.01, 0.01, 0.015, 0.1])
K_PX = np.array([20.0, 20.0, 11.5, 7.5])


@pytest.mark.parametrize("n_known", [1, 2, 60])
def test_regression_equals_dense_algebra(n_known: int) -> None:
    rng = np.random.default_rng(n_known)
    points, wanted = rng.uniform(-2.0, 2.0, (n_known, 3)), rng.uniform(-2.0, 2.0, (200, 3))
    known, known_sigma = rng.normal(0.0, 1.0, n_known), rng.uniform(0.1, 0.7, n_known)
    nugget = rng.uniform(0.1, 0.4, n_known)
    group = rng.integers(0, 4, n_known).astype(np.int32)
    mean, explained = np.empty(200, np.float32), np.empty(200, np.float32)
    regress(
        np.ascontiguousarray(points.T, np.float32), known.astype(np.float32),
        known_sigma.astype(np.float32), group, np.ascontiguousarray(wanted.T, np.float32),
        nugget.astype(np.float32), 0.4, 0.2, mean, explained,
    )  # fmt: skip
    wanted_mean, wanted_explained = naive.regress(
        points, known, known_sigma, group, wanted, nugget, 0.4, 0.2
    )
    np.testing.assert_allclose(mean, wanted_mean, atol=1e-3)
    np.testing.assert_allclose(explained, wanted_explained, atol=1e-3)


@pytest.mark.parametrize("n_patches", [1, 2, 40])
def test_offset_of_a_plane_equals_dense_algebra(n_patches: int) -> None:
    rng = np.random.default_rng(n_patches)
    patches = np.column_stack([
        rng.integers(1, 9, n_patches), rng.normal(2.0, 0.1, n_patches),
        rng.uniform(0.1, 4.0, n_patches), rng.uniform(-3.0, 3.0, (n_patches, 2)),
        rng.uniform(0.0, 6.28, n_patches), rng.uniform(0.001, 0.01, n_patches),
    ])  # fmt: skip
    found = weigh(patches, 0.2, 7.0, 0.7, 1.5)
    assert found == pytest.approx(naive.weigh(patches, 0.2, 7.0, 0.7, 1.5), rel=1e-9)


def test_many_views_of_one_patch_say_no_more_than_its_field_allows() -> None:
    patch = np.array([[1e6, 2.0, 2.0, 0.0, 0.0, 0.5, 0.07**2]])
    _, sigma_m = weigh(patch, 0.2, 1e6, 0.7, 1.5)
    assert sigma_m == pytest.approx(2.0 * 0.07 * np.sqrt(0.8), rel=1e-3)


@pytest.mark.parametrize("normal", [(0.0, 0.0, -1.0), (0.3, 0.2, -0.93), (-0.6, 0.0, -0.8)])
def test_pixels_of_a_plane_face_along_its_normal(normal: tuple[float, float, float]) -> None:
    n = np.array(normal) / np.linalg.norm(normal)
    facing = np.ones((16, 24, 3), np.float32)
    kernels.face((-3.0 / (_rays() @ n)).astype(np.float32), K_PX, facing)
    np.testing.assert_allclose(facing[1:-1, 1:-1], np.broadcast_to(n, (14, 22, 3)), atol=1e-4)
    assert not facing[0].any()
    assert not facing[:, -1].any()


def test_edges_and_unknown_depth_face_nowhere() -> None:
    depth_m = np.full((16, 24), 2.0, np.float32)
    depth_m[:, 12:] = 3.0
    depth_m[5, 5] = 0.0
    facing = np.ones((16, 24, 3), np.float32)
    kernels.face(depth_m, K_PX, facing)
    assert not facing[:, 11:13].any()
    assert not facing[5, 4:7].any()
    assert facing[8, 8].any()


def _rays() -> F8:
    v, u = np.mgrid[:16, :24]
    return np.stack([(u - 11.5) / 20.0, (v - 7.5) / 20.0, np.ones((16, 24))], axis=-1)


def _planes() -> F8:
    """A floor, a wall ahead in two stretches, one 0.3 m before it, and one to the left."""
    ahead, left = [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]
    along, forward = [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]
    down = [0.0, -1.0, 0.0]
    return np.array([
        [*down, *along, 1.2, 1e-4, -np.inf, np.inf, 0, 0],
        [*ahead, *along, 3.0, 2e-4, -2.0, -0.3, 2, 1],
        [*ahead, *along, 3.0, 2e-4, 0.6, 2.0, 2, 1],
        [*ahead, *along, 2.7, 9e-4, -0.2, 1.0, 2, 2],
        [*left, *forward, 1.0, 3e-4, 0.0, 2.8, 2, 3],
    ])  # fmt: skip


def test_drawn_depth_equals_the_slow_twin() -> None:
    rng = np.random.default_rng(5)
    depth_m = rng.uniform(1.5, 4.0, (16, 24)).astype(np.float32)
    depth_m[rng.uniform(size=(16, 24)) < 0.1] = 0.0
    sigma = rng.uniform(0.05, 0.12, (16, 24)).astype(np.float32)
    labels = rng.integers(0, 5, (16, 24)).astype(np.uint8)
    kind_of_label = np.full(256, -1, np.int32)
    kind_of_label[1:5] = [0, 2, 3, 2]
    error = rng.normal(0.0, 0.05, (16, 24)).astype(np.float32)
    share = rng.uniform(0.05, 1.0, (16, 24)).astype(np.float32)
    facing = rng.normal(size=(16, 24, 3)).astype(np.float32)
    facing /= np.linalg.norm(facing, axis=-1, keepdims=True)
    facing[rng.uniform(size=(16, 24)) < 0.3] = 0.0
    drawn_m, drawn_sigma = depth_m.copy(), sigma.copy()
    # a grid of every pixel, so that nothing is read between its points
    kernels.draw(
        depth_m, sigma, labels, kind_of_label, K_PX, _planes(), ATTACHED_M, 3.0, 0.06, 1,
        depth_m, facing, error, share, drawn_m, drawn_sigma,
    )  # fmt: skip
    n_moved = 0
    for v, u in np.argwhere(depth_m > 0.0):
        smooth = min(float(sigma[v, u]), 0.06) ** 2
        variance = smooth * share[v, u] + float(sigma[v, u]) ** 2 - smooth
        wanted = naive.draw_pixel(
            (u - 11.5) / 20.0, (v - 7.5) / 20.0, float(depth_m[v, u]),
            kind_of_label[labels[v, u]], float(error[v, u]), variance,
            _facing(facing[v, u]), _planes(), ATTACHED_M, 3.0,
        )  # fmt: skip
        assert (drawn_m[v, u], drawn_sigma[v, u]) == pytest.approx(wanted, rel=1e-4)
        n_moved += abs(np.log(drawn_m[v, u] / depth_m[v, u]) + error[v, u]) > 0.01
    assert n_moved > 20
    assert not drawn_m[depth_m == 0.0].any()


def _facing(normal: F4) -> F4:
    return normal.astype(np.float64)


def test_between_grid_points_the_error_is_read_on_the_same_surface_only() -> None:
    depth_m = np.full((9, 9), 2.0, np.float32)
    grid_m = np.full((3, 3), 2.0, np.float32)
    grid_m[:, 1:] = 3.0  # another surface, known to be wrong by another factor
    error = np.where(grid_m < 2.5, np.float32(0.1), np.float32(-0.3))
    drawn_m, sigma = np.zeros_like(depth_m), np.full_like(depth_m, 0.06)
    kernels.draw(
        depth_m, sigma, np.zeros((9, 9), np.uint8), np.full(256, -1, np.int32), K_PX,
        np.zeros((0, 12)), ATTACHED_M, 3.0, 0.06, 4, grid_m, np.zeros((3, 3, 3), np.float32),
        error, np.full((3, 3), 0.25, np.float32), drawn_m, sigma,
    )  # fmt: skip
    np.testing.assert_allclose(drawn_m[:, :4], 2.0 * np.exp(-0.1), rtol=1e-3)
    np.testing.assert_allclose(sigma[:, :4], 0.03, rtol=1e-3)
    np.testing.assert_allclose(drawn_m[:, 5:], 2.0, rtol=1e-6)


def test_a_pixel_near_a_corner_is_said_to_be_in_doubt() -> None:
    wall_ahead_and_left = _planes()[[1, 4]]
    wall_ahead_and_left[0, 8:10] = -2.0, 2.0
    rays = _rays()
    depth_m = np.where(
        rays[..., 0] < -1e-6, np.minimum(3.0, -1.0 / np.minimum(rays[..., 0], -1e-6)), 3.0
    )
    plane_of, residual = np.empty((16, 24), np.int32), np.zeros((16, 24), np.float32)
    near_corner, met = np.empty((16, 24), bool), np.zeros(2, bool)
    kernels.assign(
        depth_m.astype(np.float32), np.full((16, 24), 0.06, np.float32),
        np.full((16, 24), 2, np.int32), np.zeros((16, 24, 3), np.float32), K_PX,
        wall_ahead_and_left, ATTACHED_M, 3.0, plane_of, residual, near_corner, met,
    )  # fmt: skip
    assert met.all()
    corner = round(11.5 - 20.0 / 3.0)
    assert near_corner[:, corner].all()
    assert not near_corner[:, 15:].any()
    assert (plane_of[:, 15:] == 1).all()
    np.testing.assert_allclose(residual[:, 15:], 0.0, atol=1e-6)
