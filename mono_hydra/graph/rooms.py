"""Rooms: basins of the footprint cut at doors, carried to the places, named by their contents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from mono_hydra.config import RoomsConfig
from mono_hydra.graph import room_filtration as filtration
from mono_hydra.graph.doors import Link, door_evidence, door_links, door_sites
from mono_hydra.graph.footprint import (
    Footprint,
    completed_lintels,
    distance_to_closed,
    footprints,
)
from mono_hydra.graph.places import PlaceLayer
from mono_hydra.graph.room_names import RoomEvidence, best_name, name_rooms
from mono_hydra.graph.rooms_kernels import basins
from mono_hydra.graph.scene_graph import Door, ObjectAttributes, RoomAttributes
from mono_hydra.labels.label_space import LabelSpace
from mono_hydra.types import F8, I4, Bool, MeshBlock


@dataclass(frozen=True, eq=False)
class RoomLayer:
    """Rooms after a step."""

    rooms: dict[int, RoomAttributes]
    room_of_place: dict[int, int]  # of the partition: place id -> room id, -1 without a room
    doors: tuple[tuple[int, int, Door], ...]  # first room < second room
    curve: filtration.FiltrationCurve  # of the places, for the debug plot; empty before the end
    delta_m: float  # dilation that the plateau rule chose
    storeys: tuple[dict[str, float], ...] = ()  # {"id", "floor_z", "ceiling_z"}, lowest first


EMPTY_CURVE = filtration.FiltrationCurve(np.zeros(0), np.zeros(0, np.int64))


class RoomsBuilder:
    """Partitions the places into rooms with stable ids."""

    def __init__(self, config: RoomsConfig, label_space: LabelSpace) -> None:
        self.config = config
        self.label_space = label_space
        self._room_of_place: dict[int, int] = {}
        self._next_id = 0
        self._wait = 0
        self._layer = RoomLayer({}, {}, (), EMPTY_CURVE, 0.0)

    def step(
        self,
        layer: PlaceLayer,
        objects: Sequence[tuple[int, ObjectAttributes]],
        changed_mesh: Mapping[tuple[int, int, int], MeshBlock | None],
        stamp_s: float,
    ) -> RoomLayer:
        """Renew the partition; large maps do so less often, so that a step's mean cost stays."""
        self._wait -= 1
        if self._wait > 0 or len(layer.ids) == 0:
            return self._carried(layer)
        # rooms change slowly: the first ones come at once, later partitions wait their turn
        often = len(layer.ids) // self.config.places_per_update
        self._wait = 1 + max(often, self.config.min_update_keyframes if self._layer.rooms else 0)
        return self._renew(layer, objects)

    def finish(
        self, layer: PlaceLayer, objects: Sequence[tuple[int, ObjectAttributes]]
    ) -> RoomLayer:
        """The partition of the whole layer now, with the filtration curve for the debug plot."""
        rooms = self._renew(layer, objects)
        index = np.searchsorted(layer.ids, layer.edges).astype(np.int32)
        curve = filtration.filtration(
            len(layer.ids), index, layer.edge_clearance_m, self.config.min_seed_places
        )
        plateau = filtration.choose_plateau(
            filtration.plateaus(curve, self.config.min_dilation_m, self.config.max_dilation_m),
            self.config.plateau_ratio,
        )
        return replace(rooms, curve=curve, delta_m=plateau.low_m if plateau else 0.0)

    def _renew(
        self, layer: PlaceLayer, objects: Sequence[tuple[int, ObjectAttributes]]
    ) -> RoomLayer:
        if len(layer.ids) == 0 or layer.free_space is None:
            return self._layer
        maps = footprints(layer.free_space, self.config)
        seed = np.full(len(layer.ids), -1, np.int32)
        storey_of = _storeys(layer.positions_m, maps)
        masks: list[tuple[int, Bool]] = []
        doors: list[tuple[int, int, Door]] = []
        for storey, footprint in enumerate(maps):
            label, links = partition(footprint, self.config)
            first = len(masks)
            numbers = np.unique(label[label >= 0])
            member = np.flatnonzero(storey_of == storey)
            cell = footprint.cell_of(layer.positions_m[member])
            basin = label[cell[:, 0], cell[:, 1]]
            seed[member] = np.where(basin >= 0, first + np.searchsorted(numbers, basin), -1)
            masks += [(storey, label == n) for n in numbers]
            at = {int(n): first + k for k, n in enumerate(numbers)}
            doors += [(at[k.basins[0]], at[k.basins[1]], k.door) for k in links]
        index = np.searchsorted(layer.ids, layer.edges).astype(np.int32)
        room = filtration.grow(seed, index, layer.edge_clearance_m)
        # without labels nothing says what is a wall and what a cupboard: one room
        if not (room >= 0).any() or not any(m.wall.any() for m in maps):
            room[:] = 0
            masks, doors = [(0, maps[0].open | maps[0].floor)], []
        ids = self._stable_ids(layer, room, len(masks))
        shapes = [
            _attributes(maps[storey], storey, mask, layer.positions_m[room == n])
            for n, (storey, mask) in enumerate(masks)
        ]
        climbing = storey_of[index[:, 0]] != storey_of[index[:, 1]]
        stairs = np.unique(room[index[climbing]])  # ways between storeys lead through these rooms
        named = self._named(shapes, maps, masks, doors, objects, set(stairs.tolist()))
        rooms = {ids[n]: attributes for n, attributes in enumerate(named) if ids[n] >= 0}
        known = tuple(
            (min(ids[a], ids[b]), max(ids[a], ids[b]), door)
            for a, b, door in doors
            if ids[a] >= 0 and ids[b] >= 0
        )
        of_place = {
            int(p): (ids[n] if n >= 0 else -1)
            for p, n in zip(layer.ids.tolist(), room.tolist(), strict=True)
        }
        self._room_of_place = of_place
        storeys = tuple(
            {"id": float(n), "floor_z": m.floor_z_m, "ceiling_z": m.ceiling_z_m}
            for n, m in enumerate(maps)
        )
        rooms = dict(sorted(rooms.items()))
        self._layer = RoomLayer(rooms, dict(of_place), known, EMPTY_CURVE, 0.0, storeys)
        return self._layer

    def _named(
        self,
        shapes: Sequence[RoomAttributes],
        maps: Sequence[Footprint],
        masks: Sequence[tuple[int, Bool]],
        doors: Sequence[tuple[int, int, Door]],
        objects: Sequence[tuple[int, ObjectAttributes]],
        stairs: set[int],
    ) -> list[RoomAttributes]:
        """Rooms with names from the objects whose centres lie over them or nearest to them."""
        if not objects:  # area and outline alone name nothing
            return list(shapes)
        inside: list[dict[str, float]] = [{} for _ in shapes]
        points = np.array([a.position_m for _, a in objects]).reshape(-1, 3)
        for (_, attributes), n in zip(objects, rooms_of_points(points, maps, masks), strict=True):
            if n >= 0:
                name = attributes.label_name
                before = inside[n].get(name, 0.0)
                inside[n][name] = 1.0 - (1.0 - before) * (1.0 - min(attributes.confidence, 1.0))
        evidence = [
            RoomEvidence(
                inside[n],
                shape.area_m2,
                elongation(shape.polygon_m),
                sum(n in (a, b) for a, b, _ in doors),
                n in stairs,
            )
            for n, shape in enumerate(shapes)
        ]
        return [
            replace(shape, name=best_name(p), probabilities=p)
            for shape, p in zip(shapes, name_rooms(evidence), strict=True)
        ]

    def _carried(self, layer: PlaceLayer) -> RoomLayer:
        """The last partition as it is; new places wait for the next one."""
        for place in layer.removed_ids.tolist():
            self._room_of_place.pop(place, None)
        return self._layer

    def _stable_ids(self, layer: PlaceLayer, room: I4, n_rooms: int) -> list[int]:
        """Id of each room: the former room that it shares most places with, else a new id."""
        former = np.array([self._room_of_place.get(p, -1) for p in layer.ids.tolist()], np.int64)
        ids = [-1] * n_rooms
        both = (former >= 0) & (room >= 0)
        pairs, shared = np.unique(
            np.stack([room[both], former[both]], axis=1), axis=0, return_counts=True
        )
        taken: set[int] = set()
        for k in np.lexsort((pairs[:, 1], pairs[:, 0], -shared)):
            n, old = int(pairs[k, 0]), int(pairs[k, 1])
            if ids[n] < 0 and old not in taken:
                ids[n] = old
                taken.add(old)
        for n in range(n_rooms):
            if ids[n] < 0 and (room == n).any():
                ids[n] = self._next_id
                self._next_id += 1
        return ids


