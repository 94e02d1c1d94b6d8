"""Books, papers, screens, clocks and photographs: what lies and stands on desks and boards.

Each function returns an item whose footprint is centred near the origin, standing on z = 0.
"""

from __future__ import annotations

import numpy as np

from mono_hydra.simulation.house import Material
from mono_hydra.simulation.items import Item
from mono_hydra.simulation.palette import Palette, pick, seed_of, shade
from mono_hydra.simulation.shapes import (
    Shape,
    box,
    joined,
    panel,
    rod,
    rounded_box,
    sheet,
)

SPINES = (
    (0.45, 0.14, 0.12),
    (0.15, 0.22, 0.34),
    (0.16, 0.28, 0.18),
    (0.72, 0.68, 0.58),
    (0.30, 0.20, 0.14),
    (0.12, 0.12, 0.13),
    (0.62, 0.45, 0.18),
    (0.50, 0.52, 0.54),
    (0.80, 0.78, 0.72),
)


PAPER = Material("paint", (0.86, 0.84, 0.78))


def books_row(
    rng: np.random.Generator, palette: Palette, length: float, depth: float, top: float
) -> Item:
    """Upright books side by side, one leaning at the end at times."""
    covers = [
        Material("plastic", pick(rng, SPINES, 0.06), seed=seed_of(rng), gloss=0.15)
        for _ in range(4)
    ]
    shapes: list[list[Shape]] = [[] for _ in covers]
    x, tall = -length / 2, min(rng.uniform(0.19, 0.25), top)
    while x < length / 2 - 0.02:
        t = min(rng.uniform(0.014, 0.048), length / 2 - x)
        h, d = tall * rng.uniform(0.72, 1.0), depth * rng.uniform(0.75, 1.0)
        shapes[int(rng.integers(len(covers)))].append(
            box((x, -d / 2, 0), (x + t - 0.0008, d / 2, h))
        )
        x += t
    item = Item("books", symmetry=2)
    for cover, group in zip(covers, shapes, strict=True):
        if group:
            item.add(cover, joined(*group))
    return item


def book_stack(rng: np.random.Generator, palette: Palette) -> Item:
    """One to five books lying on each other, each turned a little."""
    item, z = Item("books", symmetry=2), 0.0
    for _ in range(int(rng.integers(2, 6))):
        w, d, t = rng.uniform(0.2, 0.27), rng.uniform(0.14, 0.19), rng.uniform(0.018, 0.04)
        turn = rng.uniform(-0.25, 0.25)
        cover = Material("plastic", pick(rng, SPINES, 0.06), gloss=0.2)
        item.add(
            cover,
            box((-w / 2, -d / 2, z), (w / 2, d / 2, z + 0.003)).turned(turn),
            box((-w / 2, -d / 2, z + t - 0.003), (w / 2, d / 2, z + t)).turned(turn),
        )
        item.add(
            cover,
            box((-w / 2, d / 2 - 0.003, z + 0.003), (w / 2, d / 2, z + t - 0.003)).turned(turn),
        )
        item.add(
            PAPER,
            box(
                (-w / 2 + 0.004, -d / 2 + 0.004, z + 0.003),
                (w / 2 - 0.004, d / 2 - 0.003, z + t - 0.003),
            ).turned(turn),
        )
        z += t + 0.0005
    return item


def papers(rng: np.random.Generator, palette: Palette) -> Item:
    """A few sheets, a magazine or a stack."""
    item, t = Item("paper", symmetry=2), rng.uniform(0.006, 0.03)
    item.add(PAPER, box((-0.105, -0.148, 0), (0.105, 0.148, t)))
    page = Material("paper", (0.88, 0.87, 0.84), (0.25, 0.25, 0.27), seed_of(rng))
    item.add(page, sheet(0.21, 0.297).moved(0, 0, t + 0.0005))
    if rng.random() < 0.6:
        angle = rng.uniform(-0.5, 0.5)
        item.add(
            page,
            box((-0.105, -0.148, t + 0.001), (0.105, 0.148, t + 0.003))
            .turned(angle)
            .moved(0.05, 0.04, 0),
        )
        item.add(page, sheet(0.21, 0.297).turned(angle).moved(0.05, 0.04, t + 0.0035))
        item.symmetry = 1
    return item


