"""Cabinets, wardrobes, dressers, night stands, bookshelves, wall boards, television benches."""

from __future__ import annotations

import numpy as np

from mono_hydra.simulation.furniture_desktop import books_row
from mono_hydra.simulation.furniture_small import random_prop
from mono_hydra.simulation.house import Material
from mono_hydra.simulation.items import Child, Item, Surface
from mono_hydra.simulation.palette import Palette
from mono_hydra.simulation.shapes import Shape, box, cylinder, joined, rod, rounded_box

LACQUERS = (
    ((0.06, 0.055, 0.05), (0.04, 0.04, 0.04)),
    ((0.24, 0.14, 0.09), (0.17, 0.10, 0.06)),
    ((0.38, 0.24, 0.14), (0.27, 0.17, 0.10)),
)


def front(x0: float, x1: float, y: float, z0: float, z1: float, gap: float = 0.003) -> Shape:
    """A door or drawer front 18 mm thick whose face lies at y, with a gap all round."""
    return rounded_box((x0 + gap, y, z0 + gap), (x1 - gap, y + 0.018, z1 - gap), 0.003)


def handle(rng_style: int, x: float, y: float, z: float, upright: bool) -> Shape:
    """A knob (style 0) or a bar handle standing off a front at y."""
    if rng_style == 0:
        return cylinder(0.014, 0.025, 10).turned(np.pi / 2, "x").moved(x, y, z)
    half = 0.07
    if upright:
        bar = box((x - 0.006, y - 0.03, z - half), (x + 0.006, y - 0.018, z + half))
        feet = [
            box((x - 0.005, y - 0.02, z + s * 0.05 - 0.005), (x + 0.005, y, z + s * 0.05 + 0.005))
            for s in (-1, 1)
        ]
    else:
        bar = box((x - half, y - 0.03, z - 0.006), (x + half, y - 0.018, z + 0.006))
        feet = [
            box((x + s * 0.05 - 0.005, y - 0.02, z - 0.005), (x + s * 0.05 + 0.005, y, z + 0.005))
            for s in (-1, 1)
        ]
    return joined(bar, *feet)


def carcass(item: Item, wood: Material, w: float, d: float, z0: float, z1: float) -> None:
    """The body of a closed cabinet; fronts stand 18 mm before it."""
    item.add(wood, rounded_box((-w / 2, -d / 2 + 0.019, z0), (w / 2, d / 2, z1), 0.004))


def _feet(
    item: Item,
    rng: np.random.Generator,
    palette: Palette,
    wood: Material,
    w: float,
    d: float,
    height: float,
) -> None:
    if rng.random() < 0.5:
        item.add(wood, box((-w / 2 + 0.02, -d / 2 + 0.05, 0), (w / 2 - 0.02, d / 2, height)))
    else:
        legs = palette.steel() if rng.random() < 0.4 else wood
        item.add(
            legs,
            *(
                rod(
                    (sx * (w / 2 - 0.04), sy * (d / 2 - 0.05), 0),
                    (sx * (w / 2 - 0.06), sy * (d / 2 - 0.06), height + 0.01),
                    0.012,
                    0.02,
                )
                for sx in (-1, 1)
                for sy in (-1, 1)
            ),
        )


def drawers(
    rng: np.random.Generator,
    palette: Palette,
    label: str,
    w: float,
    d: float,
    h: float,
    columns: int,
    rows: int,
) -> Item:
    """A chest of drawers."""
    wood, item = palette.wood(rng), Item(label, front_m=0.35)
    foot = rng.uniform(0.06, 0.14)
    _feet(item, rng, palette, wood, w, d, foot)
    carcass(item, wood, w, d, foot, h - 0.02)
    item.add(wood, rounded_box((-w / 2 - 0.01, -d / 2, h - 0.025), (w / 2 + 0.01, d / 2, h), 0.005))
    style, metal = int(rng.integers(2)), palette.steel()
    for i in range(columns):
        x0, x1 = -w / 2 + i * w / columns, -w / 2 + (i + 1) * w / columns
        for j in range(rows):
            z0 = foot + 0.01 + j * (h - foot - 0.04) / rows
            z1 = foot + 0.01 + (j + 1) * (h - foot - 0.04) / rows
            item.add(wood, front(x0, x1, -d / 2 + 0.001, z0, z1))
            item.add(
                metal, handle(style, (x0 + x1) / 2, -d / 2 + 0.001, (z0 + z1) / 2 + 0.02, False)
            )
    item.surfaces.append(Surface(-w / 2 + 0.03, -d / 2 + 0.04, w / 2 - 0.03, d / 2 - 0.03, h))
    return item


