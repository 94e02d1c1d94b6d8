"""The room -> object tree as text: for the terminal, for Rerun and for reading in a log."""

from __future__ import annotations

from collections import Counter
from typing import Any

from mono_hydra.graph.scene_graph import SceneGraph
from mono_hydra.io.tree_json import scene_tree


def tree_markdown(graph: SceneGraph) -> str:
    """Nested list: rooms with size, their objects with confidence."""
    tree = scene_tree(graph)
    lines = [f"# {tree['sequence'] or 'scene'}"]
    if tree["stand_in"]:
        lines.append("**Stand-in: a simulated scene, not the one asked for.**")
    lines.append(summary_line(tree))
    for storey in tree["building"]["storeys"]:
        if len(tree["building"]["storeys"]) > 1:
            lines.append(f"## Storey {storey['id']}")
        for room in storey["rooms"]:
            lines.append(f"### {room['name']} · {room['area_m2']:.1f} m² · `{room['id']}`")
            lines += [_object_line(o) for o in room["objects"]] or ["- *no objects*"]
    if tree["objects_outside_rooms"]:
        lines.append("### outside the rooms")
        lines += [_object_line(o) for o in tree["objects_outside_rooms"]]
    return _join(lines)


def tree_lines(graph: SceneGraph) -> list[str]:
    """The tree with box-drawing lines, one room a branch, equal labels counted together."""
    tree = scene_tree(graph)
    branches: list[tuple[str, list[str]]] = []
    storeys = tree["building"]["storeys"]
    for storey in storeys:
        for room in storey["rooms"]:
            d = room["dimensions"]
            level = f", storey {storey['id']}" if len(storeys) > 1 else ""
            size = f"{d['length']:.1f} x {d['width']:.1f} m, {room['area_m2']:.1f} m2{level}"
            branches.append((f"{room['name']} ({size})", _counted(room["objects"])))
    if tree["objects_outside_rooms"]:
        branches.append(("outside the rooms", _counted(tree["objects_outside_rooms"])))
    lines = [tree["building"]["name"]]
    for k, (head, leaves) in enumerate(branches):
        last = k == len(branches) - 1
        lines.append(f"{'└─' if last else '├─'} {head}")
        stem = "   " if last else "│  "
        for n, leaf in enumerate(leaves):
            lines.append(f"{stem}{'└─' if n == len(leaves) - 1 else '├─'} {leaf}")
    return lines


def summary_line(tree: dict[str, Any]) -> str:
    """Counts of a scene tree in one line."""
    counts = tree["counts"]
    words = [("rooms", "room"), ("objects", "object"), ("doors", "door"), ("places", "place")]
    return " · ".join(f"{counts[k]} {one if counts[k] == 1 else k}" for k, one in words)


def _counted(objects: list[dict[str, Any]]) -> list[str]:
    counts = Counter(o["label"] for o in objects)
    return [label if n == 1 else f"{label} x {n}" for label, n in sorted(counts.items())]


def _object_line(o: dict[str, Any]) -> str:
    said = ", ".join(f"{r['predicate'].replace('_', ' ')} {r['label']}" for r in o["relations"])
    return f"- {o['label']} `{o['id']}` {100 * o['confidence']:.0f} %" + (
        f", {said}" if said else ""
    )


def _join(lines: list[str]) -> str:
    """Blank lines between paragraphs, none inside a list."""
    text = ""
    for before, line in zip(["", *lines], lines, strict=False):
        both_items = before.startswith("- ") and line.startswith("- ")
        text += ("\n" if both_items else "\n\n") + line
    return text.strip()
