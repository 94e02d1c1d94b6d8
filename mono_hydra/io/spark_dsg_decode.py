"""Spark-DSG records of versions 1.0.0 to 1.1.3 as a scene graph."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from mono_hydra.errors import GraphError
from mono_hydra.geometry.se3 import matrix_from_quat_xyzw
from mono_hydra.graph.scene_graph import (
    RANK_OF_LAYER,
    AgentAttributes,
    AgentEdge,
    Attributes,
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
    SiblingEdge,
    node_symbol,
)
from mono_hydra.io.spark_dsg_encode import NO_LABEL, RESERVED_METADATA
from mono_hydra.types import F8

_INDEX_MASK = (1 << 56) - 1
_OBJECT_TYPES = {"ObjectNodeAttributes", "KhronosObjectAttributes", "SemanticNodeAttributes"}


def decode_graph(record: dict[str, Any]) -> SceneGraph:
    """Scene graph of a top-level record.

    Raises:
        GraphError: repeated ids, an edge to a node that does not exist.
    """
    metadata = dict(record.get("metadata") or {})
    names = {key: dict(pairs) for key, pairs in metadata.get("labelspaces", {}).items()}
    kept = {k: v for k, v in metadata.items() if k not in RESERVED_METADATA}
    graph = SceneGraph(str(metadata.get("label_space", "file")), kept)
    not_read: Counter[str] = Counter()
    known: set[int] = set()
    for node in record["nodes"]:
        if node["id"] in known:
            raise GraphError(f"node {node_symbol(node['id'])} occurs twice")
        known.add(node["id"])
        attributes = _attributes(node, names)
        if attributes is None:
            not_read[str(node["attributes"]["type"])] += 1
        else:
            graph.add_node(node["id"], attributes)
    for edge in record["edges"]:
        _add_edge(graph, edge, known, not_read)
    if not_read:
        graph.metadata["not_read"] = dict(sorted(not_read.items()))
    return graph


def _attributes(node: dict[str, Any], names: dict[str, dict[int, str]]) -> Attributes | None:
    """Typed attributes; None for kinds that have no layer here (2-D places, traversability)."""
    a, layer = node["attributes"], node["layer"]
    kind = a["type"]
    if kind == "AgentNodeAttributes":
        return _agent(node, a)
    if layer == 2 and kind in _OBJECT_TYPES:
        return _object(a, names.get("_l2p0", {}))
    if layer == 3 and kind == "PlaceNodeAttributes":
        return _place(a)
    if layer == 4:
        return _room(a, names.get("_l4p0", {}))
    if layer == 5:
        storeys = tuple(a.get("metadata", {}).get("storeys", ()))
        return BuildingAttributes(_vector(a["position"]), a.get("name", "building"), storeys)
    return None


def _agent(node: dict[str, Any], a: dict[str, Any]) -> AgentAttributes:
    # before 1.1.0 the stamp stood outside the attributes
    stamp_ns = node.get("timestamp", a.get("timestamp", 0))
    q = a["world_R_body"]
    R = matrix_from_quat_xyzw(np.array([q["x"], q["y"], q["z"], q["w"]]))
    keyframe = a.get("metadata", {}).get("keyframe_id", node["id"] & _INDEX_MASK)
    return AgentAttributes(_vector(a["position"]), R, stamp_ns / 1e9, int(keyframe))


def _object(a: dict[str, Any], names: dict[int, str]) -> ObjectAttributes:
    m = a.get("metadata", {})
    box = _box(a)
    aabb = Box(_vector(m["aabb"]["center"]), _vector(m["aabb"]["size"])) if "aabb" in m else None
    label = _label(a)
    return ObjectAttributes(
        _vector(a["position"]),
        label,
        # files of Hydra keep the node's symbol in `name`: the label space knows better
        str(names.get(label) or a.get("name") or "unknown"),
        box,
        _axis_aligned(box) if aabb is None else aabb,
        dict(m.get("label_histogram", {})),
        float(m.get("confidence", 0.0)),
        int(m.get("views", 0)),
        float(m.get("first_seen_s", 0.0)),
        float(m.get("last_seen_s", 0.0)),
        float(m.get("area_m2", 0.0)),
        is_active=bool(a.get("is_active", False)),
        last_update_s=a.get("last_update_time_ns", 0) / 1e9,
    )


def _place(a: dict[str, Any]) -> PlaceAttributes:
    contacts = a.get("voxblox_mesh_connections") or []
    return PlaceAttributes(
        _vector(a["position"]),
        float(a["distance"]),
        int(a.get("num_basis_points", 0)),
        _vector(contacts[0]["voxel_pos"]) if contacts else None,
        bool(a.get("is_active", False)),
        a.get("last_update_time_ns", 0) / 1e9,
    )


def _room(a: dict[str, Any], names: dict[int, str]) -> RoomAttributes:
    m = a.get("metadata", {})
    box = _box(a)
    bottom, top = box.center_m[2] - box.size_m[2] / 2, box.center_m[2] + box.size_m[2] / 2
    polygon = m.get("polygon")
    area = float(box.size_m[0] * box.size_m[1])
    return RoomAttributes(
        _vector(a["position"]),
        str(m.get("room_name") or names.get(_label(a)) or a.get("name") or "unknown"),
        dict(m.get("room_probabilities") or a.get("semantic_class_probabilities") or {}),
        None if polygon is None else np.asarray(polygon, np.float64).reshape(-1, 2),
        float(m.get("floor_z", bottom)),
        float(m.get("ceiling_z", top)),
        float(m.get("area_m2", area)),
        int(m.get("storey", 0)),
    )


def _label(a: dict[str, Any]) -> int:
    label = int(a.get("semantic_label", NO_LABEL))
    return 0 if label == NO_LABEL else label


def _box(a: dict[str, Any]) -> Box:
    """Upright box of a node; without a valid one, a box of size zero at the node."""
    box = a.get("bounding_box") or {}
    if box.get("type", "INVALID") == "INVALID":
        return Box(_vector(a["position"]), np.zeros(3))
    if "dimensions" in box:
        centre, size = _vector(box["world_P_center"]), _vector(box["dimensions"])
    else:  # before 1.0.3
        low, high = _vector(box["min"]), _vector(box["max"])
        centre, size = (low + high) / 2, high - low
    q = box.get("world_R_center", {"w": 1.0, "x": 0.0, "y": 0.0, "z": 0.0})
    yaw = np.arctan2(2 * (q["w"] * q["z"] + q["x"] * q["y"]), 1 - 2 * (q["y"] ** 2 + q["z"] ** 2))
    return Box(centre, size, float(yaw))


def _axis_aligned(box: Box) -> Box:
    c, s = abs(np.cos(box.yaw_rad)), abs(np.sin(box.yaw_rad))
    length, width, height = box.size_m
    return Box(box.center_m, np.array([c * length + s * width, s * length + c * width, height]))


def _vector(values: Any) -> F8:
    return np.array(values, dtype=np.float64).reshape(3)


def _add_edge(
    graph: SceneGraph, edge: dict[str, Any], known: set[int], not_read: Counter[str]
) -> None:
    a, b = edge["source"], edge["target"]
    if not {a, b} <= known:
        raise GraphError(f"edge {node_symbol(a)} - {node_symbol(b)} has an end that does not exist")
    if a not in graph.nx_graph or b not in graph.nx_graph:
        not_read["edges"] += 1
        return
    rank_a, rank_b = (RANK_OF_LAYER[graph.layer_of(n)] for n in (a, b))
    if rank_a == rank_b and graph.layer_of(a) == graph.layer_of(b):
        graph.add_edge(a, b, _sibling(graph.layer_of(a), edge.get("info") or {}))
        return
    child, parent = (a, b) if rank_a < rank_b else (b, a)
    if rank_a == rank_b or graph.parent(child) is not None:
        not_read["edges"] += 1
    else:
        graph.set_parent(child, parent)


def _sibling(layer: str, info: dict[str, Any]) -> SiblingEdge:
    metadata = info.get("metadata") or {}
    if layer == "places":
        return PlaceEdge(float(info.get("weight", 0.0)))
    if layer == "rooms":
        return RoomEdge(tuple(_door(d) for d in metadata.get("doors", ())))
    if layer == "objects":
        found = metadata.get("relations", ())
        return RelationEdge(tuple((str(p), int(s), int(o)) for p, s, o in found))
    return AgentEdge()


def _door(d: dict[str, Any]) -> Door:
    return Door(
        _vector(d["position"]), float(d["width"]), float(d["height"]), float(d["confidence"])
    )
