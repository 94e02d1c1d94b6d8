"""The graph stage: places, objects and rooms of the newest keyframe, published as one scene graph."""

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
    node_id,
)
from mono_hydra.labels import LabelSpace
from mono_hydra.types import F8, Keyframe, MeshBlock, MovedKeyframe

BlockIndex = tuple[int, int, int]
BUILDING = node_id("B", 0)


class GraphBuilder:
    """Owns the scene graph and the three builders that feed it."""

    def __init__(self, config: Config, label_space: LabelSpace) -> None:
        self.graph = SceneGraph(label_space.name)
        self.places = PlacesBuilder(config.places, label_space, config.mapping.max_range_m)
        self.objects = ObjectsBuilder(config.objects, label_space, config.mapping.voxel_size_m)
        self.rooms = RoomsBuilder(config.rooms, label_space)
        self.room_layer: RoomLayer | None = None
        self._drawn = _Drawn()

    def step(
        self,
        keyframe: Keyframe,
        moved: Sequence[MovedKeyframe],
        keyframe_of: Callable[[int], Keyframe],
        changed_mesh: Mapping[BlockIndex, MeshBlock | None],
    ) -> SceneGraph:
        """Update all layers with one keyframe and the mesh blocks that changed."""
        layer = self.places.step(keyframe, moved, keyframe_of)
        objects = self.objects.step(keyframe, moved, keyframe_of, changed_mesh)
        rooms = self.rooms.step(layer, sorted(objects.items()), changed_mesh, keyframe.stamp_s)
        self.room_layer = rooms
        self._publish_agent(keyframe)
        for m in moved:
            self._publish_agent(keyframe_of(m.id))
        self._publish_places(layer)
        self._publish_objects(objects)
        self._publish_rooms(rooms)
        self._publish_parents(layer, objects, rooms)
        return self.graph

    def _publish_agent(self, keyframe: Keyframe) -> None:
        node = node_id("a", keyframe.id)
        T = keyframe.T_world_camera
        self.graph.add_node(
            node, AgentAttributes(T[:3, 3].copy(), T[:3, :3].copy(), keyframe.stamp_s, keyframe.id)
        )
        if keyframe.id > 0 and self.graph.edge(node, node_id("a", keyframe.id - 1)) is None:
            self.graph.add_edge(node_id("a", keyframe.id - 1), node, AgentEdge())

    def _publish_places(self, layer: PlaceLayer) -> None:
        """Write only what differs from the last publication."""
        changed, gone = self._drawn.changed_places(layer)
        for place in gone:
            self.graph.remove_node(node_id("p", place))
        for row in changed:
            self.graph.add_node(
                node_id("p", int(layer.ids[row])),
                PlaceAttributes(
                    layer.positions_m[row].copy(),
                    float(layer.clearance_m[row]),
                    int(layer.n_basis[row]),
                    layer.obstacle_m[row].copy(),
                    bool(layer.is_active[row]),
                ),
            )
        new, lost = self._drawn.changed_edges(layer)
        for a, b in lost:
            if self.graph.edge(node_id("p", a), node_id("p", b)) is not None:
                self.graph.nx_graph.remove_edge(node_id("p", a), node_id("p", b))
        for a, b, clearance in new:
            self.graph.add_edge(node_id("p", a), node_id("p", b), PlaceEdge(clearance))

    def _publish_objects(self, objects: Mapping[int, ObjectAttributes]) -> None:
        wanted = {node_id("O", i): a for i, a in objects.items()}
        for node in self.graph.nodes("objects"):
            if node not in wanted:
                self.graph.remove_node(node)
        for node, attributes in wanted.items():
            if node not in self.graph.nx_graph or self.graph.attributes(node) is not attributes:
                self.graph.add_node(node, attributes)

    def _publish_rooms(self, rooms: RoomLayer) -> None:
        wanted = {node_id("R", i): a for i, a in sorted(rooms.rooms.items())}
        for node in self.graph.nodes("rooms"):
            if node not in wanted:
                self.graph.remove_node(node)
        for node, attributes in wanted.items():
            self.graph.add_node(node, attributes)
        for a, b, _ in self.graph.edges("rooms"):
            self.graph.nx_graph.remove_edge(a, b)
        doors: dict[tuple[int, int], list[Door]] = {}
        for a, b, door in rooms.doors:
            doors.setdefault((node_id("R", min(a, b)), node_id("R", max(a, b))), []).append(door)
        for (a, b), found in sorted(doors.items()):
            widest_first = tuple(sorted(found, key=lambda d: -d.width_m))
            self.graph.add_edge(a, b, RoomEdge(widest_first))

    def _publish_parents(
        self, layer: PlaceLayer, objects: Mapping[int, ObjectAttributes], rooms: RoomLayer
    ) -> None:
        for place, room in rooms.room_of_place.items():
            node = node_id("p", place)
            if room >= 0 and self.graph.parent(node) != node_id("R", room):
                self.graph.set_parent(node, node_id("R", room))
            elif room < 0 and self.graph.parent(node) is not None:
                self.graph.clear_parent(node)
        if len(layer.ids):
            nodes = [node_id("O", i) for i in objects]
            points = [a.position_m for a in objects.values()]
            for a in self._drawn.agents_without_parent(self.graph):
                nodes.append(a)
                points.append(self.graph.attributes(a).position_m)
            for node, place in zip(nodes, self.places.visible_place(np.array(points).reshape(-1, 3)), strict=True):
                if place >= 0 and self.graph.parent(node) != node_id("p", int(place)):
                    self.graph.set_parent(node, node_id("p", int(place)))
        if rooms.rooms:
            centers = np.array([r.position_m for r in rooms.rooms.values()])
            storeys = tuple(rooms.storeys)
            self.graph.add_node(BUILDING, BuildingAttributes(centers.mean(axis=0), storeys=storeys))
            for room in rooms.rooms:
                if self.graph.parent(node_id("R", room)) != BUILDING:
                    self.graph.set_parent(node_id("R", room), BUILDING)
        elif BUILDING in self.graph.nx_graph:
            self.graph.remove_node(BUILDING)

    def finish(self) -> SceneGraph:
        """Write what is only needed once: relations between objects."""
        attributes = {n & ((1 << 56) - 1): a for n, a in self.graph.items("objects")}
        found: dict[tuple[int, int], list[tuple[str, int, int]]] = {}
        for subject, predicate, other in relations(attributes):
            a, b = node_id("O", subject), node_id("O", other)
            found.setdefault((min(a, b), max(a, b)), []).append((predicate, a, b))
        for a, b, _ in self.graph.edges("objects"):
            self.graph.nx_graph.remove_edge(a, b)
        for (a, b), triples in sorted(found.items()):
            self.graph.add_edge(a, b, RelationEdge(tuple(triples)))
        return self.graph


