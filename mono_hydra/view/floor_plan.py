"""The floor plan of a storey: rooms with name and size, doors, objects, the path of the camera.

The layout is a list of shapes in metres; `plan_shapes` draws them as SVG or PNG.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from mono_hydra.graph.scene_graph import (
    Door,
    ObjectAttributes,
    RoomAttributes,
    SceneGraph,
    node_symbol,
)
from mono_hydra.io.tree_json import room_dimensions
from mono_hydra.labels.label_space import LabelSpace
from mono_hydra.types import F4, F8
from mono_hydra.view.layers import corners_of_box, node_label, node_rgb
from mono_hydra.view.plan_shapes import (
    DIMENSION,
    INK,
    PAPER,
    PATH,
    TIMES,
    Line,
    Plan,
    Text,
    mixed_rgb,
)

WALL_M = 0.10  # drawn width of a wall
_MARGIN_M = 0.9
_CELL_M = 0.05  # grid on which room names look for free floor


def floor_plan(
    graph: SceneGraph,
    label_space: LabelSpace,
    storey: int | None = None,
    path_m: F8 | None = None,
) -> Plan:
    """Lay out the plan.

    Args:
        graph: the scene graph.
        label_space: colours of the objects.
        storey: which one; None = all on top of each other.
        path_m: (N, 2 or 3) camera path; on a storey only its part at that height is drawn.
    """
    rooms = [(n, a) for n, a in graph.items("rooms") if storey is None or a.storey == storey]
    low, high = _bounds(graph, rooms)
    shapes: list[Line | Text] = _free_space(graph, rooms)
    outlined = [(n, a, a.polygon_m) for n, a in rooms if a.polygon_m is not None]
    # outlines are inner faces: walls first, as strokes that the floors then cover to half
    shapes += [Line(outline, INK, 2 * WALL_M, INK) for _, _, outline in outlined]
    for node, a, outline in outlined:
        fill = mixed_rgb(node_rgb(graph, node, label_space), PAPER, 0.62)
        title = f"{node_symbol(node)}: {a.name}, {a.area_m2:.1f} m²"
        shapes.append(Line(outline, None, 0.0, fill, title=title))
    shapes += _door_shapes(graph, dict(rooms))
    objects = [
        a for n, a in graph.items("objects") if storey is None or graph.room_of(n) in dict(rooms)
    ]
    shapes += _object_shapes(graph, label_space, {n for n, _ in rooms}, storey)
    if path_m is not None and len(path_m) > 1:
        shapes += _path_shapes(path_m, rooms if storey is not None else [])
    for node, a in rooms:
        shapes += _room_texts(node_label(graph, node), a, objects)
    shapes += _dimension_lines(low, high) + _scale_bar(low)
    margin = np.array([_MARGIN_M, _MARGIN_M])
    corner = low - margin - [0.1, 0.35], high + margin
    return Plan(
        shapes,
        (float(corner[0][0]), float(corner[0][1])),
        (float(corner[1][0]), float(corner[1][1])),
    )


def _bounds(graph: SceneGraph, rooms: list[tuple[int, RoomAttributes]]) -> tuple[F8, F8]:
    points = [a.polygon_m for _, a in rooms if a.polygon_m is not None and len(a.polygon_m)]
    if not points:
        places = [(a.position_m[:2], a.clearance_m) for _, a in graph.items("places")]
        points = [np.array([p - r, p + r]) for p, r in places]
    if not points:
        points = [a.position_m[None, :2] for _, a in graph.items("agents")]
    if not points:
        return np.zeros(2), np.ones(2)
    stacked = np.concatenate(points)
    return stacked.min(axis=0), stacked.max(axis=0)


def _free_space(graph: SceneGraph, rooms: list[tuple[int, RoomAttributes]]) -> list[Line | Text]:
    """Discs of the places, where no outline is known."""
    if any(a.polygon_m is not None for _, a in rooms):
        return []
    ring = np.stack([np.cos(t := np.linspace(0, 2 * np.pi, 25)[:-1]), np.sin(t)], axis=1)
    return [
        Line(a.position_m[:2] + a.clearance_m * ring, None, 0.0, (226, 228, 232))
        for _, a in graph.items("places")
    ]


def door_line(door: Door, outlines: list[F8]) -> F8:
    """(2, 2) both jambs of a door: centred at it, along the nearest wall of the rooms it joins."""
    centre = np.asarray(door.position_m[:2])
    best, direction = np.inf, np.array([1.0, 0.0])
    for outline in outlines:
        starts, ends = outline, np.roll(outline, -1, axis=0)
        along = ends - starts
        length = np.linalg.norm(along, axis=1)
        for start, edge, n in zip(starts, along, length, strict=True):
            if n < 0.05:
                continue
            share = np.clip((centre - start) @ edge / n**2, 0.0, 1.0)
            # short edges are noise of the outline: a wall as long as the door is preferred
            distance = np.linalg.norm(centre - start - share * edge) + max(0, door.width_m - n)
            if distance < best - 1e-9:
                best, direction = float(distance), edge / n
    half = 0.5 * door.width_m * direction
    return np.array([centre - half, centre + half])


def _door_shapes(graph: SceneGraph, rooms: dict[int, RoomAttributes]) -> list[Line | Text]:
    shapes: list[Line | Text] = []
    for a, b, edge in graph.edges("rooms"):
        if a not in rooms and b not in rooms:
            continue
        outlines = [o for r in (a, b) if r in rooms and (o := rooms[r].polygon_m) is not None]
        for door in edge.doors:
            first, second = door_line(door, outlines)
            along = (second - first) / max(door.width_m, 1e-6)
            across = np.array([-along[1], along[0]])
            turn = np.linspace(0.0, np.pi / 2, 13)[:, None]
            swing = first + door.width_m * (np.cos(turn) * along + np.sin(turn) * across)
            title = f"door {door.width_m:.2f} m, {100 * door.confidence:.0f} %"
            # the gap covers the wall between the two rooms
            gap = np.array(
                [
                    first - 0.085 * across,
                    second - 0.085 * across,
                    second + 0.085 * across,
                    first + 0.085 * across,
                ]
            )
            shapes += [
                Line(gap, None, 0.0, PAPER, title=title),
                Line(swing, DIMENSION, 0.012),
                Line(np.array([first, swing[-1]]), INK, 0.035, title=title),
            ]
    return shapes


def _object_shapes(
    graph: SceneGraph, label_space: LabelSpace, rooms: set[int], storey: int | None
) -> list[Line | Text]:
    """Boxes, large ones first so that small things on them stay visible; names where they fit."""
    found = [
        (n, a) for n, a in graph.items("objects") if storey is None or graph.room_of(n) in rooms
    ]
    found.sort(key=lambda item: (-float(np.prod(item[1].box.size_m[:2])), item[0]))
    shapes: list[Line | Text] = []
    names: list[Text] = []
    for node, a in found:
        rgb = node_rgb(graph, node, label_space)
        size = f" {TIMES} ".join(f"{s:.2f}" for s in a.box.size_m)
        title = f"{node_symbol(node)}: {a.label_name}, {size} m, {100 * a.confidence:.0f} %"
        corners = corners_of_box(a.box.center_m, np.maximum(a.box.size_m, 0.04), a.box.yaw_rad)
        shapes.append(
            Line(
                corners,
                mixed_rgb(rgb, INK, 0.45),
                0.018,
                mixed_rgb(rgb, PAPER, 0.35),
                0.92,
                title=title,
            )
        )
        length, width = sorted(a.box.size_m[:2])[::-1]
        size_m = min(0.17, 0.8 * width, length / (0.56 * len(a.label_name)))
        if size_m >= 0.085 and all(_apart(a.box.center_m, size_m, a.label_name, t) for t in names):
            turn = float(np.degrees(a.box.yaw_rad)) + (
                90 if a.box.size_m[1] > a.box.size_m[0] else 0
            )
            turn = (turn + 90.0) % 180.0 - 90.0  # never upside down
            x, y = a.box.center_m[:2]
            names.append(Text((float(x), float(y)), a.label_name, size_m, INK, turn_deg=turn))
    return [*shapes, *names]


def _apart(centre_m: F8, size_m: float, word: str, other: Text) -> bool:
    """Whether a name does not run into one that stands already; words count as level boxes."""
    dx = abs(float(centre_m[0]) - other.point_m[0])
    dy = abs(float(centre_m[1]) - other.point_m[1])
    wide = 0.28 * (size_m * len(word) + other.size_m * len(other.text))
    return dx > wide or dy > 0.55 * (size_m + other.size_m)


def _path_shapes(path_m: F8, rooms: list[tuple[int, RoomAttributes]]) -> list[Line | Text]:
    path = np.asarray(path_m, dtype=np.float64)
    if rooms and path.shape[1] == 3:
        floor = min(a.floor_z_m for _, a in rooms)
        ceiling = max(a.ceiling_z_m for _, a in rooms)
        if ceiling > floor:
            path = path[(path[:, 2] > floor) & (path[:, 2] < ceiling)]
    if len(path) < 2:
        return []
    step = max(1, len(path) // 800)
    line = path[::step, :2]
    ring = 0.07 * np.stack([np.cos(t := np.linspace(0, 2 * np.pi, 17)[:-1]), np.sin(t)], axis=1)
    return [
        Line(line, PATH, 0.022, opacity=0.75, is_dashed=True, title="path of the camera"),
        Line(line[0] + ring, PATH, 0.02, PAPER, title="start"),
        Line(path[-1, :2] + ring, PATH, 0.02, PATH, title="end"),
    ]


def _room_texts(
    label: str, a: RoomAttributes, objects: list[ObjectAttributes]
) -> list[Line | Text]:
    size = 0.24 if a.area_m2 > 5.0 else 0.17
    d = room_dimensions(a)
    detail = f"{a.area_m2:.1f} m²" if a.area_m2 > 0 else ""
    if a.polygon_m is not None:
        detail += f" · {d['length']:.1f} {TIMES} {d['width']:.1f} m"
    width_m = max(0.62 * size * len(label), 0.35 * size * len(detail))
    x, y = _label_point(a, objects, width_m, 2.4 * size)
    return [
        Text((x, y + 0.6 * size), label, size, INK, is_bold=True),
        Text((x, y - 0.6 * size), detail, 0.62 * size, DIMENSION),
    ]


def _label_point(
    a: RoomAttributes, objects: list[ObjectAttributes], width_m: float, height_m: float
) -> tuple[float, float]:
    """Where the name stands: on floor as free of furniture as can be, else near the middle."""
    if a.polygon_m is None or len(a.polygon_m) < 3:
        return float(a.position_m[0]), float(a.position_m[1])
    low = a.polygon_m.min(axis=0)
    n = np.ceil((a.polygon_m.max(axis=0) - low) / _CELL_M).astype(int) + 1

    def cells(points_m: F8 | F4) -> Any:
        return np.round((np.asarray(points_m) - low) / _CELL_M).astype(np.int32)

    free = np.zeros((n[1], n[0]), np.float32)
    cv2.fillPoly(free, [cells(a.polygon_m)], 1.0)
    inside = free > 0
    for o in objects:
        corners = corners_of_box(o.box.center_m, o.box.size_m, o.box.yaw_rad)
        cv2.fillPoly(free, [cells(corners)], 0.35)
    free[~inside] = 0.0
    window = (max(1, int(width_m / _CELL_M)) | 1, max(1, int(height_m / _CELL_M)) | 1)
    share = cv2.blur(free, window, borderType=cv2.BORDER_CONSTANT)
    rows, columns = np.mgrid[: n[1], : n[0]]
    middle = np.argwhere(inside).mean(axis=0)
    away = np.hypot(rows - middle[0], columns - middle[1]) * _CELL_M
    row, column = np.unravel_index(np.argmax(np.where(inside, share - 0.03 * away, -9.0)), n[::-1])
    return float(low[0] + column * _CELL_M), float(low[1] + row * _CELL_M)


def _dimension_lines(low: F8, high: F8) -> list[Line | Text]:
    """Overall length and width beside the plan."""
    (x0, y0), (x1, y1) = low, high
    y, x, tick = y1 + 0.42, x0 - 0.42, 0.08
    return [
        Line(np.array([[x0, y], [x1, y]]), DIMENSION, 0.012),
        Line(np.array([[x0, y - tick], [x0, y + tick]]), DIMENSION, 0.012),
        Line(np.array([[x1, y - tick], [x1, y + tick]]), DIMENSION, 0.012),
        Text(((x0 + x1) / 2, y + 0.16), f"{x1 - x0:.2f} m", 0.17, DIMENSION),
        Line(np.array([[x, y0], [x, y1]]), DIMENSION, 0.012),
        Line(np.array([[x - tick, y0], [x + tick, y0]]), DIMENSION, 0.012),
        Line(np.array([[x - tick, y1], [x + tick, y1]]), DIMENSION, 0.012),
        Text((x - 0.16, (y0 + y1) / 2), f"{y1 - y0:.2f} m", 0.17, DIMENSION, turn_deg=90.0),
    ]


def _scale_bar(low: F8) -> list[Line | Text]:
    x, y = low[0], low[1] - 0.62
    shapes: list[Line | Text] = []
    for k in range(2):
        x0 = x + 0.5 * k
        corners = np.array([[x0, y], [x0 + 0.5, y], [x0 + 0.5, y + 0.07], [x0, y + 0.07]])
        shapes.append(Line(corners, INK, 0.012, INK if k == 0 else PAPER))
    for value, word in ((0.0, "0"), (0.5, "0.5"), (1.0, "1 m")):
        shapes.append(Text((x + value, y - 0.16), word, 0.15, DIMENSION))
    return shapes
