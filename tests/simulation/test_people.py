"""People keep clear of the camera, walk like people, and are drawn where they are."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mono_hydra.errors import SimulationError
from mono_hydra.geometry import se3
from mono_hydra.geometry.camera import camera_from_fov, project
from mono_hydra.simulation import people
from mono_hydra.simulation.light import LightOptions
from mono_hydra.simulation.people import TICK_S, Agent, gait_phase, plan_people
from mono_hydra.simulation.people_in_view import PeopleInView
from mono_hydra.simulation.person import person_parts
from mono_hydra.simulation.plain import plain_house
from mono_hydra.simulation.render import Renderer, make_renderer
from mono_hydra.simulation.scene import HouseScene
from mono_hydra.simulation.walk import WalkOptions, plan_walk

CAMERA = camera_from_fov(160, 120, 70.0)
FAST = LightOptions(cell_m=0.3, light_rays=4, gather_rays=8, bounces=1)


@pytest.fixture(scope="module")
def scene() -> HouseScene:
    return HouseScene(plain_house(2))


@pytest.fixture(scope="module")
def path_m(scene: HouseScene) -> np.ndarray:
    options = WalkOptions(duration_s=25.0)
    walk = plan_walk(scene, CAMERA, options, np.random.default_rng(0))
    ticks = np.arange(0.0, walk.motion.duration_s, TICK_S)
    return walk.motion.camera(ticks).T_world[:, :3, 3]


@pytest.fixture(scope="module")
def agents(scene: HouseScene, path_m: np.ndarray) -> list[Agent]:
    return plan_people(scene, path_m, 2, 60_000, np.random.default_rng(3))


@pytest.fixture(scope="module")
def renderer(scene: HouseScene) -> Renderer:
    return make_renderer(scene.house, 1, options=FAST, time="day", scene=scene)


def body_of(agent: Agent, stamp_s: float) -> np.ndarray:
    """Vertices (V, 3) in the world, placed by hand."""
    feet, yaw, phase = agent.at(stamp_s)
    parts = person_parts(agent.height_m, phase, np.random.default_rng(agent.look_seed))
    local = np.concatenate([p.vertices_m for p in parts])
    ahead, left = np.array([np.cos(yaw), np.sin(yaw)]), np.array([-np.sin(yaw), np.cos(yaw)])
    plan = -local[:, 1:2] * ahead + local[:, :1] * left
    return np.column_stack([feet[:2] + plan, feet[2] + local[:, 2]])


def test_nobody_comes_nearer_to_the_camera_than_half_a_metre(agents, path_m) -> None:
    for agent in agents:
        for k in range(0, len(path_m), 7):
            gap = np.linalg.norm(body_of(agent, k * TICK_S) - path_m[k], axis=1)
            assert gap.min() > 0.5


def test_people_walk_and_never_run(agents) -> None:
    for agent in agents:
        speed = np.linalg.norm(np.diff(agent.feet_m, axis=0), axis=1) / np.diff(agent.stamps_s)
        assert 0.5 < speed.max() < 1.5
        assert np.ptp(agent.feet_m[:, :2], axis=0).max() > 1.0


def test_people_keep_apart(agents) -> None:
    a, b = agents
    assert np.linalg.norm(a.feet_m - b.feet_m, axis=1).min() > 0.79


def test_legs_come_together_where_a_person_stands() -> None:
    step = np.concatenate([np.full(20, 0.1), np.zeros(10)])
    phase = gait_phase(step, 1.75)
    assert np.abs(np.sin(phase[-1])) < 1e-6
    assert (np.diff(phase) >= 0.0).all()
    assert phase[19] == pytest.approx(19 * 0.1 * np.pi / 0.72)


def test_too_many_people_are_refused_in_one_line(scene, path_m, monkeypatch) -> None:
    monkeypatch.setattr(people, "MAX_STARTS", 1)
    monkeypatch.setattr(people, "MAX_BACKWARD", 3)
    with pytest.raises(SimulationError, match="--people"):
        plan_people(scene, path_m, 40, 60_000, np.random.default_rng(0))


def standing(distance_m: float) -> tuple[Agent, np.ndarray]:
    """Somebody before a level camera that looks along x from the middle of the first room."""
    eye = np.array([1.0, 2.0, 1.4])
    T = np.eye(4)
    T[:3, :3] = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
    T[:3, 3] = eye
    feet = np.tile([eye[0] + distance_m, eye[1], 0.0], (2, 1))
    still = np.zeros(2)
    return Agent(60_007, 1.7, 5, np.array([0.0, 1.0]), feet, still + np.pi, still), T


def test_a_person_is_in_depth_labels_and_instances_and_nothing_else_changes(renderer) -> None:
    agent, T = standing(1.5)
    view = renderer.scene.view(T, CAMERA)
    linear = renderer.shade(view, T, CAMERA)
    before = linear.copy()
    seen, lit = PeopleInView([agent], renderer, CAMERA).draw(view, linear, T, 0.5)
    body = body_of(agent, 0.5)
    local = se3.transform(se3.inverse(T), body)
    u, v = np.round(project(CAMERA, local)).astype(int).T
    there = seen.instances == 60_007
    inside = (v >= 0) & (v < 120)
    around = cv2.dilate(
        there.astype(np.uint8), np.ones((3, 3), np.uint8)
    )  # outline vertices round out
    assert around[v[inside], u[inside]].mean() > 0.99
    assert there[v[inside], u[inside]].mean() > 0.85
    assert (seen.labels[there] == 31).all()
    assert seen.depth_m[there].min() == pytest.approx(local[:, 2].min(), abs=0.03)
    assert (seen.depth_m[~there] == view.depth_m[~there]).all()
    assert (seen.instances[~there] == view.instances[~there]).all()
    np.testing.assert_array_equal(linear, before)  # the caller's picture stays as it was
    assert np.abs(lit - linear)[there].mean() > 0.001


def test_a_person_behind_a_wall_is_not_seen(renderer) -> None:
    agent, T = standing(9.0)
    view = renderer.scene.view(T, CAMERA)
    linear = renderer.shade(view, T, CAMERA)
    seen, _ = PeopleInView([agent], renderer, CAMERA).draw(view, linear, T, 0.5)
    assert not (seen.instances >= 60_000).any()


def test_rows_hold_the_upright_box_of_the_body(renderer, agents) -> None:
    agent = agents[0]
    stamp_s = 7.3
    row = PeopleInView([agent], renderer, CAMERA).rows(stamp_s)[0]
    center, yaw, size = np.array(row[3:6]), row[6], np.array(row[7:10])
    ahead = np.array([[np.cos(yaw), np.sin(yaw)], [-np.sin(yaw), np.cos(yaw)]])
    body = body_of(agent, stamp_s) - center
    plan = np.abs(body[:, :2] @ ahead.T).max(axis=0)
    np.testing.assert_allclose(2.0 * plan, size[:2], atol=0.06)  # gait phases are kept in steps
    np.testing.assert_allclose(2.0 * np.abs(body[:, 2]).max(), size[2], atol=0.02)
