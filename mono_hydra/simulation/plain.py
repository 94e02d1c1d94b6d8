"""The smallest house: one or two rooms with a table, a chair, a bed and a sofa, for tests."""

from __future__ import annotations

import numpy as np

from mono_hydra.simulation.house import (
    Doorway,
    House,
    Lamp,
    Material,
    ObjectTruth,
    Part,
    Room,
    Window,
)
from mono_hydra.simulation.shapes import Shape, box, joined, quad
from mono_hydra.simulation.walls import Hole, opening_reveal, slab, wall_face
from mono_hydra.types import F8

HEIGHT_M = 2.5
WALL_M = 0.12
WHITE = Material("paint", (0.86, 0.84, 0.80))
FLOOR = Material("planks", (0.55, 0.40, 0.26), (0.42, 0.30, 0.19), period_m=1.2)
CEILING = Material("ceiling", (0.92, 0.92, 0.90))
WOOD = Material("wood", (0.48, 0.32, 0.19), seed=3)
CLOTH = Material("fabric", (0.25, 0.35, 0.50), seed=4, period_m=0.3)
SHEET = Material("fabric", (0.75, 0.70, 0.62), seed=5, period_m=0.3)
BOXES = {  # low, high of each body in the object's frame; x length, y width (back at +y), z up
    "table": [
        ((-0.55, -0.4, 0.70), (0.55, 0.4, 0.74)),
        ((-0.5, -0.35, 0), (-0.44, -0.29, 0.70)),
        ((0.44, -0.35, 0), (0.5, -0.29, 0.70)),
        ((-0.5, 0.29, 0), (-0.44, 0.35, 0.70)),
        ((0.44, 0.29, 0), (0.5, 0.35, 0.70)),
    ],
    "chair": [
        ((-0.22, -0.22, 0.42), (0.22, 0.22, 0.46)),
        ((-0.22, 0.18, 0.46), (0.22, 0.22, 0.90)),
        ((-0.22, -0.22, 0), (-0.18, -0.18, 0.42)),
        ((0.18, -0.22, 0), (0.22, -0.18, 0.42)),
        ((-0.22, 0.18, 0), (-0.18, 0.22, 0.42)),
        ((0.18, 0.18, 0), (0.22, 0.22, 0.42)),
    ],
    "bed": [
        ((-0.7, -1.0, 0), (0.7, 1.0, 0.28)),
        ((-0.68, -0.98, 0.28), (0.68, 0.94, 0.48)),
        ((-0.7, 0.96, 0.28), (0.7, 1.0, 0.95)),
    ],
    "sofa": [
        ((-0.85, -0.42, 0), (0.85, 0.42, 0.25)),
        ((-0.68, -0.42, 0.25), (0.68, 0.2, 0.42)),
        ((-0.85, 0.2, 0.25), (0.85, 0.42, 0.80)),
        ((-0.85, -0.42, 0.25), (-0.68, 0.2, 0.60)),
        ((0.68, -0.42, 0.25), (0.85, 0.2, 0.60)),
    ],
}
MATERIALS = {"table": WOOD, "chair": WOOD, "bed": SHEET, "sofa": CLOTH}


