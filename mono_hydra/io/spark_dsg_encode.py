"""A scene graph as the plain records that Spark-DSG 1.1.3 keeps in JSON."""

from __future__ import annotations

import logging
from typing import Any, Protocol

import numpy as np

from mono_hydra.geometry.se3 import quat_xyzw_from_matrix
from mono_hydra.graph.scene_graph import (
    LAYERS,
    AgentAttributes,
    Box,
    BuildingAttributes,
    Door,
    ObjectAttributes,
    PlaceAttributes,
    PlaceEdge,
    RelationEdge,
    RoomAttributes,
    RoomEdge,
    SceneGraph,
)
from mono_hydra.labels.label_space import LabelSpace
from mono_hydra.labels.room_names import room_rgb
from mono_hydra.types import F4, F8, I4, U1

logger = logging.getLogger(__name__)

HEADER = {"project_name": "main", "version": {"major": 1, "minor": 1, "patch": 3}}
AGENT_PARTITION = ord("a")
LAYER_KEYS = {  # (layer, partition) of our layers
    "agents": (2, AGENT_PARTITION),
    "objects": (2, 0),
    "places": (3, 0),
    "rooms": (4, 0),
    "buildings": (5, 0),
}
LAYER_NAMES = {"AGENTS": 2, "OBJECTS": 2, "PLACES": 3, "ROOMS": 4, "BUILDINGS": 5}
NO_LABEL = 0xFFFFFFFF
RESERVED_METADATA = ("labelspaces", "label_space", "units", "frame_id")
_PLACE_RGB, _BUILDING_RGB = (120, 140, 160), (90, 90, 110)
_INDEX_MASK = (1 << 56) - 1


class ColouredMesh(Protocol):
    """What a mesh needs to be stored beside the graph; `MeshBlock` has it."""

    @property
    def vertices_m(self) -> F4:
        """(V, 3) world."""

    @property
    def rgb(self) -> U1:
        """(V, 3)."""

    @property
    def labels(self) -> U1:
        """(V,)."""

    @property
    def faces(self) -> I4:
        """(F, 3)."""


def encode_graph(
    graph: SceneGraph,
    label_space: LabelSpace,
    room_names: tuple[str, ...],
    mesh: ColouredMesh | None = None,
) -> dict[str, Any]:
    """The top-level record; floats rounded to micrometres, quaternions to nine digits."""
    record: dict[str, Any] = {
        "SPARK_DSG_header": HEADER,
        "directed": False,
        "multigraph": False,
        "layer_keys": [_layer_key(*key) for key in sorted(LAYER_KEYS.values())],
        "layer_names": {name: _layer_key(layer, 0) for name, layer in LAYER_NAMES.items()},
        "metadata": {
            **graph.metadata,
            "frame_id": "world",
            "units": "m",
            "label_space": graph.label_space,
            "labelspaces": {
                "_l2p0": [[label.id, label.name] for label in label_space.labels],
                "_l4p0": [[k, name] for k, name in enumerate(room_names)],
            },
        },
        "nodes": [
            _node(node, layer, _encode_attributes(node, attributes, graph, label_space, room_names))
            for layer in LAYERS
            for node, attributes in graph.items(layer)
        ],
        "edges": _edges(graph),
    }
    if mesh is not None:
        record["mesh"] = _mesh(mesh)
    return _cleaned(record)


def _layer_key(layer: int, partition: int) -> dict[str, int]:
    return {"layer": layer, "partition": partition}


def _node(node: int, layer: str, attributes: dict[str, Any]) -> dict[str, Any]:
    return {"id": node, **_layer_key(*LAYER_KEYS[layer]), "attributes": attributes}


def _encode_attributes(
    node: int, a: Any, graph: SceneGraph, label_space: LabelSpace, room_names: tuple[str, ...]
) -> dict[str, Any]:
    match a:
        case AgentAttributes():
            return _agent(node, a)
        case ObjectAttributes():
            return _object(a, label_space)
        case PlaceAttributes():
            return _place(a)
        case RoomAttributes():
            return _room(node, a, room_names)
        case _:
            return _building(node, a, graph)


def _base(
    kind: str, position_m: F8, time_s: float, active: bool, **metadata: Any
) -> dict[str, Any]:
    return {
        "type": kind,
        "position": position_m,
        "last_update_time_ns": _ns(time_s),
        "is_active": active,
        "is_predicted": False,
        "metadata": metadata,
    }


