"""What the generator checks of its own work before anybody else sees it; geometry only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mono_hydra.errors import SimulationError
from mono_hydra.geometry import se3
from mono_hydra.geometry.camera import pixel_rays
from mono_hydra.simulation.free_floor import inside_polygon
from mono_hydra.simulation.house import House
from mono_hydra.simulation.imu import GRAVITY_M_S2, specific_force
from mono_hydra.simulation.motion import MotionState
from mono_hydra.simulation.scene import HouseScene
from mono_hydra.simulation.truth import DYNAMIC_IDS, Visibility
from mono_hydra.simulation.walk import Walk
from mono_hydra.types import F8, Camera

REPROJECTION_M = 0.002
DOOR_TO_ROOM_M = 0.3
RETURN_M = 0.3
IMU_SPAN_S = 5.0
IMU_END_M = 0.005


def check_house(house: House) -> None:
    """Rooms disjoint, objects in their rooms, doors between theirs.

    Raises:
        SimulationError: naming the first violation.
    """
    for room in house.rooms:
        low, high = room.polygon_m.min(axis=0), room.polygon_m.max(axis=0)
        axes = [np.arange(a + 0.05, b, 0.1) for a, b in zip(low, high, strict=True)]
        grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
        grid = grid[inside_polygon(room.polygon_m, grid)]
        grid = grid[distance_to_outline(room.polygon_m, grid) > 0.02]
        for other in house.rooms:
            beside = other.id != room.id and other.storey == room.storey
            if beside and inside_polygon(other.polygon_m, grid).any():
                raise _fault(house, f"rooms {room.id} and {other.id} overlap")
    for thing in house.objects:
        room = house.room(thing.room)
        xy = thing.center_m[None, :2]
        reach = 0.5 * float(np.hypot(*thing.size_m[:2]))
        if _outside_by(room.polygon_m, xy) > reach:
            raise _fault(house, f"{thing.label} {thing.id} stands outside room {room.id}")
    for door in house.doors:
        for room_id in door.rooms:
            polygon = house.room(room_id).polygon_m
            xy = door.center_m[None, :2]
            if _outside_by(polygon, xy) > DOOR_TO_ROOM_M:
                raise _fault(house, f"door {door.id} is away from room {room_id}")


def check_walk(house: House, walk: Walk, limit_s: float | None) -> None:
    """Every room is entered and the walk ends where it began, clear of everything.

    `limit_s`: a duration somebody asked for; a walk that long may have been cut short by it.

    Raises:
        SimulationError: naming the first violation.
    """
    if limit_s is not None and walk.motion.duration_s > limit_s - 1.0:
        return
    stamps = np.arange(0.0, walk.motion.duration_s, 0.1)
    centres = walk.motion.camera(stamps).T_world[:, :3, 3]
    for room in house.rooms:
        level = (centres[:, 2] > room.floor_z_m) & (centres[:, 2] < room.ceiling_z_m)
        if not (inside_polygon(room.polygon_m, centres[:, :2]) & level).any():
            raise _fault(house, f"the walk misses room {room.id} ({room.name})")
    if len(walk.stops) > 1 and np.linalg.norm(centres[-1] - centres[0]) > RETURN_M:
        raise _fault(house, "the walk does not return to its start")


def check_imu(body: MotionState) -> None:
    """Perfect samples integrated over five seconds end where the body is.

    Raises:
        SimulationError: the ends differ by more than 5 mm.
    """
    stamps = body.stamps_s
    span = min(round(IMU_SPAN_S / max(stamps[1] - stamps[0], 1e-6)), len(stamps) - 1)
    for first in range(0, len(stamps) - span, max(1, span)):
        off_m = integrated_end(body, first, first + span) - body.T_world[first + span, :3, 3]
        error = float(np.linalg.norm(off_m))
        if error > IMU_END_M:
            raise SimulationError(
                f"inertial samples from {stamps[first]:.1f} s: end {error * 1000:.1f} mm off "
                "the path; raise --imu-rate"
            )


def integrated_end(body: MotionState, first: int, last: int) -> F8:
    """Position (3,) after integrating perfect samples from index `first` to `last` (mid-point)."""
    rate, force = body.rate_rad_s, specific_force(body)
    R = body.T_world[first, :3, :3]
    v, p = body.velocity_m_s[first], body.T_world[first, :3, 3]
    gravity = np.array([0.0, 0.0, -GRAVITY_M_S2])
    for k in range(first, last):
        dt = body.stamps_s[k + 1] - body.stamps_s[k]
        R_next = R @ se3.exp_so3(0.5 * (rate[k] + rate[k + 1]) * dt)
        a = 0.5 * (R @ force[k] + R_next @ force[k + 1]) + gravity
        p = p + v * dt + 0.5 * a * dt * dt
        v = v + a * dt
        R = R_next
    return np.asarray(p)


def check_written(
    folder: Path, scene: HouseScene, camera: Camera, poses: F8, visibility: Visibility
) -> None:
    """Written depth lies on the mesh; written instances are those counted.

    Raises:
        SimulationError: naming the frame.
    """
    rays = pixel_rays(camera)
    for frame in np.unique(np.linspace(0, len(poses) - 1, 8).astype(int)):
        name = f"{frame:06d}.png"
        instances = _read_png(folder / "truth" / "instances" / name)
        depth = _read_png(folder / "truth" / "depth" / name) / 1000.0
        depth[instances >= DYNAMIC_IDS] = 0.0  # what moves is not in the mesh
        step = max(1, depth.size // 4000)
        known = np.flatnonzero(depth.ravel() > 0)[::step]
        points = rays.reshape(-1, 3)[known] * depth.ravel()[known, None]
        off = scene.distance(se3.transform(poses[frame], points))
        if len(off) and np.percentile(off, 99) > REPROJECTION_M:
            raise SimulationError(
                f"{folder.name}: depth of frame {frame} is off the mesh; report it"
            )
        counts = np.bincount(instances.ravel(), minlength=65536)[visibility.ids]
        if (counts != visibility.pixels[frame]).any():
            raise SimulationError(f"{folder.name}: instances of frame {frame} differ; report it")


def distance_to_outline(polygon_m: F8, xy_m: F8) -> F8:
    """(N,) distance of points (N, 2) to the outline of a polygon."""
    a, b = polygon_m, np.roll(polygon_m, -1, axis=0)
    way = b - a
    t = np.einsum("nek,ek->ne", xy_m[:, None] - a[None], way) / np.maximum((way**2).sum(1), 1e-12)
    foot = a[None] + np.clip(t, 0.0, 1.0)[..., None] * way[None]
    return np.asarray(np.linalg.norm(xy_m[:, None] - foot, axis=-1).min(axis=1))


def _outside_by(polygon_m: F8, xy_m: F8) -> float:
    """How far one point (1, 2) lies outside a polygon, 0 inside."""
    inside = bool(inside_polygon(polygon_m, xy_m)[0])
    return 0.0 if inside else float(distance_to_outline(polygon_m, xy_m)[0])


def _read_png(path: Path) -> Any:
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise SimulationError(f"{path.name}: cannot be read back; make room and try again")
    return image


def _fault(house: House, what: str) -> SimulationError:
    return SimulationError(
        f"house of seed {house.seed}: {what}; use another seed and report this one"
    )
