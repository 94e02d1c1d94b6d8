"""Beds with mattress, blanket and pillows."""

from __future__ import annotations

import numpy as np

from mono_hydra.simulation.house import Material
from mono_hydra.simulation.items import Child, Item, Surface
from mono_hydra.simulation.palette import Palette, pick, seed_of, shade
from mono_hydra.simulation.shapes import box, cushion, cylinder, mound, rod, rounded_box
from mono_hydra.types import F8

LINEN = (
    (0.86, 0.84, 0.80),
    (0.78, 0.80, 0.82),
    (0.80, 0.76, 0.68),
    (0.70, 0.74, 0.76),
    (0.84, 0.80, 0.76),
)


def bed(rng: np.random.Generator, palette: Palette, double: bool) -> Item:
    """A bed with its head at +y; pillows are objects on it."""
    w, length = (
        (rng.uniform(1.4, 1.7) if double else rng.uniform(0.9, 1.05)),
        rng.uniform(2.0, 2.08),
    )
    item, base, top = Item("bed", front_m=0.0), rng.uniform(0.24, 0.32), rng.uniform(0.46, 0.54)
    x, y = w / 2, length / 2
    style = int(rng.integers(3))
    frame = palette.fabric(rng) if style == 2 else palette.wood(rng)
    foot = 0.0 if style == 2 else 0.12
    item.add(frame, rounded_box((-x, -y, max(foot, 0.02)), (x, y - 0.05, base), 0.012))
    if foot:
        item.add(
            frame,
            *(
                rounded_box(
                    (sx * (x - 0.06) - 0.03, sy * (y - 0.1) - 0.03, 0),
                    (sx * (x - 0.06) + 0.03, sy * (y - 0.1) + 0.03, foot + 0.01),
                    0.004,
                )
                for sx in (-1, 1)
                for sy in (-1, 1)
            ),
        )
    head = rng.uniform(0.85, 1.15)
    if style == 1:
        for sx in (-1, 1):
            item.add(frame, cylinder(0.025, head, 10).moved(sx * (x - 0.025), y - 0.025, 0))
        item.add(frame, rod((-x, y - 0.025, head - 0.03), (x, y - 0.025, head - 0.03), 0.022))
        n = int(w / 0.14)
        item.add(
            frame,
            *(
                rod(
                    (-x + (k + 0.5) * w / n, y - 0.025, base - 0.02),
                    (-x + (k + 0.5) * w / n, y - 0.025, head - 0.03),
                    0.011,
                    sides=6,
                )
                for k in range(n)
            ),
        )
    else:
        item.add(
            frame,
            rounded_box(
                (-x - 0.02, y - 0.07, 0.02), (x + 0.02, y, head), 0.03 if style == 2 else 0.012
            ),
        )
        if style == 2:
            item.add(
                frame,
                *(
                    rounded_box(
                        (-x + k * w / 3 + 0.01, y - 0.1, base),
                        (-x + (k + 1) * w / 3 - 0.01, y - 0.06, head - 0.02),
                        0.018,
                    )
                    for k in range(3)
                ),
            )
    sheet = Material("fabric", pick(rng, LINEN), seed=seed_of(rng), period_m=0.4)
    item.add(sheet, rounded_box((-x + 0.02, -y + 0.02, base), (x - 0.02, y - 0.1, top), 0.04))
    _blanket(item, rng, palette, x, y, base, top)
    _pillows(item, rng, palette, w, y, top, double)
    item.surfaces.append(
        Surface(-x + 0.15, -y + 0.15, x - 0.15, 0.15 * length, top + 0.075, 0.8, "bed")
    )
    return item


def _blanket(
    item: Item,
    rng: np.random.Generator,
    palette: Palette,
    x: float,
    y: float,
    base: float,
    top: float,
) -> None:
    rgb = pick(rng, (*palette.fabrics, *palette.accents[:3], *LINEN))
    cloth = Material("fabric", rgb, shade(rgb, rng.uniform(0.7, 1.3)), seed_of(rng), 0.4)
    xs = _with_steep_ends(np.linspace(-x - 0.035, x + 0.035, 21), both=True)
    ys = _with_steep_ends(np.linspace(-y - 0.03, rng.uniform(0.25, 0.5), 25), both=False)
    gx, gy = np.meshgrid(xs, ys, indexing="ij")
    folds = sum(
        rng.uniform(0.004, 0.009)
        * np.sin(rng.uniform(3, 11) * gx + rng.uniform(-9, 9) * gy + rng.uniform(0, 6))
        for _ in range(5)
    )
    height = top + 0.045 + folds
    edge = np.minimum.reduce([gx - xs[0], xs[-1] - gx, gy - ys[0]])
    height = np.where(edge < 0.01, base + 0.06 + 0.5 * folds, height - 0.03 * np.exp(-edge / 0.05))
    item.add(cloth, mound(xs, ys, height, base + 0.02))
    if rng.random() < 0.6:  # the turned-down edge
        item.add(
            Material("fabric", shade(cloth.rgb2 or rgb, 1.05), seed=2, period_m=0.4),
            rounded_box(
                (-x - 0.037, ys[-1] - 0.02, base + 0.05),
                (x + 0.037, ys[-1] + 0.16, top + 0.058),
                0.025,
            ),
        )


def _with_steep_ends(line_m: F8, both: bool) -> F8:
    """Another grid line 12 mm inside the ends, so that the blanket falls steeply there."""
    tail = [line_m[-1] - 0.012] if both else []
    return np.concatenate([[line_m[0], line_m[0] + 0.012], line_m[1:-1], tail, [line_m[-1]]])


def _pillows(
    item: Item,
    rng: np.random.Generator,
    palette: Palette,
    w: float,
    y: float,
    top: float,
    double: bool,
) -> None:
    linen = Material("fabric", pick(rng, LINEN), seed=seed_of(rng), period_m=0.3)
    wide = min(0.66, (w - 0.22) / 2) if double else 0.62
    for x in (-w / 4 - 0.005, w / 4 + 0.005) if double else (0.0,):
        pillow = Item("pillow", symmetry=2).add(linen, cushion(wide, 0.42, rng.uniform(0.13, 0.17)))
        item.children.append(Child(pillow, x, y - 0.36, top - 0.015, rng.uniform(-0.08, 0.08)))


def bench_cushion(rng: np.random.Generator, palette: Palette) -> Item:
    """A bench at the foot of a bed."""
    w, d, h = rng.uniform(0.9, 1.2), 0.38, 0.44
    item = Item("other furniture", symmetry=2).add(
        palette.fabric(rng), rounded_box((-w / 2, -d / 2, h - 0.12), (w / 2, d / 2, h), 0.03)
    )
    wood = palette.wood(rng)
    return item.add(
        wood,
        *(
            box(
                (sx * (w / 2 - 0.05) - 0.02, sy * (d / 2 - 0.05) - 0.02, 0),
                (sx * (w / 2 - 0.05) + 0.02, sy * (d / 2 - 0.05) + 0.02, h - 0.11),
            )
            for sx in (-1, 1)
            for sy in (-1, 1)
        ),
    )