def _semantic(name: str, label: int, rgb: tuple[int, int, int], box: Box | None) -> dict[str, Any]:
    return {
        "name": name,
        "semantic_label": label,
        "color": {"r": rgb[0], "g": rgb[1], "b": rgb[2], "a": 255},
        "bounding_box": _box(box),
        "semantic_feature": {"rows": 0, "cols": 0, "data": None},
    }


def _agent(node: int, a: AgentAttributes) -> dict[str, Any]:
    return {
        **_base("AgentNodeAttributes", a.position_m, a.stamp_s, False, keyframe_id=a.keyframe_id),
        "timestamp": _ns(a.stamp_s),
        "world_R_body": _quaternion(a.R_world_camera),
        "external_key": node,
        "dbow_ids": None,
        "dbow_values": None,
    }


def _object(a: ObjectAttributes, label_space: LabelSpace) -> dict[str, Any]:
    rgb = label_space.by_id[a.label].rgb if a.label in label_space.by_id else (128, 128, 128)
    return {
        **_base(
            "ObjectNodeAttributes",
            a.position_m,
            a.last_update_s,
            a.is_active,
            confidence=a.confidence,
            views=a.views,
            first_seen_s=a.first_seen_s,
            last_seen_s=a.last_seen_s,
            area_m2=a.area_m2,
            label_histogram=dict(a.label_histogram),
            aabb={"center": a.aabb.center_m, "size": a.aabb.size_m},
        ),
        **_semantic(a.label_name, a.label, rgb, a.box),
        "mesh_connections": [],
        "registered": False,
        "world_R_object": _yaw_quaternion(a.box.yaw_rad),
    }


def _place(a: PlaceAttributes) -> dict[str, Any]:
    obstacle = {"block": [0, 0, 0], "voxel_pos": a.obstacle_m, "vertex": 0, "label": None}
    return {
        **_base("PlaceNodeAttributes", a.position_m, a.last_update_s, a.is_active),
        **_semantic("", NO_LABEL, _PLACE_RGB, None),
        "distance": a.clearance_m,
        "num_basis_points": a.n_basis,
        "voxblox_mesh_connections": [] if a.obstacle_m is None else [obstacle],
        "pcl_mesh_connections": [],
        "mesh_vertex_labels": [],
        "deformation_connections": [],
        "real_place": True,
        "active_frontier": False,
        "anti_frontier": False,
        "need_cleanup": False,
        "frontier_scale": [0.0, 0.0, 0.0],
        "orientation": {"w": 1.0, "x": 0.0, "y": 0.0, "z": 0.0},
        "num_frontier_voxels": 0,
    }


def _room(node: int, a: RoomAttributes, room_names: tuple[str, ...]) -> dict[str, Any]:
    label = room_names.index(a.name) if a.name in room_names else NO_LABEL
    return {
        **_base(
            "RoomNodeAttributes",
            a.position_m,
            0.0,
            False,
            room_name=a.name,
            room_probabilities=dict(a.probabilities),
            polygon=a.polygon_m,
            storey=a.storey,
            area_m2=a.area_m2,
            floor_z=a.floor_z_m,
            ceiling_z=a.ceiling_z_m,
        ),
        **_semantic(a.name, label, room_rgb(node & _INDEX_MASK), room_box(a)),
        "semantic_class_probabilities": dict(a.probabilities),
    }


def _building(node: int, a: BuildingAttributes, graph: SceneGraph) -> dict[str, Any]:
    rooms = [room_box(graph.attributes(r)) for r in graph.children(node, "rooms")]
    corners = [b.center_m + s * b.size_m / 2 for b in rooms if b is not None for s in (-1.0, 1.0)]
    low, high = (np.min(corners, axis=0), np.max(corners, axis=0)) if corners else (None, None)
    box = None if low is None else Box((low + high) / 2, high - low)
    return {
        **_base("SemanticNodeAttributes", a.position_m, 0.0, False, storeys=[*a.storeys]),
        **_semantic(a.name, NO_LABEL, _BUILDING_RGB, box),
    }


