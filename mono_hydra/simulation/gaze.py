"""What a walker has looked at, and where to look next: visible surface, weighed, seen long enough.

Points are spread over the surfaces of the rooms, objects more densely than walls, so that a cup
counts for something beside a wall. A point is done when it was in view for `ENOUGH_S`.
Angles: azimuth from world x, elevation upwards, radians.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mono_hydra.labels import load_label_space
from mono_hydra.simulation.scene import HouseScene
from mono_hydra.types import F4, F8, I8

ENOUGH_S = 0.8
STRUCTURE_POINTS_M2 = 10.0
OBJECT_POINTS_M2 = 30.0
OBJECT_MIN_POINTS = 12
OBJECT_WEIGHT = 0.8  # in m2 of wall, shared by an object's points, beside its own area
SURFACE_WEIGHT = {"ceiling": 0.15, "wall": 0.5, "window": 0.5}  # of structure; others 1
RANGE_M = (0.45, 4.2)
MIN_FACING = 0.2  # cosine of incidence
YAWS: F8 = np.asarray(np.arange(24) * (2 * np.pi / 24) - np.pi, np.float64)
PITCHES: F8 = np.deg2rad([-32.0, -20.0, -8.0, 2.0])


@dataclass(frozen=True, eq=False)
class Visible:
    """The points one place can see."""

    index: I8  # (K,)
    azimuth: F4  # (K,)
    elevation: F4  # (K,)
    worth: F4  # (K,) 0..1, by distance


class Attention:
    """Surface points with weights, and the seconds each has been in view."""

    def __init__(self, scene: HouseScene, half_fov_rad: tuple[float, float]) -> None:
        """`half_fov_rad`: horizontal and vertical half angle of the camera."""
        self._scene = scene
        self._half = (0.88 * half_fov_rad[0], 0.85 * half_fov_rad[1])
        self.points_m, self._normals, self.weight, self.room = _spread(scene)
        self.seen_s = np.zeros(len(self.points_m))
        self._tile_of_point = np.floor(self.points_m[:, :2] / RANGE_M[1]).astype(np.int64)
        self._near: dict[tuple[int, int], I8] = {}  # points of a tile and its eight neighbours

    def visible(self, eye_m: F8, room: int | None = None) -> Visible:
        """Points in free sight of `eye_m` at a useful distance; of one room, if asked."""
        index = self._around(eye_m)
        if room is not None:
            index = index[self.room[index] == room]
        way = self.points_m[index] - eye_m
        far = np.sqrt(np.einsum("ni,ni->n", way, way))
        facing = -np.einsum("ni,ni->n", way, self._normals[index])
        near = (far > RANGE_M[0]) & (far < RANGE_M[1]) & (facing > MIN_FACING * far)
        index, way, far = index[near], way[near], far[near]
        hidden = self._scene.occluded(np.tile(eye_m, (len(index), 1)), self.points_m[index], 0.02)
        index, way, far = index[~hidden], way[~hidden], far[~hidden]
        worth = np.interp(far, [0.45, 0.9, 3.0, 4.2], [0.3, 1.0, 1.0, 0.4])
        return Visible(
            index,
            np.arctan2(way[:, 1], way[:, 0]).astype(np.float32),
            np.arcsin(way[:, 2] / far).astype(np.float32),
            worth.astype(np.float32),
        )

    def _around(self, eye_m: F8) -> I8:
        """Points that may be in range, in ascending order."""
        x, y = (int(k) for k in np.floor(eye_m[:2] / RANGE_M[1]))
        if (x, y) not in self._near:
            beside = np.abs(self._tile_of_point - [x, y]).max(axis=1) <= 1
            self._near[x, y] = np.flatnonzero(beside)
        return self._near[x, y]

    def forget(self) -> None:
        """Start again with nothing seen."""
        self.seen_s[:] = 0.0

    def look(self, visible: Visible, yaw: float, pitch: float, seconds: float) -> None:
        """Have that direction in view for some time."""
        inside = (np.abs(wrapped(visible.azimuth - yaw)) < self._half[0]) & (
            np.abs(visible.elevation - pitch) < self._half[1]
        )
        self.seen_s[visible.index[inside]] += seconds * visible.worth[inside]

    def gain(self, visible: Visible) -> F8:
        """(yaws, pitches) weight still to be seen in each direction."""
        lacking = np.clip(1.0 - self.seen_s[visible.index] / ENOUGH_S, 0.0, 1.0)
        worth = self.weight[visible.index] * lacking * visible.worth
        over = np.abs(wrapped(visible.azimuth[None] - YAWS[:, None])) < self._half[0]
        up = np.abs(visible.elevation[None] - PITCHES[:, None]) < self._half[1]
        return np.asarray((over * worth[None]).astype(np.float64) @ up.T)

    def share_seen(self) -> float:
        """Weight seen long enough / all weight in rooms."""
        done = np.clip(self.seen_s / ENOUGH_S, 0.0, 1.0)
        return float((done * self.weight).sum() / self.weight.sum())


def wrapped(angle: F8 | F4 | float) -> F8:
    """Angle in [-pi, pi)."""
    angle = np.asarray(angle, np.float64)
    return np.asarray(angle - 2 * np.pi * np.floor((angle + np.pi) / (2 * np.pi)))


def _spread(scene: HouseScene) -> tuple[F8, F8, F8, I8]:
    rng = np.random.default_rng(1)
    is_object = scene.instance > 0
    rate = np.where(is_object, OBJECT_POINTS_M2, STRUCTURE_POINTS_M2)
    expected = scene.area_m2 * rate
    area = np.bincount(scene.instance, scene.area_m2, minlength=1)
    few = np.maximum(1.0, OBJECT_MIN_POINTS / np.maximum(area * OBJECT_POINTS_M2, 1e-9))
    expected *= np.where(is_object, few[scene.instance], 1.0)
    n = np.floor(expected + rng.random(len(expected))).astype(np.int64)
    triangle = np.repeat(np.arange(len(n)), n)
    u, v = rng.random(len(triangle)), rng.random(len(triangle))
    fold = u + v > 1
    u[fold], v[fold] = 1 - u[fold], 1 - v[fold]
    a, b, c = (scene.vertices_m[scene.triangles[triangle, k]] for k in range(3))
    points = np.asarray(a + u[:, None] * (b - a) + v[:, None] * (c - a), np.float64)
    instance = scene.instance[triangle]
    count = np.bincount(instance, minlength=len(area))
    extra = np.where(np.arange(len(area)) > 0, OBJECT_WEIGHT, 0.0)
    space = load_label_space("nyu40")
    by_label = np.ones(256)
    for name, share in SURFACE_WEIGHT.items():
        by_label[space.id_of(name)] = share
    weight = np.where(
        instance > 0,
        (area[instance] + extra[instance]) / np.maximum(count[instance], 1),
        by_label[scene.label[triangle]] / STRUCTURE_POINTS_M2,
    )
    kept = scene.room[triangle] > 0
    room = scene.room[triangle].astype(np.int64)
    return points[kept], scene.normal[triangle].astype(np.float64)[kept], weight[kept], room[kept]
