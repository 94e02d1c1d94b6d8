"""What interrupts a walk: a turn on the spot, or a stare at a plain wall from near by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mono_hydra.errors import SimulationError
from mono_hydra.labels import load_label_space
from mono_hydra.simulation.gaze import wrapped
from mono_hydra.simulation.motion import KNOT_S
from mono_hydra.simulation.scene import HouseScene
from mono_hydra.types import F8, Bool, Camera

CLEARANCE_M, KNEE_M = 0.30, 0.20  # free about the camera's way, and about the knees below it
KNEE_BELOW_EYE_M = 1.0
TURN_SEARCH_S, TURN_RAMP_S = 4.0, 0.5
STARE_SEARCH_S = 15.0
STEP_SPEED_M_S, STEP_TURN_RAD_S = 0.5, 0.7  # mean values on the way to the wall and back
SWAY_M = 0.06  # to both sides, while standing before it
REACH_M = 4.0
N_DIRECTIONS = 36


@dataclass(frozen=True)
class Turn:
    """A turn on the spot that interrupts the walk, or comes before it."""

    at_share: float  # of the walk; done at the slowest moment near it; 0 = before everything
    angle_rad: float
    rate_rad_s: float


@dataclass(frozen=True)
class Stare:
    """Steps to a plain wall, some seconds before it, and back to where the walk goes on."""

    at_share: float  # of the walk, about
    seconds: float
    distance_m: float = 0.45


Detour = Turn | Stare
Span = tuple[float, float]


def with_detour(scene: HouseScene, camera: Camera, control: F8, detour: Detour) -> tuple[F8, Span]:
    """Control values (M, 6) of the walk with its interruption, and the seconds of that.

    Raises:
        SimulationError: no plain wall is near enough.
    """
    if isinstance(detour, Turn):
        return _turned(control, detour)
    return _stared(scene, camera, control, detour)


def _turned(control: F8, turn: Turn) -> tuple[F8, Span]:
    """Insert a turn on the spot."""
    speed = np.linalg.norm(np.diff(control[:, :3], axis=0), axis=1)
    middle, reach = round(turn.at_share * len(control)), round(TURN_SEARCH_S / KNOT_S)
    low = max(0, middle - reach)
    near = speed[low : middle + reach] if turn.at_share else speed[:1]
    k = low + int(np.argmin(near))
    seconds = abs(turn.angle_rad) / turn.rate_rad_s + TURN_RAMP_S
    n = round(seconds / KNOT_S)
    # rates rise and fall over the ramps, so that the spline has no kink
    rate = np.minimum(np.arange(1, n + 1), np.arange(n, 0, -1)) / (TURN_RAMP_S / KNOT_S)
    rate = np.minimum(rate, 1.0)
    yaw = turn.angle_rad * np.cumsum(rate) / rate.sum()
    inserted = np.tile(control[k], (n, 1))
    inserted[:, 3] += yaw
    rest = control[k:].copy()
    rest[:, 3] += turn.angle_rad
    begin = max(0.0, (k - 2) * KNOT_S)
    span = (round(begin, 3), round(begin + n * KNOT_S, 3))
    return np.concatenate([control[:k], inserted, rest]), span


def _stared(scene: HouseScene, camera: Camera, control: F8, stare: Stare) -> tuple[F8, Span]:
    """Insert the way to a wall, the time before it, and the way back."""
    middle, reach = round(stare.at_share * len(control)), round(STARE_SEARCH_S / KNOT_S)
    speed = np.linalg.norm(np.gradient(control[:, :3], axis=0), axis=1)
    knots = np.arange(max(1, middle - reach), min(len(control) - 1, middle + reach), 5)
    # leaving from a slow moment needs no sudden stop
    order = knots[np.argsort(speed[knots] / KNOT_S + 0.02 * np.abs(knots - middle), kind="stable")]
    for k in order.tolist():
        goal = _plain_wall(scene, camera, control[k], stare.distance_m)
        if goal is not None:
            return _with_stare(control, k, goal, stare.seconds)
    raise SimulationError(
        f"house of seed {scene.house.seed}: no plain wall is near the walk; use another seed"
    )


def _with_stare(control: F8, k: int, goal: F8, seconds: float) -> tuple[F8, Span]:
    start = control[k]
    turn = float(wrapped(goal[3] - start[3]))
    way_m = float(np.linalg.norm(goal[:3] - start[:3]))
    n = max(8, round(max(way_m / STEP_SPEED_M_S, abs(turn) / STEP_TURN_RAD_S) / KNOT_S))
    s = np.arange(1, n + 1) / n
    s = s**3 * (10.0 - 15.0 * s + 6.0 * s**2)  # least jerk: rests at both ends
    there = start + s[:, None] * np.r_[goal[:3] - start[:3], turn, goal[4:] - start[4:]]
    n_stare = round(seconds / KNOT_S)
    standing = np.tile(there[-1], (n_stare, 1))
    sway = SWAY_M * np.sin(2.0 * np.pi * np.arange(n_stare) / n_stare) ** 3
    side = np.array([-np.sin(goal[3]), np.cos(goal[3])])
    standing[:, :2] += sway[:, None] * side
    back = np.concatenate([there[-2::-1], start[None]])
    begin = max(0.0, (k + n - 2) * KNOT_S)
    span = (round(begin, 3), round(begin + n_stare * KNOT_S, 3))
    # the walk stops where it is left, and goes on from there
    pause = np.tile(start, (3, 1))
    return np.concatenate([control[:k], pause, there, standing, back, pause, control[k:]]), span


def _plain_wall(scene: HouseScene, camera: Camera, start: F8, distance_m: float) -> F8 | None:
    """Control values (6,) of a camera before bare wall alone, reached straight on; None: none."""
    wall = load_label_space("nyu40").id_of("wall")
    yaws = np.linspace(-np.pi, np.pi, N_DIRECTIONS, endpoint=False)
    directions = np.column_stack([np.cos(yaws), np.sin(yaws), np.zeros(N_DIRECTIONS)])
    far_m, hit = scene.cast(np.tile(start[:3], (N_DIRECTIONS, 1)), directions)
    for i in np.argsort(far_m, kind="stable").tolist():
        if far_m[i] > REACH_M or far_m[i] < distance_m or scene.label[hit[i]] != wall:
            continue
        normal = scene.normal[hit[i]].astype(np.float64)
        if abs(normal[2]) > 0.1 or directions[i] @ normal > -0.8:
            continue
        goal = start[:3] + far_m[i] * directions[i] + distance_m * normal
        yaw = float(np.arctan2(-normal[1], -normal[0]))
        if _is_bare(scene, camera, goal, yaw, wall) and _is_free(scene, start[:3], goal).all():
            return np.array([*goal, yaw, 0.0, 0.0])
    return None


def _is_bare(scene: HouseScene, camera: Camera, eye_m: F8, yaw: float, wall: int) -> bool:
    """Whether the image, and the sway to both sides of it, shows one flat wall and nothing else."""
    half_x = camera.width / 2 / camera.fx + 2.0 * SWAY_M / 0.45
    half_y = camera.height / 2 / camera.fy
    x, y = np.meshgrid(np.linspace(-half_x, half_x, 9), np.linspace(-half_y, half_y, 7))
    forward = np.array([np.cos(yaw), np.sin(yaw), 0.0])
    right = np.array([np.sin(yaw), -np.cos(yaw), 0.0])
    rays = forward + x.reshape(-1, 1) * right - y.reshape(-1, 1) * np.array([0.0, 0.0, 1.0])
    depth_m, hit = scene.cast(np.tile(eye_m, (len(rays), 1)), rays)
    seen = (hit >= 0) & (scene.label[hit] == wall)
    return bool(seen.all() and np.ptp(depth_m) < 0.02)


def _is_free(scene: HouseScene, start_m: F8, goal_m: F8) -> Bool:
    n = max(2, int(np.linalg.norm(goal_m - start_m) / 0.05))
    way = start_m + np.linspace(0.0, 1.0, n)[:, None] * (goal_m - start_m)
    knees = way - np.array([0.0, 0.0, KNEE_BELOW_EYE_M])
    return np.asarray((scene.distance(way) > CLEARANCE_M) & (scene.distance(knees) > KNEE_M))
