"""What every house must satisfy before anything is rendered, and the floor one can walk on."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from mono_hydra.simulation import outlines
from mono_hydra.simulation.assemble import plan_corners
from mono_hydra.simulation.house import Doorway, House, ObjectTruth, Room
from mono_hydra.types import F8, Bool

HEAD_M = 1.9
MAT_M = 0.03  # lower things are walked over
WALKER_RADIUS_M = 0.25


def check_house(house: House) -> list[str]:
    """Faults of a house, one line each; an empty list means valid."""
    return [
        *_rooms_overlap(house),
        *_objects_outside(house),
        *_doors_adrift(house),
        *_rooms_cut_off(house),
        *_blocked(house),
    ]


def _rooms_overlap(house: House) -> list[str]:
    faults = []
    for i, a in enumerate(house.rooms):
        for b in house.rooms[i + 1 :]:
            if a.storey != b.storey:
                continue
            # rooms come from a grid: where two overlap, a corner of one lies in the other
            if (
                outlines.contains(a.polygon_m, b.polygon_m).any()
                or outlines.contains(b.polygon_m, a.polygon_m).any()
            ):
                faults.append(f"rooms {a.id} and {b.id} overlap")
    return faults


def _objects_outside(house: House) -> list[str]:
    rooms = {r.id: r for r in house.rooms}
    faults = []
    for o in house.objects:
        polygon = rooms[o.room].polygon_m
        center = o.center_m[None, :2]
        grow = float(np.hypot(*o.size_m[:2])) / 2
        if (
            not outlines.contains(polygon, center)[0]
            and outlines.distance_to_edges(polygon, center)[0] > grow
        ):
            faults.append(f"object {o.id} ({o.label}) lies outside room {o.room}")
    return faults


def _doors_adrift(house: House) -> list[str]:
    rooms = {r.id: r for r in house.rooms}
    return [
        f"door {d.id} is not at room {room}"
        for d in house.doors
        for room in d.rooms
        if outlines.distance_to_edges(rooms[room].polygon_m, d.center_m[None, :2])[0] > 0.3
    ]


def _rooms_cut_off(house: House) -> list[str]:
    reached = {house.rooms[0].id}
    links = [d.rooms for d in house.doors if d.is_passable] + [s.rooms for s in house.stairs]
    for _ in house.rooms:
        for a, b in links:
            if a in reached or b in reached:
                reached |= {a, b}
    return [f"room {r.id} cannot be reached" for r in house.rooms if r.id not in reached]


def _blocked(house: House) -> list[str]:
    """Doors whose two sides a walker cannot join, room by room, over the free floor."""
    faults = []
    for storey in sorted({r.storey for r in house.rooms}):
        free, origin = free_floor(house, storey)
        reach = ndimage.distance_transform_edt(free) * 0.05 > WALKER_RADIUS_M
        labels, n = ndimage.label(reach)
        if n == 0:
            return [f"storey {storey} has no free floor"]
        main = 1 + int(np.argmax(np.bincount(labels.ravel())[1:]))
        on_storey = {r.id: r for r in house.rooms if r.storey == storey}
        for d in house.doors:
            if (
                d.rooms[0] in on_storey
                and d.is_passable
                and not _near_label(labels, main, d.center_m[:2], origin)
            ):
                faults.append(f"door {d.id} is blocked")
        for room in on_storey.values():
            cells = np.argwhere(labels == main) * 0.05 + origin
            if not outlines.contains(room.polygon_m, cells).sum() * 0.0025 > 0.3:
                faults.append(f"room {room.id} ({room.name}) has no floor to stand on")
    return faults


def _near_label(labels: np.ndarray, wanted: int, point_m: F8, origin_m: F8) -> bool:
    i, j = np.round((point_m - origin_m) / 0.05).astype(int)
    return bool((labels[max(i - 2, 0) : i + 3, max(j - 2, 0) : j + 3] == wanted).any())


def free_floor(house: House, storey: int, cell_m: float = 0.05) -> tuple[Bool, F8]:
    """Floor inside rooms and passable doorways that nothing below 1.9 m covers.

    Args:
        house: the house.
        storey: which one.
        cell_m: edge of a grid cell.

    Returns:
        (X, Y) bool, cell [i, j] has its middle at origin + cell_m * (i, j); origin (2,).
    """
    rooms = [r for r in house.rooms if r.storey == storey]
    corners = np.concatenate([r.polygon_m for r in rooms])
    origin = corners.min(axis=0) - 2 * cell_m
    shape = np.ceil((corners.max(axis=0) + 2 * cell_m - origin) / cell_m).astype(int) + 1
    free = np.zeros((int(shape[0]), int(shape[1])), bool)
    for room in rooms:
        _fill(free, origin, cell_m, room.polygon_m, True)
    ids = {r.id for r in rooms}
    for d in house.doors:
        if d.is_passable and d.rooms[0] in ids:
            _fill(free, origin, cell_m, _doorway_plan(d), True)
    floor_z = rooms[0].floor_z_m
    _cover_leaves(free, origin, cell_m, house, floor_z)
    _cover_stairs(free, origin, cell_m, house, rooms)
    for o in (*house.objects, *house.fixtures):
        if o.room in ids and _stands_in_the_way(o, floor_z):
            _fill(free, origin, cell_m, plan_corners(o), False, grow_m=0.5 * cell_m)
    return free, origin


def _stands_in_the_way(o: ObjectTruth, floor_z_m: float) -> bool:
    bottom = o.center_m[2] - o.size_m[2] / 2 - floor_z_m
    top = o.center_m[2] + o.size_m[2] / 2 - floor_z_m
    return bool(bottom < HEAD_M and top > MAT_M)


def _doorway_plan(d: Doorway) -> F8:
    along = np.array([np.cos(d.yaw_rad), np.sin(d.yaw_rad)])
    across = np.array([-along[1], along[0]])
    half = d.width_m / 2
    return np.array(
        [
            d.center_m[:2] + sx * half * along + sy * 0.12 * across
            for sx, sy in ((-1, -1), (1, -1), (1, 1), (-1, 1))
        ]
    )


def _fill(
    grid: Bool, origin_m: F8, cell_m: float, polygon_m: F8, value: bool, grow_m: float = 0.0
) -> None:
    low = np.maximum(np.floor((polygon_m.min(axis=0) - grow_m - origin_m) / cell_m).astype(int), 0)
    high = np.minimum(
        np.ceil((polygon_m.max(axis=0) + grow_m - origin_m) / cell_m).astype(int) + 1, grid.shape
    )
    if (high <= low).any():
        return
    i, j = np.meshgrid(np.arange(low[0], high[0]), np.arange(low[1], high[1]), indexing="ij")
    points = origin_m + cell_m * np.stack([i.ravel(), j.ravel()], axis=1)
    inside = outlines.contains(polygon_m, points)
    if grow_m > 0.0:
        inside |= outlines.distance_to_edges(polygon_m, points) < grow_m
    grid[low[0] : high[0], low[1] : high[1]][inside.reshape(i.shape)] = value


def _cover_leaves(free: Bool, origin_m: F8, cell_m: float, house: House, floor_z_m: float) -> None:
    """Leaves and frames stand on the floor too: cover every door triangle below the head."""
    for part in house.parts:
        if part.label != "door":
            continue
        z = part.vertices_m[:, 2]
        if z.min() > floor_z_m + HEAD_M or z.max() < floor_z_m + 0.1 or z.min() < floor_z_m - 0.1:
            continue
        corners = part.vertices_m[part.faces]
        low = corners[:, :, 2].min(axis=1) < floor_z_m + HEAD_M  # the frame's head is above us
        xy = corners[low][:, :, :2]
        steps = np.linspace(0.0, 1.0, 41)
        for a, b in ((0, 1), (1, 2)):
            points = xy[:, a, None] + steps[None, :, None] * (xy[:, b] - xy[:, a])[:, None]
            cells = np.round((points.reshape(-1, 2) - origin_m) / cell_m).astype(int)
            ok = (cells >= 0).all(axis=1) & (cells < free.shape).all(axis=1)
            free[cells[ok, 0], cells[ok, 1]] = False


def _cover_stairs(free: Bool, origin_m: F8, cell_m: float, house: House, rooms: list[Room]) -> None:
    ids = {r.id for r in rooms}
    for s in house.stairs:
        if not ids & set(s.rooms):
            continue
        steps = s.path_m[1:-1]
        half = s.width_m / 2 + 0.06
        low, high = steps[:, :2].min(axis=0), steps[:, :2].max(axis=0)
        box = np.array(
            [
                [low[0] - half, low[1] - 0.15],
                [high[0] + half, low[1] - 0.15],
                [high[0] + half, high[1] + 0.13],
                [low[0] - half, high[1] + 0.13],
            ]
        )
        _fill(free, origin_m, cell_m, box, False)