def partition(footprint: Footprint, c: RoomsConfig) -> tuple[I4, list[Link]]:
    """Basin label (X, Y) of each open cell, -1 elsewhere, and the doors between basins."""
    footprint = replace(footprint, lintel=completed_lintels(footprint))
    level = distance_to_closed(footprint.open & ~footprint.lintel, footprint.cell_m)
    half = np.where(footprint.lintel, footprint.radius_m, level)
    # cells under lintels are flooded last, from their middle, so that rooms meet in mid door
    level = np.where(footprint.lintel, footprint.radius_m * np.float32(1e-3), level)
    cells = np.flatnonzero(footprint.open)
    order = cells[np.lexsort((cells, -level.ravel()[cells]))]
    label = np.empty(level.shape, np.int32)
    links = np.empty((4096, 3), np.int32)
    least = max(1, round(c.min_room_area_m2 / footprint.cell_m**2 * 0.4))
    n = basins(
        order, level, np.ascontiguousarray(half, np.float32), footprint.lintel.astype(np.uint8),
        door_sites(footprint).astype(np.uint8), door_evidence(footprint),
        0.5 * c.max_door_width_m, least,
        label, links,
    )  # fmt: skip
    size = np.bincount(label[label >= 0], minlength=label.size)
    label[(label >= 0) & (size[label] < c.min_room_area_m2 / footprint.cell_m**2)] = -1
    return label, door_links(footprint, label, links[:n])


