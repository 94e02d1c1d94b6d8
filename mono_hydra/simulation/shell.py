"""The fabric of a storey as triangles: walls, floors, ceilings, doors, windows, skirting."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from mono_hydra.simulation import outlines
from mono_hydra.simulation.house import Material, Part, Room
from mono_hydra.simulation.openings import Opening
from mono_hydra.simulation.shapes import Shape, box, cylinder, joined, quad, solid
from mono_hydra.simulation.walls import Hole, opening_reveal, wall_face
from mono_hydra.types import F8

SLAB_M = 0.28  # between a ceiling and the floor above
Rectangle = tuple[float, float, float, float]  # x0, y0, x1, y1


@dataclass(frozen=True)
class Finish:
    """Surfaces of one room."""

    wall: Material
    floor: Material
    ceiling: Material
    skirting_m: float  # height, 0 = none


@dataclass(frozen=True)
class Joinery:
    """Materials of doors and windows of a house."""

    frame: Material
    leaf: Material
    handle: Material
    window: Material
    outside: Material
    radiator: Material


def part(shape: Shape, material: Material, label: str, instance: int = 0, room: int = 0) -> Part:
    """A part from a shape."""
    return Part(shape.vertices_m, shape.faces, shape.uv, material, label, instance, room)


def edge_of(polygon_m: F8, opening: Opening, wall_m: float) -> tuple[int, float] | None:
    """Which polygon edge an opening cuts and where its middle lies along that edge."""
    for i in range(len(polygon_m)):
        a, b = polygon_m[i], polygon_m[(i + 1) % len(polygon_m)]
        length = float(np.hypot(*(b - a)))
        along = (b - a) / length
        if abs(abs(float(along @ opening.along_m)) - 1.0) > 1e-6:
            continue
        offset = opening.center_m - a
        across = float(-along[1] * offset[0] + along[0] * offset[1])
        at = float(along @ offset)
        if (
            abs(across + wall_m / 2) < 1e-6
            and opening.width_m / 2 - 1e-6 <= at <= length - opening.width_m / 2 + 1e-6
        ):
            return i, at
    return None


def holes_of(room: Room, openings: list[Opening], wall_m: float) -> dict[int, list[Hole]]:
    """Holes by polygon edge for the openings of one room."""
    holes: dict[int, list[Hole]] = {}
    for o in openings:
        found = edge_of(room.polygon_m, o, wall_m) if room.id in o.rooms else None
        if found:
            i, at = found
            holes.setdefault(i, []).append((at - o.width_m / 2, at + o.width_m / 2, o.z0_m, o.z1_m))
    return holes


def room_shell(
    room: Room,
    openings: list[Opening],
    finish: Finish,
    wall_m: float,
    floor_hole: Rectangle | None = None,
    ceiling_hole: Rectangle | None = None,
) -> list[Part]:
    """Walls with holes, floor, ceiling and skirting of one room."""
    polygon, z0, z1 = room.polygon_m, room.floor_z_m, room.ceiling_z_m
    holes = holes_of(room, openings, wall_m)
    faces, skirting = [], []
    for i in range(len(polygon)):
        a, b = polygon[i], polygon[(i + 1) % len(polygon)]
        cut = [
            (max(s0, 0.0), min(s1, float(np.hypot(*(b - a)))), h0, min(h1, z1 - z0))
            for s0, s1, h0, h1 in holes.get(i, [])
        ]
        faces.append(wall_face(a, b, z0, z1, cut))
        if finish.skirting_m > 0.0:
            skirting += _skirting(a, b, z0, finish.skirting_m, cut)
    floor = _level(polygon, z0, True, floor_hole)
    ceiling = _level(polygon, z1, False, ceiling_hole)
    parts = [
        part(joined(*(f for f in faces if len(f.faces))), finish.wall, "wall", 0, room.id),
        part(floor, finish.floor, "floor", 0, room.id),
        part(ceiling, finish.ceiling, "ceiling", 0, room.id),
    ]
    if skirting:
        board = (
            Material("paint", (0.85, 0.84, 0.82), gloss=0.2)
            if finish.wall.rgb[0] > 0.3
            else finish.wall
        )
        parts.append(part(joined(*skirting), board, "wall", 0, room.id))
    return parts


def _level(polygon_m: F8, z_m: float, up: bool, hole: Rectangle | None) -> Shape:
    if hole is None:
        faces = outlines.triangulate(polygon_m)
        vertices = np.column_stack([polygon_m, np.full(len(polygon_m), z_m)])
        return solid(vertices, faces if up else faces[:, ::-1].copy())
    low, high = polygon_m.min(axis=0), polygon_m.max(axis=0)  # rooms with wells are rectangles
    xs = sorted({low[0], hole[0], hole[2], high[0]})
    ys = sorted({low[1], hole[1], hole[3], high[1]})
    quads = []
    for x0, x1 in itertools.pairwise(xs):
        for y0, y1 in itertools.pairwise(ys):
            if hole[0] < (x0 + x1) / 2 < hole[2] and hole[1] < (y0 + y1) / 2 < hole[3]:
                continue
            corners = np.array([[x0, y0, z_m], [x1, y0, z_m], [x1, y1, z_m], [x0, y1, z_m]])
            quads.append(quad(corners if up else corners[::-1].copy()))
    return joined(*quads)


def _skirting(a: F8, b: F8, z0: float, height: float, holes: list[Hole]) -> list[Shape]:
    """Boards 12 mm thick along the wall between the door holes."""
    length = float(np.hypot(*(b - a)))
    along = (b - a) / length
    inward = np.array([-along[1], along[0]])
    doors = sorted((h[0] - 0.07, h[1] + 0.07) for h in holes if h[2] < height)
    shapes, s = [], 0.0
    for d0, d1 in [*doors, (length, length)]:
        if d0 - s > 0.03:
            shapes.append(
                _bar(a + along * s, along, inward, d0 - s, (z0, z0 + height), (0.0, 0.012))
            )
        s = max(s, d1)
    return shapes


def _bar(
    at_m: F8,
    along: F8,
    inward: F8,
    length_m: float,
    z_m: tuple[float, float],
    depth_m: tuple[float, float],
) -> Shape:
    """A straight bar from `at_m`, standing off the wall by depth_m."""
    local = box((0.0, depth_m[0], z_m[0]), (length_m, depth_m[1], z_m[1]))
    frame = np.array([[*along, 0.0], [*inward, 0.0], [0.0, 0.0, 1.0]])
    return Shape(local.vertices_m @ frame + np.array([*at_m, 0.0]), local.faces, local.uv)


def in_frame(shape: Shape, opening: Opening, floor_z_m: float) -> Shape:
    """A shape along / across / up of an opening (origin: its middle, on the floor) in the world."""
    frame = np.array([[*opening.along_m, 0.0], [*opening.normal_m, 0.0], [0.0, 0.0, 1.0]])
    return Shape(
        shape.vertices_m @ frame + np.array([*opening.center_m, floor_z_m]), shape.faces, shape.uv
    )


def door_parts(
    o: Opening,
    side: float,
    floor_z_m: float,
    wall_m: float,
    joinery: Joinery,
    floor: Material,
    wall: Material,
    ceiling: Material,
    rng: np.random.Generator,
) -> list[Part]:
    """Threshold, lining, frame on both faces, and the leaf.

    Args:
        o: the opening; the hinge is at the start of `along_m`.
        side: +1 if the leaf swings to the side `normal_m` points to, else -1.
        floor_z_m: height of the floor.
        wall_m: thickness of the wall.
        joinery: materials of frames and leaves.
        floor: surface of the threshold.
        wall: surface of wide openings without a frame.
        ceiling: surface of the strip above openings that reach the ceiling.
        rng: draws the kind of leaf.
    """
    w, h, t = o.width_m / 2, o.z1_m - o.z0_m, wall_m / 2
    threshold = quad(np.array([[-w, -t, 0], [w, -t, 0], [w, t, 0], [-w, t, 0]], float))
    parts = [part(in_frame(threshold, o, floor_z_m), floor, "floor")]
    reveal = opening_reveal(
        o.center_m, o.along_m, o.width_m, floor_z_m, floor_z_m + h, (-t, t), False
    )
    if o.kind == "virtual":
        head = Shape(reveal.vertices_m, reveal.faces[4:], reveal.uv[4:])
        sides = Shape(reveal.vertices_m, reveal.faces[:4], reveal.uv[:4])
        return [*parts, part(sides, wall, "wall"), part(head, ceiling, "ceiling")]
    parts.append(part(reveal, joinery.frame, "door"))
    c, p = 0.065, 0.014  # casing: breadth, how far it stands off the wall
    casing = []
    for y0, y1 in ((-t - p, -t), (t, t + p)):
        casing += [
            box((-w - c, y0, 0), (-w, y1, h + c)),
            box((w, y0, 0), (w + c, y1, h + c)),
            box((-w, y0, h), (w, y1, h + c)),
        ]
    parts.append(part(in_frame(joined(*casing), o, floor_z_m), joinery.frame, "door"))
    if o.kind == "door":
        for shape, material in _leaf(o, h, joinery, rng):
            hinged = shape.turned(side * o.open_rad).moved(-w, side * t)
            parts.append(part(in_frame(hinged, o, floor_z_m), material, "door"))
    return parts


def _leaf(
    o: Opening, height_m: float, joinery: Joinery, rng: np.random.Generator
) -> list[tuple[Shape, Material]]:
    """A leaf closed along +x from its hinge at the origin."""
    width, top, d = o.width_m - 0.012, height_m - 0.008, 0.02
    slab_ = box((0.006, -d, 0.008), (width, d, top))
    panels = []
    style = int(rng.integers(3))
    if style:
        rows = (
            [(0.15, 0.42), (0.48, 0.93)] if style == 1 else [(0.1, 0.3), (0.35, 0.6), (0.65, 0.94)]
        )
        for low, high in rows:
            for y in (-d - 0.006, d - 0.004):
                panels.append(
                    box((0.13 * width, y, low * top), (0.87 * width, y + 0.01, high * top))
                )
    out = [(joined(slab_, *panels), joinery.leaf)]
    knobs = []
    for s in (-1.0, 1.0):
        knobs.append(
            box(
                (width - 0.085, min(s * d, s * (d + 0.008)), 0.98),
                (width - 0.05, max(s * d, s * (d + 0.008)), 1.12),
            )
        )
        knobs.append(
            cylinder(0.009, 0.045, 8).turned(-s * np.pi / 2, "x").moved(width - 0.067, s * d, 1.06)
        )
        knobs.append(
            cylinder(0.009, 0.12, 8)
            .turned(-np.pi / 2, "y")
            .moved(width - 0.06, s * (d + 0.045), 1.06)
        )
    out.append((joined(*knobs), joinery.handle))
    return out


def window_parts(
    o: Opening,
    floor_z_m: float,
    wall_m: float,
    outer_m: float,
    finish: Finish,
    joinery: Joinery,
    rng: np.random.Generator,
) -> list[Part]:
    """Reveal, frame with sashes, sill, and the view behind the glass."""
    w, t = o.width_m / 2, wall_m / 2
    pane = t - 0.55 * outer_m  # across the wall; inside is +t
    room = o.rooms[0]
    z0, z1 = o.z0_m, o.z1_m
    reveal = opening_reveal(
        o.center_m, o.along_m, o.width_m, floor_z_m + z0, floor_z_m + z1, (pane, t), True
    )
    parts = [part(reveal, finish.wall, "window", 0, room)]
    n_sashes = max(1, round(o.width_m / 0.9))
    bars = _frame_bars(-w, w, z0, z1, pane + 0.005, pane + 0.075, 0.045)
    for k in range(n_sashes):
        x0 = -w + 0.045 + k * (2 * w - 0.09) / n_sashes
        x1 = x0 + (2 * w - 0.09) / n_sashes
        bars += _frame_bars(x0, x1, z0 + 0.045, z1 - 0.045, pane + 0.02, pane + 0.09, 0.05)
    if rng.random() < 0.3 and z1 - z0 > 1.0:
        middle = z0 + 0.7 * (z1 - z0)
        bars.append(box((-w, pane + 0.02, middle - 0.02), (w, pane + 0.085, middle + 0.02)))
    parts.append(part(in_frame(joined(*bars), o, floor_z_m), joinery.window, "window", 0, room))
    if z0 > 0.3:
        sill = box((-w - 0.04, pane + 0.07, z0 - 0.03), (w + 0.04, t + 0.06, z0 + 0.004))
        parts.append(part(in_frame(sill, o, floor_z_m), joinery.window, "window", 0, room))
    corners = np.array([[-w, pane, z0], [w, pane, z0], [w, pane, z1], [-w, pane, z1]])
    view = quad(corners[[1, 0, 3, 2]], unit_uv=True)
    parts.append(part(in_frame(view, o, floor_z_m), joinery.outside, "window", 0, room))
    return parts


def _frame_bars(
    x0: float, x1: float, z0: float, z1: float, y0: float, y1: float, b: float
) -> list[Shape]:
    return [
        box((x0, y0, z0), (x0 + b, y1, z1)),
        box((x1 - b, y0, z0), (x1, y1, z1)),
        box((x0 + b, y0, z0), (x1 - b, y1, z0 + b)),
        box((x0 + b, y0, z1 - b), (x1 - b, y1, z1)),
    ]


def radiator_part(o: Opening, floor_z_m: float, wall_m: float, joinery: Joinery) -> Part:
    """A finned radiator below a window."""
    half, top = 0.42 * o.width_m, min(o.z0_m - 0.08, 0.72)
    bars = [
        box((-half, 0.03, 0.12), (half, 0.055, top)),
        box((-half, 0.085, 0.12), (half, 0.11, top)),
    ]
    n = max(int(2 * half / 0.09), 2)
    for k in range(n):
        x = -half + (k + 0.5) * 2 * half / n
        bars.append(box((x - 0.02, 0.022, 0.10), (x + 0.02, 0.118, top + 0.015)))
    shape = joined(*bars).moved(0.0, wall_m / 2, 0.0)
    return part(in_frame(shape, o, floor_z_m), joinery.radiator, "other structure", 0, o.rooms[0])
