"""Chairs, armchairs, sofas and stools."""

from __future__ import annotations

import numpy as np

from mono_hydra.simulation.house import Material
from mono_hydra.simulation.items import Child, Item, Surface
from mono_hydra.simulation.palette import Palette
from mono_hydra.simulation.shapes import (
    Shape,
    cushion,
    cylinder,
    joined,
    lathe,
    ribbon,
    rod,
    rounded_box,
    tube,
)


def chair(rng: np.random.Generator, palette: Palette) -> Item:
    """A dining chair: slatted, upholstered, or a shell on metal legs."""
    return (_slat_chair, _padded_chair, _shell_chair, _cross_chair)[int(rng.integers(4))](
        rng, palette
    )


def _legs(half_x: float, half_y: float, top: float, splay: float, radius: float) -> list[Shape]:
    return [
        rod(
            (sx * (half_x + splay), sy * (half_y + splay), 0.0),
            (sx * half_x, sy * half_y, top),
            radius * 0.75,
            radius,
        )
        for sx in (-1, 1)
        for sy in (-1, 1)
    ]


def _slat_chair(rng: np.random.Generator, palette: Palette) -> Item:
    w, d, seat, top = (
        rng.uniform(0.40, 0.46),
        rng.uniform(0.40, 0.46),
        rng.uniform(0.43, 0.47),
        rng.uniform(0.82, 1.0),
    )
    wood, item = palette.wood(rng), Item("chair")
    x, y, t = w / 2 - 0.02, d / 2 - 0.02, 0.018
    for sx in (-1, 1):
        item.add(
            wood, rounded_box((sx * x - t, -y - t, 0), (sx * x + t, -y + t, seat - 0.02), 0.004)
        )
        item.add(
            wood,
            tube(np.array([[sx * x, y, 0], [sx * x, y, seat], [sx * x, y + 0.05, top]]), 0.019, 8),
        )
        item.add(wood, rounded_box((sx * x - 0.009, -y, 0.16), (sx * x + 0.009, y, 0.19), 0.003))
    item.add(wood, rounded_box((-x, -0.012, 0.16), (x, 0.012, 0.19), 0.003))
    item.add(wood, rounded_box((-w / 2, -d / 2, seat - 0.025), (w / 2, d / 2 - 0.03, seat), 0.008))
    n = int(rng.integers(2, 5))
    upright = rng.random() < 0.5
    if upright:
        for k in range(n + 1):
            px = -x + (k + 0.5) * 2 * x / (n + 1)
            item.add(wood, rod((px, y, seat), (px, y + 0.047, top - 0.04), 0.009, sides=6))
    heights = [top - 0.035] if upright else np.linspace(seat + 0.16, top - 0.04, n)
    for z in heights:
        lean = 0.05 * (z - seat) / (top - seat)
        item.add(
            wood,
            rounded_box((-x, y + lean - 0.011, z - 0.03), (x, y + lean + 0.011, z + 0.03), 0.005),
        )
    if rng.random() < 0.35:
        item.add(
            palette.fabric(rng), cushion(w - 0.04, d - 0.08, 0.05).moved(0, -0.02, seat - 0.012)
        )
    return item


def _padded_chair(rng: np.random.Generator, palette: Palette) -> Item:
    w, d, seat, top = (
        rng.uniform(0.44, 0.5),
        rng.uniform(0.44, 0.5),
        rng.uniform(0.45, 0.48),
        rng.uniform(0.84, 1.02),
    )
    fabric, item = palette.fabric(rng), Item("chair")
    item.add(palette.wood(rng), *_legs(w / 2 - 0.04, d / 2 - 0.05, seat - 0.07, 0.02, 0.02))
    item.add(fabric, rounded_box((-w / 2, -d / 2, seat - 0.08), (w / 2, d / 2 - 0.02, seat), 0.025))
    back = rounded_box((-w / 2, -0.04, 0), (w / 2, 0.03, top - seat + 0.03), 0.025).turned(
        -0.12, "x"
    )
    item.add(fabric, back.moved(0, d / 2 - 0.04, seat - 0.03))
    return item


