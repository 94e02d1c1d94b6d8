"""The room -> object tree as Markdown, as the Rerun viewer shows it."""

from __future__ import annotations

from typing import Any

from mono_hydra.graph.scene_graph import SceneGraph
from mono_hydra.io.tree_json import scene_tree


def tree_markdown(graph: SceneGraph, title: str = "scene") -> str:
    """Nested list: rooms with size, their objects with confidence."""
    tree = scene_tree(graph)
    lines = [f"# {tree['sequence'] or title}"]
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


def summary_line(tree: dict[str, Any]) -> str:
    """Counts of a scene tree in one line."""
    counts = tree["counts"]
    words = [("rooms", "room"), ("objects", "object"), ("doors", "door"), ("places", "place")]
    return " · ".join(f"{counts[k]} {one if counts[k] == 1 else k}" for k, one in words)


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