def _storeys(positions_m: F8, maps: list[Footprint]) -> I4:
    """Storey of each place: the highest floor below it."""
    floors = np.array([m.floor_z_m for m in maps])
    return np.maximum(np.searchsorted(floors, positions_m[:, 2] + 0.05) - 1, 0)


def rooms_of_points(
    points_m: F8, maps: Sequence[Footprint], masks: Sequence[tuple[int, Bool]]
) -> I4:
    """Number of the room over or nearest to each point (N, 3) on its storey, -1 beyond 1.5 m."""
    room = np.full(len(points_m), -1, np.int32)
    storey_of = _storeys(points_m, list(maps))
    for storey, footprint in enumerate(maps):
        label = np.full(footprint.open.shape, -1, np.int32)
        for n, (of_storey, mask) in enumerate(masks):
            if of_storey == storey:
                label[mask] = n
        member = np.flatnonzero(storey_of == storey)
        if len(member) == 0 or not (label >= 0).any():
            continue
        spread, gap_m = spread_labels(label, footprint)
        cell = footprint.cell_of(points_m[member])
        near = gap_m[cell[:, 0], cell[:, 1]] <= 1.5
        room[member[near]] = spread[cell[near, 0], cell[near, 1]]
    return room


def spread_labels(label: I4, footprint: Footprint) -> tuple[I4, F8]:
    """Label of the nearest labelled cell for each cell, and its distance in metres.

    Ways do not lead through cells of wall, as long as there is another way.
    """
    out = label.copy()
    gap = np.where(label >= 0, 0.0, np.inf)
    for step in range(1, round(1.5 / footprint.cell_m) + 1):
        passable = (out < 0) & ((~footprint.wall) | (step > round(0.8 / footprint.cell_m)))
        grown = cv2.dilate((out + 1).astype(np.float32), np.ones((3, 3), np.uint8))
        new = passable & (grown > 0)
        if not new.any():
            continue
        out[new] = grown[new].astype(np.int32) - 1
        gap[new] = step * footprint.cell_m
    return out, gap


def elongation(polygon_m: F8 | None) -> float:
    """Longer by shorter side of the smallest box around an outline, >= 1."""
    if polygon_m is None or len(polygon_m) < 3:
        return 1.0
    sides = sorted(cv2.minAreaRect(polygon_m.astype(np.float32))[1])
    return float(sides[1] / max(sides[0], 0.1))


def _attributes(footprint: Footprint, storey: int, mask: Bool, places_m: F8) -> RoomAttributes:
    polygon = outline(footprint, mask & ~footprint.lintel)
    area = float(cv2.contourArea(polygon.astype(np.float32))) if len(polygon) >= 3 else 0.0
    if len(places_m):
        position = places_m.mean(axis=0)
    else:
        cells = np.argwhere(mask)
        position = np.append(footprint.point_of(cells).mean(axis=0), footprint.floor_z_m + 1.2)
    return RoomAttributes(
        position_m=position,
        polygon_m=polygon,
        floor_z_m=footprint.floor_z_m,
        ceiling_z_m=_ceiling_z_m(footprint, mask),
        area_m2=area,
        storey=storey,
    )


def _ceiling_z_m(footprint: Footprint, mask: Bool) -> float:
    """Most common height of the highest surface over a room; the storey's where few were seen."""
    high = footprint.top_m[mask & (footprint.top_m > 2.1) & ~footprint.lintel]
    if len(high) < 10:
        return footprint.ceiling_z_m
    values, counts = np.unique(np.round(high, 3), return_counts=True)
    return footprint.floor_z_m + float(values[counts.argmax()])


def outline(footprint: Footprint, mask: Bool) -> F8:
    """Counter-clockwise outline (N, 2) of the largest piece of a mask, grown to the walls."""
    grown = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8))
    contours, _ = cv2.findContours(grown, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return np.zeros((0, 2))
    contour = cv2.approxPolyDP(max(contours, key=cv2.contourArea), 1.2, True)[:, 0, ::-1]
    polygon = footprint.point_of(contour)
    x, y = polygon[:, 0], polygon[:, 1]
    signed = float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))
    return polygon if signed > 0 else polygon[::-1]
