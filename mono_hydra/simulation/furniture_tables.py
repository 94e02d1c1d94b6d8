"""Dining, coffee and side tables, desks, meeting tables."""

from __future__ import annotations

import numpy as np

from mono_hydra.simulation.items import Item, Surface
from mono_hydra.simulation.palette import Palette
from mono_hydra.simulation.shapes import Shape, box, cylinder, lathe, rod, rounded_box


def four_leg_table(
    rng: np.random.Generator,
    palette: Palette,
    length: float,
    width: float,
    height: float,
    label: str = "table",
) -> Item:
    """A rectangular top with overhang on legs and an apron."""
    wood, x, y = palette.wood(rng), length / 2, width / 2
    item = Item(label, symmetry=2)
    thick = rng.uniform(0.025, 0.04)
    item.add(wood, rounded_box((-x, -y, height - thick), (x, y, height), 0.006))
    lx, ly, under = x - rng.uniform(0.05, 0.12), y - rng.uniform(0.05, 0.1), height - thick
    style = int(rng.integers(3))
    legs = palette.steel() if style == 1 and rng.random() < 0.6 else wood
    for sx in (-1, 1):
        for sy in (-1, 1):
            if style == 2:
                item.add(
                    legs,
                    rod(
                        (sx * (lx + 0.03), sy * (ly + 0.03), 0),
                        (sx * (lx - 0.03), sy * (ly - 0.03), under),
                        0.018,
                        0.03,
                    ),
                )
            else:
                b = 0.032 if style == 0 else 0.02
                item.add(
                    legs,
                    rounded_box(
                        (sx * lx - b, sy * ly - b, 0), (sx * lx + b, sy * ly + b, under), 0.005
                    ),
                )
    if style != 2 and height > 0.55:
        for sy in (-1, 1):
            item.add(legs, box((-lx, sy * ly - 0.01, under - 0.08), (lx, sy * ly + 0.01, under)))
        for sx in (-1, 1):
            item.add(legs, box((sx * lx - 0.01, -ly, under - 0.08), (sx * lx + 0.01, ly, under)))
    item.surfaces.append(Surface(-x + 0.04, -y + 0.04, x - 0.04, y - 0.04, height))
    return item


def round_table(rng: np.random.Generator, palette: Palette, diameter: float, height: float) -> Item:
    """A round top on a column or on splayed legs."""
    wood, r, item = palette.wood(rng), diameter / 2, Item("table", symmetry=0)
    item.add(
        wood,
        lathe(
            [
                (r - 0.012, height - 0.03),
                (r, height - 0.018),
                (r, height - 0.006),
                (r - 0.006, height),
            ],
            32,
        ),
    )
    if rng.random() < 0.5 and diameter > 0.7:
        item.add(
            wood,
            lathe(
                [
                    (0.5 * r, 0.0),
                    (0.5 * r, 0.02),
                    (0.09, 0.06),
                    (0.05, 0.14),
                    (0.05, height - 0.12),
                    (0.12, height - 0.03),
                ],
                20,
            ),
        )
    else:
        n = 4 if diameter > 0.6 else 3
        for k in range(n):
            a = 2 * np.pi * (k + 0.5) / n
            item.add(
                wood,
                rod(
                    (0.78 * r * np.cos(a), 0.78 * r * np.sin(a), 0),
                    (0.6 * r * np.cos(a), 0.6 * r * np.sin(a), height - 0.03),
                    0.014,
                    0.022,
                ),
            )
    s = 0.62 * r
    item.surfaces.append(Surface(-s, -s, s, s, height))
    return item


def trestle_table(
    rng: np.random.Generator, palette: Palette, length: float, width: float, height: float
) -> Item:
    """A thick top on two side panels joined by a bar."""
    wood, x, y = palette.wood(rng), length / 2, width / 2
    item = Item("table", symmetry=2).add(
        wood, rounded_box((-x, -y, height - 0.045), (x, y, height), 0.008)
    )
    for sx in (-1, 1):
        at = sx * (x - 0.22)
        item.add(
            wood,
            rounded_box(
                (at - 0.03, -0.3 * width, 0.05), (at + 0.03, 0.3 * width, height - 0.045), 0.006
            ),
        )
        item.add(
            wood, rounded_box((at - 0.04, -0.42 * width, 0), (at + 0.04, 0.42 * width, 0.06), 0.01)
        )
    item.add(wood, box((-x + 0.22, -0.02, 0.25), (x - 0.22, 0.02, 0.35)))
    item.surfaces.append(Surface(-x + 0.04, -y + 0.04, x - 0.04, y - 0.04, height))
    return item