def night_stand(rng: np.random.Generator, palette: Palette) -> Item:
    """A small chest beside a bed, or an open one with a board."""
    w, d, h = rng.uniform(0.4, 0.52), rng.uniform(0.35, 0.42), rng.uniform(0.45, 0.6)
    if rng.random() < 0.6:
        item = drawers(rng, palette, "night stand", w, d, h, 1, int(rng.integers(2, 4)))
        item.front_m = 0.2
        return item
    wood, item = palette.wood(rng), Item("night stand", front_m=0.2)
    for sx in (-1, 1):
        item.add(
            wood,
            rounded_box(
                (sx * (w / 2 - 0.01) - 0.01, -d / 2, 0),
                (sx * (w / 2 - 0.01) + 0.01, d / 2, h - 0.02),
                0.003,
            ),
        )
    item.add(wood, rounded_box((-w / 2, -d / 2, h - 0.022), (w / 2, d / 2, h), 0.004))
    item.add(wood, box((-w / 2 + 0.02, -d / 2 + 0.02, 0.12), (w / 2 - 0.02, d / 2, 0.14)))
    item.add(wood, box((-w / 2 + 0.02, -d / 2 + 0.01, h - 0.17), (w / 2 - 0.02, d / 2, h - 0.022)))
    item.add(palette.steel(), handle(0, 0, -d / 2 + 0.01, h - 0.095, False))
    item.surfaces.append(Surface(-w / 2 + 0.03, -d / 2 + 0.03, w / 2 - 0.03, d / 2 - 0.03, h))
    return item


def dresser(rng: np.random.Generator, palette: Palette) -> Item:
    """A wide chest of drawers."""
    return drawers(
        rng,
        palette,
        "dresser",
        rng.uniform(0.7, 1.3),
        rng.uniform(0.42, 0.5),
        rng.uniform(0.75, 1.0),
        int(rng.integers(1, 3)),
        int(rng.integers(3, 5)),
    )


def cabinet(
    rng: np.random.Generator, palette: Palette, w: float, d: float, h: float, top: bool = True
) -> Item:
    """A cupboard with doors, plain or framed, and sometimes a row of drawers."""
    wood, item = palette.wood(rng), Item("cabinet", front_m=0.5)
    foot = 0.08
    _feet(item, rng, palette, wood, w, d, foot)
    carcass(item, wood, w, d, foot, h)
    n = max(1, round(w / 0.48))
    style, metal, framed = int(rng.integers(2)), palette.steel(), rng.random() < 0.5
    drawer_top = h - 0.2 if h > 0.7 and rng.random() < 0.4 and h < 1.5 else h
    for i in range(n):
        x0, x1 = -w / 2 + i * w / n, -w / 2 + (i + 1) * w / n
        item.add(wood, front(x0, x1, -d / 2 + 0.001, foot, drawer_top))
        if framed:
            item.add(
                wood,
                *_frame(x0 + 0.004, x1 - 0.004, -d / 2 - 0.008, foot + 0.004, drawer_top - 0.004),
            )
        side = x1 - 0.05 if i % 2 == 0 and n > 1 else x0 + 0.05
        item.add(
            metal,
            handle(style, side, -d / 2 - (0.008 if framed else 0.0), min(0.62 * h, 1.05), True),
        )
        if drawer_top < h:
            item.add(wood, front(x0, x1, -d / 2 + 0.001, drawer_top, h - 0.005))
            item.add(metal, handle(style, (x0 + x1) / 2, -d / 2 + 0.001, h - 0.1, False))
    if top:
        room_m = 0.6 if h < 1.6 else 0.4
        item.surfaces.append(
            Surface(-w / 2 + 0.03, -d / 2 + 0.05, w / 2 - 0.03, d / 2 - 0.03, h, room_m)
        )
    return item


def _frame(x0: float, x1: float, y: float, z0: float, z1: float) -> list[Shape]:
    """Rails and stiles on a door."""
    b = 0.055
    return [
        box((x0, y, z0), (x0 + b, y + 0.012, z1)),
        box((x1 - b, y, z0), (x1, y + 0.012, z1)),
        box((x0 + b, y, z0), (x1 - b, y + 0.012, z0 + b)),
        box((x0 + b, y, z1 - b), (x1 - b, y + 0.012, z1)),
    ]


def wardrobe(rng: np.random.Generator, palette: Palette) -> Item:
    """A tall cabinet for clothes."""
    return cabinet(
        rng, palette, rng.uniform(0.9, 1.9), rng.uniform(0.55, 0.62), rng.uniform(1.85, 2.15)
    )


