"""Reads a scene graph for scoring straight from Spark-DSG JSON, of any version from 1.0.0 on.

Only what the scores need is kept, with missing fields at their defaults; nothing of this program's
own graph is involved, so that any system's file is scored alike. World of the run, metres.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mono_hydra.errors import EvaluationError
from mono_hydra.evaluation.truth import read_json
from mono_hydra.types import F8

OBJECTS, PLACES, ROOMS = 2, 3, 4
NO_LABEL = 4294967295


@dataclass(frozen=True, eq=False)
class Node:
    """A node with the fields that scores read."""

    id: int
    layer: int
    partition: int
    type: str
    position_m: F8  # (3,)
    attributes: dict[str, Any]
    metadata: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Edge:
    """An edge between nodes of one layer."""

    source: int
    target: int
    weight: float
    metadata: dict[str, Any]


@dataclass(frozen=True, eq=False)
class GraphFile:
    """A scene graph as a file states it."""

    nodes: dict[int, Node]
    edges: list[Edge]  # between nodes of one layer
    parent: dict[int, int]
    labels: dict[str, dict[int, str]]  # label space -> id -> name
    metadata: dict[str, Any] = field(default_factory=dict)

    def layer(self, layer: int) -> list[Node]:
        """Nodes of a primary layer, ascending by id; agents are not among the objects."""
        found = [
            n
            for n in self.nodes.values()
            if n.layer == layer and n.partition == 0 and n.type != "AgentNodeAttributes"
        ]
        return sorted(found, key=lambda n: n.id)

    def edges_of(self, layer: int) -> list[Edge]:
        """Edges between nodes of a primary layer."""
        ids = {n.id for n in self.layer(layer)}
        return [e for e in self.edges if e.source in ids and e.target in ids]

    def ancestor(self, node: int, layer: int) -> int | None:
        """The node's ancestor in a layer, None if it has none there."""
        seen = set()
        current: int | None = node
        while current is not None and current not in seen:
            seen.add(current)
            if self.nodes[current].layer == layer:
                return current
            current = self.parent.get(current)
        return None

    def label_name(self, node: Node) -> str:
        """Class name of a node: its label in the layer's label space, else its name."""
        names = self.labels.get(f"_l{node.layer}p{node.partition}", {})
        label = node.attributes.get("semantic_label")
        if label is not None and label != NO_LABEL and int(label) in names:
            return names[int(label)]
        return str(node.attributes.get("name") or "")


def read_graph(path: Path) -> GraphFile:
    """Read a Spark-DSG JSON file.

    Raises:
        EvaluationError: not JSON, no scene graph, or a damaged one.
    """
    data = read_json(path)
    try:
        nodes = {n.id: n for n in map(_node, data["nodes"])}
        edges, parent = _edges(data["edges"], nodes)
        metadata = data.get("metadata") or {}
        labels = {
            str(space): {int(i): str(name) for i, name in pairs}
            for space, pairs in (metadata.get("labelspaces") or {}).items()
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise EvaluationError(f"{path}: not a Spark-DSG scene graph ({error!r})") from error
    return GraphFile(nodes, edges, parent, labels, metadata)


def _node(record: dict[str, Any]) -> Node:
    attributes = record["attributes"]
    position = [np.nan if x is None else float(x) for x in attributes.get("position") or [None] * 3]
    is_old_agent = "partition" not in record and "timestamp" in record
    kind = "AgentNodeAttributes" if is_old_agent else str(attributes.get("type", ""))
    return Node(
        int(record["id"]), int(record["layer"]), int(record.get("partition", 0)), kind,
        np.array(position), attributes, attributes.get("metadata") or {},
    )  # fmt: skip


def _edges(
    records: list[dict[str, Any]], nodes: dict[int, Node]
) -> tuple[list[Edge], dict[int, int]]:
    edges, parent = [], {}
    for record in records:
        source, target = int(record["source"]), int(record["target"])
        if nodes[source].layer == nodes[target].layer:
            info = record.get("info") or {}
            weight = info.get("weight")
            edges.append(
                Edge(source, target, 1.0 if weight is None else float(weight),
                     info.get("metadata") or {})
            )  # fmt: skip
        elif nodes[source].layer > nodes[target].layer:
            parent[target] = source
        else:
            parent[source] = target
    return edges, parent
