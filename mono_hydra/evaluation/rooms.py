"""Room scores: overlap of true and estimated rooms on the seen free voxels, names, storeys.

A voxel belongs to the estimated room of the place whose sphere surface is nearest, if that is
within 0.5 m. Precision and recall follow Hydra (Hughes et al., 2022): the mean over rooms of the
best overlap share. True world, metres.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mono_hydra.evaluation.alignment import Alignment
from mono_hydra.evaluation.doors import TrueDoor, estimated_doors, score_doors
from mono_hydra.evaluation.graph_file import ROOMS, GraphFile, Node
from mono_hydra.evaluation.matching import match
from mono_hydra.evaluation.places import PlaceSet
from mono_hydra.evaluation.summary import harmonic_mean, precision_recall
from mono_hydra.evaluation.truth import Truth
from mono_hydra.types import F8, I8, Bool

MIN_ROOM_M3 = 1.0
IOU_LIMIT = 0.5


@dataclass(frozen=True, eq=False)
class TrueRooms:
    """The true rooms that are judged."""

    ids: list[int]  # of a merged room: the least of its members
    names: list[frozenset[str]]  # names that are right
    storeys: list[int]
    number_of_id: dict[int, int]  # true room id -> position here
    doors: list[TrueDoor]


@dataclass(frozen=True, eq=False)
class EstimatedRooms:
    """The rooms of a run."""

    ids: list[int]
    names: list[str]
    storeys: list[int | None]


@dataclass(frozen=True, eq=False)
class Domain:
    """Voxels on which rooms are compared."""

    points_m: F8  # (N, 3)
    true_id: I8  # (N,) id of the true room
    voxel_m3: float
    kind: str  # seen_free, or polygons where nothing says what was seen


@dataclass(frozen=True, eq=False)
class Overlap:
    """Voxels of every estimated and true room."""

    shared: F8  # (E, G)
    estimated: F8  # (E,)
    true: F8  # (G,)

    @property
    def iou(self) -> F8:
        """(E, G) intersection over union."""
        union = self.estimated[:, None] + self.true[None, :] - self.shared
        return np.asarray(self.shared / np.where(union > 0.0, union, 1.0))


def score_rooms(
    graph: GraphFile, places: PlaceSet, truth: Truth, alignment: Alignment
) -> tuple[dict[str, Any], dict[int, int]] | None:
    """All room scores, and estimated room id -> id of the true room it is matched to.

    None where the truth has no rooms or no free space.
    """
    domain = room_domain(truth)
    if domain is None or truth.building is None:
        return None
    estimated = estimated_rooms(graph)
    position = {room: k for k, room in enumerate(estimated.ids)}
    room_of_place = np.array(
        [-1 if r is None else position[r] for r in places.rooms], dtype=np.int64
    )
    nearest, _ = places.spheres.nearest(domain.points_m)
    said = np.where(nearest >= 0, np.append(room_of_place, -1)[nearest], -1)
    inside = places.spheres.inside_groups(domain.points_m, room_of_place, len(estimated.ids))
    doors = estimated_doors(graph, places, alignment)
    scores: dict[str, Any] = {}
    matched: dict[int, int] = {}
    for key, merged in (("", False), ("rooms_merged", True)):
        true = true_rooms(truth.building, domain, merged)
        number = _lookup(true, domain)
        overlap = overlap_of(said, number, len(estimated.ids), len(true.ids))
        spheres = overlap_of_masks(inside, number, len(true.ids))
        block, pairs = _score_block(estimated, true, overlap, spheres)
        room_match = {estimated.ids[e]: g for e, g in pairs}
        block |= score_doors(doors, true.doors, room_match)
        if key:
            scores[key] = block
        else:
            scores |= {"domain": domain.kind, **block}
            matched = {e: true.ids[g] for e, g in room_match.items()}
    return scores, matched


def _score_block(
    estimated: EstimatedRooms, true: TrueRooms, overlap: Overlap, spheres: Overlap
) -> tuple[dict[str, Any], list[tuple[int, int]]]:
    plain = overlap_shares(spheres)
    scores: dict[str, Any] = {
        "true_rooms": len(true.ids),
        "estimated_rooms": len(estimated.ids),
        **overlap_shares(overlap),
        "precision_spheres": plain["precision"],
        "recall_spheres": plain["recall"],
    }
    iou = overlap.iou
    good = len(match(1.0 - iou, iou >= IOU_LIMIT))
    scores["room_f1@0.5"] = precision_recall(good, len(estimated.ids) - good, len(true.ids) - good)
    pairs = match(1.0 - iou, overlap.shared > 0)
    right = sum(estimated.names[e] in true.names[g] for e, g in pairs)
    scores["name_accuracy"] = right / len(true.ids) if true.ids else None
    if len(set(true.storeys)) > 1:
        rank = {s: k for k, s in enumerate(sorted(set(true.storeys)))}
        said = sorted({s for s in estimated.storeys if s is not None})
        on_floor = sum(
            (s := estimated.storeys[e]) is not None and said.index(s) == rank[true.storeys[g]]
            for e, g in pairs
        )
        scores["floor_accuracy"] = on_floor / len(true.ids)
    return scores, pairs


def overlap_shares(overlap: Overlap) -> dict[str, float]:
    """Precision and recall as the mean over rooms of the best overlap, and size-weighted."""
    best_e = overlap.shared.max(axis=1, initial=0.0)
    best_g = overlap.shared.max(axis=0, initial=0.0)
    share_e = best_e / np.where(overlap.estimated > 0, overlap.estimated, 1.0)
    share_g = best_g / np.where(overlap.true > 0, overlap.true, 1.0)
    precision = float(share_e.mean()) if len(share_e) else 0.0
    recall = float(share_g.mean()) if len(share_g) else 0.0
    return {
        "precision": precision,
        "recall": recall,
        "f1": harmonic_mean(precision, recall),
        "precision_total": float(best_e.sum() / max(overlap.estimated.sum(), 1.0)),
        "recall_total": float(best_g.sum() / max(overlap.true.sum(), 1.0)),
    }


def overlap_of(said: I8, true: I8, n_estimated: int, n_true: int) -> Overlap:
    """Overlap of two partitions (N,) of the voxels; -1 is no room, true -2 is no part of it."""
    table = np.zeros((n_estimated + 1, n_true + 1))
    judged = true != -2
    np.add.at(table, (said[judged], true[judged]), 1.0)
    shared = table[:n_estimated, :n_true]
    return Overlap(shared, table[:n_estimated].sum(axis=1), table[:, :n_true].sum(axis=0))


def overlap_of_masks(inside: Bool, true: I8, n_true: int) -> Overlap:
    """Overlap of masks (N, E), which may share voxels, with true rooms (N,)."""
    judged = true >= 0
    members = np.zeros((len(true), n_true))
    members[np.flatnonzero(judged), true[judged]] = 1.0
    shared = inside.T.astype(np.float64) @ members
    return Overlap(shared, inside[judged].sum(axis=0).astype(np.float64), members.sum(axis=0))


def room_domain(truth: Truth) -> Domain | None:
    """Seen free voxels of rooms; without `free_space.npz`, all free voxels of the polygons."""
    space = truth.free_space
    if space is not None:
        chosen = (space.room > 0) & space.seen_free
        voxels = np.argwhere(chosen)
        return Domain(space.centers(voxels), space.room[chosen], space.voxel_m**3, "seen_free")
    if truth.building is None or truth.mesh is None:
        return None
    return _polygon_domain(truth)


def _polygon_domain(truth: Truth) -> Domain:
    """Free voxels of the room polygons, by distance to the true surface and by what is in front."""
    import cv2

    assert truth.building is not None
    assert truth.mesh is not None
    voxel_m = 0.10
    points, ids = [], []
    for room in truth.building["rooms"]:
        polygon = np.asarray(room["polygon"], np.float64)
        low = np.append(polygon.min(axis=0), room["floor_z"]) + voxel_m / 2
        high = np.append(polygon.max(axis=0), room["ceiling_z"])
        axes = [np.arange(a, b, voxel_m) for a, b in zip(low, high, strict=True)]
        grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
        plan, of_plan = np.unique(grid[:, :2], axis=0, return_inverse=True)
        outline = polygon.astype(np.float32).reshape(-1, 1, 2)
        in_plan = [cv2.pointPolygonTest(outline, (float(x), float(y)), False) > 0 for x, y in plan]
        grid = grid[np.array(in_plan, bool)[of_plan.ravel()]]
        free = ~truth.mesh.surface.in_matter(grid)
        points.append(grid[free])
        ids.append(np.full(int(free.sum()), int(room["id"])))
    return Domain(np.concatenate(points), np.concatenate(ids), voxel_m**3, "polygons")


def true_rooms(building: dict[str, Any], domain: Domain, merged: bool) -> TrueRooms:
    """Rooms with at least 1 m3 in the domain; `merged` joins those that only a border separates."""
    group = _groups(building, merged)
    records = {int(r["id"]): r for r in building["rooms"]}
    counts = dict.fromkeys(set(group.values()), 0)
    for room, n in zip(*np.unique(domain.true_id, return_counts=True), strict=True):
        if int(room) in group:
            counts[group[int(room)]] += int(n)
    kept = sorted(g for g, n in counts.items() if n * domain.voxel_m3 >= MIN_ROOM_M3 - 1e-9)
    members = {g: sorted(r for r in group if group[r] == g) for g in kept}
    number = {r: k for k, g in enumerate(kept) for r in members[g]}
    doors = [
        TrueDoor(
            (number[a], number[b]) if number[a] < number[b] else (number[b], number[a]),
            np.asarray(door["center"], np.float64),
            bool(door["traversed"]),
        )
        for door in building["doors"]
        for a, b in [[int(r) for r in door["rooms"]]]
        if a in number and b in number and number[a] != number[b]
    ]
    return TrueRooms(
        kept,
        [frozenset(str(records[r]["name"]) for r in members[g]) for g in kept],
        [int(records[g].get("storey", 0)) for g in kept],
        number,
        doors,
    )


def _groups(building: dict[str, Any], merged: bool) -> dict[int, int]:
    """Room id -> least id of the rooms it is merged with."""
    group = {int(r["id"]): int(r["id"]) for r in building["rooms"]}
    if not merged:
        return group
    for door in building["doors"]:
        a, b = (group.get(int(r)) for r in door["rooms"])
        if door.get("virtual") and a is not None and b is not None:
            group = {r: min(a, b) if g in (a, b) else g for r, g in group.items()}
    return group


def _lookup(true: TrueRooms, domain: Domain) -> I8:
    """Position of the true room of every voxel; -2 for rooms that are not judged."""
    table = np.full(int(domain.true_id.max(initial=0)) + 1, -2, np.int64)
    for room, number in true.number_of_id.items():
        if room < len(table):
            table[room] = number
    return np.asarray(table[domain.true_id])


def estimated_rooms(graph: GraphFile) -> EstimatedRooms:
    """Rooms of a graph, by id."""
    nodes = graph.layer(ROOMS)
    storeys = [n.metadata.get("storey") for n in nodes]
    return EstimatedRooms(
        [n.id for n in nodes],
        [room_name(graph, n) for n in nodes],
        [None if s is None else int(s) for s in storeys],
    )


def room_name(graph: GraphFile, node: Node) -> str:
    """`metadata.room_name`, else the label in the rooms' label space, else the node's name."""
    return str(node.metadata.get("room_name") or graph.label_name(node))
