"""The scene graph as drawn: objects on the mesh, places, rooms and building lifted above it.

The same geometry feeds the Rerun recording and the still pictures.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mono_hydra.graph.scene_graph import (
    LAYERS,
    RANK_OF_LAYER,
    Attributes,
    ObjectAttributes,
    SceneGraph,
    node_symbol,
)
from mono_hydra.labels.label_space import LabelSpace
from mono_hydra.labels.room_names import room_rgb
from mono_hydra.types import F4, F8, U1

LIFT_M = {"agents": 0.0, "objects": 0.0, "places": 3.5, "rooms": 6.0, "buildings": 7.8}
RADIUS_M = {"agents": 0.03, "objects": 0.08, "places": 0.055, "rooms": 0.24, "buildings": 0.26}
GREY = (150, 154, 162)
BUILDING_RGB = (92, 92, 112)
_ONE_STOREY_M = 2.7
_INDEX_MASK = (1 << 56) - 1


@dataclass(frozen=True, eq=False)
class DrawnNodes:
    """Nodes of one layer, as a batch."""

    ids: list[int]
    positions_m: F8  # (N, 3), lifted
    rgb: U1  # (N, 3)
    labels: list[str]
    radius_m: float
    size_m3: F8  # (N,) volume of an object's box, 0 in other layers: large ones are named first


@dataclass(frozen=True, eq=False)
class DrawnEdges:
    """Straight edges of one kind, as a batch."""

    segments_m: F8  # (E, 2, 3), lifted
    rgb: U1  # (E, 3)


@dataclass(frozen=True, eq=False)
class LiftedGraph:
    """Everything to draw: nodes by layer; edges by layer, and by "parent layer - child layer"."""

    nodes: dict[str, DrawnNodes]
    edges: dict[str, DrawnEdges]


def lift_graph(graph: SceneGraph, label_space: LabelSpace, spread: float = 1.0) -> LiftedGraph:
    """Lay the layers above the mesh.

    Args:
        graph: the scene graph; houses of several storeys are lifted higher.
        label_space: colours of the objects.
        spread: factor on the distances between the layers.
    """
    extra_m = max(0.0, _height_m(graph) - _ONE_STOREY_M)
    nodes: dict[str, DrawnNodes] = {}
    where: dict[int, F8] = {}
    colour: dict[int, tuple[int, int, int]] = {}
    for layer in LAYERS:
        ids = graph.nodes(layer)
        lift = spread * LIFT_M[layer] + (extra_m if LIFT_M[layer] else 0.0)
        for node in ids:
            where[node] = _anchor(graph.attributes(node)) + np.array([0.0, 0.0, lift])
            colour[node] = node_rgb(graph, node, label_space)
        nodes[layer] = DrawnNodes(
            ids,
            np.array([where[n] for n in ids]).reshape(-1, 3),
            np.array([colour[n] for n in ids], np.uint8).reshape(-1, 3),
            [node_label(graph, n) for n in ids],
            RADIUS_M[layer],
            np.array([_volume_m3(graph.attributes(n)) for n in ids]).reshape(-1),
        )
    pairs: dict[str, list[tuple[int, int]]] = {
        layer: [e[:2] for e in graph.edges(layer)] for layer in ("places", "rooms", "objects")
    }
    for layer in ("objects", "places", "rooms"):
        for node in nodes[layer].ids:
            parent = graph.parent(node)
            if parent is not None:
                pairs.setdefault(f"{graph.layer_of(parent)}-{layer}", []).append((parent, node))
    edges = {
        kind: DrawnEdges(
            np.array([[where[a], where[b]] for a, b in found]).reshape(-1, 2, 3),
            np.array([_edge_rgb(kind, colour[a], colour[b]) for a, b in found], np.uint8).reshape(
                -1, 3
            ),
        )
        for kind, found in sorted(pairs.items())
    }
    return LiftedGraph(nodes, edges)


def node_rgb(graph: SceneGraph, node: int, label_space: LabelSpace) -> tuple[int, int, int]:
    """Objects in the colour of their label, places and rooms in that of the room."""
    layer = graph.layer_of(node)
    if layer == "objects":
        label = label_space.by_id.get(graph.attributes(node).label)
        return label.rgb if label else GREY
    if layer == "buildings":
        return BUILDING_RGB
    room = graph.room_of(node)
    return GREY if room is None else room_rgb(room & _INDEX_MASK)


def node_label(graph: SceneGraph, node: int) -> str:
    """What is written at a node; places and agents stay bare."""
    a = graph.attributes(node)
    match graph.layer_of(node):
        case "objects":
            return str(a.label_name)
        case "rooms":
            return str(a.name) if a.name != "unknown" else f"room {node & _INDEX_MASK}"
        case "buildings":
            return str(a.name)
        case _:
            return node_symbol(node)


def _anchor(a: Attributes) -> F8:
    """Where a node is tied to the mesh; an object just above its box, to stay visible."""
    if isinstance(a, ObjectAttributes):
        return np.asarray(a.box.center_m + np.array([0.0, 0.0, a.box.size_m[2] / 2 + 0.12]))
    return np.asarray(a.position_m)


def _volume_m3(a: Attributes) -> float:
    return float(np.prod(a.box.size_m)) if isinstance(a, ObjectAttributes) else 0.0


def _edge_rgb(kind: str, a: tuple[int, int, int], b: tuple[int, int, int]) -> tuple[int, int, int]:
    parent, _, child = kind.partition("-")
    if child:  # the colour of the lower layer's group, so that a room's fan is one colour
        return a if RANK_OF_LAYER[parent] <= RANK_OF_LAYER["rooms"] else BUILDING_RGB
    return (a[0] + b[0]) // 2, (a[1] + b[1]) // 2, (a[2] + b[2]) // 2


def _height_m(graph: SceneGraph) -> float:
    rooms = [a for _, a in graph.items("rooms")]
    if not rooms:
        return 0.0
    return float(max(a.ceiling_z_m for a in rooms) - min(a.floor_z_m for a in rooms))


def corners_of_box(center_m: F8, size_m: F8, yaw_rad: float) -> F4:
    """(4, 2) corners of a box in plan, counter-clockwise."""
    c, s = np.cos(yaw_rad), np.sin(yaw_rad)
    half = 0.5 * np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * np.asarray(size_m)[:2]
    return np.asarray(half @ np.array([[c, s], [-s, c]]) + np.asarray(center_m)[:2], np.float32)
