import numpy as np
import pytest

from m2h.data.derive import (
    axes_of,
    depth_of_distance,
    edges_of_labels,
    normals_of_depth,
    rays,
)
from m2h.types import EDGE_UNKNOWN
from tests.m2h.data.samples import K, plane_depth


def test_normals_of_a_plane_are_the_plane_s():
    depth_m, unit = plane_depth()
    normals = normals_of_depth(depth_m, K)
    assert np.allclose(normals[1:-1, 1:-1], unit, atol=2e-4)
    assert not normals[0].any()
    assert not normals[:, -1].any()


def test_normals_are_unknown_across_a_jump_and_beside_unknown_depth():
    depth_m = np.full((9, 12), 2.0, np.float32)
    depth_m[:, 6:] = 3.0
    depth_m[4, 2] = 0.0
    normals = normals_of_depth(depth_m, K)
    assert not normals[4, 5:7].any()
    assert not normals[4, 1:4].any()
    assert np.allclose(normals[4, 8], [0, 0, -1], atol=1e-5)


def test_distance_along_the_rays_becomes_depth():
    depth_m, _ = plane_depth()
    distance_m = depth_m * np.linalg.norm(rays(K, 60, 80), axis=-1)
    distance_m[0, 0] = np.inf
    found = depth_of_distance(distance_m, K)
    assert found[0, 0] == 0.0
    assert np.allclose(found[1:], depth_m[1:], rtol=1e-5)


def test_border_of_classes_is_an_edge_of_three_pixels():
    labels = np.ones((5, 11), np.uint8)
    labels[:, 5:] = 2
    assert np.flatnonzero(edges_of_labels(labels)[2]).tolist() == [3, 4, 5]


def test_border_of_the_unknown_is_unknown():
    labels = np.ones((7, 12), np.uint8)
    labels[:, 6:] = 0
    row = edges_of_labels(labels)[3]
    assert (row[:5] == 0).all()
    assert (row[5:] == EDGE_UNKNOWN).all()


def test_a_slanted_plane_has_no_edge_and_a_step_has():
    depth_m, _ = plane_depth(normal=(0.9, 0.0, -0.6), distance_m=1.5)
    depth_m = np.where((depth_m > 0) & (depth_m < 20), depth_m, 0).astype(np.float32)
    share = np.abs(np.diff(depth_m, axis=1)) / np.maximum(depth_m[:, 1:], 1e-6)
    assert share.max() > 0.05  # steep enough that a plain threshold would see edges
    labels = np.ones(depth_m.shape, np.uint8)
    assert not (edges_of_labels(labels, depth_m) == 1).any()
    flat = np.full((8, 12), 2.0, np.float32)
    flat[:, 6:] = 2.4
    assert np.flatnonzero(edges_of_labels(np.ones((8, 12), np.uint8), flat)[4]).tolist() == [
        4,
        5,
        6,
    ]


def test_a_jump_within_three_steps_of_the_depth_is_no_edge():
    depth_m = np.full((8, 12), 1.0, np.float32)
    depth_m[:, 6:] = 1.1
    labels = np.ones(depth_m.shape, np.uint8)
    assert edges_of_labels(labels, depth_m, 0.0).any()
    assert not edges_of_labels(labels, depth_m, 0.04).any()


@pytest.mark.parametrize("axes", [np.diag([1, -1, -1]), np.eye(3)[[2, 0, 1]], np.eye(3)])
def test_axes_of_written_normals_are_found(axes):
    true = np.random.default_rng(1).normal(size=(20, 20, 3)).astype(np.float32)
    true /= np.linalg.norm(true, axis=-1, keepdims=True)
    written = true @ axes  # so that true = written @ axes.T
    assert np.allclose(written @ axes_of(written, true).T, true, atol=1e-6)
