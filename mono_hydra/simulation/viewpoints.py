"""Where still cameras stand in a house: places, heights and gazes as photographs have them.

A place is free air at least `CLEARANCE_M` from everything and not inside a closed piece of
furniture. People photograph what is in a room from where they see it, so of some random places and
gazes the one that shows most things from furthest away is usually taken; pictures of little but a
near blank surface are not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mono_hydra.geometry import se3
from mono_hydra.simulation.free_floor import inside_polygon
from mono_hydra.simulation.house import Room
from mono_hydra.simulation.scene import HouseScene, View
from mono_hydra.types import F4, F8, Camera

CLEARANCE_M = 0.3
USUAL_EYE_M, ANY_EYE_M = (1.2, 1.8), (0.3, 2.2)
USUAL_EYE_SHARE = 0.75
CEILING_GAP_M = 0.35
TILT_DEG, TILT_SD_DEG, TILT_LIMITS_DEG = -11.0, 14.0, (-45.0, 25.0)
ROLL_SD_DEG, ROLL_LIMIT_DEG = 3.0, 12.0
N_GAZES = 6
MIN_THING_PX = 6  # of the preview
PICKED_GAZE_SHARE = 0.7  # the others look where chance points
NEAR_M, MAX_NEAR_SHARE = 0.7, 0.4
TOUCHING_M, MAX_TOUCHING_SHARE = 0.35, 0.1
MIN_MEDIAN_M = 0.8
MAX_EMPTY_SHARE = 0.02  # rays that leave the house
TRIES_PER_VIEW = 60
PREVIEW_PX = (64, 48)


@dataclass(frozen=True, eq=False)
class Viewpoint:
    """One still camera."""

    T_world_camera: F8  # (4, 4)
    camera: Camera
    room: Room


def draw_viewpoints(
    scene: HouseScene, cameras: list[Camera], n_views: int, rng: np.random.Generator
) -> Iterator[Viewpoint]:
    """Up to `n_views` viewpoints, rooms taken by their size.

    Args:
        scene: the house.
        cameras: one is drawn for each view.
        n_views: wanted; fewer come from a house with hardly any free air.
        rng: draws everything.
    """
    weight = np.array([_box_area_m2(r) for r in scene.house.rooms])
    found = 0
    for _ in range(TRIES_PER_VIEW * n_views):
        if found == n_views:
            return
        room = scene.house.rooms[int(rng.choice(len(weight), p=weight / weight.sum()))]
        camera = cameras[int(rng.integers(len(cameras)))]
        n_gazes = N_GAZES if rng.random() < PICKED_GAZE_SHARE else 1
        worth, T_world_camera = _best_gaze(scene, room, camera, n_gazes, rng)
        if worth > 0.0:
            found += 1
            yield Viewpoint(T_world_camera, camera, room)


def _best_gaze(
    scene: HouseScene, room: Room, camera: Camera, n_gazes: int, rng: np.random.Generator
) -> tuple[float, F8]:
    """The most worthwhile of some gazes from as many places, and its worth; 0 = no good one."""
    small = camera.resized(*PREVIEW_PX)
    best: tuple[float, F8] = (0.0, np.eye(4))
    for _ in range(n_gazes):
        eye_m = _draw_eye(room, rng)
        T_world_camera = _looking(eye_m, rng)
        if _is_free(scene, room, eye_m):
            worth = _worth(scene.view(T_world_camera, small))
            if worth > best[0]:
                best = (worth, T_world_camera)
    return best


def _worth(view: View) -> float:
    """Things that show, more if they are further away; 0 for a picture of nothing."""
    if not shows_something(view.depth_m):
        return 0.0
    n_pixels = np.unique(view.instances, return_counts=True)[1]
    n_things = int((n_pixels >= MIN_THING_PX).sum()) + len(np.unique(view.labels))
    return float(n_things * np.sqrt(np.median(view.depth_m)))


def _box_area_m2(room: Room) -> float:
    return float(np.prod(room.polygon_m.max(axis=0) - room.polygon_m.min(axis=0)))


def shows_something(depth_m: F4) -> bool:
    """Whether a depth image (H, W) is more than a near surface filling the picture."""
    met = depth_m[depth_m > 0.0]
    return bool(
        met.size >= (1.0 - MAX_EMPTY_SHARE) * depth_m.size
        and (met < NEAR_M).mean() <= MAX_NEAR_SHARE
        and (met < TOUCHING_M).mean() <= MAX_TOUCHING_SHARE
        and np.median(met) >= MIN_MEDIAN_M
    )


def _draw_eye(room: Room, rng: np.random.Generator) -> F8:
    low, high = room.polygon_m.min(axis=0), room.polygon_m.max(axis=0)
    usual = rng.random() < USUAL_EYE_SHARE
    height_m = rng.uniform(*(USUAL_EYE_M if usual else ANY_EYE_M))
    height_m = min(height_m, room.ceiling_z_m - room.floor_z_m - CEILING_GAP_M)
    return np.array([*rng.uniform(low, high), room.floor_z_m + height_m])


def _is_free(scene: HouseScene, room: Room, eye_m: F8) -> bool:
    """Inside the room's outline, clear of everything, and seeing no surface from behind."""
    if not inside_polygon(room.polygon_m, eye_m[None, :2])[0]:
        return False
    if scene.distance(eye_m[None])[0] < CLEARANCE_M:
        return False
    axes = np.concatenate([np.eye(3), -np.eye(3)])
    _, triangle = scene.cast(np.tile(eye_m, (6, 1)), axes)
    met = triangle >= 0
    facing = (scene.normal[triangle[met]] * axes[met]).sum(axis=1)
    return bool((facing < 0.1).all())


def _looking(eye_m: F8, rng: np.random.Generator) -> F8:
    """T_world_camera (4, 4) with a drawn gaze."""
    yaw = rng.uniform(0.0, 2.0 * np.pi)
    tilt = np.deg2rad(np.clip(rng.normal(TILT_DEG, TILT_SD_DEG), *TILT_LIMITS_DEG))
    roll = np.clip(rng.normal(0.0, ROLL_SD_DEG), -ROLL_LIMIT_DEG, ROLL_LIMIT_DEG)
    forward = np.array([np.cos(yaw) * np.cos(tilt), np.sin(yaw) * np.cos(tilt), np.sin(tilt)])
    right = np.array([np.sin(yaw), -np.cos(yaw), 0.0])
    level = np.stack([right, np.cross(forward, right), forward], axis=1)
    turned = level @ se3.exp_so3(np.array([0.0, 0.0, np.deg2rad(roll)]))
    return se3.from_rt(turned, eye_m)
