"""Colours and materials of a house, drawn so that one home looks like one taste.

Colours are sRGB 0..1. Walls are mostly near-white or pastel, floors wood, tile or carpet, and
saturated colours stay on few things.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

from mono_hydra.simulation.house import Material

Rgb = tuple[float, float, float]
WOODS: tuple[Rgb, ...] = (
    (0.72, 0.55, 0.37),
    (0.60, 0.42, 0.26),
    (0.45, 0.29, 0.17),
    (0.33, 0.20, 0.12),
    (0.80, 0.67, 0.50),
    (0.55, 0.35, 0.20),
    (0.26, 0.17, 0.12),
    (0.66, 0.50, 0.36),
)
WHITES: tuple[Rgb, ...] = (
    (0.90, 0.89, 0.86),
    (0.88, 0.86, 0.80),
    (0.86, 0.86, 0.86),
    (0.91, 0.88, 0.81),
    (0.84, 0.83, 0.78),
)
PASTELS: tuple[Rgb, ...] = (
    (0.83, 0.78, 0.66),
    (0.74, 0.80, 0.76),
    (0.76, 0.81, 0.86),
    (0.86, 0.77, 0.70),
    (0.88, 0.83, 0.66),
    (0.80, 0.76, 0.80),
    (0.78, 0.74, 0.66),
    (0.72, 0.76, 0.66),
)
DEEP: tuple[Rgb, ...] = (
    (0.42, 0.50, 0.55),
    (0.55, 0.36, 0.28),
    (0.36, 0.44, 0.36),
    (0.62, 0.52, 0.34),
    (0.50, 0.44, 0.50),
)
FABRICS: tuple[Rgb, ...] = (
    (0.45, 0.42, 0.38),
    (0.30, 0.31, 0.34),
    (0.58, 0.53, 0.45),
    (0.26, 0.33, 0.42),
    (0.38, 0.26, 0.20),
    (0.70, 0.66, 0.58),
    (0.42, 0.20, 0.18),
    (0.32, 0.38, 0.28),
    (0.52, 0.44, 0.34),
    (0.20, 0.20, 0.22),
)
ACCENTS: tuple[Rgb, ...] = (
    (0.66, 0.22, 0.16),
    (0.78, 0.55, 0.18),
    (0.18, 0.36, 0.50),
    (0.30, 0.48, 0.30),
    (0.55, 0.28, 0.42),
    (0.80, 0.42, 0.22),
    (0.20, 0.45, 0.48),
    (0.72, 0.68, 0.60),
    (0.15, 0.15, 0.18),
    (0.85, 0.83, 0.78),
)


def shade(rgb: Rgb, factor: float) -> Rgb:
    """A darker or lighter version of a colour."""
    r, g, b = (float(np.clip(c * factor, 0.02, 0.95)) for c in rgb)
    return r, g, b


def pick(rng: np.random.Generator, colours: tuple[Rgb, ...], jitter: float = 0.03) -> Rgb:
    """One of the colours, slightly changed."""
    base = colours[int(rng.integers(len(colours)))]
    h, s, v = colorsys.rgb_to_hsv(*base)
    v = float(np.clip(v * (1.0 + rng.normal(0.0, 2.0 * jitter)), 0.05, 0.93))
    s = float(np.clip(s * (1.0 + rng.normal(0.0, 3.0 * jitter)), 0.0, 0.9))
    return colorsys.hsv_to_rgb((h + float(rng.normal(0.0, 0.2 * jitter))) % 1.0, s, v)


def seed_of(rng: np.random.Generator) -> int:
    """A texture seed; few different ones, so that textures can be shared."""
    return int(rng.integers(1, 9))


@dataclass(frozen=True)
class Palette:
    """What the furniture of one house is made of."""

    woods: tuple[Rgb, ...]  # two or three tones
    painted: Rgb
    metal: Rgb
    fabrics: tuple[Rgb, ...]
    accents: tuple[Rgb, ...]

    def wood(self, rng: np.random.Generator, gloss: float = 0.15) -> Material:
        """Veneer or solid wood, sometimes painted."""
        if rng.random() < 0.22:
            return Material("paint", shade(self.painted, rng.uniform(0.92, 1.03)), gloss=0.2)
        rgb = pick(rng, self.woods)
        return Material("wood", rgb, shade(rgb, 0.72), seed_of(rng), 0.8, gloss)

    def fabric(self, rng: np.random.Generator) -> Material:
        """Upholstery."""
        if rng.random() < 0.15:
            rgb = pick(rng, ((0.28, 0.17, 0.11), (0.12, 0.11, 0.11), (0.55, 0.45, 0.34)))
            return Material("leather", rgb, shade(rgb, 0.8), seed_of(rng), 0.5, 0.35)
        rgb = pick(rng, self.fabrics)
        return Material("fabric", rgb, shade(rgb, rng.uniform(0.7, 1.25)), seed_of(rng), 0.3)

    def accent(self, rng: np.random.Generator, kind: str = "fabric") -> Material:
        """Something small that may be colourful."""
        rgb = pick(rng, self.accents, 0.05)
        gloss = {
            "fabric": 0.0,
            "ceramic": 0.6,
            "plastic": 0.3,
            "paint": 0.15,
            "glass": 0.9,
            "leather": 0.3,
        }[kind]
        return Material(kind, rgb, shade(rgb, rng.uniform(0.6, 1.3)), seed_of(rng), 0.3, gloss)

    def steel(self) -> Material:
        """Legs, handles, taps."""
        return Material("metal", self.metal, gloss=0.6)


def draw_palette(rng: np.random.Generator) -> Palette:
    """Taste of one house."""
    chosen = [WOODS[i] for i in rng.choice(len(WOODS), 3, replace=False)]
    fabrics = tuple(FABRICS[i] for i in rng.choice(len(FABRICS), 4, replace=False))
    accents = tuple(ACCENTS[i] for i in rng.choice(len(ACCENTS), 6, replace=False))
    metal = ((0.62, 0.62, 0.63), (0.20, 0.20, 0.21), (0.55, 0.48, 0.36))[
        int(rng.choice(3, p=[0.6, 0.25, 0.15]))
    ]
    return Palette(tuple(chosen), pick(rng, WHITES), metal, fabrics, accents)


def wall_material(rng: np.random.Generator, room_name: str, base: Rgb) -> Material:
    """Paint, plaster, wallpaper or tile of the walls of one room."""
    if room_name == "bathroom" and rng.random() < 0.75:
        rgb = pick(rng, (*WHITES, (0.72, 0.78, 0.80), (0.78, 0.74, 0.66)))
        return Material(
            "tile", rgb, shade(rgb, 0.82), seed_of(rng), float(rng.choice([0.2, 0.3])) * 4, 0.45
        )
    draw = rng.random()
    if draw < 0.6:
        rgb = base
    elif draw < 0.88:
        rgb = pick(rng, PASTELS)
    else:
        rgb = pick(rng, DEEP)
    kind = str(rng.choice(["paint", "plaster", "wallpaper"], p=[0.62, 0.2, 0.18]))
    if (
        room_name in ("office", "meeting room", "corridor", "kitchen", "kitchenette", "open space")
        and kind == "wallpaper"
    ):
        kind = "paint"
    return Material(kind, rgb, shade(rgb, rng.uniform(0.86, 0.95)), seed_of(rng), 1.0)


def floor_material(rng: np.random.Generator, room_name: str, planks: Material) -> Material:
    """Floor of one room; dry rooms of a home share their boards."""
    if room_name in ("bathroom", "kitchen", "kitchenette", "storage") and rng.random() < 0.8:
        rgb = pick(
            rng,
            (
                (0.62, 0.58, 0.52),
                (0.48, 0.46, 0.44),
                (0.74, 0.71, 0.66),
                (0.40, 0.30, 0.24),
                (0.30, 0.31, 0.33),
            ),
        )
        return Material(
            "tile", rgb, shade(rgb, 0.75), seed_of(rng), float(rng.choice([1.2, 1.6])), 0.35
        )
    if room_name in ("office", "meeting room", "open space") or (
        room_name == "bedroom" and rng.random() < 0.3
    ):
        rgb = pick(
            rng, ((0.42, 0.42, 0.44), (0.36, 0.38, 0.42), (0.55, 0.50, 0.42), (0.48, 0.40, 0.34))
        )
        return Material("carpet", rgb, shade(rgb, 0.8), seed_of(rng), 0.5)
    return planks


def plank_floor(rng: np.random.Generator) -> Material:
    """Boards of the dry rooms."""
    rgb = pick(rng, WOODS[:7])
    return Material("planks", rgb, shade(rgb, 0.6), seed_of(rng), 1.6, 0.25)
