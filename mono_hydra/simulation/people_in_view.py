"""People drawn into the views of a static house: cast apart, then the nearer surface wins.

A person's light is the mean light of the room it is in, a little brighter from above; it throws
nothing but a soft dark patch on the floor at its feet.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from mono_hydra.geometry import se3
from mono_hydra.geometry.camera import project
from mono_hydra.labels import load_label_space
from mono_hydra.open3d_import import load_open3d
from mono_hydra.simulation.free_floor import inside_polygon
from mono_hydra.simulation.materials import to_linear
from mono_hydra.simulation.people import Agent
from mono_hydra.simulation.person import LABEL, person_parts
from mono_hydra.simulation.render import Renderer
from mono_hydra.simulation.scene import View
from mono_hydra.types import F4, F8, I8, Camera

N_PHASES = 32  # poses of a gait that are kept
MEAN_ALBEDO = 0.55  # of a room: what divides its radiance into light
FROM_ABOVE = 0.35  # how much darker what faces down is
SHADE_M, SHADE = 0.32, 0.45  # reach and depth of the patch at the feet
FLOOR_M = 0.03
MARGIN_PX = 4


class _Pose:
    """Triangles of one person in one moment of a step, ready for rays; local frame."""

    def __init__(self, agent: Agent, phase_rad: float) -> None:
        parts = person_parts(agent.height_m, phase_rad, np.random.default_rng(agent.look_seed))
        starts = np.cumsum([0, *(len(p.vertices_m) for p in parts)])
        vertices = np.concatenate([p.vertices_m for p in parts])
        faces = np.concatenate([p.faces + s for p, s in zip(parts, starts, strict=False)])
        a, b, c = (vertices[faces[:, k]] for k in range(3))
        normal = np.cross(b - a, c - a)
        self.normal: F8 = normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-15)
        colours = [to_linear(np.array(p.material.rgb)) for p in parts]
        self.colour: F8 = np.repeat(colours, [len(p.faces) for p in parts], axis=0)
        self.low, self.high = vertices.min(axis=0), vertices.max(axis=0)
        o3d = load_open3d()
        self._tensor = o3d.core.Tensor
        self._scene = o3d.t.geometry.RaycastingScene(nthreads=2)
        self._scene.add_triangles(
            self._tensor(vertices.astype(np.float32)), self._tensor(faces.astype(np.uint32))
        )

    def cast(self, rays: F4) -> tuple[F4, I8]:
        """Hit parameter, inf for none, and triangle of rays (..., 6) in the local frame."""
        hit = self._scene.cast_rays(self._tensor(np.ascontiguousarray(rays, np.float32)))
        return hit["t_hit"].numpy(), hit["primitive_ids"].numpy().astype(np.int64)


class PeopleInView:
    """Draws the people of one recording."""

    def __init__(self, agents: list[Agent], renderer: Renderer, camera: Camera) -> None:
        self._agents = agents
        self._renderer = renderer
        self._camera = camera
        self._label = load_label_space("nyu40").id_of(LABEL)
        self._poses: dict[tuple[int, int], _Pose] = {}

    def draw(self, view: View, linear: F4, T_world_camera: F8, stamp_s: float) -> tuple[View, F4]:
        """The view and its radiance (H, W, 3) with the people of a moment in them."""
        for agent in self._agents:
            state = agent.at(stamp_s)
            if state is not None:
                view, linear = self._draw_one(agent, *state, view, linear, T_world_camera)
        return view, linear

    def rows(self, stamp_s: float) -> list[list[float]]:
        """Rows of agents.csv of a moment; boxes are upright, length along where they look."""
        rows = []
        for agent in self._agents:
            state = agent.at(stamp_s)
            if state is None:
                continue
            feet, yaw, phase = state
            pose = self._pose(agent, phase)
            size, middle = pose.high - pose.low, 0.5 * (pose.high + pose.low)
            center = feet + _turn(yaw) @ middle
            row = [stamp_s, agent.id, self._label, *center, (yaw + np.pi) % (2 * np.pi) - np.pi]
            rows.append([*(float(v) for v in row), *(float(size[k]) for k in (1, 0, 2))])
        return rows

    def _pose(self, agent: Agent, phase_rad: float) -> _Pose:
        k = round(phase_rad / (2 * np.pi) * N_PHASES) % N_PHASES
        if (agent.id, k) not in self._poses:
            self._poses[agent.id, k] = _Pose(agent, 2 * np.pi * k / N_PHASES)
        return self._poses[agent.id, k]

    def _draw_one(
        self, agent: Agent, feet_m: F8, yaw: float, phase: float, view: View, linear: F4, T: F8
    ) -> tuple[View, F4]:
        pose = self._pose(agent, phase)
        T_world_person = se3.from_rt(_turn(yaw), feet_m)
        window = self._window(pose, T_world_person, T)
        if window is None:
            return view, linear
        rays = self._renderer.scene.rays(T, self._camera)[window]
        R = T_world_person[:3, :3].astype(np.float32)
        local = np.empty_like(rays)
        local[..., :3] = (rays[..., :3] - feet_m.astype(np.float32)) @ R
        local[..., 3:] = rays[..., 3:] @ R
        t, triangle = pose.cast(local)
        depth = view.depth_m[window]
        nearer = np.isfinite(t) & ((t < depth) | (depth == 0.0))
        linear = linear.copy()
        part = linear[window]
        part *= _patch(rays, depth, feet_m)[..., None]
        if not nearer.any():
            return view, linear
        light = self._light(feet_m)
        normal_z = (pose.normal[triangle[nearer]] @ T_world_person[:3, :3].T)[:, 2]
        lit = 1.0 - FROM_ABOVE * (0.5 - 0.5 * normal_z)
        part[nearer] = pose.colour[triangle[nearer]] * light * lit[:, None]
        inside = nearer.astype(np.float32)
        edge = np.abs(cv2.blur(inside, (3, 3)) - inside) > 1e-3  # single rays leave steps there
        part[edge] = cv2.blur(part, (3, 3))[edge]
        depths, labels = view.depth_m.copy(), view.labels.copy()
        instances, normals = view.instances.copy(), view.normals_world.copy()
        normals[window][nearer] = _facing(
            pose.normal[triangle[nearer]] @ T_world_person[:3, :3].T, rays[..., 3:][nearer]
        )
        depths[window][nearer] = t[nearer]
        labels[window][nearer] = self._label
        instances[window][nearer] = agent.id
        seen = replace(
            view, depth_m=depths, labels=labels, instances=instances, normals_world=normals
        )
        return seen, linear

    def _window(self, pose: _Pose, T_world_person: F8, T_world_camera: F8) -> Any:
        """Slices of the image that hold the person and the floor at its feet; None: out of view."""
        low, high = pose.low - SHADE_M, pose.high + SHADE_M
        corners = np.array([
            [x, y, z] for x in (low[0], high[0]) for y in (low[1], high[1])
            for z in (low[2], high[2])
        ])  # fmt: skip
        local = se3.transform(se3.inverse(T_world_camera) @ T_world_person, corners)
        camera = self._camera
        if local[:, 2].max() < 0.05:
            return None
        if local[:, 2].min() < 0.05:  # beside the camera: corners behind it have no pixel
            return (slice(0, camera.height), slice(0, camera.width))
        pixels = project(camera, local)
        u0, v0 = np.floor(pixels.min(axis=0)).astype(int) - MARGIN_PX
        u1, v1 = np.ceil(pixels.max(axis=0)).astype(int) + MARGIN_PX
        u0, v0 = max(u0, 0), max(v0, 0)
        u1, v1 = min(u1, camera.width), min(v1, camera.height)
        return (slice(v0, v1), slice(u0, u1)) if u1 - u0 > 1 and v1 - v0 > 1 else None

    def _light(self, feet_m: F8) -> F8:
        """(3,) mean irradiance over pi where somebody stands."""
        ambient = self._renderer.light.ambient
        for room in self._renderer.scene.house.rooms:
            on_floor = room.floor_z_m - 0.5 < feet_m[2] < room.ceiling_z_m
            if on_floor and inside_polygon(room.polygon_m, feet_m[None, :2])[0]:
                return np.asarray(ambient[room.id], np.float64) / MEAN_ALBEDO
        return np.asarray(ambient[0], np.float64) / MEAN_ALBEDO


def _turn(yaw_rad: float) -> F8:
    """Local to world: the face (local -y) looks along the yaw."""
    c, s = np.cos(yaw_rad + np.pi / 2), np.sin(yaw_rad + np.pi / 2)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def _facing(normals: F8, directions: F4) -> F8:
    """Normals (N, 3) turned against the rays (N, 3) that meet them."""
    away = (normals * directions).sum(axis=1, keepdims=True) > 0.0
    return np.where(away, -normals, normals)


def _patch(rays: F4, depth_m: F4, feet_m: F8) -> F4:
    """(h, w) factor that darkens the floor at somebody's feet."""
    points = rays[..., :3] + depth_m[..., None] * rays[..., 3:]
    away = points - feet_m.astype(np.float32)
    r2 = (away[..., 0] ** 2 + away[..., 1] ** 2) / np.float32(SHADE_M**2)
    on_floor = (np.abs(away[..., 2]) < FLOOR_M) & (depth_m > 0.0)
    factor = 1.0 - SHADE * np.exp(-2.5 * r2)
    return np.where(on_floor, factor, 1.0).astype(np.float32)