def wall_unit(rng: np.random.Generator, palette: Palette) -> Item:
    """A wide cupboard of middle height: the large piece of a living room."""
    return cabinet(
        rng, palette, rng.uniform(1.2, 2.2), rng.uniform(0.4, 0.5), rng.uniform(1.2, 1.95)
    )


def tall_cabinet(rng: np.random.Generator, palette: Palette) -> Item:
    """A narrow high cupboard."""
    return cabinet(
        rng, palette, rng.uniform(0.45, 0.85), rng.uniform(0.35, 0.45), rng.uniform(1.3, 2.0)
    )


def piano(rng: np.random.Generator, palette: Palette) -> Item:
    """An upright piano with its keyboard."""
    w, d, h = rng.uniform(1.35, 1.5), rng.uniform(0.5, 0.6), rng.uniform(1.05, 1.25)
    wood = Material("wood", *LACQUERS[int(rng.integers(len(LACQUERS)))], 3, 0.8, 0.5)
    item, keys, y = Item("other furniture", front_m=0.4), 0.66, -d / 2
    item.add(wood, rounded_box((-w / 2, y + 0.2, 0.0), (w / 2, d / 2, h), 0.01))
    item.add(wood, rounded_box((-w / 2, y, keys - 0.08), (w / 2, y + 0.21, keys), 0.006))
    item.add(
        Material("plastic", (0.85, 0.84, 0.80), gloss=0.4),
        box((-w / 2 + 0.08, y + 0.01, keys), (w / 2 - 0.08, y + 0.15, keys + 0.012)),
    )
    black = Material("plastic", (0.04, 0.04, 0.04), gloss=0.4)
    n = 36
    step = (w - 0.2) / n
    blacks = [k for k in range(n) if k % 7 not in (2, 6)]
    xs = [-w / 2 + 0.1 + (k + 0.5) * step for k in blacks]
    item.add(
        black,
        *(box((x - 0.005, y + 0.06, keys + 0.01), (x + 0.005, y + 0.15, keys + 0.022)) for x in xs),
    )
    for side in (-1, 1):
        x = side * (w / 2 - 0.04)
        item.add(wood, box((x - 0.03, y + 0.01, 0.0), (x + 0.03, y + 0.06, keys - 0.08)))
        item.add(
            wood,
            rounded_box((x - 0.04, y, keys - 0.01), (x + 0.04, y + 0.21, keys + 0.06), 0.006),
        )
    item.surfaces.append(Surface(-w / 2 + 0.05, y + 0.24, w / 2 - 0.05, d / 2 - 0.03, h))
    return item


def sideboard(rng: np.random.Generator, palette: Palette) -> Item:
    """A low cabinet."""
    return cabinet(
        rng, palette, rng.uniform(1.0, 1.7), rng.uniform(0.4, 0.48), rng.uniform(0.72, 0.92)
    )


def bookshelf(rng: np.random.Generator, palette: Palette) -> Item:
    """Open boards between sides, with books, boxes and odd things; a back panel at times."""
    w, d = rng.uniform(0.7, 1.15), rng.uniform(0.26, 0.36)
    n = int(rng.integers(3, 6))
    pitch = rng.uniform(0.34, 0.4)
    h, wood, item, t = (
        0.06 + n * pitch + 0.02,
        palette.wood(rng),
        Item("bookshelf", front_m=0.4),
        0.011,
    )
    for sx in (-1, 1):
        item.add(
            wood,
            rounded_box((sx * (w / 2 - t) - t, -d / 2, 0), (sx * (w / 2 - t) + t, d / 2, h), 0.002),
        )
    item.add(wood, box((-w / 2 + 2 * t, d / 2 - 0.008, 0.05), (w / 2 - 2 * t, d / 2, h - 0.01)))
    for k in range(n + 1):
        z = 0.06 + k * pitch
        item.add(
            wood, box((-w / 2 + 2 * t, -d / 2 + 0.002, z - 0.02), (w / 2 - 2 * t, d / 2 - 0.008, z))
        )
        if k < n:
            _fill_board(item, rng, palette, w - 0.09, d, z, pitch - 0.02)
    item.add(wood, box((-w / 2 + 2 * t, -d / 2 + 0.03, 0), (w / 2 - 2 * t, -d / 2 + 0.045, 0.04)))
    item.surfaces.append(
        Surface(
            -w / 2 + 0.04, -d / 2 + 0.04, w / 2 - 0.04, d / 2 - 0.04, h, 0.5 if h < 1.7 else 0.0
        )
    )
    return item


