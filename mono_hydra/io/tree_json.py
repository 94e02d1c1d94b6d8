"""The scene graph as a tree a person can read: building, storeys, rooms, objects.

`scene_tree.schema.json` beside this file describes it (JSON Schema 2020-12). Ids are the symbols
of the scene graph ("R0", "O12"), so both files can be read together.
"""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mono_hydra.files.atomic import write_text
from mono_hydra.graph.scene_graph import (
    ObjectAttributes,
    RelationEdge,
    RoomAttributes,
    SceneGraph,
    node_symbol,
)
from mono_hydra.io.spark_dsg_encode import plain

SCHEMA = "mono_hydra/scene_tree/1"


def write_scene_tree(graph: SceneGraph, path: Path | str) -> None:
    """Write the tree; equal graphs give equal bytes.

    Raises:
        OutputError: the file cannot be written.
    """
    write_text(path, json.dumps(scene_tree(graph), indent=1, allow_nan=False) + "\n")


def scene_tree_schema() -> dict[str, Any]:
    """The JSON Schema of the file."""
    file = resources.files("mono_hydra.io") / "scene_tree.schema.json"
    schema: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return schema


def scene_tree(graph: SceneGraph) -> dict[str, Any]:
    """The tree as plain values, floats rounded to 4 digits (0.1 mm)."""
    buildings = graph.nodes("buildings")
    name = graph.attributes(buildings[0]).name if buildings else "building"
    housed = {o for r in graph.nodes("rooms") for o in objects_of_room(graph, r)}
    counts = {layer: len(graph.nodes(layer)) for layer in ("buildings", "rooms", "places")}
    tree = {
        "schema": SCHEMA,
        "sequence": graph.metadata.get("sequence"),
        "stand_in": bool(graph.metadata.get("stand_in", False)),
        "provenance": dict(graph.metadata.get("provenance") or {}),
        "units": "m",
        "up": "z",
        "label_space": graph.label_space,
        "counts": {
            **counts,
            "objects": len(graph.nodes("objects")),
            "keyframes": len(graph.nodes("agents")),
            "doors": len(doors(graph)),
        },
        "building": {
            "id": node_symbol(buildings[0]) if buildings else None,
            "name": name,
            "storeys": _storeys(graph),
        },
        "doors": doors(graph),
        "objects_outside_rooms": [
            _object(graph, n, a) for n, a in graph.items("objects") if n not in housed
        ],
    }
    rounded: dict[str, Any] = plain(tree, digits=4)
    return rounded


def objects_of_room(graph: SceneGraph, room: int) -> list[int]:
    """Objects whose chain of parents leads to the room, ascending."""
    return [n for n in graph.nodes("objects") if graph.room_of(n) == room]


def _storeys(graph: SceneGraph) -> list[dict[str, Any]]:
    """Storeys from the lowest up; one is made up of the rooms' heights where none are stated."""
    rooms = list(graph.items("rooms"))
    stated = [dict(s) for _, b in graph.items("buildings") for s in b.storeys]
    known = {int(s["id"]) for s in stated}
    for storey in sorted({a.storey for _, a in rooms} - known):
        of_storey = [a for _, a in rooms if a.storey == storey]
        floor, ceiling = (
            min(a.floor_z_m for a in of_storey),
            max(a.ceiling_z_m for a in of_storey),
        )
        stated.append({"id": storey, "floor_z": floor, "ceiling_z": ceiling})
    return [
        {
            "id": int(s["id"]),
            "floor_z": s["floor_z"],
            "ceiling_z": s["ceiling_z"],
            "rooms": [_room(graph, n, a) for n, a in rooms if a.storey == int(s["id"])],
        }
        for s in sorted(stated, key=lambda s: int(s["id"]))
    ]


def _room(graph: SceneGraph, node: int, a: RoomAttributes) -> dict[str, Any]:
    symbol = node_symbol(node)
    return {
        "id": symbol,
        "name": a.name,
        "probabilities": dict(sorted(a.probabilities.items(), key=lambda p: (-p[1], p[0]))),
        "dimensions": room_dimensions(a),
        "area_m2": a.area_m2,
        "center": a.position_m,
        "polygon": [] if a.polygon_m is None else a.polygon_m,
        "places": len(graph.children(node, "places")),
        "doors": [d["id"] for d in doors(graph) if symbol in d["rooms"]],
        "objects": [_object(graph, n, graph.attributes(n)) for n in objects_of_room(graph, node)],
    }


def room_dimensions(a: RoomAttributes) -> dict[str, float]:
    """Length, width (of the smallest rectangle around the outline) and height, metres."""
    length = width = 0.0
    if a.polygon_m is not None and len(a.polygon_m) >= 3:
        _, sides, _ = cv2.minAreaRect(a.polygon_m.astype(np.float32))
        width, length = sorted(float(s) for s in sides)
    return {"length": length, "width": width, "height": max(a.ceiling_z_m - a.floor_z_m, 0.0)}


def _object(graph: SceneGraph, node: int, a: ObjectAttributes) -> dict[str, Any]:
    length, width, height = (float(s) for s in a.box.size_m)
    return {
        "id": node_symbol(node),
        "label": a.label_name,
        "confidence": a.confidence,
        "probabilities": dict(sorted(a.label_histogram.items(), key=lambda p: (-p[1], p[0]))),
        "views": a.views,
        "first_seen_s": a.first_seen_s,
        "last_seen_s": a.last_seen_s,
        "center": a.box.center_m,
        "dimensions": {"length": length, "width": width, "height": height},
        "yaw_deg": float(np.degrees(a.box.yaw_rad)),
        "relations": relations_of(graph, node),
    }


def relations_of(graph: SceneGraph, node: int) -> list[dict[str, str]]:
    """What is said about a node: predicate, and the symbol and label of the other object."""
    found = []
    for other in sorted(graph.nx_graph.neighbors(node)):
        edge = graph.edge(node, other)
        if not isinstance(edge, RelationEdge):
            continue
        found += [
            {"predicate": p, "object": node_symbol(o), "label": graph.attributes(o).label_name}
            for p, s, o in edge.relations
            if s == node and o in graph.nx_graph
        ]
    return sorted(found, key=lambda r: (r["predicate"], r["object"]))


def doors(graph: SceneGraph) -> list[dict[str, Any]]:
    """All doors, numbered in the order of the rooms they join."""
    found = [(a, b, door) for a, b, edge in graph.edges("rooms") for door in edge.doors]
    return [
        {
            "id": f"D{k}",
            "rooms": [node_symbol(a), node_symbol(b)],
            "position": door.position_m,
            "width": door.width_m,
            "height": door.height_m,
            "confidence": door.confidence,
        }
        for k, (a, b, door) in enumerate(found)
    ]
