"""Turn placed items into parts in the world, object truth, lamps and relations."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mono_hydra.simulation.house import Lamp, Material, ObjectTruth, Part
from mono_hydra.simulation.items import Item
from mono_hydra.simulation.room_space import Placed, RoomSpace
from mono_hydra.simulation.shapes import joined, rotation
from mono_hydra.types import F8

NEXT_TO_M = 0.30
AGAINST_M = 0.06
STRUCTURE_LABELS = ("other structure", "wall")  # built in: items that are no objects
Relation = tuple[int, str, int]


@dataclass
class Contents:
    """What the rooms of a house hold."""

    parts: list[Part] = field(default_factory=list)
    objects: list[ObjectTruth] = field(default_factory=list)
    lamps: list[Lamp] = field(default_factory=list)
    relations: list[Relation] = field(default_factory=list)
    fixtures: list[ObjectTruth] = field(default_factory=list)


def add_room(contents: Contents, space: RoomSpace, rng: np.random.Generator) -> None:
    """Everything placed in one room; objects get the next free ids."""
    first = len(contents.objects)
    warmth = float(rng.choice([2700.0, 3000.0, 3500.0, 4200.0]))
    for placed in space.placed:
        _add(contents, space, placed, warmth)
    contents.relations += neighbours(contents.objects[first:])


def _add(contents: Contents, space: RoomSpace, placed: Placed, warmth: float) -> None:
    T = np.eye(4)
    T[:3, :3] = rotation(placed.yaw_rad)
    T[:3, 3] = [placed.x_m, placed.y_m, space.room.floor_z_m + placed.z_m]
    _add_item(contents, placed.item, T, placed.yaw_rad, space.room.id, None, None, warmth)


def _add_item(
    contents: Contents,
    item: Item,
    T_world_item: F8,
    yaw_rad: float,
    room: int,
    parent: int | None,
    predicate: str | None,
    warmth: float,
) -> None:
    number = parent
    is_object = bool(item.pieces) and item.label not in STRUCTURE_LABELS
    if item.pieces:
        number = len(contents.objects) + 1 if is_object else 0
        low, high = item.own_bounds()
        center = T_world_item[:3, :3] @ ((low + high) / 2) + T_world_item[:3, 3]
        on = parent if predicate in ("on", "in") and is_object else None
        yaw = float((yaw_rad + np.pi) % (2 * np.pi) - np.pi)
        truth = ObjectTruth(
            number, item.label, center, high - low, yaw, item.symmetry, room, on, item.movable
        )
        (contents.objects if is_object else contents.fixtures).append(truth)
        if on is not None and predicate is not None:
            contents.relations.append((number, predicate, on))
        contents.parts += _parts(item, T_world_item, number, room)
    for glow in item.glows:
        at = T_world_item[:3, :3] @ np.array([glow.x_m, glow.y_m, glow.z_m]) + T_world_item[:3, 3]
        contents.lamps.append(Lamp(at, glow.radius_m, glow.power, warmth, room))
    for child in item.children:
        T_item_child = np.eye(4)
        T_item_child[:3, :3] = rotation(child.yaw_rad)
        T_item_child[:3, 3] = [child.x_m, child.y_m, child.z_m]
        owner = number if is_object else None
        _add_item(
            contents,
            child.item,
            T_world_item @ T_item_child,
            yaw_rad + child.yaw_rad,
            room,
            owner,
            child.predicate if is_object else None,
            warmth,
        )


def _parts(item: Item, T_world_item: F8, number: int, room: int) -> list[Part]:
    """One part per material."""
    groups: dict[Material, list[int]] = {}
    for k, (_, material) in enumerate(item.pieces):
        groups.setdefault(material, []).append(k)
    parts = []
    for material, members in groups.items():
        shape = joined(*(item.pieces[k][0] for k in members))
        vertices = shape.vertices_m @ T_world_item[:3, :3].T + T_world_item[:3, 3]
        parts.append(Part(vertices, shape.faces, shape.uv, material, item.label, number, room))
    return parts


def neighbours(objects: list[ObjectTruth]) -> list[Relation]:
    """`next_to` and `against` among things that stand at one level of one room.

    Two boxes within 0.3 m in plan that overlap in height are next to each other; within 0.06 m, one
    is against the other (the smaller against the larger).
    """
    found: list[Relation] = []
    for i, a in enumerate(objects):
        for b in objects[i + 1 :]:
            if a.on != b.on or a.label in ("floor mat", "ceiling") or b.label == "floor mat":
                continue
            overlap = min(a.center_m[2] + a.size_m[2] / 2, b.center_m[2] + b.size_m[2] / 2) - max(
                a.center_m[2] - a.size_m[2] / 2, b.center_m[2] - b.size_m[2] / 2
            )
            if overlap <= 0.02:
                continue
            gap = plan_gap(a, b)
            if gap > NEXT_TO_M:
                continue
            small, large = (a, b) if np.prod(a.size_m) <= np.prod(b.size_m) else (b, a)
            found.append((small.id, "against" if gap <= AGAINST_M else "next_to", large.id))
    return found


def plan_gap(a: ObjectTruth, b: ObjectTruth) -> float:
    """Least distance of two boxes in plan, 0 where they overlap (separating axes of both)."""
    corners = [plan_corners(o) for o in (a, b)]
    best = 0.0
    for yaw in (a.yaw_rad, b.yaw_rad):
        for axis in (np.array([np.cos(yaw), np.sin(yaw)]), np.array([-np.sin(yaw), np.cos(yaw)])):
            p, q = corners[0] @ axis, corners[1] @ axis
            best = max(best, float(p.min() - q.max()), float(q.min() - p.max()))
    return best


def plan_corners(o: ObjectTruth) -> F8:
    """(4, 2) corners of a box in plan, counter-clockwise."""
    c, s = np.cos(o.yaw_rad), np.sin(o.yaw_rad)
    half = o.size_m[:2] / 2
    local = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half
    return np.asarray(local @ np.array([[c, s], [-s, c]]) + o.center_m[:2])