def _bent_shell(w: float, d: float, seat: float, top: float) -> Shape:
    """Seat and back in one sheet, bent about x."""
    angle = np.linspace(0.0, 1.35, 6)
    profile = [
        (-d / 2, seat + 0.01),
        (-d / 2 + 0.05, seat),
        (0.0, seat - 0.012),
        (d / 2 - 0.14, seat),
    ]
    profile += [(d / 2 - 0.14 + 0.12 * np.sin(a), seat + 0.12 * (1 - np.cos(a))) for a in angle[1:]]
    profile.append((d / 2 + 0.04, top))
    return bent_sheet(np.array(profile), w, 0.014)


def bent_sheet(profile_m: np.ndarray, width_m: float, thickness_m: float) -> Shape:
    """A sheet along x whose section is a (y, z) polyline."""
    flat = ribbon(profile_m, thickness_m, -width_m / 2, width_m / 2)  # path in x, y; width along z
    turned = flat.vertices_m[:, [2, 0, 1]]  # (x, y, z) <- (z, x, y): a rotation
    return Shape(np.ascontiguousarray(turned), flat.faces, flat.uv)


def _shell_chair(rng: np.random.Generator, palette: Palette) -> Item:
    w, d, seat, top = (
        rng.uniform(0.42, 0.5),
        rng.uniform(0.42, 0.48),
        rng.uniform(0.43, 0.46),
        rng.uniform(0.78, 0.86),
    )
    item = Item("chair")
    shell = palette.accent(rng, "plastic") if rng.random() < 0.6 else palette.wood(rng)
    item.add(shell, _bent_shell(w, d, seat, top))
    legs = palette.steel() if rng.random() < 0.5 else palette.wood(rng)
    item.add(legs, *_legs(w / 2 - 0.09, d / 2 - 0.1, seat - 0.012, 0.05, 0.012))
    return item


def _cross_chair(rng: np.random.Generator, palette: Palette) -> Item:
    """Metal tube cantilever."""
    w, d, seat, top = 0.46, 0.46, rng.uniform(0.44, 0.47), rng.uniform(0.8, 0.9)
    item, r = Item("chair"), 0.012
    for sx in (-1, 1):
        x = sx * (w / 2 - r)
        path = [
            [x, d / 2, r],
            [x, -d / 2 + 0.04, r],
            [x, -d / 2, 0.05],
            [x, -d / 2, seat - 0.05],
            [x, -d / 2 + 0.05, seat - 0.02],
            [x, d / 2 - 0.05, seat - 0.02],
            [x, d / 2, seat + 0.04],
            [x, d / 2 + 0.05, top],
        ]
        item.add(palette.steel(), tube(np.array(path), r, 8))
    item.add(palette.steel(), rod((-w / 2, d / 2, r), (w / 2, d / 2, r), r))
    cloth = palette.fabric(rng)
    item.add(
        cloth,
        rounded_box(
            (-w / 2 + 0.01, -d / 2, seat - 0.012), (w / 2 - 0.01, d / 2 - 0.03, seat + 0.02), 0.01
        ),
    )
    back = rounded_box((-w / 2 + 0.01, -0.015, 0), (w / 2 - 0.01, 0.015, 0.3), 0.01).turned(
        -0.1, "x"
    )
    item.add(cloth, back.moved(0, d / 2 + 0.015, top - 0.3))
    return item


