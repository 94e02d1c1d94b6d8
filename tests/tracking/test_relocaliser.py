"""The map is found again by what earlier keyframes saw, and not by what they did not see."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mono_hydra.geometry import se3
from mono_hydra.tracking.relocaliser import Relocaliser
from mono_hydra.types import U1
from tests.tracking.wall import patterned, pose, view


@pytest.fixture(scope="module")
def wall() -> U1:
    return patterned()


@pytest.fixture(scope="module")
def knowing(wall: U1) -> Relocaliser:
    """One that has seen the wall from five places."""
    known = Relocaliser()
    for k in range(5):
        frame, prediction = view(wall, pose(-2.0 + k))
        known.add(frame, prediction, pose(-2.0 + k))
    assert len(known) == 5
    return known


def test_two_sights_of_known_places_tie_the_worlds(wall: U1, knowing: Relocaliser) -> None:
    knowing.forget_candidate()
    T_map_world = se3.from_rt(se3.exp_so3(np.array([0.0, 0.0, 0.7])), np.array([1.0, -2.0, 0.4]))
    found = None
    for k, T_map_camera in enumerate((pose(-0.7, 0.2, 0.05), pose(-0.5, 0.25, 0.1))):
        frame, _ = view(wall, T_map_camera, 0.3 * k)
        found = knowing.tie(frame, se3.inverse(T_map_world) @ T_map_camera)
        assert (found is None) == (k == 0)
    assert found is not None
    miss = se3.log(se3.inverse(T_map_world) @ found[0])
    assert np.linalg.norm(miss[:3]) < 0.02
    assert np.linalg.norm(miss[3:]) < 0.1
    assert miss @ np.linalg.solve(found[1], miss) < 16.8  # 99 % of 6 degrees of freedom


def test_an_unknown_wall_is_not_taken_for_a_known_one(wall: U1, knowing: Relocaliser) -> None:
    knowing.forget_candidate()
    other = np.random.default_rng(9).permutation(wall.ravel()).reshape(wall.shape)
    for k in range(4):
        frame, _ = view(other, pose(-0.5 + 0.2 * k), 0.3 * k)
        assert knowing.tie(frame, pose(0.2 * k)) is None


def test_a_view_that_contradicts_the_vertical_is_refused(wall: U1, knowing: Relocaliser) -> None:
    knowing.forget_candidate()
    tilt = se3.from_rt(se3.exp_so3(np.array([0.2, 0.0, 0.0])), np.zeros(3))
    for k in range(3):
        frame, _ = view(wall, pose(-0.5 + 0.1 * k), 0.3 * k)
        assert knowing.tie(frame, tilt @ pose(-0.5 + 0.1 * k)) is None


def test_two_sights_that_disagree_are_refused(wall: U1, knowing: Relocaliser) -> None:
    knowing.forget_candidate()
    for k, shift_m in enumerate((0.0, 1.0, 0.0)):
        frame, _ = view(wall, pose(-0.5), 0.3 * k)
        assert knowing.tie(frame, pose(-0.5 + shift_m)) is None


def test_without_texture_or_depth_nothing_is_kept(wall: U1) -> None:
    known = Relocaliser()
    frame, prediction = view(np.full_like(wall, 90), pose(0.0))
    known.add(frame, prediction, pose(0.0))
    frame, prediction = view(wall, pose(0.0))
    known.add(frame, replace(prediction, depth_m=0.0 * prediction.depth_m), pose(0.0))
    assert len(known) == 0
    assert known.tie(frame, pose(0.0)) is None


def test_level_worlds_differ_by_a_turn_and_a_shift() -> None:
    T_map_world = se3.from_rt(se3.exp_so3(np.array([0.0, 0.0, -2.9])), np.array([3.0, 1.0, -0.2]))
    T = pose(0.4, 0.3, 0.2)
    np.testing.assert_allclose(se3.upright_tie(T_map_world @ T, T), T_map_world, atol=1e-12)
