"""Clothes as they lie and hang about: heaps, folded piles, garment racks, laundry.

Each function returns an item whose footprint is centred near the origin, standing on z = 0.
"""

from __future__ import annotations

import numpy as np

from mono_hydra.simulation.items import Child, Item
from mono_hydra.simulation.palette import Palette
from mono_hydra.simulation.shapes import Shape, lathe, mound, rod, rounded_box, solid
from mono_hydra.types import F8

GARMENT_GAP_M = 0.045
RAIL_M = (1.45, 1.65)


def clothes_heap(rng: np.random.Generator, palette: Palette, size: float = 0.4) -> Item:
    """Crumpled clothes: a low dome with folds and a wavy rim."""
    n_around, n_rings = 28, 7
    angle = np.arange(n_around) * 2.0 * np.pi / n_around
    rim = (
        0.5
        * size
        * (
            1.0
            + sum(
                rng.uniform(0.03, 0.09) * np.sin(k * angle + rng.uniform(0, 6)) for k in (2, 3, 5)
            )
        )
    )
    share = np.linspace(0.0, 1.0, n_rings + 1)[1:]
    x = share[:, None] * rim * np.cos(angle)
    y = 0.8 * share[:, None] * rim * np.sin(angle)
    folds = sum(
        np.sin(rng.uniform(14, 38) * x + rng.uniform(14, 38) * y + rng.uniform(0, 6))
        for _ in range(4)
    )
    dome = np.sqrt(np.clip(1.0 - share**2, 0.0, 1.0))[:, None]
    z = size * (0.26 * dome + 0.022 * folds * np.minimum(3.0 * dome, 1.0)) + 0.004
    z[-1] = 0.0
    top = np.array([[0.0, 0.0, size * 0.27], [0.0, 0.0, 0.0]])
    vertices = np.concatenate([np.stack([x, y, np.maximum(z, 0.0)], axis=-1).reshape(-1, 3), top])
    k, nxt, apex = np.arange(n_around), (np.arange(n_around) + 1) % n_around, n_around * n_rings
    faces = [np.stack([np.full(n_around, apex), k, nxt], 1)]
    for ring in range(n_rings - 1):
        a, b = ring * n_around, (ring + 1) * n_around
        faces += [np.stack([a + k, b + k, b + nxt], 1), np.stack([a + k, b + nxt, a + nxt], 1)]
    last = (n_rings - 1) * n_around
    faces.append(np.stack([np.full(n_around, apex + 1), last + nxt, last + k], 1))
    return Item("clothes").add(
        palette.accent(rng), solid(vertices, np.concatenate(faces).astype(np.int32))
    )


def folded_pile(rng: np.random.Generator, palette: Palette) -> Item:
    """Folded shirts and trousers, one on the other."""
    item, z = Item("clothes", symmetry=2), 0.0
    for _ in range(int(rng.integers(3, 7))):
        w, d, t = rng.uniform(0.13, 0.17), rng.uniform(0.11, 0.15), rng.uniform(0.025, 0.05)
        xs, ys = np.linspace(-w, w, 4), np.linspace(-d, d, 4)
        item.add(palette.accent(rng), mound(xs, ys, np.full((4, 4), z + t), z + 0.002))
        z += t
    return item


def garment_rack(rng: np.random.Generator, palette: Palette) -> Item:
    """A rail on two feet, hung with clothes."""
    w, rail = rng.uniform(0.8, 1.2), rng.uniform(*RAIL_M)
    item, steel = Item("other furniture", front_m=0.4), palette.steel()
    for side in (-1, 1):
        x = side * w / 2
        item.add(
            steel,
            rod((x, 0, 0.03), (x, 0, rail), 0.013),
            rod((x, -0.2, 0.02), (x, 0.2, 0.02), 0.014),
        )
    item.add(
        steel,
        rod((-w / 2, 0, rail), (w / 2, 0, rail), 0.012),
        rod((-w / 2, 0, 0.16), (w / 2, 0, 0.16), 0.009),
    )
    item.children.append(Child(_row_of_garments(rng, palette, w - 0.16), 0, 0, rail, 0.0, "on"))
    return item


