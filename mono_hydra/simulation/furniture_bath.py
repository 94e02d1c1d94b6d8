"""Bathrooms: toilet, bathtub with curtain, shower, washbasin."""

from __future__ import annotations

import numpy as np

from mono_hydra.simulation.furniture_kitchen import tap, tray
from mono_hydra.simulation.furniture_storage import front, handle
from mono_hydra.simulation.house import Material
from mono_hydra.simulation.items import Child, Item, Surface
from mono_hydra.simulation.palette import Palette, pick, seed_of, shade
from mono_hydra.simulation.shapes import (
    Shape,
    box,
    cylinder,
    lathe,
    ribbon,
    rod,
    rounded_box,
    solid,
    tube,
)

WHITE = Material("ceramic", (0.90, 0.90, 0.89), gloss=0.7)


def toilet(rng: np.random.Generator, palette: Palette) -> Item:
    """Bowl, seat with lid, cistern or a boxed wall behind it."""
    item = Item("toilet", front_m=0.5, movable=False)
    bowl = lathe(
        [(0.11, 0.0), (0.10, 0.05), (0.11, 0.18), (0.17, 0.32), (0.185, 0.39), (0.185, 0.40)], 24
    ).scaled(1.0, 1.28, 1.0)
    item.add(WHITE, bowl.moved(0, -0.1, 0))
    item.add(WHITE, box((-0.1, 0.05, 0.02), (0.1, 0.18, 0.38)))
    lid = lathe([(0.0, 0.0), (0.188, 0.0), (0.192, 0.02), (0.18, 0.032), (0.0, 0.036)], 24).scaled(
        1.0, 1.27, 1.0
    )
    if rng.random() < 0.5:
        item.add(WHITE, lid.moved(0, -0.1, 0.402))
    else:
        seat = lathe([(0.12, 0.0), (0.188, 0.0), (0.19, 0.02), (0.12, 0.022)], 24)
        seat = Shape(seat.vertices_m, seat.faces, seat.uv).scaled(1.0, 1.27, 1.0)
        item.add(WHITE, seat.moved(0, -0.1, 0.402))
        item.add(
            Material("ceramic", (0.5, 0.55, 0.57), gloss=0.8),
            cylinder(0.105, 0.001, 20).scaled(1.0, 1.25, 1.0).moved(0, -0.1, 0.425),
        )
        item.add(WHITE, lid.turned(np.pi / 2 - 0.1, "x").moved(0, 0.13, 0.64))
    item.add(
        WHITE,
        rounded_box((-0.19, 0.18, 0.36), (0.19, 0.35, 0.80), 0.025),
        rounded_box((-0.2, 0.17, 0.79), (0.2, 0.35, 0.83), 0.012),
    )
    item.add(palette.steel(), cylinder(0.025, 0.012, 14).moved(0, 0.26, 0.83))
    return item


def bathtub(rng: np.random.Generator, palette: Palette, length: float) -> Item:
    """A built-in tub with a hollow that has sloping ends; along x, its back at +y."""
    w, h, rim = rng.uniform(0.70, 0.78), rng.uniform(0.54, 0.58), 0.06
    x, y = length / 2, w / 2
    item = Item("bathtub", movable=False, front_m=0.4)
    outer = np.array([[-x, -y], [x, -y], [x, y], [-x, y]])
    low, high = 0.14, h
    hx, hy = x - rim, y - rim
    inner_top = np.array([[-hx, -hy], [hx, -hy], [hx, hy], [-hx, hy]])
    inner_low = inner_top * [0.84, 0.74] + [0.03 * length, 0.0]
    rings = [(outer, 0.0), (outer, high), (inner_top, high), (inner_low, low)]
    vertices = np.concatenate([np.column_stack([r, np.full(4, z)]) for r, z in rings])
    k, n = np.arange(4), (np.arange(4) + 1) % 4
    faces = [np.stack([j * 4 + k, j * 4 + n, j * 4 + 4 + n], 1) for j in range(3)] + [
        np.stack([j * 4 + k, j * 4 + 4 + n, j * 4 + 4 + k], 1) for j in range(3)
    ]

    item.add(
        WHITE,
        solid(
            vertices,
            np.concatenate([*faces, [[12, 13, 14], [12, 14, 15]], [[0, 2, 1], [0, 3, 2]]]).astype(
                np.int32
            ),
        ),
    )
    item.add(
        WHITE,
        rounded_box((-x - 0.004, -y - 0.012, h - 0.025), (x + 0.004, -y + rim, h + 0.008), 0.008),
    )
    item.add(palette.steel(), tap(0.16, 0.14).turned(np.pi / 2).moved(-x + 0.03, 0, h))
    return item


def shower_curtain(
    rng: np.random.Generator, palette: Palette, length: float, floor_m: float = 0.25
) -> Item:
    """A curtain on a rail, half drawn along x; z from the floor."""
    shown = length * rng.uniform(0.45, 0.75)
    x = np.linspace(-length / 2, -length / 2 + shown, int(shown / 0.02) + 8)
    y = 0.035 * np.sin(x * 2 * np.pi / 0.15) + 0.01 * np.sin(x * 23)
    rgb = pick(
        rng,
        (
            (0.82, 0.82, 0.78),
            (0.55, 0.68, 0.72),
            (0.75, 0.62, 0.5),
            (0.62, 0.7, 0.55),
            *palette.accents[:2],
        ),
    )
    cloth = Material("wallpaper", rgb, shade(rgb, 0.75), seed_of(rng), 0.4, 0.2)
    item = Item("shower curtain", movable=False).add(
        cloth, ribbon(np.stack([x, y], 1), 0.004, floor_m, 1.95)
    )
    return item.add(palette.steel(), rod((-length / 2, 0, 1.98), (length / 2, 0, 1.98), 0.012))