def plain_house(n_rooms: int = 1) -> House:
    """A deterministic house of one room (5.0 x 4.0 m) or two (a 3.5 x 4.0 m bedroom beside it).

    Room 1 spans x 0..5, y 0..4 m and has a window in its south wall; the doorway of the second
    room stands without leaf at y = 1.5 m. About 300 triangles.
    """
    two = n_rooms > 1
    door_y, door_width, door_height = 1.5, 0.9, 2.05
    rooms = [_room(1, "living room", 0.0, 5.0)]
    parts: list[Part] = []
    door_hole = (door_y - door_width / 2, door_y + door_width / 2, 0.0, door_height)
    window_hole = (1.7, 3.3, 0.9, 2.1)
    parts += _shell(rooms[0], {0: [window_hole], 1: [door_hole] if two else []})
    doors: tuple[Doorway, ...] = ()
    if two:
        rooms.append(_room(2, "bedroom", 5.0 + WALL_M, 8.5 + WALL_M))
        mirrored = (4.0 - door_hole[1], 4.0 - door_hole[0], 0.0, door_height)
        parts += _shell(rooms[1], {3: [mirrored]})
        center = np.array([5.0 + WALL_M / 2, door_y, door_height / 2])
        doors = (Doorway(1, (1, 2), center, door_width, door_height, np.pi / 2, open_rad=np.pi),)
        along, depth = np.array([0.0, 1.0]), (-WALL_M / 2, WALL_M / 2)
        reveal = opening_reveal(center[:2], along, door_width, 0.0, door_height, depth, False)
        parts.append(_part(reveal, WOOD, "door", 0, 0))
        sill = slab((5.0, door_hole[0]), (5.0 + WALL_M, door_hole[1]), 0.0, True)
        parts.append(_part(sill, FLOOR, "floor", 0, 0))
    parts += _window_parts(window_hole)
    window = Window(1, 1, np.array([2.5, 0.0, 1.5]), 1.6, 1.2, np.array([0.0, 1.0, 0.0]))
    bed = (7.2 if two else 0.85, 2.95, 0.0, 2 if two else 1)
    placed = [
        ("table", (3.4, 1.7, 0.0, 1)),
        ("chair", (3.4, 2.45, 0.1, 1)),
        ("bed", bed),
        ("sofa", (3.5, 3.53, 0.0, 1)),
    ]
    objects = []
    for number, (label, (x, y, yaw, room)) in enumerate(placed, start=1):
        part, truth = _object(number, label, x, y, yaw, room)
        parts.append(part)
        objects.append(truth)
    lamps = tuple(
        Lamp(np.array([*r.polygon_m.mean(axis=0), HEIGHT_M - 0.2]), 0.12, 1.0, 3200.0, r.id)
        for r in rooms
    )
    return House(
        0,
        "flat",
        tuple(rooms),
        doors,
        (window,),
        (),
        tuple(parts),
        tuple(objects),
        lamps,
        metadata={"redrawn": 0, "plain": True},
    )


def _room(number: int, name: str, x0: float, x1: float) -> Room:
    polygon = np.array([[x0, 0.0], [x1, 0.0], [x1, 4.0], [x0, 4.0]])
    return Room(number, name, 0, polygon, 0.0, HEIGHT_M)


def _part(shape: Shape, material: Material, label: str, instance: int, room: int) -> Part:
    return Part(shape.vertices_m, shape.faces, shape.uv, material, label, instance, room)


def _shell(room: Room, holes: dict[int, list[Hole]]) -> list[Part]:
    polygon = room.polygon_m
    faces = [
        wall_face(polygon[i], polygon[(i + 1) % 4], 0.0, HEIGHT_M, holes.get(i, []))
        for i in range(4)
    ]
    low, high = polygon.min(axis=0), polygon.max(axis=0)
    corners = ((float(low[0]), float(low[1])), (float(high[0]), float(high[1])))
    return [
        _part(joined(*faces), WHITE, "wall", 0, room.id),
        _part(slab(*corners, 0.0, True), FLOOR, "floor", 0, room.id),
        _part(slab(*corners, HEIGHT_M, False), CEILING, "ceiling", 0, room.id),
    ]


def _window_parts(hole: Hole) -> list[Part]:
    s0, s1, z0, z1 = hole
    pane_y = -0.15
    reveal = opening_reveal(
        np.array([(s0 + s1) / 2, 0.0]), np.array([1.0, 0.0]), s1 - s0, z0, z1, (pane_y, 0.0), True
    )
    pane = quad(
        np.array([[s1, pane_y, z0], [s0, pane_y, z0], [s0, pane_y, z1], [s1, pane_y, z1]]),
        unit_uv=True,
    )
    outside = Material("outside", (0.55, 0.65, 0.80), seed=1, emission=1.0)
    return [_part(reveal, WHITE, "window", 0, 1), _part(pane, outside, "window", 0, 1)]


def _object(
    number: int, label: str, x_m: float, y_m: float, yaw_rad: float, room: int
) -> tuple[Part, ObjectTruth]:
    local = joined(*(box(low, high) for low, high in BOXES[label]))
    low, high = local.vertices_m.min(axis=0), local.vertices_m.max(axis=0)
    shape = local.turned(yaw_rad).moved(x_m, y_m)
    center: F8 = np.array([x_m, y_m, (low[2] + high[2]) / 2])
    symmetry = 2 if label == "table" else 1
    return (
        _part(shape, MATERIALS[label], label, number, room),
        ObjectTruth(number, label, center, high - low, yaw_rad, symmetry, room),
    )
