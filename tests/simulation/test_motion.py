"""The spline, and what a walk promises."""

from __future__ import annotations

import numpy as np
import pytest

from mono_hydra.geometry.camera import camera_from_fov
from mono_hydra.simulation.free_floor import FreeFloor, inside_polygon, way_length
from mono_hydra.simulation.gaze import Attention
from mono_hydra.simulation.motion import Motion
from mono_hydra.simulation.plain import plain_house
from mono_hydra.simulation.scene import HouseScene
from mono_hydra.simulation.truth_files import was_traversed
from mono_hydra.simulation.walk import CAMERA_CLEARANCE_M, Walk, WalkOptions, plan_walk

CAMERA = camera_from_fov(320, 240, 70.0)


@pytest.fixture(scope="module")
def scene() -> HouseScene:
    return HouseScene(plain_house(2))


@pytest.fixture(scope="module")
def walk(scene: HouseScene) -> Walk:
    return plan_walk(scene, CAMERA, WalkOptions(), np.random.default_rng(0))


def random_motion(seed: int) -> Motion:
    rng = np.random.default_rng(seed)
    return Motion(np.cumsum(rng.normal(0.0, 0.05, (40, 6)), axis=0))


def test_rates_are_the_derivatives_of_the_rotation() -> None:
    motion, h = random_motion(1), 1e-5
    t = np.arange(0.35, motion.duration_s - 0.3, 0.1)  # between knots: jerk jumps at them
    before, now, after = (motion.camera(t + d) for d in (-h, 0.0, h))
    R0, R1, R2 = (s.T_world[:, :3, :3] for s in (before, now, after))
    turn = np.einsum("nji,njk->nik", R1, (R2 - R0) / (2 * h))  # hat(rate), own axes
    rate = np.stack([turn[:, 2, 1], turn[:, 0, 2], turn[:, 1, 0]], axis=-1)
    np.testing.assert_allclose(now.rate_rad_s, rate, atol=1e-6)
    change = (after.rate_rad_s - before.rate_rad_s) / (2 * h)
    np.testing.assert_allclose(now.rate_change_rad_s2, change, atol=1e-4)


def test_body_motion_is_the_camera_motion_moved_along_the_arm() -> None:
    motion, h = random_motion(2), 1e-5
    T_body_camera = np.eye(4)
    T_body_camera[:3, :3] = [[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]
    T_body_camera[:3, 3] = [0.1, -0.05, 0.2]
    t = np.arange(0.35, motion.duration_s - 0.3, 0.1)  # between knots: jerk jumps at them
    before, now, after = (motion.body(t + d, T_body_camera) for d in (-h, 0.0, h))
    np.testing.assert_allclose(now.T_world @ T_body_camera, motion.camera(t).T_world, atol=1e-12)
    velocity = (after.T_world - before.T_world)[:, :3, 3] / (2 * h)
    np.testing.assert_allclose(now.velocity_m_s, velocity, atol=1e-6)
    acceleration = (after.velocity_m_s - before.velocity_m_s) / (2 * h)
    np.testing.assert_allclose(now.acceleration_m_s2, acceleration, atol=1e-4)


def test_a_walk_starts_perfectly_still_and_returns(walk: Walk) -> None:
    state = walk.motion.camera(np.arange(0.0, 2.0, 0.005))
    assert np.abs(state.velocity_m_s).max() < 1e-12
    assert np.abs(state.rate_rad_s).max() < 1e-12
    ends = walk.motion.camera(np.array([0.0, walk.motion.duration_s])).T_world[:, :2, 3]
    assert np.linalg.norm(ends[0] - ends[1]) < 0.1


def test_a_walk_visits_every_room_through_the_door(scene: HouseScene, walk: Walk) -> None:
    path = walk.motion.camera(np.arange(0.0, walk.motion.duration_s, 0.02)).T_world[:, :3, 3]
    for room in scene.house.rooms:
        assert inside_polygon(room.polygon_m, path[:, :2]).any()
    assert was_traversed(scene.house.doors[0], path)


def test_a_walk_keeps_its_limits(scene: HouseScene, walk: Walk) -> None:
    state = walk.motion.camera(np.arange(0.0, walk.motion.duration_s, 0.01))
    path = state.T_world[:, :3, 3]
    assert scene.distance(path).min() >= CAMERA_CLEARANCE_M
    rate_deg_s = np.rad2deg(np.linalg.norm(state.rate_rad_s, axis=1))
    assert rate_deg_s.max() < 150.0
    assert np.median(rate_deg_s) < 60.0
    assert np.linalg.norm(state.velocity_m_s, axis=1).max() < 1.25
    pitch_deg = np.rad2deg(np.arcsin(state.T_world[:, 2, 2]))  # of the optical axis
    assert pitch_deg.min() >= -35.0
    assert pitch_deg.max() <= 10.0
    assert path[:, 2].min() > 1.15
    assert path[:, 2].max() < 1.75


@pytest.mark.parametrize("limit_s", [8.0, 30.0])
def test_a_walk_ends_within_the_asked_duration(scene: HouseScene, limit_s: float) -> None:
    options = WalkOptions(duration_s=limit_s)
    short = plan_walk(scene, CAMERA, options, np.random.default_rng(1))
    assert short.motion.duration_s <= limit_s + 1e-9


def test_the_same_seed_gives_the_same_walk(scene: HouseScene, walk: Walk) -> None:
    again = plan_walk(scene, CAMERA, WalkOptions(), np.random.default_rng(0))
    np.testing.assert_array_equal(again.motion.control, walk.motion.control)


def test_looking_around_sees_most_of_what_can_be_seen(scene: HouseScene, walk: Walk) -> None:
    attention = Attention(scene, (0.61, 0.48))
    path = walk.motion.camera(np.arange(0.0, walk.motion.duration_s, 0.25)).T_world[:, :3, 3]
    reachable = np.zeros(len(attention.weight), bool)
    for eye in path[::4]:
        reachable[attention.visible(eye).index] = True
    possible = attention.weight[reachable].sum() / attention.weight.sum()
    assert walk.planned_share_seen > 0.75 * possible


def test_ways_keep_clear_of_furniture(scene: HouseScene) -> None:
    floor = FreeFloor(scene.house, scene)
    a, b = floor.free_points(1, 0.4, 0.35)[0], floor.free_points(2, 0.4, 0.35)[-1]
    far, before = floor.distances([floor.node(a)])
    way = floor.way(before[0], floor.node(b))
    assert floor.storeys[0].clearance_at(way[:, :2]).min() > 0.2
    assert np.linalg.norm(a - b) <= way_length(way) + 0.1 < 1.6 * np.linalg.norm(a - b) + 1.0
    assert np.isfinite(far[0, floor.node(b)])
