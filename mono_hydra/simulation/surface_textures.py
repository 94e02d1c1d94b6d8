"""Tiling surface patterns as two channels: brightness and the share of a material's second colour.

Every pattern repeats without a seam: noise is filtered in the Fourier domain, shapes are drawn
modulo the period. A pattern knows its period in metres, so that boards, tiles and threads have true
sizes. Colours belong to the material: one pattern serves walls, sofas and floors of every colour.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mono_hydra.types import F8

Pattern = tuple[F8, F8]  # (n, n) brightness factor around 1; (n, n) share of the second colour 0..1


def filtered_noise(rng: np.random.Generator, n: int, along_px: float, across_px: float = 0.0) -> F8:
    """(n, n) periodic Gaussian noise of mean 0 and deviation 1, smooth over the given lengths.

    Args:
        rng: source of the white noise.
        n: edge in pixels.
        along_px: correlation length along columns (texture u).
        across_px: the same along rows (texture v); 0 means as `along_px`.
    """
    fx = np.fft.fftfreq(n)[None, :] * along_px
    fy = np.fft.fftfreq(n)[:, None] * (across_px or along_px)
    spectrum = np.fft.fft2(rng.standard_normal((n, n))) * np.exp(-18.0 * (fx * fx + fy * fy))
    spectrum[0, 0] = 0.0
    values = np.fft.ifft2(spectrum).real
    return np.asarray(values / max(float(values.std()), 1e-9))


def _grid(n: int) -> tuple[F8, F8]:
    line = (np.arange(n) + 0.5) / n
    return np.broadcast_to(line[None, :], (n, n)), np.broadcast_to(line[:, None], (n, n))


def _nothing(n: int) -> F8:
    return np.zeros((n, n))


def _paint(rng: np.random.Generator, n: int, period_m: float) -> Pattern:
    px = n / period_m
    mottle = filtered_noise(rng, n, 0.25 * px)
    roller = filtered_noise(rng, n, 0.012 * px, 0.03 * px)
    return 1.0 + 0.007 * mottle + 0.010 * roller, _nothing(n)


def _plaster(rng: np.random.Generator, n: int, period_m: float) -> Pattern:
    px = n / period_m
    height = filtered_noise(rng, n, 0.02 * px) + 0.6 * filtered_noise(rng, n, 0.05 * px)
    relief = np.roll(height, 1, axis=0) - np.roll(height, -1, axis=0)
    blotch = filtered_noise(rng, n, 0.3 * px)
    return 1.0 + 0.04 * relief / max(float(relief.std()), 1e-9) + 0.010 * blotch, _nothing(n)


def _ceiling(rng: np.random.Generator, n: int, period_m: float) -> Pattern:
    px = n / period_m
    return 1.0 + 0.012 * filtered_noise(rng, n, 0.2 * px) + 0.01 * rng.standard_normal(
        (n, n)
    ), _nothing(n)


def _grain(rng: np.random.Generator, n: int, n_rings: int, n_knots: int) -> tuple[F8, F8]:
    """Fine fibres and dark growth rings along u that flow around knots."""
    u, v = _grid(n)
    warp = 0.03 * filtered_noise(rng, n, 0.5 * n, 0.12 * n)
    warp = warp + 0.05 * filtered_noise(rng, n, 0.7 * n, 0.3 * n)
    dark = np.zeros((n, n))
    for _ in range(n_knots):
        cu, cv, size = rng.random(), rng.random(), 0.008 + 0.014 * rng.random()
        du = (u - cu + 0.5) % 1.0 - 0.5
        dv = (v - cv + 0.5) % 1.0 - 0.5
        near = np.exp(-((du / (5.0 * size)) ** 2) - (dv / (2.5 * size)) ** 2)
        warp = warp + near * np.sign(dv) * size * 1.2
        dark = np.maximum(dark, np.exp(-(((du / size) ** 2 + (dv / (0.7 * size)) ** 2) ** 2)))
    rings = 0.5 + 0.5 * np.sin(2.0 * np.pi * n_rings * (v + warp))
    fibre = filtered_noise(rng, n, 0.18 * n, 0.004 * n)
    return fibre, np.clip(0.75 * rings**3 + 0.10 * fibre + dark, 0.0, 1.0)


def _wood(rng: np.random.Generator, n: int, period_m: float) -> Pattern:
    fibre, rings = _grain(rng, n, max(4, round(period_m / 0.035)), int(rng.integers(0, 4)))
    broad = filtered_noise(rng, n, 0.6 * n, 0.15 * n)
    return 1.0 + 0.07 * fibre + 0.06 * broad - 0.05 * rings, 0.32 * rings


def _planks(rng: np.random.Generator, n: int, period_m: float) -> Pattern:
    n_rows = max(2, round(period_m / float(rng.choice([0.09, 0.13, 0.18]))))
    fibre, rings = _grain(rng, n, 6 * n_rows, 2 * n_rows)
    u, v = _grid(n)
    row = np.minimum((v * n_rows).astype(np.int64), n_rows - 1)
    n_boards = max(1, round(period_m / 0.9))
    start = rng.random(n_rows)[row]
    board = ((u + start) * n_boards % n_boards).astype(np.int64)
    tone = rng.normal(0.0, 1.0, (n_rows, n_boards))[row, board]
    shift = rng.random((n_rows, n_boards))[row, board]
    column = ((u + shift) % 1.0 * n).astype(np.int64)
    line = np.broadcast_to(np.arange(n)[:, None], (n, n))
    fibre, rings = fibre[line, column], rings[line, column]
    edge_v = np.abs(v * n_rows - np.round(v * n_rows)) / n_rows * period_m
    along = (u + start) * n_boards
    edge_u = np.abs(along - np.round(along)) / n_boards * period_m
    joint = np.exp(-((np.minimum(edge_v, edge_u) / (0.35 * max(0.008, 2.0 * period_m / n))) ** 2))
    brightness = 1.0 + 0.10 * tone + 0.06 * fibre - 0.08 * rings
    return brightness * (1.0 - 0.6 * joint), np.clip(0.45 * rings + 0.12 * tone, 0.0, 1.0)


def _tiles_of(
    rng: np.random.Generator,
    n: int,
    period_m: float,
    across: int,
    down: int,
    offset: float,
    joint_m: float,
) -> tuple[F8, F8, F8]:
    """Joint mask, tone per tile and bevel shading of a (running-bond) grid of rectangles."""
    u, v = _grid(n)
    row = np.minimum((v * down).astype(np.int64), down - 1)
    x = u * across + offset * (row % 2)
    column = np.floor(x).astype(np.int64) % across
    tone = rng.standard_normal((down, across))[row, column]
    du = np.abs(x - np.round(x)) / across * period_m
    dv = np.abs(v * down - np.round(v * down)) / down * period_m
    half = max(0.5 * joint_m, 0.75 * period_m / n)
    distance = np.minimum(du, dv)
    joint = np.clip((half * 1.5 - distance) / half, 0.0, 1.0)
    bevel = np.exp(-((distance / (4.0 * half)) ** 2))
    return joint, tone, bevel


def _tile(rng: np.random.Generator, n: int, period_m: float) -> Pattern:
    size_m = float(rng.choice([0.10, 0.15, 0.20, 0.30, 0.33, 0.45]))
    count = max(1, round(period_m / size_m))
    offset = 0.5 if count % 2 == 0 and rng.random() < 0.25 else 0.0
    joint, tone, bevel = _tiles_of(rng, n, period_m, count, count, offset, 0.004)
    cloud = filtered_noise(rng, n, 0.15 * n)
    fine = filtered_noise(rng, n, 0.02 * n)
    strength = float(rng.choice([0.008, 0.03, 0.06]))
    brightness = 1.0 + strength * tone + strength * cloud + 0.5 * strength * fine - 0.05 * bevel
    return brightness * (1.0 - 0.12 * joint), joint


def _brick(rng: np.random.Generator, n: int, period_m: float) -> Pattern:
    down = 2 * max(1, round(period_m / 0.15))
    across = max(1, round(period_m / 0.24))
    joint, tone, bevel = _tiles_of(rng, n, period_m, across, down, 0.5, 0.011)
    rough = filtered_noise(rng, n, 0.02 * n)
    brightness = 1.0 + 0.14 * tone + 0.08 * rough - 0.10 * bevel
    return np.where(joint > 0.5, 0.95 + 0.06 * rough, brightness), joint


def _carpet(rng: np.random.Generator, n: int, period_m: float) -> Pattern:
    px = n / period_m
    pile = rng.standard_normal((n, n)) + 1.2 * filtered_noise(rng, n, 0.012 * px)
    trodden = filtered_noise(rng, n, 0.15 * px)
    fleck = filtered_noise(rng, n, 0.010 * px)
    return 1.0 + 0.085 * pile + 0.05 * trodden, np.clip(0.35 * (fleck - 0.9), 0.0, 0.7)


def _fabric(rng: np.random.Generator, n: int, period_m: float) -> Pattern:
    px = n / period_m
    u, v = _grid(n)
    threads = max(8, min(round(period_m / 0.007), n // 4))
    weave = np.sin(2 * np.pi * threads * u) * np.sin(2 * np.pi * threads * v)
    warp = filtered_noise(rng, n, 0.10 * px, 0.006 * px) + filtered_noise(
        rng, n, 0.006 * px, 0.10 * px
    )
    brightness = 1.0 + 0.05 * weave + 0.018 * warp + 0.02 * filtered_noise(rng, n, 0.12 * px)
    style = int(rng.integers(0, 6))
    mix = _nothing(n)
    count = max(1, round(period_m / float(rng.choice([0.06, 0.12, 0.25]))))
    if style == 3:
        mix = ((u * count) % 1.0 < 0.35).astype(np.float64)
    elif style == 4:
        mix = 0.5 * (((u * count) % 1.0 < 0.4) * 1.0 + ((v * count) % 1.0 < 0.4) * 1.0)
    elif style == 5:
        mix = _motifs(rng, n, count)
    return brightness, mix * 0.9


def _motifs(rng: np.random.Generator, n: int, count: int) -> F8:
    """Flower-like motifs on a staggered grid."""
    u, v = _grid(n)
    count = 2 * max(1, count // 2)
    row = np.floor(v * count)
    x = (u * count + 0.5 * (row % 2)) % 1.0 - 0.5
    y = (v * count) % 1.0 - 0.5
    petals, twist = int(rng.integers(3, 8)), rng.random() * 6.28
    radius = np.hypot(x, y)
    outline = 0.26 + 0.10 * np.cos(petals * np.arctan2(y, x) + twist)
    flower = np.clip((outline - radius) * 14.0, 0.0, 1.0)
    hole = np.clip((0.09 - radius) * 20.0, 0.0, 1.0)
    return np.asarray(np.clip(flower - 0.8 * hole, 0.0, 1.0))


def _wallpaper(rng: np.random.Generator, n: int, period_m: float) -> Pattern:
    u, v = _grid(n)
    count = max(1, round(period_m / float(rng.choice([0.08, 0.14, 0.22]))))
    style = int(rng.integers(0, 4))
    if style == 0:
        mix = ((u * count) % 1.0 < 0.5).astype(np.float64)
    elif style == 1:
        mix = _motifs(rng, n, count)
    elif style == 2:
        phase = (u * count) % 1.0
        mix = 0.8 * ((phase < 0.06) | ((phase > 0.5) & (phase < 0.75))).astype(np.float64)
    else:
        wave = np.sin(2 * np.pi * (count * v + 0.25 * np.sin(2 * np.pi * count * u)))
        mix = np.clip(2.5 * wave - 1.2, 0.0, 1.0)
    paper = filtered_noise(rng, n, 0.01 * n)
    return 1.0 + 0.015 * paper + 0.012 * filtered_noise(rng, n, 0.3 * n), mix * 0.7


def _leather(rng: np.random.Generator, n: int, period_m: float) -> Pattern:
    px = n / period_m
    cells = np.abs(filtered_noise(rng, n, 0.014 * px))
    crease = np.exp(-((filtered_noise(rng, n, 0.12 * px) / 0.08) ** 2))
    worn = filtered_noise(rng, n, 0.2 * px)
    return 1.0 + 0.05 * cells - 0.10 * crease + 0.05 * worn, np.clip(0.12 * worn, 0.0, 1.0)


def _marble(rng: np.random.Generator, n: int, period_m: float) -> Pattern:
    warp = filtered_noise(rng, n, 0.25 * n) + 0.5 * filtered_noise(rng, n, 0.1 * n)
    vein = np.exp(-((warp / 0.06) ** 2)) + 0.5 * np.exp(
        -((filtered_noise(rng, n, 0.12 * n, 0.3 * n) / 0.05) ** 2)
    )
    grain = filtered_noise(rng, n, 0.008 * n)
    return 1.0 + 0.03 * grain + 0.03 * warp, np.clip(0.7 * vein + 0.05 * warp, 0.0, 1.0)


def _metal(rng: np.random.Generator, n: int, period_m: float) -> Pattern:
    return 1.0 + 0.03 * filtered_noise(rng, n, 0.5 * n, 0.005 * n), _nothing(n)


def _smooth(rng: np.random.Generator, n: int, period_m: float) -> Pattern:
    return 1.0 + 0.004 * filtered_noise(rng, n, 0.2 * n), _nothing(n)


def _leaf(rng: np.random.Generator, n: int, period_m: float) -> Pattern:
    u, v = _grid(n)
    ribs = np.exp(-((np.sin(np.pi * (6.0 * v + np.abs((u % 1.0) - 0.5) * 4.0)) / 0.25) ** 2))
    blotch = filtered_noise(rng, n, 0.1 * n)
    return 1.0 + 0.18 * blotch + 0.10 * filtered_noise(rng, n, 0.02 * n), np.clip(
        0.3 * ribs, 0.0, 1.0
    )


def _concrete(rng: np.random.Generator, n: int, period_m: float) -> Pattern:
    stain = filtered_noise(rng, n, 0.25 * n)
    grain = filtered_noise(rng, n, 0.012 * n)
    pores = filtered_noise(rng, n, 0.01 * n) > 2.4
    return 1.0 + 0.05 * stain + 0.05 * grain - 0.25 * pores, np.clip(0.15 * stain, 0.0, 1.0)


PATTERNS: dict[str, Callable[[np.random.Generator, int, float], Pattern]] = {
    "paint": _paint,
    "plaster": _plaster,
    "ceiling": _ceiling,
    "wood": _wood,
    "planks": _planks,
    "tile": _tile,
    "carpet": _carpet,
    "fabric": _fabric,
    "leather": _leather,
    "marble": _marble,
    "brick": _brick,
    "wallpaper": _wallpaper,
    "metal": _metal,
    "plastic": _smooth,
    "ceramic": _smooth,
    "glass": _smooth,
    "leaf": _leaf,
    "skin": _smooth,
    "concrete": _concrete,
}
FINE_KINDS = frozenset({"planks", "tile", "brick", "wallpaper", "wood", "marble", "carpet"})