def laptop(rng: np.random.Generator, palette: Palette) -> Item:
    """An open laptop."""
    grey = Material(
        "metal", (0.45, 0.46, 0.48) if rng.random() < 0.6 else (0.12, 0.12, 0.13), gloss=0.4
    )
    item = Item("other prop").add(
        grey, rounded_box((-0.165, -0.115, 0), (0.165, 0.115, 0.017), 0.004)
    )
    item.add(
        Material("plastic", (0.08, 0.08, 0.09)), box((-0.15, -0.03, 0.0165), (0.15, 0.09, 0.0185))
    )
    lid = (
        rounded_box((-0.165, 0, 0), (0.165, 0.008, 0.22), 0.003)
        .turned(-0.3, "x")
        .moved(0, 0.108, 0.015)
    )
    screen = panel(0.31, 0.195).turned(-0.3, "x").moved(0, 0.1025, 0.025)
    return item.add(grey, lid).add(
        Material(
            "screen",
            (0.2, 0.3, 0.45),
            seed=seed_of(rng),
            gloss=0.5,
            emission=0.6 * float(rng.random() < 0.6),
        ),
        screen.moved(0, -0.002, 0.004),
    )


def monitor(rng: np.random.Generator, palette: Palette) -> Item:
    """A computer screen on a foot."""
    w, h, dark = (
        rng.uniform(0.5, 0.62),
        rng.uniform(0.3, 0.36),
        Material("plastic", (0.06, 0.06, 0.07), gloss=0.3),
    )
    item = Item("other prop").add(
        dark,
        rounded_box((-0.11, -0.08, 0), (0.11, 0.09, 0.012), 0.004),
        box((-0.025, 0.02, 0.012), (0.025, 0.035, 0.24)),
    )
    item.add(dark, rounded_box((-w / 2, -0.012, 0.13), (w / 2, 0.022, 0.13 + h), 0.005))
    lit = float(rng.random() < 0.5)
    return item.add(
        Material("screen", (0.25, 0.35, 0.5), seed=seed_of(rng), gloss=0.5, emission=0.7 * lit),
        panel(w - 0.024, h - 0.03).moved(0, -0.0135, 0.148),
    )


def keyboard(rng: np.random.Generator, palette: Palette) -> Item:
    """A keyboard."""
    dark = Material(
        "plastic", (0.1, 0.1, 0.11) if rng.random() < 0.7 else (0.8, 0.8, 0.78), gloss=0.2
    )
    keys = [
        box(
            (-0.205 + 0.028 * i, -0.058 + 0.024 * j, 0.014),
            (-0.182 + 0.028 * i, -0.039 + 0.024 * j, 0.021),
        )
        for i in range(15)
        for j in range(5)
    ]
    return (
        Item("other prop")
        .add(dark, rounded_box((-0.22, -0.07, 0), (0.22, 0.07, 0.016), 0.004))
        .add(Material("plastic", shade(dark.rgb, 1.5)), joined(*keys))
    )


def table_clock(rng: np.random.Generator, palette: Palette) -> Item:
    """A small clock with a face."""
    item = Item("other prop").add(
        palette.wood(rng), rounded_box((-0.07, -0.03, 0), (0.07, 0.03, 0.14), 0.02)
    )
    return item.add(
        Material("clock", (0.9, 0.89, 0.85), (0.1, 0.1, 0.1)),
        panel(0.1, 0.1).moved(0, -0.0315, 0.02),
    )


def photo(rng: np.random.Generator, palette: Palette) -> Item:
    """A framed photograph standing up."""
    w, h = rng.uniform(0.13, 0.2), rng.uniform(0.15, 0.24)
    frame = rounded_box((-w / 2, 0, 0), (w / 2, 0.014, h), 0.004).turned(-0.2, "x")
    image = panel(w - 0.03, h - 0.03).moved(0, -0.001, 0.015).turned(-0.2, "x")
    item = Item("picture").add(
        palette.wood(rng),
        frame,
        rod((0, 0.012 + 0.1 * h, 0.5 * h), (0, 0.35 * h, 0.003), 0.004, sides=5),
    )
    return item.add(
        Material("picture", (0.5, 0.45, 0.4), pick(rng, palette.accents), seed_of(rng)), image
    )