def room_box(a: RoomAttributes) -> Box | None:
    """World-aligned box around a room; None without an outline."""
    if a.polygon_m is None or len(a.polygon_m) == 0:
        return None
    low = np.array([*a.polygon_m.min(axis=0), a.floor_z_m])
    high = np.array([*a.polygon_m.max(axis=0), a.ceiling_z_m])
    return Box((low + high) / 2, high - low)


def _box(box: Box | None) -> dict[str, Any]:
    if box is None:
        zero = [0.0, 0.0, 0.0]
        turn = {"w": 1.0, "x": 0.0, "y": 0.0, "z": 0.0}
        return {
            "type": "INVALID",
            "dimensions": zero,
            "world_P_center": zero,
            "world_R_center": turn,
        }
    return {
        "type": "AABB" if abs(box.yaw_rad) < 1e-9 else "RAABB",
        "dimensions": box.size_m,
        "world_P_center": box.center_m,
        "world_R_center": _yaw_quaternion(box.yaw_rad),
    }


def _yaw_quaternion(yaw_rad: float) -> dict[str, float]:
    return {"w": float(np.cos(yaw_rad / 2)), "x": 0.0, "y": 0.0, "z": float(np.sin(yaw_rad / 2))}


def _quaternion(R: F8) -> dict[str, float]:
    x, y, z, w = quat_xyzw_from_matrix(R)
    return {"w": w, "x": x, "y": y, "z": z}


def _ns(time_s: float) -> int:
    return round(time_s * 1e9) if np.isfinite(time_s) else 0


def _edges(graph: SceneGraph) -> list[dict[str, Any]]:
    """Sibling edges layer by layer, then the edges from parents to children."""
    found = [
        _edge(a, b, *_sibling(attributes))
        for layer in LAYERS
        for a, b, attributes in graph.edges(layer)
    ]
    parents = sorted(
        (parent, n) for n in graph.nx_graph.nodes if (parent := graph.parent(n)) is not None
    )
    return found + [_edge(parent, child, None, {}) for parent, child in parents]


def _edge(
    source: int, target: int, weight: float | None, metadata: dict[str, Any]
) -> dict[str, Any]:
    info = {
        "type": "EdgeAttributes",
        "weighted": weight is not None,
        "weight": 1.0 if weight is None else weight,
        "metadata": metadata,
    }
    return {"source": source, "target": target, "info": info}


def _sibling(attributes: Any) -> tuple[float | None, dict[str, Any]]:
    match attributes:
        case PlaceEdge():
            return attributes.clearance_m, {}
        case RelationEdge():
            return None, {"relations": [list(r) for r in attributes.relations]}
        case RoomEdge() if attributes.doors:
            widest = max(attributes.doors, key=lambda d: d.width_m)
            doors = [_door(d) for d in attributes.doors]
            return None, {"doors": doors, "position": widest.position_m}
        case _:
            return None, {}


def _door(door: Door) -> dict[str, Any]:
    return {
        "position": door.position_m,
        "width": door.width_m,
        "height": door.height_m,
        "confidence": door.confidence,
    }


def _mesh(mesh: ColouredMesh) -> dict[str, Any]:
    return {
        "header": HEADER,
        "has_colors": True,
        "has_timestamps": False,
        "has_labels": True,
        "has_first_seen_stamps": False,
        "points": mesh.vertices_m,
        "colors": [{"r": r, "g": g, "b": b, "a": 255} for r, g, b in mesh.rgb.tolist()],
        "labels": mesh.labels,
        "faces": mesh.faces,
    }


def _cleaned(record: dict[str, Any]) -> dict[str, Any]:
    """The record of plain Python values, rounded and finite."""
    bad: list[str] = []
    cleaned = plain(record, bad)
    if bad:
        logger.warning("%d numbers of the scene graph are not finite; written as 0", len(bad))
    assert isinstance(cleaned, dict)
    return cleaned


def plain(value: Any, bad: list[str] | None = None, digits: int = 6) -> Any:
    """`value` with arrays as lists, floats rounded; non-finite ones become 0, listed in `bad`."""
    if isinstance(value, dict):
        inner = 9 if value.keys() == {"w", "x", "y", "z"} else digits
        return {str(k): plain(v, bad, inner) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v, bad, digits) for v in value]
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist(), bad, digits)
    if isinstance(value, float):
        if not np.isfinite(value):
            if bad is not None:
                bad.append(repr(value))
            return 0.0
        return round(value, digits) + 0.0  # no -0.0: equal graphs give equal bytes
    return value