def tub_with_curtain(rng: np.random.Generator, palette: Palette, length: float) -> Item:
    """A tub and the curtain that hangs over its rim."""
    tub = bathtub(rng, palette, length)
    front_y = float(tub.own_bounds()[0][1])
    tub.children.append(
        Child(
            shower_curtain(rng, palette, length, 0.3),
            0,
            front_y + 0.055,
            0,
            0,
            "on",
        )
    )
    return tub


def shower(rng: np.random.Generator, palette: Palette) -> Item:
    """A tray with a riser and a shower head, its curtain across the front."""
    s = rng.uniform(0.8, 0.9)
    item = Item("other furniture", movable=False, front_m=0.4).add(
        WHITE, *tray(s / 2, s / 2, 0.05, 0.05, 0.12, 0.0)
    )
    item.add(
        palette.steel(),
        rod((0, s / 2 - 0.03, 1.0), (0, s / 2 - 0.03, 2.0), 0.01),
        rod((0, s / 2 - 0.03, 2.0), (0, 0.1, 2.02), 0.01),
        lathe([(0.0, 0.0), (0.09, 0.0), (0.09, 0.01), (0.02, 0.04)], 18).moved(0, 0.1, 1.98),
        box((-0.08, s / 2 - 0.06, 1.08), (0.08, s / 2 - 0.005, 1.13)),
    )
    item.children.append(
        Child(shower_curtain(rng, palette, s, 0.14), 0, -s / 2 + 0.045, 0, 0, "on")
    )
    return item


def washbasin(rng: np.random.Generator, palette: Palette) -> Item:
    """A basin on a cabinet or on a pedestal; the basin is an object of its own on a cabinet."""
    if rng.random() < 0.6:
        w, d, h = rng.uniform(0.6, 0.95), 0.46, 0.82
        paint = palette.wood(rng)
        item = Item("cabinet", movable=False, front_m=0.5).add(
            paint, box((-w / 2, -d / 2 + 0.02, 0.12), (w / 2, d / 2, h - 0.15))
        )
        item.add(paint, box((-w / 2 + 0.03, -d / 2 + 0.08, 0), (w / 2 - 0.03, d / 2, 0.12)))
        for k in (-1, 1):
            x0, x1 = sorted((0.0, k * w / 2))
            item.add(paint, front(x0, x1, -d / 2 + 0.001, 0.12, h - 0.15))
            item.add(palette.steel(), handle(1, k * 0.05, -d / 2 + 0.001, h - 0.28, True))
        bowl = Item("sink", movable=False).add(
            WHITE, *tray(w / 2 + 0.01, d / 2 + 0.01, 0.045, 0.03, 0.15, 0.0)
        )
        bowl.add(palette.steel(), tap(0.2, 0.14).moved(0, d / 2 - 0.02, 0.15))
        item.children.append(Child(bowl, 0, 0, h - 0.15, 0, "on"))
        return item
    item = Item("sink", movable=False, front_m=0.5)
    profile: list[tuple[float, float]] = [
        (0.10, 0.0),
        (0.075, 0.06),
        (0.07, 0.6),
        (0.13, 0.68),
        (0.26, 0.79),
        (0.27, 0.83),
        (0.25, 0.835),
        (0.2, 0.75),
        (0.0, 0.71),
    ]
    item.add(WHITE, lathe(profile, 28).scaled(1.0, 0.86, 1.0))
    item.add(WHITE, box((-0.16, 0.16, 0.72), (0.16, 0.25, 0.84)))
    return item.add(palette.steel(), tap(0.18, 0.13).moved(0, 0.2, 0.84))


def soap(rng: np.random.Generator, palette: Palette) -> Item:
    """A soap dispenser."""
    item = Item("other prop").add(
        palette.accent(rng, "plastic"),
        lathe([(0.034, 0), (0.036, 0.01), (0.034, 0.11), (0.014, 0.13), (0.012, 0.15)], 14),
    )
    return item.add(
        palette.steel(), tube(np.array([[0, 0, 0.15], [0, 0, 0.18], [0, -0.045, 0.178]]), 0.005, 6)
    )


def paper_roll(rng: np.random.Generator, palette: Palette) -> Item:
    """A stack of toilet rolls."""
    paper = Material("paint", (0.9, 0.89, 0.87))
    item = Item("other prop", symmetry=0)
    return item.add(
        paper,
        *(cylinder(0.055, 0.098, 18).moved(0, 0, 0.1 * k) for k in range(int(rng.integers(1, 4)))),
    )


def shelf_over_basin(palette: Palette, width: float) -> Item:
    """A glass board."""
    item = Item("shelves", movable=False).add(
        Material("glass", (0.6, 0.68, 0.66), gloss=0.9),
        box((-width / 2, -0.12, 0), (width / 2, 0, 0.015)),
    )
    item.surfaces.append(Surface(-width / 2 + 0.03, -0.11, width / 2 - 0.03, -0.02, 0.015, 0.2))
    return item