def drying_rack(rng: np.random.Generator, palette: Palette) -> Item:
    """A folding rack of thin rods with laundry over it."""
    w, d, h = rng.uniform(0.6, 1.1), rng.uniform(0.45, 0.55), rng.uniform(0.85, 1.0)
    item, rack = Item("other furniture", symmetry=2), palette.steel()
    n = 7
    ys = np.linspace(-d / 2, d / 2, n)
    item.add(rack, *(rod((-w / 2, y, h), (w / 2, y, h), 0.005, sides=6) for y in ys))
    for side in (-1, 1):
        x = side * w / 2
        item.add(
            rack,
            rod((x, -d / 2, h), (x, d / 2, h), 0.008),
            rod((x, -d / 2, 0.01), (x, 0.8 * d / 2, h), 0.01),
            rod((x, d / 2, 0.01), (x, -0.8 * d / 2, h), 0.01),
        )
    laundry, x0 = Item("clothes", symmetry=2), -w / 2 + 0.04
    while x0 < w / 2 - 0.15:
        x1 = min(x0 + rng.uniform(0.16, 0.4), w / 2 - 0.04)
        y = float(ys[int(rng.choice([1, 3, 5]))])
        drop, low = rng.uniform(0.25, 0.55), rng.uniform(0.1, 0.4)
        cloth = palette.accent(rng)
        laundry.add(
            cloth,
            rounded_box((x0, y - 0.016, h - drop), (x1, y - 0.006, h + 0.012), 0.003),
            rounded_box((x0, y + 0.006, h - low), (x1, y + 0.016, h + 0.012), 0.003),
            rounded_box((x0, y - 0.016, h + 0.006), (x1, y + 0.016, h + 0.014), 0.003),
        )
        x0 = x1 + rng.uniform(0.01, 0.06)
    item.children.append(Child(laundry, 0.0, 0.0, 0.0, 0.0, "on"))
    return item


def _row_of_garments(rng: np.random.Generator, palette: Palette, width_m: float) -> Item:
    """Shirts, coats and dresses side by side on a rail at z = 0: one object to the eye."""
    item = Item("clothes", symmetry=2)
    x = -width_m / 2
    while x < width_m / 2 - 0.05:
        thick = rng.uniform(0.03, 0.06)
        length, wide = rng.uniform(0.65, 1.1), rng.uniform(0.34, 0.44)
        item.add(palette.accent(rng), _garment(rng, thick, wide, length).moved(x + thick, 0, 0))
        x += 2 * thick + GARMENT_GAP_M * rng.uniform(0.1, 1.0)
    return item


def _garment(rng: np.random.Generator, thick_m: float, wide_m: float, length_m: float) -> Shape:
    """Something on a hanger, seen from the side: narrow along x, shoulders along y."""
    zs = np.array([0.0, 0.3, 0.6, 0.85, 0.94, 0.985])  # hem to collar
    along: F8 = np.array([0.95, 0.88, 0.92, 1.0, 0.7, 0.18])
    across: F8 = np.array([1.0, 0.9, 0.85, 0.8, 0.5, 0.2])
    base = lathe([(1.0, float(z)) for z in zs], 16)
    angle = np.arange(16) * 2 * np.pi / 16
    fold = 1.0 + 0.1 * np.sin(5 * angle + rng.uniform(0, 6))
    rings = [
        np.column_stack([
            thick_m * b * np.cos(angle) * fold, 0.5 * wide_m * a * np.sin(angle),
            np.full(16, (z - 1.0) * length_m),
        ])
        for z, a, b in zip(zs, along, across, strict=True)
    ]  # fmt: skip
    low, high = -length_m, (zs[-1] - 1.0) * length_m
    vertices = np.concatenate([[[0.0, 0.0, low]] * 16, *rings, [[0.0, 0.0, high]] * 16])
    return Shape(vertices, base.faces, base.uv * 0.15)
