"""The scene graph as an indented text: rooms and what stands in them."""

from __future__ import annotations

from collections import Counter

from mono_hydra.graph.scene_graph import SceneGraph, node_symbol

LAYERS = ("room", "object", "place")


def tree_text(graph: SceneGraph) -> str:
    """One line a room with its objects counted by class, then what has no room."""
    counts = (_counted_word(len(graph.nodes(f"{word}s")), word) for word in LAYERS)
    lines = [f"building: {', '.join(counts)}"]
    inside: dict[int | None, Counter[str]] = {}
    for node, a in graph.items("objects"):
        inside.setdefault(graph.room_of(node), Counter())[a.label_name] += 1
    for room, a in graph.items("rooms"):
        share = a.probabilities.get(a.name, 0.0)
        lines.append(f"  {node_symbol(room)} {a.name} ({share:.0%}), {a.area_m2:.1f} m2")
        lines += _counted(inside.get(room, Counter()))
    if None in inside:
        lines.append("  without a room")
        lines += _counted(inside[None])
    return "\n".join(lines)


def _counted_word(n: int, word: str) -> str:
    return f"{n} {word}" if n == 1 else f"{n} {word}s"


def _counted(labels: Counter[str]) -> list[str]:
    if not labels:
        return []
    items = sorted(labels.items(), key=lambda item: (-item[1], item[0]))
    words = [f"{n} x {label}" if n > 1 else label for label, n in items]
    rows = [", ".join(words[i : i + 8]) for i in range(0, len(words), 8)]
    return [f"      {row}" for row in rows]