def office_chair(rng: np.random.Generator, palette: Palette) -> Item:
    """A swivel chair: five castors, column, seat, back, often arms."""
    item, seat = Item("chair"), rng.uniform(0.44, 0.52)
    dark = Material("plastic", (0.10, 0.10, 0.11), gloss=0.2)
    fabric = (
        palette.fabric(rng)
        if rng.random() < 0.5
        else Material("fabric", (0.13, 0.13, 0.15), (0.1, 0.1, 0.1), 2, 0.2)
    )
    for k in range(5):
        a = 2 * np.pi * (k + 0.25) / 5
        c, s = np.cos(a), np.sin(a)
        item.add(dark, rod((0.03 * c, 0.03 * s, 0.11), (0.29 * c, 0.29 * s, 0.075), 0.022, 0.015))
        item.add(
            dark,
            cylinder(0.027, 0.04, 10)
            .turned(np.pi / 2, "x")
            .turned(a)
            .moved(0.29 * c - 0.02 * s, 0.29 * s + 0.02 * c, 0.028),
        )
    item.add(palette.steel(), cylinder(0.028, seat - 0.16, 10).moved(0, 0, 0.1))
    item.add(dark, rounded_box((-0.12, -0.12, seat - 0.09), (0.12, 0.12, seat - 0.06), 0.01))
    item.add(fabric, rounded_box((-0.24, -0.24, seat - 0.06), (0.24, 0.23, seat + 0.02), 0.03))
    high = rng.uniform(0.45, 0.62)
    back = (
        rounded_box((-0.22, -0.03, 0), (0.22, 0.035, high), 0.03)
        .turned(-0.14, "x")
        .moved(0, 0.22, seat + 0.1)
    )
    item.add(fabric, back)
    item.add(
        dark,
        tube(
            np.array([[0, 0.1, seat - 0.05], [0, 0.27, seat - 0.03], [0, 0.3, seat + 0.3]]), 0.02, 8
        ),
    )
    if rng.random() < 0.6:
        for sx in (-1, 1):
            item.add(
                dark,
                tube(
                    np.array(
                        [
                            [sx * 0.2, 0.02, seat - 0.05],
                            [sx * 0.29, 0.02, seat],
                            [sx * 0.29, 0.02, seat + 0.18],
                        ]
                    ),
                    0.014,
                    6,
                ),
            )
            item.add(
                dark,
                rounded_box(
                    (sx * 0.29 - 0.035, -0.12, seat + 0.18),
                    (sx * 0.29 + 0.035, 0.13, seat + 0.21),
                    0.01,
                ),
            )
    return item


def stool(rng: np.random.Generator, palette: Palette) -> Item:
    """A round stool."""
    seat, r, wood = rng.uniform(0.43, 0.66), rng.uniform(0.15, 0.18), palette.wood(rng)
    item = Item("chair", symmetry=0).add(
        wood,
        lathe(
            [(r - 0.01, seat - 0.035), (r, seat - 0.02), (r, seat - 0.005), (r - 0.01, seat)], 20
        ),
    )
    for k in range(4):
        a = np.pi / 4 + k * np.pi / 2
        item.add(
            wood,
            rod(
                (0.95 * r * np.cos(a), 0.95 * r * np.sin(a), 0),
                (0.6 * r * np.cos(a), 0.6 * r * np.sin(a), seat - 0.03),
                0.012,
                0.016,
            ),
        )
    ring = [
        [0.8 * r * np.cos(a), 0.8 * r * np.sin(a), 0.2] for a in np.linspace(0.0, 2 * np.pi, 13)
    ]
    return item.add(wood, tube(np.array(ring), 0.008, 6))


def throw_pillow(rng: np.random.Generator, palette: Palette, size_m: float = 0.42) -> Item:
    """A cushion lying flat."""
    return Item("pillow", symmetry=4).add(
        palette.accent(rng), cushion(size_m, size_m, rng.uniform(0.12, 0.16))
    )


