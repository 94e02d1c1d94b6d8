"""Kitchens: base cabinets under a worktop, sink, cooker, hood, refrigerator, wall cupboards.

A touching run of cabinets is one object, its worktop another; the cooker and the refrigerator
stand at the ends of the run.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mono_hydra.simulation.fixtures import soffit
from mono_hydra.simulation.furniture_seating import stool
from mono_hydra.simulation.furniture_storage import front, handle
from mono_hydra.simulation.house import Material
from mono_hydra.simulation.items import Child, Item, Surface
from mono_hydra.simulation.palette import Palette, seed_of, shade
from mono_hydra.simulation.shapes import (
    Shape,
    box,
    cylinder,
    joined,
    lathe,
    panel,
    rod,
    rounded_box,
    solid,
    tube,
)

DEPTH_M = 0.6
UNIT_M = 0.55  # width of one base cabinet


@dataclass(frozen=True)
class Finish:
    """What all cabinets of one kitchen are made of."""

    front: Material
    top: Material


def draw_finish(rng: np.random.Generator, palette: Palette) -> Finish:
    """Fronts and worktop of a kitchen."""
    paint = (
        Material("paint", palette.painted, gloss=0.3) if rng.random() < 0.5 else palette.wood(rng)
    )
    if rng.random() < 0.2:
        paint = palette.accent(rng, "paint")
    stone = Material(
        "marble",
        (0.30, 0.29, 0.28) if rng.random() < 0.5 else (0.78, 0.76, 0.72),
        (0.5, 0.48, 0.45),
        seed_of(rng),
        1.0,
        0.5,
    )
    return Finish(paint, stone if rng.random() < 0.6 else palette.wood(rng))


def refrigerator(rng: np.random.Generator, palette: Palette) -> Item:
    """A tall one with two doors, or a waist-high one."""
    w, d = rng.uniform(0.58, 0.7), rng.uniform(0.62, 0.68)
    h = rng.uniform(1.65, 1.95) if rng.random() < 0.8 else 0.86
    white = rng.random() < 0.55
    skin = (
        Material("plastic", (0.88, 0.88, 0.87), gloss=0.4)
        if white
        else Material("metal", (0.58, 0.59, 0.60), gloss=0.5)
    )
    item = Item("refrigerator", front_m=0.6).add(
        skin, rounded_box((-w / 2, -d / 2 + 0.06, 0.02), (w / 2, d / 2, h), 0.01)
    )
    item.add(
        Material("plastic", (0.1, 0.1, 0.1)),
        box((-w / 2 + 0.02, -d / 2 + 0.09, 0), (w / 2 - 0.02, d / 2, 0.03)),
    )
    split = h * 0.38 if rng.random() < 0.5 else h * 0.68
    for z0, z1 in ((0.05, split - 0.004), (split + 0.004, h)) if h > 1 else ((0.05, h),):
        item.add(skin, rounded_box((-w / 2, -d / 2, z0), (w / 2, -d / 2 + 0.056, z1), 0.012))
        z = z1 - 0.22 if z1 < h else z0 + 0.25
        item.add(
            palette.steel(),
            box((w / 2 - 0.07, -d / 2 - 0.035, z - 0.15), (w / 2 - 0.05, -d / 2 - 0.02, z + 0.15)),
            *(
                box(
                    (w / 2 - 0.068, -d / 2 - 0.022, z + s * 0.13 - 0.01),
                    (w / 2 - 0.052, -d / 2, z + s * 0.13 + 0.01),
                )
                for s in (-1, 1)
            ),
        )
    if h < 1:
        item.surfaces.append(Surface(-w / 2 + 0.04, -d / 2 + 0.1, w / 2 - 0.04, d / 2 - 0.04, h))
    return item


def cooker(rng: np.random.Generator, palette: Palette) -> Item:
    """A stove with an oven door, knobs and four plates."""
    w, h = 0.6, 0.88
    skin = (
        Material("plastic", (0.86, 0.86, 0.85), gloss=0.4)
        if rng.random() < 0.5
        else Material("metal", (0.5, 0.5, 0.52), gloss=0.5)
    )
    dark = Material("glass", (0.05, 0.05, 0.06), gloss=0.9)
    item = Item("other furniture", front_m=0.6).add(
        skin, rounded_box((-w / 2, -0.28, 0.05), (w / 2, 0.3, h), 0.006)
    )
    item.add(
        Material("plastic", (0.1, 0.1, 0.1)),
        box((-w / 2 + 0.02, -0.25, 0), (w / 2 - 0.02, 0.3, 0.05)),
    )
    item.add(skin, rounded_box((-w / 2 + 0.005, -0.3, 0.15), (w / 2 - 0.005, -0.279, 0.7), 0.004))
    item.add(dark, box((-w / 2 + 0.06, -0.303, 0.24), (w / 2 - 0.06, -0.299, 0.6)))
    item.add(
        palette.steel(),
        rod((-w / 2 + 0.06, -0.335, 0.66), (w / 2 - 0.06, -0.335, 0.66), 0.009),
        *(
            rod((s * (w / 2 - 0.08), -0.335, 0.66), (s * (w / 2 - 0.08), -0.3, 0.66), 0.007)
            for s in (-1, 1)
        ),
    )
    item.add(
        palette.steel(),
        *(
            cylinder(0.018, 0.025, 10).turned(np.pi / 2, "x").moved(-0.22 + 0.11 * k, -0.279, 0.79)
            for k in range(5)
        ),
    )
    item.add(dark, box((-w / 2 + 0.01, -0.26, h - 0.002), (w / 2 - 0.01, 0.28, h + 0.004)))
    plate = Material("metal", (0.16, 0.16, 0.17), gloss=0.3)
    item.add(
        plate,
        *(
            cylinder(0.075 if (sx + sy) else 0.095, 0.008, 20).moved(
                sx * 0.14, 0.01 + sy * 0.13, h + 0.003
            )
            for sx in (-1, 1)
            for sy in (-1, 1)
        ),
    )
    if rng.random() < 0.6:
        item.children.append(
            Child(pot(rng, palette), -0.14, 0.14, h + 0.011, rng.uniform(0, 6), "on")
        )
    return item


def pot(rng: np.random.Generator, palette: Palette) -> Item:
    """A pot with a lid and two handles."""
    r, h = rng.uniform(0.09, 0.12), rng.uniform(0.1, 0.16)
    metal = palette.steel() if rng.random() < 0.6 else palette.accent(rng, "ceramic")
    item = Item("other prop", symmetry=2).add(
        metal,
        lathe(
            [
                (0.95 * r, 0),
                (r, 0.01),
                (r, h),
                (1.03 * r, h),
                (1.03 * r, h + 0.008),
                (0.5 * r, h + 0.025),
                (0.015, h + 0.03),
                (0.018, h + 0.055),
                (0.0, h + 0.06),
            ],
            24,
        ),
    )
    for s in (-1, 1):
        loop = [
            [s * (r - 0.004), -0.03, 0.75 * h],
            [s * (r + 0.035), -0.025, 0.78 * h],
            [s * (r + 0.035), 0.025, 0.78 * h],
            [s * (r - 0.004), 0.03, 0.75 * h],
        ]
        item.add(Material("plastic", (0.08, 0.08, 0.08)), tube(np.array(loop), 0.007, 6))
    return item


def hood(rng: np.random.Generator, palette: Palette, ceiling_m: float) -> Item:
    """An extractor: a flared hood and its shaft up to just below the ceiling; z from the floor."""
    z0 = 1.55
    metal = Material("metal", (0.6, 0.6, 0.61), gloss=0.5)
    item = Item("other furniture", movable=False).add(
        metal, rounded_box((-0.3, -0.18, z0), (0.3, 0.3, z0 + 0.06), 0.005)
    )
    low, high = (
        np.array([[-0.3, -0.18], [0.3, -0.18], [0.3, 0.3], [-0.3, 0.3]]),
        np.array([[-0.14, 0.04], [0.14, 0.04], [0.14, 0.3], [-0.14, 0.3]]),
    )

    vertices = np.concatenate(
        [
            np.column_stack([low, np.full(4, z0 + 0.06)]),
            np.column_stack([high, np.full(4, z0 + 0.26)]),
        ]
    )
    k = np.arange(4)
    n = (k + 1) % 4
    faces = np.concatenate(
        [
            np.stack([k, n, n + 4], 1),
            np.stack([k, n + 4, k + 4], 1),
            [[4, 5, 6], [4, 6, 7], [0, 2, 1], [0, 3, 2]],
        ]
    )
    item.add(metal, solid(vertices, faces.astype(np.int32)))
    return item.add(metal, box((-0.14, 0.04, z0 + 0.26), (0.14, 0.3, ceiling_m - 0.02)))


def kitchen_run(
    rng: np.random.Generator,
    palette: Palette,
    cabinets: int,
    ceiling_m: float,
    cooker_left: bool,
    with_fridge: bool,
    wall_cupboards: bool,
    finish: Finish,
) -> Item:
    """Cooker, a row of base cabinets with counter and sink, refrigerator; cupboards above.

    The group's back is at y = 0 (the wall), it is centred on x.
    """
    width, paint = cabinets * UNIT_M, finish.front
    run = _base_run(rng, palette, finish, width, cabinets)
    fridge = refrigerator(rng, palette) if with_fridge else None
    fridge_w = float(np.diff([b[0] for b in fridge.own_bounds()])[0]) + 0.08 if fridge else 0.0
    total = width + 0.61 + fridge_w
    x = -total / 2
    children: list[Child] = []
    sequence = ["cooker", "run", "fridge"] if cooker_left else ["fridge", "run", "cooker"]
    centers = {}
    for name in sequence:
        span = {"cooker": 0.61, "run": width, "fridge": fridge_w}[name]
        centers[name] = x + span / 2
        x += span
    children.append(Child(cooker(rng, palette), centers["cooker"], -0.3, 0.0, 0.0, None))
    children.append(Child(run, centers["run"], -0.3, 0.0, 0.0, None))
    if fridge:
        depth = float(fridge.own_bounds()[1][1])
        children.append(Child(fridge, centers["fridge"], -depth, 0.0, 0.0, None))
    children.append(Child(hood(rng, palette, ceiling_m), centers["cooker"], -0.3, 0.0, 0.0, None))
    if wall_cupboards:
        above = wall_cabinets(rng, palette, paint, width - 0.02, cabinets)
        children.append(Child(above, centers["run"], -0.175, 0.0, 0.0, None))
        top = float(above.own_bounds()[1][2])
        if ceiling_m - top > 0.32 and rng.random() < 0.6:
            box_above = soffit(rng, width, 0.34, top, ceiling_m)
            children.append(Child(box_above, centers["run"], -0.172, 0.0, 0.0, None))
    return Item("", children=children, front_m=0.7)


def side_run(
    rng: np.random.Generator,
    palette: Palette,
    cabinets: int,
    ceiling_m: float,
    above: bool,
    finish: Finish,
) -> Item:
    """A second row of base cabinets with a plain worktop, cupboards and a soffit above."""
    width, paint = cabinets * UNIT_M, finish.front
    run = _base_run(rng, palette, finish, width, cabinets, with_sink=False)
    children = [Child(run, 0.0, -0.3, 0.0, 0.0, None)]
    if above:
        cupboards = wall_cabinets(rng, palette, paint, width - 0.02, cabinets)
        children.append(Child(cupboards, 0.0, -0.175, 0.0, 0.0, None))
        top = float(cupboards.own_bounds()[1][2])
        if ceiling_m - top > 0.32 and rng.random() < 0.7:
            children.append(
                Child(soffit(rng, width, 0.34, top, ceiling_m), 0.0, -0.172, 0, 0, None)
            )
    return Item("", children=children, front_m=0.7)


def _base_run(
    rng: np.random.Generator,
    palette: Palette,
    finish: Finish,
    width: float,
    n: int,
    with_sink: bool = True,
    upstand: bool = True,
) -> Item:
    """Base cabinets; the worktop with the sink is a child."""
    paint = finish.front
    h, style, metal = 0.86, int(rng.integers(2)), palette.steel()
    item = Item("cabinet", movable=False)
    item.add(
        Material("plastic", (0.12, 0.12, 0.12)), box((-width / 2, -0.23, 0), (width / 2, 0.3, 0.1))
    )
    item.add(paint, box((-width / 2, -0.28, 0.1), (width / 2, 0.3, h)))
    for k in range(n):
        x0, x1 = -width / 2 + k * width / n, -width / 2 + (k + 1) * width / n
        if k % 3 == 2:
            for j in range(3):
                z0, z1 = 0.1 + j * (h - 0.1) / 3, 0.1 + (j + 1) * (h - 0.1) / 3
                item.add(paint, front(x0, x1, -0.299, z0, z1))
                item.add(metal, handle(style, (x0 + x1) / 2, -0.299, z1 - 0.06, False))
        else:
            item.add(paint, front(x0, x1, -0.299, 0.1, h))
            item.add(
                metal, handle(style, x1 - 0.05 if k % 2 == 0 else x0 + 0.05, -0.299, h - 0.12, True)
            )
    if with_sink:
        top = _worktop(rng, palette, finish.top, width, h)
    else:
        top = _plain_top(finish.top, width, h)
    if upstand:
        high = h + 0.04 + rng.uniform(0.1, 0.28)
        top.add(finish.top, box((-width / 2, 0.28, h + 0.04), (width / 2, 0.3, high)))
    item.children.append(Child(top, 0, 0, 0, 0, "on"))
    return item


def _plain_top(material: Material, width: float, z: float) -> Item:
    """A worktop without a sink."""
    x, t = width / 2, 0.04
    item = Item("counter", movable=False).add(material, box((-x, -0.32, z), (x, 0.3, z + t)))
    item.surfaces.append(Surface(-x + 0.05, -0.27, x - 0.05, 0.22, z + t, 0.45))
    return item


def island(rng: np.random.Generator, palette: Palette, cabinets: int, finish: Finish) -> Item:
    """Cabinets under a worktop, free in the room, with stools before it."""
    width = cabinets * UNIT_M
    run = _base_run(rng, palette, finish, width, cabinets, with_sink=False, upstand=False)
    run.add(finish.front, box((-width / 2, 0.3, 0.0), (width / 2, 0.318, 0.86)))
    children, kind = [Child(run, 0.0, 0.0, 0.0, 0.0, None)], int(rng.integers(2**31))
    for k in range(max(1, cabinets - 1)):
        x = (k + 0.5) / max(1, cabinets - 1) * width - width / 2
        chair = stool(np.random.default_rng(kind), palette)
        children.append(Child(chair, x, 0.318 + rng.uniform(0.2, 0.3), 0.0, 0.0, None))
    return Item("", children=children)


def _worktop(
    rng: np.random.Generator, palette: Palette, top: Material, width: float, z: float
) -> Item:
    """The counter of a run, cut out around its sink."""
    x, t, at = width / 2, 0.04, float(rng.uniform(-0.15, 0.15)) * width
    sx, y0, y1 = 0.27, -0.2, 0.18
    item = Item("counter", movable=False)
    item.add(
        top,
        box((-x, -0.32, z), (at - sx, 0.3, z + t)),
        box((at + sx, -0.32, z), (x, 0.3, z + t)),
        box((at - sx, -0.32, z), (at + sx, y0, z + t)),
        box((at - sx, y1, z), (at + sx, 0.3, z + t)),
    )
    item.children.append(
        Child(basin(palette, 2 * sx, y1 - y0), at, (y0 + y1) / 2, z + t, 0.0, "in")
    )
    if at - sx + x > 0.35:
        item.surfaces.append(Surface(-x + 0.05, -0.27, at - sx - 0.04, 0.25, z + t, 0.45))
    if x - at - sx > 0.35:
        item.surfaces.append(Surface(at + sx + 0.04, -0.27, x - 0.05, 0.25, z + t, 0.45))
    return item


def basin(palette: Palette, w: float, d: float) -> Item:
    """A sink let into a worktop whose surface is z = 0, with a tap behind."""
    steel = Material("metal", (0.62, 0.63, 0.64), gloss=0.6)
    item, deep, r = Item("sink", movable=False), 0.15, 0.025
    x, y = w / 2, d / 2
    item.add(steel, *tray(x, y, r, -deep + 0.11, 0.006, -0.038))
    item.add(steel, tap().moved(0, y - 0.015, 0.004))
    return item


def tray(
    x: float, y: float, rim: float, floor_z: float, top_z: float, under_z: float
) -> list[Shape]:
    """An open box of outer half sizes x, y; its walls go from floor_z up to top_z."""
    under = min(under_z, floor_z - 0.01)
    return [
        box((-x, -y, under), (x, y, floor_z)),
        box((-x, -y, floor_z), (-x + rim, y, top_z)),
        box((x - rim, -y, floor_z), (x, y, top_z)),
        box((-x + rim, -y, floor_z), (x - rim, -y + rim, top_z)),
        box((-x + rim, y - rim, floor_z), (x - rim, y, top_z)),
    ]


def tap(height: float = 0.26, reach: float = 0.17) -> Shape:
    """A curved tap standing at the origin, reaching to -y, with a lever."""
    arc = [
        [0, -reach / 2 + reach / 2 * np.cos(a), height - 0.08 + 0.08 * np.sin(a)]
        for a in np.linspace(0, np.pi, 7)
    ]
    path = np.array([[0, 0, 0], *arc, [0, -reach, height - 0.12]])
    return joined(
        cylinder(0.022, 0.05, 12),
        tube(path, 0.011, 8),
        rod((0.015, 0, 0.045), (0.07, -0.02, 0.075), 0.006, sides=6),
    )


def wall_cabinets(
    rng: np.random.Generator, palette: Palette, paint: Material, width: float, n: int
) -> Item:
    """A row of cupboards above the counter, z from the floor."""
    z0, z1, d = 1.42, rng.uniform(2.02, 2.15), 0.35
    item, style = Item("cabinet", movable=False), int(rng.integers(2))
    item.add(paint, box((-width / 2, -d / 2 + 0.019, z0), (width / 2, d / 2, z1)))
    glass = int(rng.integers(n)) if rng.random() < 0.3 else -1
    for k in range(n):
        x0, x1 = -width / 2 + k * width / n, -width / 2 + (k + 1) * width / n
        item.add(paint, front(x0, x1, -d / 2 + 0.001, z0, z1))
        if k == glass:
            item.add(
                Material("glass", (0.45, 0.5, 0.5), gloss=0.9),
                panel(x1 - x0 - 0.1, z1 - z0 - 0.1).moved((x0 + x1) / 2, -d / 2, z0 + 0.05),
            )
        item.add(
            palette.steel(),
            handle(style, x1 - 0.04 if k % 2 == 0 else x0 + 0.04, -d / 2 + 0.001, z0 + 0.1, True),
        )
    return item


def microwave(rng: np.random.Generator, palette: Palette) -> Item:
    """A microwave oven."""
    skin = (
        Material("metal", (0.5, 0.5, 0.51), gloss=0.4)
        if rng.random() < 0.5
        else Material("plastic", (0.85, 0.85, 0.84), gloss=0.3)
    )
    item = Item("other prop").add(skin, rounded_box((-0.24, -0.16, 0), (0.24, 0.16, 0.28), 0.008))
    item.add(
        Material("glass", (0.05, 0.05, 0.06), gloss=0.9),
        box((-0.22, -0.163, 0.03), (0.11, -0.159, 0.25)),
    )
    return item.add(
        palette.steel(),
        rod((0.125, -0.18, 0.05), (0.125, -0.18, 0.23), 0.008),
        *(rod((0.125, -0.18, z), (0.125, -0.158, z), 0.006) for z in (0.06, 0.22)),
    )


def washing_machine(rng: np.random.Generator, palette: Palette) -> Item:
    """A front-loading washing machine."""
    skin = Material("plastic", (0.88, 0.88, 0.87), gloss=0.4)
    item = Item("other furniture", front_m=0.5).add(
        skin, rounded_box((-0.3, -0.28, 0.01), (0.3, 0.28, 0.85), 0.012)
    )
    ring = (
        lathe([(0.17, 0), (0.17, 0.02), (0.14, 0.035), (0.13, 0.03), (0.0, 0.012)], 28)
        .turned(np.pi / 2, "x")
        .moved(0, -0.279, 0.42)
    )
    item.add(Material("metal", shade((0.5, 0.5, 0.52), 1.0), gloss=0.5), ring)
    item.add(
        Material("plastic", (0.2, 0.2, 0.22)),
        box((0.0, -0.284, 0.73), (0.27, -0.279, 0.81)),
        cylinder(0.03, 0.02, 14).turned(np.pi / 2, "x").moved(-0.08, -0.279, 0.77),
    )
    item.surfaces.append(Surface(-0.26, -0.22, 0.26, 0.24, 0.85))
    return item


def dish_rack(rng: np.random.Generator, palette: Palette) -> Item:
    """A rack with plates."""
    item = Item("other prop", symmetry=2).add(
        palette.steel(),
        *(
            rod((-0.2, y, z), (0.2, y, z), 0.004, sides=5)
            for y in (-0.14, 0.14)
            for z in (0.005, 0.1)
        ),
        *(
            rod((x, y, 0.004), (x, y, 0.1), 0.004, sides=5)
            for x in (-0.2, 0.2)
            for y in (-0.14, 0.14)
        ),
        *(
            rod((x, -0.14, 0.005), (x, 0.14, 0.005), 0.003, sides=5)
            for x in np.linspace(-0.16, 0.16, 8)
        ),
    )
    white = Material("ceramic", (0.86, 0.85, 0.82), gloss=0.6)
    return item.add(
        white,
        *(
            lathe([(0.0, 0.0), (0.07, 0.002), (0.11, 0.014), (0.11, 0.018), (0.0, 0.008)], 18)
            .turned(np.pi / 2, "y")
            .moved(-0.13 + 0.05 * k, 0, 0.117)
            for k in range(int(rng.integers(3, 6)))
        ),
    )
