"""Doors between rooms: found if the right rooms are joined within 0.8 m in plan."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np

from mono_hydra.evaluation.alignment import Alignment
from mono_hydra.evaluation.graph_file import ROOMS, GraphFile
from mono_hydra.evaluation.matching import match
from mono_hydra.evaluation.places import PlaceSet
from mono_hydra.evaluation.summary import precision_recall
from mono_hydra.types import F8

NEAR_M = 0.8


@dataclass(frozen=True, eq=False)
class TrueDoor:
    """A true door between two judged rooms."""

    rooms: tuple[int, int]  # positions among the true rooms, ascending
    center_m: F8  # (3,)
    is_traversed: bool


@dataclass(frozen=True, eq=False)
class EstimatedDoor:
    """A passage that a run states or implies."""

    rooms: tuple[int, int]  # node ids, ascending
    position_m: F8 | None  # (3,) in the true world; None where nothing says where


def estimated_doors(
    graph: GraphFile, places: PlaceSet, alignment: Alignment
) -> list[EstimatedDoor]:
    """Doors of the room-room edges; a file without such edges is read by its place edges."""
    narrowest = _narrowest_passages(places)
    edges = graph.edges_of(ROOMS)
    if not edges:
        return [EstimatedDoor(rooms, narrowest[rooms]) for rooms in sorted(narrowest)]
    doors = []
    for edge in sorted(edges, key=lambda e: sorted((e.source, e.target))):
        rooms = (min(edge.source, edge.target), max(edge.source, edge.target))
        positions = [d.get("position") for d in edge.metadata.get("doors") or []]
        stated = [p for p in positions if p is not None] or [edge.metadata.get("position")]
        for position in stated:
            if position is None:
                doors.append(EstimatedDoor(rooms, narrowest.get(rooms)))
            else:
                point = np.asarray(position, np.float64)[None]
                doors.append(EstimatedDoor(rooms, alignment.points(point)[0]))
    return doors


def _narrowest_passages(places: PlaceSet) -> dict[tuple[int, int], F8]:
    """Midpoint of the narrowest place edge between each two rooms."""
    by_rooms: dict[tuple[int, int], list[tuple[float, int]]] = defaultdict(list)
    for k, (a, b) in enumerate(places.edges):
        room_a, room_b = places.rooms[a], places.rooms[b]
        if room_a is not None and room_b is not None and room_a != room_b:
            by_rooms[min(room_a, room_b), max(room_a, room_b)].append((places.edge_weight[k], k))
    centers = places.spheres.centers_m
    return {
        rooms: np.asarray(centers[places.edges[min(found)[1]]].mean(axis=0))
        for rooms, found in by_rooms.items()
    }


def score_doors(
    estimated: list[EstimatedDoor], true: list[TrueDoor], room_match: dict[int, int]
) -> dict[str, Any]:
    """Scores of doors and of adjacency alone.

    Args:
        estimated: doors of the run.
        true: doors between judged rooms.
        room_match: estimated room id -> position of its true room.
    """
    joined = [_true_pair(door.rooms, room_match) for door in estimated]
    return {
        "doors": _score_positions(estimated, true, joined),
        "adjacency": _score_adjacency(estimated, true, joined),
    }


def _true_pair(rooms: tuple[int, int], room_match: dict[int, int]) -> tuple[int, int] | None:
    a, b = room_match.get(rooms[0]), room_match.get(rooms[1])
    if a is None or b is None:
        return None
    return min(a, b), max(a, b)


def _score_positions(
    estimated: list[EstimatedDoor], true: list[TrueDoor], joined: list[tuple[int, int] | None]
) -> dict[str, float | int]:
    distance = np.full((len(estimated), len(true)), np.inf)
    for i, door in enumerate(estimated):
        for j, other in enumerate(true):
            if door.position_m is not None and joined[i] == other.rooms:
                distance[i, j] = np.linalg.norm(door.position_m[:2] - other.center_m[:2])
    passed = np.array([door.is_traversed for door in true], dtype=bool)
    admissible = distance <= NEAR_M
    pairs = match(np.where(admissible, distance, 0.0)[:, passed], admissible[:, passed])
    matched = {i for i, _ in pairs}
    ignored = np.asarray(admissible[:, ~passed].any(axis=1))
    false = sum(i not in matched and not ignored[i] for i in range(len(estimated)))
    return precision_recall(len(pairs), false, int(passed.sum()) - len(pairs))


def _score_adjacency(
    estimated: list[EstimatedDoor], true: list[TrueDoor], joined: list[tuple[int, int] | None]
) -> dict[str, float | int]:
    wanted = {door.rooms for door in true if door.is_traversed}
    ignored = {door.rooms for door in true} - wanted
    said = {door.rooms: pair for door, pair in zip(estimated, joined, strict=True)}
    found = {pair for pair in said.values() if pair in wanted}
    false = sum(pair not in wanted and pair not in ignored for pair in said.values())
    return precision_recall(len(found), false, len(wanted) - len(found))