def _fill_board(
    item: Item,
    rng: np.random.Generator,
    palette: Palette,
    w: float,
    d: float,
    z: float,
    room: float,
) -> None:
    """Books over part of a board, something else over the rest."""
    draw = rng.random()
    if draw < 0.12:
        return
    share = rng.uniform(0.4, 0.95) if draw < 0.62 else 0.0
    if share:
        row = books_row(rng, palette, share * w, min(d - 0.06, 0.24), room - 0.1)
        left = rng.random() < 0.6
        item.children.append(
            Child(row, (-1 if left else 1) * (w - share * w) / 2, -0.01, z, 0.0, "in")
        )
        free0, free1 = (
            (-w / 2 + share * w + 0.06, w / 2) if left else (-w / 2, w / 2 - share * w - 0.06)
        )
    else:
        free0, free1 = -w / 2, w / 2
    x = free0
    while free1 - x > 0.16:
        thing = random_prop(rng, palette, min(free1 - x, 0.3), d - 0.06, room - 0.08)
        if thing is None:
            break
        x0, _, x1, _ = thing.footprint()
        if x + (x1 - x0) > free1:
            break
        item.children.append(Child(thing, x - x0, 0.0, z, 0.0, "in"))
        x += (x1 - x0) + rng.uniform(0.14, 0.3)


def wall_boards(rng: np.random.Generator, palette: Palette) -> Item:
    """Two or three boards on a wall, standing 1.2 m up; hung, hence z from 1.2 m."""
    w, d, wood, item = (
        rng.uniform(0.6, 1.1),
        rng.uniform(0.2, 0.26),
        palette.wood(rng),
        Item("shelves", movable=False),
    )
    n, pitch, z0 = int(rng.integers(2, 4)), 0.36, 1.15
    for k in range(n):
        z = z0 + k * pitch
        item.add(wood, rounded_box((-w / 2, -d / 2, z - 0.025), (w / 2, d / 2, z), 0.004))
        item.add(
            palette.steel(),
            *(
                box(
                    (sx * 0.35 * w - 0.01, -d / 2 + 0.03, z - 0.035),
                    (sx * 0.35 * w + 0.01, d / 2, z - 0.025),
                )
                for sx in (-1, 1)
            ),
        )
        _fill_board(item, rng, palette, w - 0.08, d, z, pitch - 0.025)
    item.add(
        palette.steel(),
        *(
            box(
                (sx * 0.35 * w - 0.012, d / 2 - 0.012, z0 - 0.1),
                (sx * 0.35 * w + 0.012, d / 2, z0 + (n - 1) * pitch),
            )
            for sx in (-1, 1)
        ),
    )
    return item


def rack(rng: np.random.Generator, palette: Palette) -> Item:
    """A metal rack with boxes, for storage rooms and offices."""
    w, d, n = rng.uniform(0.75, 1.05), rng.uniform(0.36, 0.45), int(rng.integers(3, 5))
    pitch, item, steel = rng.uniform(0.4, 0.48), Item("shelves", front_m=0.45), palette.steel()
    h = 0.1 + n * pitch
    for sx in (-1, 1):
        for sy in (-1, 1):
            item.add(
                steel,
                box(
                    (sx * (w / 2 - 0.015) - 0.015, sy * (d / 2 - 0.015) - 0.015, 0),
                    (sx * (w / 2 - 0.015) + 0.015, sy * (d / 2 - 0.015) + 0.015, h),
                ),
            )
    for k in range(n + 1):
        z = 0.1 + k * pitch
        item.add(
            steel,
            box((-w / 2 + 0.002, -d / 2 + 0.002, z - 0.03), (w / 2 - 0.002, d / 2 - 0.002, z)),
        )
        if k < n:
            _fill_board(item, rng, palette, w - 0.08, d, z, pitch - 0.03)
    return item


def tv_bench(rng: np.random.Generator, palette: Palette) -> Item:
    """A low bench with doors or open bays for a television."""
    w, d, h = rng.uniform(1.2, 1.8), rng.uniform(0.38, 0.45), rng.uniform(0.42, 0.55)
    wood, item = palette.wood(rng), Item("cabinet", front_m=0.4)
    _feet(item, rng, palette, wood, w, d, 0.1)
    carcass(item, wood, w, d, 0.1, h)
    n = int(rng.integers(2, 4))
    for k in range(n):
        item.add(
            wood,
            front(-w / 2 + k * w / n, -w / 2 + (k + 1) * w / n, -d / 2 + 0.001, 0.1, h - 0.005),
        )
        item.add(
            palette.steel(), handle(0, -w / 2 + (k + 0.5) * w / n, -d / 2 + 0.001, h - 0.07, False)
        )
    item.surfaces.append(Surface(-w / 2 + 0.03, -d / 2 + 0.04, w / 2 - 0.03, d / 2 - 0.03, h))
    return item
