"""Parts of the building that stand in a room like furniture: fireplaces, soffits, boxed pipes.

Label other structure: they belong to no object. Local frame as for items: the back at +y.
"""

from __future__ import annotations

import numpy as np

from mono_hydra.simulation.house import Material
from mono_hydra.simulation.items import Item, Surface
from mono_hydra.simulation.palette import WHITES, Palette, pick, seed_of, shade
from mono_hydra.simulation.shapes import box, rod, rounded_box

LABEL = "other structure"


def fireplace(rng: np.random.Generator, palette: Palette) -> Item:
    """A chimney piece: surround, mantel, dark opening with logs, hearth."""
    w, h, d = rng.uniform(1.15, 1.5), rng.uniform(1.02, 1.22), rng.uniform(0.3, 0.4)
    hole_w, hole_h = 0.52 * w, 0.6 * h
    stone = _stone(rng)
    item, soot = Item(LABEL, front_m=0.5, movable=False), Material("plaster", (0.06, 0.055, 0.05))
    leg = (w - hole_w) / 2
    for side in (-1, 1):
        x0, x1 = sorted((side * w / 2, side * (w / 2 - leg)))
        item.add(stone, rounded_box((x0, -d / 2, 0.04), (x1, d / 2, h - 0.05), 0.006))
    item.add(stone, box((-hole_w / 2, -d / 2, hole_h), (hole_w / 2, d / 2, h - 0.05)))
    item.add(soot, box((-hole_w / 2, d / 2 - 0.03, 0.04), (hole_w / 2, d / 2, hole_h)))
    item.add(stone, box((-w / 2 - 0.06, -d / 2 - 0.14, 0.0), (w / 2 + 0.06, d / 2, 0.04)))
    item.add(
        palette.wood(rng),
        rounded_box((-w / 2 - 0.08, -d / 2 - 0.07, h - 0.05), (w / 2 + 0.08, d / 2, h), 0.008),
    )
    log = Material("wood", (0.30, 0.20, 0.13), (0.15, 0.10, 0.07), seed_of(rng), 0.4)
    for k in range(3):
        x, z = rng.uniform(-0.05, 0.05), 0.1 + 0.07 * (k == 2)
        y = 0.05 + 0.05 * (k - 1)
        item.add(log, rod((x - 0.18, y, z), (x + 0.18, y + rng.uniform(-0.06, 0.06), z), 0.045))
    item.surfaces.append(
        Surface(-w / 2 + 0.05, -d / 2 - 0.03, w / 2 - 0.05, d / 2 - 0.08, h, 0.6, "top")
    )
    return item


def soffit(
    rng: np.random.Generator, width_m: float, depth_m: float, bottom_m: float, ceiling_m: float
) -> Item:
    """A plastered box between cupboards and ceiling; heights from the floor."""
    paint = Material("paint", pick(rng, WHITES, 0.01))
    x, y = width_m / 2, depth_m / 2
    return Item(LABEL, movable=False).add(
        paint, box((-x, -y, bottom_m + 0.002), (x, y, ceiling_m - 0.002))
    )


def pipe_box(rng: np.random.Generator, height_m: float) -> Item:
    """Boxed pipes in a corner, from floor to ceiling."""
    paint = Material("paint", pick(rng, WHITES, 0.02))
    x, y = rng.uniform(0.12, 0.24), rng.uniform(0.1, 0.2)
    return Item(LABEL, movable=False).add(paint, box((-x, -y, 0.0), (x, y, height_m - 0.01)))


def _stone(rng: np.random.Generator) -> Material:
    draw = rng.random()
    if draw < 0.4:
        return Material("paint", pick(rng, WHITES), gloss=0.2)
    rgb = pick(rng, ((0.55, 0.32, 0.24), (0.60, 0.45, 0.36), (0.45, 0.42, 0.40)))
    if draw < 0.75:
        return Material("brick", rgb, (0.72, 0.70, 0.66), seed_of(rng), 1.0)
    return Material("marble", rgb, shade(rgb, 0.7), seed_of(rng), 1.0, 0.4)
