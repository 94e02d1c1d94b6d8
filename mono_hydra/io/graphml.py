"""The scene graph as GraphML, for Gephi, yEd, Cytoscape and networkx: scalars only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import networkx as nx

from mono_hydra.files.atomic import write_text
from mono_hydra.graph.scene_graph import (
    LAYERS,
    AgentAttributes,
    ObjectAttributes,
    PlaceAttributes,
    PlaceEdge,
    RelationEdge,
    RoomAttributes,
    RoomEdge,
    SceneGraph,
    node_symbol,
)


def write_graphml(graph: SceneGraph, path: Path | str) -> None:
    """Write all nodes and edges; node ids are symbols such as `O12`.

    Raises:
        OutputError: the file cannot be written.
    """
    write_text(path, "\n".join(nx.generate_graphml(flat_graph(graph))) + "\n")


def flat_graph(graph: SceneGraph) -> nx.Graph[str]:
    """The graph with symbols as nodes and scalar attributes."""
    flat: nx.Graph[str] = nx.Graph()
    for layer in LAYERS:
        for node, attributes in graph.items(layer):
            # 64-bit ids as text: GraphML readers that use doubles would round them
            flat.add_node(
                node_symbol(node), layer=layer, spark_dsg_id=str(node), **_scalars(attributes)
            )
    for layer in LAYERS:
        for a, b, attributes in graph.edges(layer):
            flat.add_edge(node_symbol(a), node_symbol(b), kind=layer, **_edge_scalars(attributes))
    for node in sorted(graph.nx_graph.nodes):
        parent = graph.parent(node)
        if parent is not None:
            flat.add_edge(node_symbol(parent), node_symbol(node), kind="parent")
    return flat


def _scalars(a: Any) -> dict[str, Any]:
    x, y, z = (round(float(v), 6) for v in a.position_m)
    found: dict[str, Any] = {"x": x, "y": y, "z": z}
    if isinstance(a, AgentAttributes):
        found |= {"stamp_s": round(a.stamp_s, 6), "name": f"keyframe {a.keyframe_id}"}
    elif isinstance(a, PlaceAttributes):
        found |= {"clearance_m": round(a.clearance_m, 6)}
    elif isinstance(a, ObjectAttributes):
        sizes = (round(float(v), 6) for v in a.box.size_m)
        found |= {"name": a.label_name, "confidence": round(a.confidence, 6), "views": a.views}
        found |= dict(zip(("length_m", "width_m", "height_m"), sizes, strict=True))
        found |= {"yaw_rad": round(a.box.yaw_rad, 6)}
    elif isinstance(a, RoomAttributes):
        found |= {"name": a.name, "area_m2": round(a.area_m2, 6), "storey": a.storey}
    else:
        found |= {"name": a.name}
    return found


def _edge_scalars(a: Any) -> dict[str, Any]:
    if isinstance(a, PlaceEdge):
        return {"clearance_m": round(a.clearance_m, 6)}
    if isinstance(a, RoomEdge):
        return {"doors": len(a.doors)}
    if isinstance(a, RelationEdge):
        said = (f"{node_symbol(s)} {predicate} {node_symbol(o)}" for predicate, s, o in a.relations)
        return {"relations": "; ".join(said)}
    return {}