class _Drawn:
    """What the graph showed last, as arrays, so that only differences are written."""

    def __init__(self) -> None:
        self._places: dict[int, tuple[float, ...]] = {}
        self._edges: dict[tuple[int, int], float] = {}
        self._layer: PlaceLayer | None = None
        self._agents_done: set[int] = set()

    def changed_places(self, layer: PlaceLayer) -> tuple[list[int], list[int]]:
        """Rows of new or changed places, ids of vanished ones."""
        last, self._layer = self._layer, layer
        if last is None or not len(last.ids):
            return list(range(len(layer.ids))), []
        rows_last = np.searchsorted(last.ids, layer.ids)
        rows_last = np.minimum(rows_last, len(last.ids) - 1)
        same = last.ids[rows_last] == layer.ids
        same &= np.all(_values(last)[rows_last] == _values(layer), axis=1)
        gone = np.setdiff1d(last.ids, layer.ids)
        return np.flatnonzero(~same).tolist(), gone.tolist()

    def changed_edges(
        self, layer: PlaceLayer
    ) -> tuple[list[tuple[int, int, float]], list[tuple[int, int]]]:
        """New or changed edges (a, b, clearance), vanished edges."""
        now = {
            (int(a), int(b)): float(c)
            for (a, b), c in zip(layer.edges.tolist(), layer.edge_clearance_m.tolist(), strict=True)
        }
        new = [(a, b, c) for (a, b), c in now.items() if self._edges.get((a, b)) != c]
        lost = [e for e in self._edges if e not in now]
        self._edges = now
        alive = set(layer.ids.tolist())
        return new, [e for e in lost if e[0] in alive and e[1] in alive]

    def agents_without_parent(self, graph: SceneGraph) -> list[int]:
        """Agents that have no place yet, newest first looked at."""
        return [a for a in graph.nodes("agents") if graph.parent(a) is None]


def _values(layer: PlaceLayer) -> F8:
    return np.column_stack(
        [layer.positions_m, layer.clearance_m, layer.obstacle_m, layer.n_basis, layer.is_active]
    )