def dining_table(rng: np.random.Generator, palette: Palette, seats: int) -> Item:
    """A table for a number of chairs."""
    height = rng.uniform(0.72, 0.77)
    if seats <= 4 and rng.random() < 0.35:
        return round_table(rng, palette, rng.uniform(0.9, 1.15), height)
    length = {2: rng.uniform(0.8, 1.0), 4: rng.uniform(1.25, 1.5), 6: rng.uniform(1.6, 2.0)}.get(
        seats, 0.33 * seats
    )
    make = trestle_table if rng.random() < 0.3 else four_leg_table
    return make(rng, palette, length, rng.uniform(0.75, 0.92), height)


def coffee_table(rng: np.random.Generator, palette: Palette) -> Item:
    """A low table, round, square-edged, or with a board below."""
    height = rng.uniform(0.36, 0.46)
    if rng.random() < 0.35:
        return round_table(rng, palette, rng.uniform(0.6, 0.85), height)
    length, width = rng.uniform(0.8, 1.15), rng.uniform(0.45, 0.62)
    item = four_leg_table(rng, palette, length, width, height)
    if rng.random() < 0.5:
        board = rounded_box(
            (-length / 2 + 0.12, -width / 2 + 0.1, 0.12),
            (length / 2 - 0.12, width / 2 - 0.1, 0.14),
            0.004,
        )
        item.add(item.pieces[0][1], board)
    return item


def side_table(rng: np.random.Generator, palette: Palette) -> Item:
    """A small table beside a seat."""
    height = rng.uniform(0.45, 0.6)
    if rng.random() < 0.5:
        return round_table(rng, palette, rng.uniform(0.38, 0.5), height)
    size = rng.uniform(0.38, 0.5)
    return four_leg_table(rng, palette, size, size, height)


def desk(rng: np.random.Generator, palette: Palette, length_m: float | None = None) -> Item:
    """A desk: panels, legs, or a pedestal of drawers on one side; small ones without drawers."""
    length, width, height = rng.uniform(1.1, 1.6), rng.uniform(0.6, 0.75), rng.uniform(0.72, 0.76)
    style = int(rng.integers(3 if length_m is None else 2))
    if length_m is not None:
        length, width = length_m, min(width, 0.6)
    if style == 0:
        item = four_leg_table(rng, palette, length, width, height, "desk")
        item.symmetry = 1
    else:
        wood, x, y = palette.wood(rng), length / 2, width / 2
        item = Item("desk").add(wood, rounded_box((-x, -y, height - 0.028), (x, y, height), 0.005))
        sides: list[Shape] = [
            rounded_box(
                (sx * (x - 0.03) - 0.014, -y + 0.03, 0),
                (sx * (x - 0.03) + 0.014, y - 0.02, height - 0.028),
                0.003,
            )
            for sx in (-1, 1)
        ]
        item.add(
            wood, *sides, box((-x + 0.04, y - 0.06, 0.35), (x - 0.04, y - 0.04, height - 0.028))
        )
        if style == 2:
            x1, x0 = x - 0.044, x - 0.46
            item.add(wood, box((x0, -y + 0.05, 0.06), (x1, y - 0.07, height - 0.03)))
            for k in range(3):
                z0 = 0.08 + k * (height - 0.13) / 3
                item.add(
                    wood,
                    rounded_box(
                        (x0 + 0.006, -y + 0.03, z0),
                        (x1 - 0.006, -y + 0.052, z0 + (height - 0.13) / 3 - 0.012),
                        0.003,
                    ),
                )
                item.add(
                    palette.steel(),
                    box(
                        ((x0 + x1) / 2 - 0.06, -y + 0.012, z0 + 0.1),
                        ((x0 + x1) / 2 + 0.06, -y + 0.022, z0 + 0.112),
                    ),
                )
                item.add(
                    palette.steel(),
                    *(
                        box(
                            ((x0 + x1) / 2 + s * 0.05 - 0.006, -y + 0.02, z0 + 0.1),
                            ((x0 + x1) / 2 + s * 0.05 + 0.006, -y + 0.031, z0 + 0.112),
                        )
                        for s in (-1, 1)
                    ),
                )
        item.surfaces.append(Surface(-x + 0.04, -y + 0.04, x - 0.04, y - 0.04, height))
    item.front_m = 0.6
    return item


def meeting_table(rng: np.random.Generator, palette: Palette, seats: int) -> Item:
    """A long table on panel feet."""
    length, width, height = 0.5 + 0.35 * seats, rng.uniform(1.0, 1.2), 0.74
    item = trestle_table(rng, palette, length, width, height)
    item.add(palette.steel(), cylinder(0.04, 0.004, 12).moved(0, 0, height))
    return item
