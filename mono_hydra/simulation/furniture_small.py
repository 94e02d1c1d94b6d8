"""Small things that stand about: cups, bottles, plants, boxes, bags, toys, shoes.

Each function returns an item whose footprint is centred near the origin, standing on z = 0.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mono_hydra.simulation.furniture_desktop import book_stack, photo, table_clock
from mono_hydra.simulation.house import Material
from mono_hydra.simulation.items import Item
from mono_hydra.simulation.palette import Palette, pick, seed_of, shade
from mono_hydra.simulation.shapes import (
    Shape,
    box,
    cushion,
    cylinder,
    joined,
    lathe,
    mound,
    prism,
    rod,
    rounded_box,
    solid,
    tube,
)


def cup(rng: np.random.Generator, palette: Palette) -> Item:
    """A mug with a handle."""
    r, h = rng.uniform(0.035, 0.045), rng.uniform(0.085, 0.11)
    item = Item("other prop").add(
        palette.accent(rng, "ceramic"), hollow([(0.8 * r, 0), (r, 0.01), (r, h)], 0.004)
    )
    ring = [
        [r + 0.025 * np.sin(a), 0, 0.52 * h + 0.028 * np.cos(a)]
        for a in np.linspace(0.15, np.pi - 0.15, 7)
    ]
    return item.add(item.pieces[0][1], tube(np.array(ring), 0.005, 6))


def hollow(outside_m: list[tuple[float, float]], wall_m: float, sides: int = 18) -> Shape:
    """An open vessel: the outer profile from the bottom up, then back down inside to a floor."""
    inside = [(max(r - wall_m, 0.002), max(z, wall_m)) for r, z in reversed(outside_m)]
    return lathe([*outside_m, *inside, (0.0, inside[-1][1])], sides)


def bowl(rng: np.random.Generator, palette: Palette) -> Item:
    """A bowl, sometimes with fruit."""
    r = rng.uniform(0.1, 0.15)
    h = rng.uniform(0.45, 0.6) * r
    item = Item("other prop", symmetry=0)
    item.add(
        palette.accent(rng, "ceramic"),
        hollow([(0.4 * r, 0), (0.45 * r, 0.008), (0.8 * r, 0.45 * h), (r, h)], 0.005, 24),
    )
    if rng.random() < 0.5:
        rgb = pick(
            rng, ((0.75, 0.2, 0.12), (0.85, 0.55, 0.12), (0.5, 0.62, 0.2), (0.85, 0.75, 0.25))
        )
        for k in range(int(rng.integers(3, 6))):
            a = k * 2.4
            item.add(
                Material("plastic", shade(rgb, rng.uniform(0.85, 1.1)), gloss=0.35),
                ball(0.037).moved(0.45 * r * np.cos(a), 0.45 * r * np.sin(a), h - 0.01),
            )
    return item


def ball(radius_m: float, sides: int = 12) -> Shape:
    """A sphere standing around z = radius."""
    angle = np.linspace(-np.pi / 2, np.pi / 2, sides // 2 + 1)
    profile = [(max(radius_m * np.cos(a), 0.0), radius_m * (1 + np.sin(a))) for a in angle]
    profile[0], profile[-1] = (0.0, 0.0), (0.0, 2 * radius_m)
    return lathe(profile, sides)


def bottle(rng: np.random.Generator, palette: Palette) -> Item:
    """A bottle: wine, water or detergent."""
    r, h = rng.uniform(0.033, 0.045), rng.uniform(0.22, 0.32)
    rgb = pick(
        rng,
        (
            (0.10, 0.22, 0.12),
            (0.22, 0.14, 0.08),
            (0.55, 0.65, 0.68),
            (0.25, 0.35, 0.6),
            (0.85, 0.85, 0.82),
            (0.7, 0.25, 0.15),
        ),
    )
    neck = 0.38 * r
    profile = [
        (0.92 * r, 0),
        (r, 0.01),
        (r, 0.58 * h),
        (0.9 * r, 0.66 * h),
        (neck, 0.8 * h),
        (neck, h),
    ]
    item = Item("other prop", symmetry=0).add(Material("glass", rgb, gloss=0.9), lathe(profile, 14))
    label = lathe([(r + 0.001, 0.2 * h), (r + 0.001, 0.45 * h)], 14)
    return item.add(palette.accent(rng, "paint"), label).add(
        palette.steel(), cylinder(neck * 1.1, 0.018, 10).moved(0, 0, h)
    )


def vase(rng: np.random.Generator, palette: Palette) -> Item:
    """A vase, sometimes with twigs."""
    h, r = rng.uniform(0.18, 0.32), rng.uniform(0.05, 0.085)
    s = np.linspace(0, 1, 8)
    bulge = rng.uniform(0.4, 0.9)
    profile = [
        (float(r * (0.6 + bulge * np.sin(np.pi * (0.15 + 0.75 * t)) * 0.6)), float(h * t))
        for t in s
    ]
    item = Item("other prop", symmetry=0).add(
        palette.accent(rng, "ceramic"), hollow(profile, 0.006)
    )
    if rng.random() < 0.5:
        for _ in range(int(rng.integers(4, 8))):
            a, lean, tall = (
                rng.uniform(0, 2 * np.pi),
                rng.uniform(0.02, 0.09),
                rng.uniform(0.15, 0.28),
            )
            tip = (lean * np.cos(a), lean * np.sin(a), h + tall)
            item.add(
                Material("leaf", (0.28, 0.38, 0.18)), rod((0, 0, 0.5 * h), tip, 0.003, sides=5)
            )
            bloom = pick(rng, ((0.85, 0.8, 0.7), (0.8, 0.35, 0.4), (0.85, 0.7, 0.25)))
            item.add(Material("paint", bloom), ball(0.02, 8).moved(tip[0], tip[1], tip[2] - 0.02))
    return item


def leaf(length: float, width: float) -> Shape:
    """A pointed, two-sided blade from the origin along +x, drooping."""
    line = np.array([0.0, 0.25, 0.6, 1.0])
    half = 0.5 * width * np.array([0.15, 0.9, 1.0, 0.02])
    z = 0.35 * length * line - 0.45 * length * line**2
    upper = np.concatenate(
        [
            np.stack([length * line, s * half, z + 0.08 * width * (np.abs(s))], 1)
            for s in (-1.0, 1.0)
        ]
    )
    upper[:4, 2] += 0.15 * half
    upper[4:, 2] += 0.15 * half
    faces = np.array(
        [[k, k + 1, k + 5] for k in range(3)] + [[k, k + 5, k + 4] for k in range(3)], np.int32
    )
    lower = upper - np.array([0, 0, 0.0015])
    return solid(
        np.concatenate([upper, lower]), np.concatenate([faces, faces[:, ::-1] + 8]).astype(np.int32)
    )


def plant(rng: np.random.Generator, palette: Palette, tall: bool = False) -> Item:
    """A pot with leaves; `tall` ones stand on the floor."""
    r = rng.uniform(0.13, 0.18) if tall else rng.uniform(0.05, 0.08)
    h = rng.uniform(0.24, 0.32) if tall else rng.uniform(0.09, 0.13)
    pot = (
        palette.accent(rng, "ceramic")
        if rng.random() < 0.5
        else Material("ceramic", (0.62, 0.34, 0.22), gloss=0.1)
    )
    item = Item("other prop", symmetry=0)
    item.add(pot, hollow([(0.72 * r, 0), (r, h)], 0.08 * r)).add(
        Material("carpet", (0.16, 0.11, 0.08)), cylinder(0.88 * r, 0.01, 16).moved(0, 0, 0.86 * h)
    )
    green = pick(
        rng, ((0.16, 0.32, 0.12), (0.22, 0.40, 0.18), (0.28, 0.42, 0.24), (0.12, 0.25, 0.14))
    )
    stem, n = (
        rng.uniform(0.35, 0.75) if tall else rng.uniform(0.05, 0.12),
        int(rng.integers(16, 26)),
    )
    if tall:
        item.add(
            Material("wood", (0.3, 0.22, 0.14)),
            rod((0, 0, 0.8 * h), (0.02, 0.01, h + stem), 0.012, 0.007, 6),
        )
    blades = []
    for k in range(n):
        size = rng.uniform(0.18, 0.3) if tall else rng.uniform(0.07, 0.13)
        at = h + stem * (0.25 + 0.75 * rng.random()) if tall else 0.9 * h
        blades.append(
            leaf(size, 0.42 * size)
            .turned(-rng.uniform(0.0, 1.1), "y")
            .turned(k * 2.4)
            .moved(0, 0, at)
        )
    return item.add(
        Material("leaf", green, shade(green, 1.3), seed_of(rng), 0.2, 0.15), joined(*blades)
    )


def carton(rng: np.random.Generator, palette: Palette, scale: float = 1.0) -> Item:
    """A cardboard or coloured box, closed or with open flaps."""
    w, d, h = (
        scale * rng.uniform(0.2, 0.38),
        scale * rng.uniform(0.16, 0.28),
        scale * rng.uniform(0.12, 0.28),
    )
    card = (
        Material("paint", (0.62, 0.47, 0.31))
        if rng.random() < 0.6
        else palette.accent(rng, "paint")
    )
    item = Item("box", symmetry=2)
    if rng.random() < 0.6:
        item.add(card, rounded_box((-w / 2, -d / 2, 0), (w / 2, d / 2, h), 0.003))
        if card.rgb[0] > 0.6 or rng.random() < 0.5:
            item.add(
                Material("plastic", shade(card.rgb, 1.15), gloss=0.3),
                box((-w / 2 + 0.001, -0.025, h - 0.002), (w / 2 - 0.001, 0.025, h + 0.001)),
            )
        else:
            item.add(
                card,
                rounded_box(
                    (-w / 2 - 0.004, -d / 2 - 0.004, 0.75 * h),
                    (w / 2 + 0.004, d / 2 + 0.004, h + 0.004),
                    0.003,
                ),
            )
        return item
    t = 0.004
    item.add(
        card,
        box((-w / 2, -d / 2, 0), (w / 2, d / 2, t)),
        box((-w / 2, -d / 2, t), (-w / 2 + t, d / 2, h)),
        box((w / 2 - t, -d / 2, t), (w / 2, d / 2, h)),
        box((-w / 2 + t, -d / 2, t), (w / 2 - t, -d / 2 + t, h)),
        box((-w / 2 + t, d / 2 - t, t), (w / 2 - t, d / 2, h)),
    )
    for s in (-1, 1):
        flap = box((0, -d / 2, -t), (0.35 * w, d / 2, 0)).turned(rng.uniform(0.4, 0.9), "y")
        flap = flap if s > 0 else flap.turned(np.pi)
        item.add(card, flap.moved(s * (w / 2 - 0.002), 0, h))
    return item


def bag(rng: np.random.Generator, palette: Palette) -> Item:
    """A backpack, a tote or a paper bag."""
    cloth, item = palette.accent(rng, str(rng.choice(["fabric", "leather"]))), Item("bag")
    w, d, h = rng.uniform(0.26, 0.36), rng.uniform(0.13, 0.2), rng.uniform(0.28, 0.42)
    if rng.random() < 0.5:  # backpack
        body = (
            cushion(h, w, d, 8, 3.5)
            .turned(-np.pi / 2, "y")
            .moved(d / 2, 0, h / 2)
            .turned(np.pi / 2)
        )
        item.add(cloth, body.moved(0, -d / 2 + 0.02, 0.0).moved(0, 0, -0.0))
        item.add(
            cloth,
            cushion(0.45 * h, 0.75 * w, 0.08, 6)
            .turned(-np.pi / 2, "y")
            .turned(np.pi / 2)
            .moved(0, -0.48 * d, 0.34 * h),
        )
        loop = [
            [0.05 * np.cos(a), 0, h - 0.03 + 0.05 * np.sin(a)] for a in np.linspace(0, np.pi, 6)
        ]
        item.add(Material("fabric", (0.1, 0.1, 0.1)), tube(np.array(loop), 0.008, 6))
    else:
        line = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])
        sides = [
            np.array([[x * w / 2, s * (d / 2) * (1 - 0.15 * abs(x))] for x in line[::s]])
            for s in (-1, 1)
        ]
        outline = np.concatenate([sides[0][::-1], sides[1][::-1]])
        if (
            float(
                np.sum(
                    outline[:, 0] * np.roll(outline[:, 1], -1)
                    - np.roll(outline[:, 0], -1) * outline[:, 1]
                )
            )
            < 0
        ):
            outline = outline[::-1].copy()
        item.add(cloth, prism(outline, 0.0, 0.72 * h))
        for y in (-0.35 * d, 0.35 * d):
            arc = [
                [0.22 * w * np.cos(a), y, 0.71 * h + 0.3 * h * np.sin(a)]
                for a in np.linspace(0, np.pi, 8)
            ]
            item.add(
                Material("leather", shade(cloth.rgb, 0.6), gloss=0.2), tube(np.array(arc), 0.009, 6)
            )
    lift = min(float(s.vertices_m[:, 2].min()) for s, _ in item.pieces)
    item.pieces = [(s.moved(0, 0, -lift), m) for s, m in item.pieces]
    return item


def basket(rng: np.random.Generator, palette: Palette) -> Item:
    """A waste bin or a woven basket."""
    r, h = rng.uniform(0.13, 0.19), rng.uniform(0.26, 0.42)
    kind = (
        Material("fabric", (0.6, 0.46, 0.3), (0.42, 0.3, 0.18), 3, 0.12)
        if rng.random() < 0.5
        else palette.accent(rng, "plastic")
    )
    return Item("other prop", symmetry=0).add(
        kind, hollow([(0.78 * r, 0), (r, h), (r + 0.01, h), (r + 0.01, h + 0.012)], 0.012, 22)
    )


def toy(rng: np.random.Generator, palette: Palette) -> Item:
    """A ball, stacked blocks or a teddy bear."""
    kind = int(rng.integers(3))
    if kind == 0:
        return Item("other prop", symmetry=0).add(
            palette.accent(rng, "plastic"), ball(rng.uniform(0.07, 0.12), 18)
        )
    if kind == 1:
        item = Item("other prop", symmetry=1)
        for x, y, z in ((-0.04, 0, 0), (0.04, 0.01, 0), (0.0, 0.0, 0.07)):
            item.add(
                palette.accent(rng, "paint"),
                rounded_box(
                    (x - 0.034, y - 0.034, z), (x + 0.034, y + 0.034, z + 0.068), 0.004
                ).turned(rng.uniform(-0.2, 0.2)),
            )
        return item
    fur = Material(
        "carpet",
        pick(rng, ((0.48, 0.32, 0.18), (0.68, 0.56, 0.4), (0.75, 0.72, 0.68))),
        period_m=0.2,
    )
    item = Item("other prop").add(
        fur, ball(0.075, 12).scaled(1, 0.85, 1.2), ball(0.055, 12).moved(0, 0, 0.155)
    )
    for s in (-1, 1):
        item.add(
            fur,
            ball(0.02, 8).moved(s * 0.042, 0, 0.235),
            ball(0.032, 8).moved(s * 0.06, -0.085, 0.0),
        )
        item.add(fur, rod((s * 0.055, -0.01, 0.14), (s * 0.095, -0.06, 0.08), 0.024, sides=8))
    return item


def shoes(rng: np.random.Generator, palette: Palette) -> Item:
    """A pair of shoes."""
    leather, item = palette.accent(rng, "leather"), Item("other prop")
    xs, ys = np.linspace(-0.042, 0.042, 5), np.linspace(-0.14, 0.13, 9)
    along = np.interp(ys, [-0.14, -0.08, 0.0, 0.06, 0.13], [0.035, 0.055, 0.075, 0.1, 0.095])
    body = mound(xs, ys, np.array([0.7, 0.95, 1.0, 0.95, 0.7])[:, None] * along[None], 0.012)
    for s in (-1, 1):
        item.add(leather, body.moved(s * 0.062, 0.01 * s, 0))
        item.add(
            Material("plastic", (0.12, 0.11, 0.1)),
            rounded_box(
                (s * 0.062 - 0.045, -0.145 + 0.01 * s, 0),
                (s * 0.062 + 0.045, 0.135 + 0.01 * s, 0.014),
                0.004,
            ),
        )
    return item


def kettle(rng: np.random.Generator, palette: Palette) -> Item:
    """A kettle or coffee maker."""
    metal = palette.steel() if rng.random() < 0.6 else palette.accent(rng, "plastic")
    item = Item("other prop").add(
        metal,
        lathe(
            [(0.08, 0), (0.085, 0.02), (0.06, 0.19), (0.05, 0.21), (0.015, 0.22), (0.012, 0.24)], 18
        ),
    )
    item.add(
        Material("plastic", (0.08, 0.08, 0.08)),
        tube(
            np.array([[0.055, 0, 0.2], [0.12, 0, 0.19], [0.13, 0, 0.1], [0.085, 0, 0.05]]), 0.011, 8
        ),
    )
    return item.add(metal, rod((-0.06, 0, 0.14), (-0.1, 0, 0.19), 0.014, 0.01))


PROPS: tuple[Callable[[np.random.Generator, Palette], Item], ...] = (
    cup,
    bowl,
    bottle,
    vase,
    plant,
    carton,
    book_stack,
    table_clock,
    photo,
    toy,
)


def random_prop(
    rng: np.random.Generator, palette: Palette, width: float, depth: float, top: float
) -> Item | None:
    """Some small thing that fits into width x depth x top, or None."""
    for _ in range(6):
        thing = PROPS[int(rng.integers(len(PROPS)))](rng, palette)
        low, high = thing.bounds()
        size = high - low
        if size[0] <= width and size[1] <= depth and size[2] <= top:
            return thing
    return None
