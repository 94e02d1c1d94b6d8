"""The scene graph: a networkx graph whose nodes carry one typed record per layer.

Layers as in Hydra (Hughes et al., 2022): agents and objects below places, places below rooms,
rooms below the building. Node keys are the 64-bit ids that Spark-DSG writes:
`ord(prefix) << 56 | index`. World frame, z up, metres, seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import networkx as nx
import numpy as np

from mono_hydra.errors import GraphError
from mono_hydra.types import F8, U1

PREFIX_OF_LAYER = {"agents": "a", "objects": "O", "places": "p", "rooms": "R", "buildings": "B"}
LAYERS = tuple(PREFIX_OF_LAYER)
RANK_OF_LAYER = {"agents": 2, "objects": 2, "places": 3, "rooms": 4, "buildings": 5}


def node_id(prefix: str, index: int) -> int:
    """Id (64 bit) of a prefix and an index: "O" and 3 give the fourth object."""
    return (ord(prefix) << 56) | index


def index_of(node: int) -> int:
    """Index part of an id: 3 for the object O3."""
    return node & ((1 << 56) - 1)


def node_symbol(node: int) -> str:
    """Readable form of an id, e.g. "O3"."""
    return f"{chr(node >> 56)}{node & ((1 << 56) - 1)}"


@dataclass(frozen=True, eq=False)
class Box:
    """Upright box: centre, full side lengths along its own axes, turn about the vertical."""

    center_m: F8  # (3,)
    size_m: F8  # (3,) length, width, height
    yaw_rad: float = 0.0


@dataclass(frozen=True, eq=False)
class AgentAttributes:
    """A keyframe of the camera."""

    position_m: F8
    R_world_camera: F8  # (3, 3)
    stamp_s: float
    keyframe_id: int


@dataclass(frozen=True, eq=False)
class PlaceAttributes:
    """A sphere of free space."""

    position_m: F8
    clearance_m: float  # distance to the nearest obstacle
    n_basis: int = 2
    obstacle_m: F8 | None = None  # (3,) nearest obstacle point
    is_active: bool = True
    last_update_s: float = 0.0


@dataclass(frozen=True, eq=False)
class ObjectAttributes:
    """One instance of an object class."""

    position_m: F8  # centre of the box
    label: int
    label_name: str
    box: Box  # turned about the vertical
    aabb: Box  # aligned with the world
    label_histogram: dict[str, float] = field(default_factory=dict)
    confidence: float = 0.0
    views: int = 0
    first_seen_s: float = 0.0
    last_seen_s: float = 0.0
    area_m2: float = 0.0
    crop_rgb: U1 | None = None  # best view of it
    points_m: F8 | None = None  # (N, 3) surface points, for drawing and relations
    is_active: bool = True
    last_update_s: float = 0.0


@dataclass(frozen=True, eq=False)
class RoomAttributes:
    """A room with its outline."""

    position_m: F8
    name: str = "unknown"
    probabilities: dict[str, float] = field(default_factory=dict)
    polygon_m: F8 | None = None  # (N, 2) counter-clockwise
    floor_z_m: float = 0.0
    ceiling_z_m: float = 0.0
    area_m2: float = 0.0
    storey: int = 0


@dataclass(frozen=True, eq=False)
class BuildingAttributes:
    """The whole house; storeys from the lowest up."""

    position_m: F8
    name: str = "building"
    storeys: tuple[dict[str, float], ...] = ()  # {"id", "floor_z", "ceiling_z"}


@dataclass(frozen=True, eq=False)
class PlaceEdge:
    """Straight passage between two places."""

    clearance_m: float  # smallest distance to an obstacle along it


@dataclass(frozen=True, eq=False)
class Door:
    """A passage between two rooms."""

    position_m: F8
    width_m: float
    height_m: float
    confidence: float


@dataclass(frozen=True, eq=False)
class RoomEdge:
    """Adjacent rooms and the doors between them."""

    doors: tuple[Door, ...] = ()


@dataclass(frozen=True, eq=False)
class RelationEdge:
    """What is said about two objects: (predicate, subject id, object id)."""

    relations: tuple[tuple[str, int, int], ...] = ()


@dataclass(frozen=True, eq=False)
class AgentEdge:
    """Consecutive keyframes."""


Attributes = (
    AgentAttributes | PlaceAttributes | ObjectAttributes | RoomAttributes | BuildingAttributes
)
SiblingEdge = PlaceEdge | RoomEdge | RelationEdge | AgentEdge
_LAYER_OF_TYPE: dict[type, str] = {
    AgentAttributes: "agents",
    PlaceAttributes: "places",
    ObjectAttributes: "objects",
    RoomAttributes: "rooms",
    BuildingAttributes: "buildings",
}


class SceneGraph:
    """Typed nodes and sibling edges; every node has one parent at most.

    `nx_graph` is the networkx view: node data {"layer", "attributes"}, edge data {"attributes"} for
    siblings and {"parent": id} for inter-layer edges. `metadata` is free, JSON-like.
    """

    def __init__(self, label_space: str = "nyu40", metadata: dict[str, Any] | None = None) -> None:
        self.nx_graph: nx.Graph[int] = nx.Graph()
        self.label_space = label_space
        self.metadata: dict[str, Any] = dict(metadata or {})
        self._of_layer: dict[str, set[int]] = {layer: set() for layer in LAYERS}
        self._parent: dict[int, int] = {}
        self._children: dict[int, set[int]] = {}

    def add_node(self, node: int, attributes: Attributes) -> None:
        """Add a node, or replace the attributes of an existing one (its edges stay)."""
        layer = _LAYER_OF_TYPE[type(attributes)]
        self.nx_graph.add_node(node, layer=layer, attributes=attributes)
        self._of_layer[layer].add(node)

    def remove_node(self, node: int) -> None:
        """Remove a node with its edges; its children lose their parent."""
        self._check(node)
        self._detach(node)
        for child in self._children.pop(node, set()):
            self._parent.pop(child, None)
        self._of_layer[self.layer_of(node)].discard(node)
        self.nx_graph.remove_node(node)

    def add_edge(self, a: int, b: int, attributes: SiblingEdge) -> None:
        """Join two nodes of one layer; an existing edge gets the new attributes.

        Raises:
            GraphError: unknown node, self edge, or nodes of different layers.
        """
        self._check(a)
        self._check(b)
        if a == b or RANK_OF_LAYER[self.layer_of(a)] != RANK_OF_LAYER[self.layer_of(b)]:
            raise GraphError(f"{node_symbol(a)} - {node_symbol(b)}: not two nodes of one layer")
        self.nx_graph.add_edge(a, b, attributes=attributes)

    def remove_edge(self, a: int, b: int) -> None:
        """Remove a sibling edge.

        Raises:
            GraphError: there is none.
        """
        if self.edge(a, b) is None:
            raise GraphError(f"{node_symbol(a)} - {node_symbol(b)}: no such edge")
        self.nx_graph.remove_edge(a, b)

    def siblings(self, node: int) -> list[int]:
        """Nodes of the same layer joined by an edge, ascending."""
        self._check(node)
        return sorted(n for n, d in self.nx_graph[node].items() if "attributes" in d)

    def set_parent(self, child: int, parent: int) -> None:
        """Give a node its parent, replacing the former one.

        Raises:
            GraphError: unknown node, or the parent does not lie in a higher layer.
        """
        self._check(child)
        self._check(parent)
        if RANK_OF_LAYER[self.layer_of(parent)] <= RANK_OF_LAYER[self.layer_of(child)]:
            raise GraphError(f"{node_symbol(parent)}: not in a layer above {node_symbol(child)}")
        self._detach(child)
        self._parent[child] = parent
        self._children.setdefault(parent, set()).add(child)
        self.nx_graph.add_edge(child, parent, parent=parent)

    def clear_parent(self, child: int) -> None:
        """Leave a node without a parent."""
        self._check(child)
        self._detach(child)

    def _detach(self, child: int) -> None:
        parent = self._parent.pop(child, None)
        if parent is not None:
            self._children[parent].discard(child)
            self.nx_graph.remove_edge(child, parent)

    def _check(self, node: int) -> None:
        if node not in self.nx_graph:
            raise GraphError(f"{node_symbol(node)}: no such node")

    def layer_of(self, node: int) -> str:
        """Layer name of a node."""
        return str(self.nx_graph.nodes[node]["layer"])

    def attributes(self, node: int) -> Any:
        """Typed attributes of a node."""
        return self.nx_graph.nodes[node]["attributes"]

    def nodes(self, layer: str) -> list[int]:
        """Ids of one layer, ascending."""
        return sorted(self._of_layer[layer])

    def items(self, layer: str) -> Iterator[tuple[int, Any]]:
        """(id, attributes) of one layer, ascending by id."""
        for node in self.nodes(layer):
            yield node, self.attributes(node)

    def edges(self, layer: str) -> list[tuple[int, int, Any]]:
        """Sibling edges (a, b, attributes) with a < b inside one layer, ascending."""
        found = [
            (a, b, d["attributes"])
            for a in self._of_layer[layer]
            for b, d in self.nx_graph.adj[a].items()
            if a < b and "attributes" in d
        ]
        return sorted(found, key=lambda e: e[:2])

    def edge(self, a: int, b: int) -> Any | None:
        """Attributes of a sibling edge, None if there is none."""
        data = self.nx_graph.get_edge_data(a, b)
        return data.get("attributes") if data else None

    def parent(self, node: int) -> int | None:
        """Parent of a node."""
        return self._parent.get(node)

    def children(self, node: int, layer: str | None = None) -> list[int]:
        """Children of a node, ascending, of one layer or of all."""
        found = sorted(self._children.get(node, set()))
        return [n for n in found if layer is None or self.layer_of(n) == layer]

    def room_of(self, node: int) -> int | None:
        """The room above an object, agent or place; None if there is none."""
        seen: int | None = node
        while seen is not None and self.layer_of(seen) != "rooms":
            seen = self._parent.get(seen)
        return seen

    def clear_layer(self, layer: str) -> None:
        """Remove all nodes of one layer."""
        for node in self.nodes(layer):
            self.remove_node(node)


def points_bounds(points_m: F8) -> Box:
    """World-aligned box around points (N, 3)."""
    low, high = points_m.min(axis=0), points_m.max(axis=0)
    return Box(np.asarray((low + high) / 2.0), np.asarray(high - low))
