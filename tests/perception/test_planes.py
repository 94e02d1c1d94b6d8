"""Planes learnt from patches: what they say of their own certainty, and when they part or join."""

from __future__ import annotations

import numpy as np
import pytest

from mono_hydra.perception.planes import Plane, overlap_m, step_odds
from mono_hydra.types import F8

CAMERA_M = np.array([0.0, 0.0, 1.4])
SIGMA = 0.067


def wall(x_m: float, low_m: float, high_m: float) -> F8:
    """(N, 3) points of a wall that faces the origin along -x."""
    y, z = np.mgrid[low_m:high_m:0.05, 0.05:2.5:0.1]
    return np.stack([np.full_like(y, x_m), y, z], axis=-1).reshape(-1, 3)


def learnt(points: F8, camera_m: F8 = CAMERA_M, error: float = 0.0) -> Plane:
    """A plane that has seen the points once, all with one error of ln depth."""
    plane = Plane("wall", np.array([-1.0, 0.0, 0.0]), -2.0)
    seen = camera_m + (points - camera_m) * np.exp(error)
    _learn(plane, seen, camera_m)
    return plane


def _learn(plane: Plane, points: F8, camera_m: F8, share: float = 1.0) -> None:
    zero = np.zeros(len(points), np.float32)
    plane.learn(points, camera_m, zero, zero + np.float32(share * SIGMA**2))


def test_a_repeated_view_adds_little_certainty_and_another_stretch_much() -> None:
    points = wall(2.0, -1.0, 1.0)
    plane = learnt(points)
    once = plane.sigma_m
    for _ in range(50):
        _learn(plane, points, CAMERA_M)
    repeated = plane.sigma_m
    assert repeated > 0.65 * once  # only the scale is drawn anew by each view
    _learn(plane, wall(2.0, 2.0, 5.0), np.array([0.0, 3.5, 1.4]))
    assert plane.sigma_m < 0.8 * repeated


def test_what_other_planes_know_of_the_error_is_taken_out() -> None:
    points = wall(2.0, -1.0, 1.0)
    plane = Plane("wall", np.array([-1.0, 0.0, 0.0]), -2.0)
    seen = CAMERA_M + (points - CAMERA_M) * np.exp(0.1)
    error = np.full(len(points), 0.1, np.float32)
    plane.learn(seen, CAMERA_M, error, np.full(len(points), 0.1 * SIGMA**2, np.float32))
    assert plane.offset_m == pytest.approx(-2.0, abs=1e-6)
    assert plane.sigma_m < 0.5 * learnt(points).sigma_m


def test_what_is_seen_surely_outweighs_what_is_not() -> None:
    points = wall(2.0, -1.0, 1.0)
    for shares, sure_m in (((1.0, 0.01), 2.0), ((0.01, 1.0), 2.0 * np.exp(0.1))):
        plane = Plane("wall", np.array([-1.0, 0.0, 0.0]), -2.0)
        for share, error in zip(shares, (0.1, 0.0), strict=True):
            _learn(plane, CAMERA_M + (points - CAMERA_M) * np.exp(error), CAMERA_M, share)
        assert plane.offset_m == pytest.approx(-sure_m, abs=0.03)
        assert plane.sigma_m < 0.03


def test_a_wall_with_a_step_parts_there_and_a_straight_one_stays() -> None:
    places = [np.array([0.0, y, 1.4]) for y in np.linspace(-3.0, 3.0, 7)]
    straight = learnt(wall(2.0, -4.0, 4.0))
    both = np.concatenate([wall(1.7, -4.0, 0.0), wall(2.0, 0.0, 4.0)])
    stepped = Plane("wall", np.array([-1.0, 0.0, 0.0]), -2.0)
    for place in places:
        _learn(straight, wall(2.0, -4.0, 4.0), place)
        _learn(stepped, both, place)
    assert straight.split() is None
    other = stepped.split()
    assert other is not None
    # along the wall is the direction of -y
    assert stepped.offset_m == pytest.approx(-2.0, abs=0.02)
    assert other.offset_m == pytest.approx(-1.7, abs=0.02)
    assert overlap_m(stepped, other) < 1.0
    assert stepped.split() is None


def test_odds_of_two_walls_grow_with_their_distance_and_certainty() -> None:
    assert step_odds(0.0, 0.02, 0.0, 0.02) < 0.33
    assert step_odds(0.0, 0.02, 0.2, 0.02) > 10.0
    assert 0.33 < step_odds(0.0, 0.15, 0.2, 0.15) < 3.0


def test_turned_wall_keeps_its_places() -> None:
    plane = learnt(wall(2.0, -1.0, 1.0))
    middle_m = plane.patches[:, 1:2] * plane.normal_world
    middle_m = middle_m + plane.patches[:, 3:4] * plane.along_world
    angle = np.pi + 0.05
    plane.turn(np.array([np.cos(angle), np.sin(angle), 0.0]))
    turned_m = plane.patches[:, 1:2] * plane.normal_world
    turned_m = turned_m + plane.patches[:, 3:4] * plane.along_world
    np.testing.assert_allclose(turned_m, middle_m, atol=1e-12)


def test_absorbing_a_twin_sharpens_the_plane() -> None:
    a = learnt(wall(2.0, -3.0, 0.0))
    b = learnt(wall(2.0, 0.0, 3.0))
    before = a.sigma_m
    a.absorb(b)
    assert a.sigma_m < before
    assert a.offset_m == pytest.approx(-2.0, abs=1e-6)
    assert a.runs_m[0][0] < -2.0
    assert a.runs_m[-1][1] > 2.0