def sofa(rng: np.random.Generator, palette: Palette, seats: int = 2) -> Item:
    """A sofa or, with one seat, an armchair; cushions are part of it, throw pillows are not."""
    fabric = palette.fabric(rng)
    style = int(rng.integers(3))
    arm = (rng.uniform(0.18, 0.24), rng.uniform(0.10, 0.14), rng.uniform(0.2, 0.26))[style]
    seat_w = rng.uniform(0.62, 0.72) if seats > 1 else rng.uniform(0.55, 0.65)
    width, depth = seats * seat_w + 2 * arm, rng.uniform(0.82, 0.98)
    seat, top, foot = rng.uniform(0.40, 0.45), rng.uniform(0.74, 0.9), (0.04, 0.14, 0.06)[style]
    back_t, arm_h = rng.uniform(0.2, 0.26), rng.uniform(0.55, 0.64)
    x, y = width / 2, depth / 2
    item = Item("sofa", front_m=0.45)
    item.add(fabric, rounded_box((-x + 0.02, -y + 0.02, foot), (x - 0.02, y, seat - 0.14), 0.02))
    item.add(
        fabric,
        rounded_box(
            (-x + 0.3 * arm, y - 0.5 * back_t, seat - 0.16), (x - 0.3 * arm, y, top - 0.04), 0.05
        ),
    )
    for sx in (-1, 1):
        x0, x1 = sorted((sx * x, sx * (x - arm)))
        item.add(
            fabric,
            rounded_box((x0, -y + 0.01, foot), (x1, y - 0.02, arm_h), 0.02 if style == 1 else 0.05),
        )
        if style == 2:
            roll = cylinder(0.5 * arm + 0.015, depth - 0.06, 14).turned(np.pi / 2, "x")
            item.add(fabric, roll.moved((x0 + x1) / 2, y - 0.05, arm_h - 0.02))
    legs = (
        palette.steel()
        if style == 1 and rng.random() < 0.5
        else Material("wood", palette.woods[0], seed=1, period_m=0.8)
    )
    item.add(
        legs,
        *(
            cylinder(0.022, foot + 0.01, 8).moved(sx * (x - 0.07), sy * (y - 0.08), 0)
            for sx in (-1, 1)
            for sy in (-1, 1)
        ),
    )
    for k in range(seats):
        x0 = -x + arm + k * seat_w
        item.add(
            fabric,
            rounded_box(
                (x0 + 0.004, -y, seat - 0.15), (x0 + seat_w - 0.004, y - 0.75 * back_t, seat), 0.035
            ),
        )
        pad = rounded_box(
            (x0 + 0.008, -0.075, 0), (x0 + seat_w - 0.008, 0.075, top - seat - 0.01), 0.055
        ).turned(-0.16, "x")
        item.add(fabric, pad.moved(0, y - 0.72 * back_t, seat - 0.005))
    n_pillows = int(rng.integers(0, 3)) if seats > 1 else int(rng.random() < 0.4)
    for sx in (-1, 1)[:n_pillows]:
        tilt = throw_pillow(rng, palette, rng.uniform(0.38, 0.45))
        item.children.append(
            Child(
                _leaning(tilt),
                sx * (x - arm - 0.26),
                y - back_t - 0.17,
                seat + 0.005,
                sx * rng.uniform(-0.35, 0.1),
            )
        )
    item.surfaces.append(
        Surface(
            -x + arm + 0.1, -y + 0.05, x - arm - 0.1, y - back_t - 0.32, seat + 0.005, 0.5, "bed"
        )
    )
    return item


def _leaning(pillow: Item) -> Item:
    """A pillow set up against something behind it."""
    low, high = pillow.own_bounds()
    half = 0.5 * float(high[1] - low[1])
    pillow.pieces = [
        (s.turned(1.15, "x").moved(0, 0, half * np.sin(1.15)), m) for s, m in pillow.pieces
    ]
    base = min(float(s.vertices_m[:, 2].min()) for s, _ in pillow.pieces)
    pillow.pieces = [(s.moved(0, 0, -base), m) for s, m in pillow.pieces]
    pillow.symmetry = 1
    return pillow


def ottoman(rng: np.random.Generator, palette: Palette) -> Item:
    """A padded footrest or seat."""
    w, d, h = rng.uniform(0.45, 0.9), rng.uniform(0.4, 0.55), rng.uniform(0.36, 0.42)
    body = rounded_box((-w / 2, -d / 2, 0.05), (w / 2, d / 2, h), 0.04)
    feet = [
        cylinder(0.02, 0.06, 8).moved(sx * (w / 2 - 0.06), sy * (d / 2 - 0.06), 0)
        for sx in (-1, 1)
        for sy in (-1, 1)
    ]
    return (
        Item("other furniture", symmetry=2)
        .add(palette.fabric(rng), body)
        .add(palette.steel(), joined(*feet))
    )


def bench(rng: np.random.Generator, palette: Palette) -> Item:
    """A low bench with a padded or wooden seat, for the foot of a bed or a hall."""
    w, d, h = rng.uniform(0.8, 1.3), rng.uniform(0.34, 0.42), rng.uniform(0.42, 0.48)
    wood, item = palette.wood(rng), Item("other furniture", symmetry=2)
    seat = palette.fabric(rng) if rng.random() < 0.6 else wood
    item.add(seat, rounded_box((-w / 2, -d / 2, h - 0.09), (w / 2, d / 2, h), 0.02))
    item.add(wood, *_legs(w / 2 - 0.05, d / 2 - 0.05, h - 0.08, 0.02, 0.02))
    return item
