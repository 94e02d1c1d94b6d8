"""The graph stage: places, objects and rooms, published as one scene graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from mono_hydra.config import Config
from mono_hydra.graph.objects import ObjectsBuilder
from mono_hydra.graph.places import PlaceLayer, PlacesBuilder
from mono_hydra.graph.relations import relations
from mono_hydra.graph.rooms import RoomLayer, RoomsBuilder
from mono_hydra.graph.scene_graph import (
    AgentAttributes,
    AgentEdge,
    BuildingAttributes,
    Door,
    ObjectAttributes,
    PlaceAttributes,
    PlaceEdge,
    RelationEdge,
    RoomEdge,
    SceneGraph,
    index_of,
    node_id,
)
from mono_hydra.labels import LabelSpace
from mono_hydra.types import Keyframe, MeshBlock, MovedKeyframe

BlockIndex = tuple[int, int, int]
BUILDING = node_id("B", 0)
_PLACE = np.int64(node_id("p", 0))


class GraphBuilder:
    """Owns the scene graph and the three builders that feed it."""

    def __init__(self, config: Config, label_space: LabelSpace) -> None:
        self.graph = SceneGraph(label_space.name)
        self.places = PlacesBuilder(config.places, label_space, config.mapping.max_range_m)
        self.objects = ObjectsBuilder(config.objects, label_space, config.mapping.voxel_size_m)
        self.rooms = RoomsBuilder(config.rooms, label_space)
        self.layer: PlaceLayer | None = None
        self.room_layer: RoomLayer | None = None
        self._objects: Mapping[int, ObjectAttributes] = {}
        self._unhung: set[int] = set()  # objects and agents that wait for a place above them
        self._stamp_s = 0.0

    def step(
        self,
        keyframe: Keyframe | None,
        moved: Sequence[MovedKeyframe],
        keyframe_of: Callable[[int], Keyframe],
        changed_mesh: Mapping[BlockIndex, MeshBlock | None],
    ) -> SceneGraph:
        """Update all layers with a keyframe (None: only poses moved) and changed mesh blocks."""
        self._stamp_s = self._stamp_s if keyframe is None else keyframe.stamp_s
        layer = self.layer = self.places.step(keyframe, moved, keyframe_of)
        objects = self.objects.step(keyframe, moved, keyframe_of, changed_mesh)
        rooms = self.rooms.step(layer, sorted(objects.items()), changed_mesh, self._stamp_s)
        if keyframe is not None:
            self._publish_agent(keyframe)
        for m in moved:
            self._publish_agent(keyframe_of(m.id))
        self._publish_places(layer)
        self._publish_objects(objects)
        self._publish_rooms(rooms)
        return self.graph

    def _publish_agent(self, keyframe: Keyframe) -> None:
        node = node_id("a", keyframe.id)
        T = keyframe.T_world_camera
        self.graph.add_node(
            node, AgentAttributes(T[:3, 3].copy(), T[:3, :3].copy(), keyframe.stamp_s, keyframe.id)
        )
        if self.graph.parent(node) is None:
            self._unhung.add(node)
        if keyframe.id > 0 and self.graph.edge(node, node_id("a", keyframe.id - 1)) is None:
            self.graph.add_edge(node_id("a", keyframe.id - 1), node, AgentEdge())

    def _publish_places(self, layer: PlaceLayer) -> None:
        """Write only what this step changed."""
        for place in layer.removed_ids.tolist():
            node = node_id("p", place)
            if node in self.graph.nx_graph:
                self._unhung.update(self.graph.children(node))
                self.graph.remove_node(node)
        if not len(layer.changed_ids):
            return
        changed = layer.changed_ids
        for row in np.searchsorted(layer.ids, changed).tolist():
            self.graph.add_node(node_id("p", int(layer.ids[row])), _place(layer, row))
        touched = np.isin(layer.edges[:, 0], changed) | np.isin(layer.edges[:, 1], changed)
        wanted = set(map(tuple, (layer.edges[touched] | _PLACE).tolist()))
        for node in (changed | _PLACE).tolist():
            for other in self.graph.siblings(node):
                if (min(node, other), max(node, other)) not in wanted:
                    self.graph.remove_edge(node, other)
        clearances = layer.edge_clearance_m[touched].tolist()
        for (a, b), clearance_m in zip(
            (layer.edges[touched] | _PLACE).tolist(), clearances, strict=True
        ):
            self.graph.add_edge(a, b, PlaceEdge(clearance_m))

    def _publish_objects(self, objects: Mapping[int, ObjectAttributes]) -> None:
        for i in [i for i in self._objects if i not in objects]:
            self.graph.remove_node(node_id("O", i))
            self._unhung.discard(node_id("O", i))
        for i, attributes in objects.items():
            if self._objects.get(i) is not attributes:
                self.graph.add_node(node_id("O", i), attributes)
                self._unhung.add(node_id("O", i))
        self._objects = objects

    def _publish_rooms(self, rooms: RoomLayer) -> None:
        if rooms is not self.room_layer:
            self._write_rooms(rooms)
        self.room_layer = rooms
        self._hang()

    def _write_rooms(self, rooms: RoomLayer) -> None:
        wanted = {node_id("R", i): a for i, a in sorted(rooms.rooms.items())}
        for node in self.graph.nodes("rooms"):
            if node not in wanted:
                self.graph.remove_node(node)
        for node, attributes in wanted.items():
            self.graph.add_node(node, attributes)
        for a, b, _ in self.graph.edges("rooms"):
            self.graph.remove_edge(a, b)
        doors: dict[tuple[int, int], list[Door]] = {}
        for a, b, door in rooms.doors:
            doors.setdefault((node_id("R", min(a, b)), node_id("R", max(a, b))), []).append(door)
        for (a, b), found in sorted(doors.items()):
            widest_first = tuple(sorted(found, key=lambda d: -d.width_m))
            self.graph.add_edge(a, b, RoomEdge(widest_first))
        self._publish_rooms_of_places(rooms)
        if rooms.rooms:
            centers = np.array([r.position_m for r in rooms.rooms.values()])
            storeys = tuple(rooms.storeys)
            self.graph.add_node(BUILDING, BuildingAttributes(centers.mean(axis=0), storeys=storeys))
            for room in rooms.rooms:
                if self.graph.parent(node_id("R", room)) != BUILDING:
                    self.graph.set_parent(node_id("R", room), BUILDING)
        elif BUILDING in self.graph.nx_graph:
            self.graph.remove_node(BUILDING)

    def _publish_rooms_of_places(self, rooms: RoomLayer) -> None:
        for place, room in rooms.room_of_place.items():
            node = node_id("p", place)
            if node not in self.graph.nx_graph:
                continue
            if room >= 0:
                if self.graph.parent(node) != node_id("R", room):
                    self.graph.set_parent(node, node_id("R", room))
            elif self.graph.parent(node) is not None:
                self.graph.clear_parent(node)

    def _hang(self) -> None:
        """Objects and agents hang below the nearest place in straight sight."""
        if not self._unhung:
            return
        nodes = sorted(self._unhung)
        points = np.array([self.graph.attributes(n).position_m for n in nodes])
        places = self.places.visible_place(points)
        for node, place in zip(nodes, places.tolist(), strict=True):
            if place >= 0:
                self.graph.set_parent(node, node_id("p", int(place)))
        self._unhung = {n for n in nodes if self.graph.parent(n) is None}

    def finish(self) -> SceneGraph:
        """Bring the rooms up to date and write the relations between objects."""
        if self.layer is not None:
            self.layer = self.places.renew()
            self._publish_places(self.layer)
            self._publish_objects(self.objects.finish())
            self._publish_rooms(self.rooms.finish(self.layer, sorted(self._objects.items())))
        attributes = {index_of(n): a for n, a in self.graph.items("objects")}
        found: dict[tuple[int, int], list[tuple[str, int, int]]] = {}
        for subject, predicate, other in relations(attributes, self.objects.is_parted):
            a, b = node_id("O", subject), node_id("O", other)
            found.setdefault((min(a, b), max(a, b)), []).append((predicate, a, b))
        for a, b, _ in self.graph.edges("objects"):
            self.graph.remove_edge(a, b)
        for (a, b), triples in sorted(found.items()):
            self.graph.add_edge(a, b, RelationEdge(tuple(triples)))
        return self.graph


def _place(layer: PlaceLayer, row: int) -> PlaceAttributes:
    return PlaceAttributes(
        layer.positions_m[row].copy(),
        float(layer.clearance_m[row]),
        int(layer.n_basis[row]),
        layer.obstacle_m[row].copy(),
        bool(layer.is_active[row]),
    )
