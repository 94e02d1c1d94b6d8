"""Images that fill one rectangle: paintings, screens, paper, books, rugs, clocks, the view outside.

Row 0 is the bottom of the rectangle (texture v points up). Colours are display values 0..1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from mono_hydra.simulation.surface_textures import filtered_noise
from mono_hydra.types import F8

Colour = tuple[float, float, float]
N_PX = 256


def _canvas(colour: Colour | F8) -> F8:
    return np.full((N_PX, N_PX, 3), np.asarray(colour, np.float64))


def _blend(image: F8, colour: F8 | Colour, share: Any) -> F8:
    return np.asarray(image + (np.asarray(colour) - image) * np.clip(share, 0.0, 1.0)[..., None])


def _rows_up() -> F8:
    """(N, N) height 0 at the top row 0 .. 1; pictures are drawn top-down and flipped at the end."""
    return np.broadcast_to(((np.arange(N_PX) + 0.5) / N_PX)[:, None], (N_PX, N_PX))


def _muted(rng: np.random.Generator, n: int, strength: float = 0.5) -> F8:
    """(n, 3) colours of limited saturation."""
    grey = rng.uniform(0.12, 0.9, (n, 1))
    tint = rng.uniform(-0.3, 0.3, (n, 3)) + np.array([0.05, 0.0, -0.05])
    return np.asarray(np.clip(grey + strength * tint, 0.03, 0.95))


def _landscape(rng: np.random.Generator) -> F8:
    y = _rows_up()
    horizon = rng.uniform(0.35, 0.65)
    sky_top, sky_low = np.array([0.35, 0.55, 0.8]), np.array([0.85, 0.85, 0.8])
    if rng.random() < 0.3:
        sky_top, sky_low = np.array([0.5, 0.3, 0.4]), np.array([0.95, 0.7, 0.4])
    image = sky_top + (sky_low - sky_top) * (y / horizon).clip(0, 1)[..., None]
    image = _blend(image, (0.95, 0.95, 0.95), 0.5 * (filtered_noise(rng, N_PX, 70, 25) - 0.3))
    for layer in range(int(rng.integers(2, 5))):
        base = horizon + 0.13 * layer + rng.uniform(-0.03, 0.03)
        ridge = filtered_noise(rng, N_PX, 60 - 8 * layer)[0] * 0.05 * rng.uniform(0.4, 1.6)
        tint = np.array([0.25, 0.38, 0.2]) * rng.uniform(0.5, 1.3) + (0.25, 0.22, 0.3) * np.array(
            max(0.0, 0.5 - 0.25 * layer)
        )
        mask = y > base + ridge[None, :]
        shade = 1.0 + 0.15 * filtered_noise(rng, N_PX, 14, 6)
        image = np.where(mask[..., None], tint * shade[..., None], image)
    return np.asarray(image)


def _colour_fields(rng: np.random.Generator) -> F8:
    palette = _muted(rng, 6, 0.9)
    image: F8 = _canvas(palette[0])
    for colour in palette[1:]:
        x0, y0 = rng.integers(0, N_PX - 40, 2)
        w, h = rng.integers(30, 180, 2)
        cv2.rectangle(image, (int(x0), int(y0)), (int(x0 + w), int(y0 + h)), colour.tolist(), -1)
    return image


def _stripes(rng: np.random.Generator) -> F8:
    palette = _muted(rng, 7, 0.8)
    widths = rng.dirichlet(np.full(14, 2.0))
    band = np.searchsorted(np.cumsum(widths)[:-1], (np.arange(N_PX) + 0.5) / N_PX)
    row = palette[band % 7]
    image = np.broadcast_to(row[None], (N_PX, N_PX, 3)).copy()
    return np.asarray(image.swapaxes(0, 1).copy() if rng.random() < 0.5 else image)


def _abstract(rng: np.random.Generator) -> F8:
    palette = _muted(rng, 4, 0.9)
    image: F8 = _canvas(palette[0])
    for colour in palette[1:]:
        image = _blend(image, colour, 2.0 * filtered_noise(rng, N_PX, 60, 40) - 0.3)
    for _ in range(int(rng.integers(4, 14))):
        points = rng.integers(0, N_PX, (3, 2)).astype(np.int32)
        width = int(rng.integers(1, 7))
        cv2.polylines(image, [points], False, _muted(rng, 1, 0.9)[0].tolist(), width, cv2.LINE_AA)
    return image


def _portrait(rng: np.random.Generator) -> F8:
    image = _canvas(_muted(rng, 1, 0.3)[0])
    image = image * (1.0 + 0.15 * filtered_noise(rng, N_PX, 80)[..., None])
    skin = np.array([0.78, 0.58, 0.46]) * rng.uniform(0.45, 1.1)
    coat, hair = _muted(rng, 2, 0.5)
    x, y = int(rng.integers(105, 150)), int(rng.integers(90, 115))
    cv2.ellipse(image, (x, 250), (85, 95), 0, 0, 360, coat.tolist(), -1, cv2.LINE_AA)
    cv2.ellipse(image, (x, y - 8), (43, 54), 0, 0, 360, (hair * 0.5).tolist(), -1, cv2.LINE_AA)
    cv2.ellipse(image, (x, y + 6), (34, 46), 0, 0, 360, skin.tolist(), -1, cv2.LINE_AA)
    return image


def picture(rng: np.random.Generator, rgb: Colour, rgb2: Colour | None) -> F8:
    """A framed painting or photograph; `rgb2` is the passe-partout, `rgb` tints the whole."""
    makers = (_landscape, _landscape, _colour_fields, _stripes, _abstract, _abstract, _portrait)
    image = np.clip(makers[int(rng.integers(0, len(makers)))](rng), 0.02, 0.98)
    image = image * (1.0 + 0.04 * filtered_noise(rng, N_PX, 4)[..., None])
    if rng.random() < 0.2:
        image = np.repeat(image.mean(axis=2, keepdims=True), 3, axis=2)
    image = 0.85 * image + 0.15 * np.asarray(rgb)
    if rng.random() < 0.45:
        edge = int(rng.integers(18, 46))
        mat = _canvas(rgb2 if rgb2 is not None else (0.9, 0.88, 0.84))
        inner = N_PX - 2 * edge
        mat[edge : edge + inner, edge : edge + inner] = cv2.resize(
            np.clip(image, 0, 1), (inner, inner), interpolation=cv2.INTER_AREA
        )
        image = mat
    return image


def screen(rng: np.random.Generator, rgb: Colour, rgb2: Colour | None) -> F8:
    """A dark panel with a faint reflection, or, if `rgb` is bright, a lit desktop or programme."""
    y = _rows_up()
    if max(rgb) < 0.25:
        return (
            _canvas(rgb) * (1.3 - 0.6 * y[..., None])
            + 0.015 * filtered_noise(rng, N_PX, 120)[..., None]
        )
    if rng.random() < 0.4:
        return _landscape(rng)
    image = _canvas(rgb) * (1.0 - 0.2 * y[..., None])
    cv2.rectangle(image, (0, 0), (N_PX, 12), (0.2, 0.22, 0.25), -1)
    for _ in range(int(rng.integers(1, 4))):
        x0, y0 = (int(a) for a in rng.integers(10, 110, 2))
        x1, y1 = x0 + int(rng.integers(60, 140)), y0 + int(rng.integers(60, 130))
        cv2.rectangle(image, (x0, y0), (x1, y1), (0.93, 0.94, 0.95), -1)
        cv2.rectangle(image, (x0, y0), (x1, y0 + 9), _muted(rng, 1)[0].tolist(), -1)
        for line in range(y0 + 18, y1 - 6, 8):
            end = x0 + 8 + int(rng.uniform(0.3, 0.9) * (x1 - x0 - 16))
            cv2.line(image, (x0 + 8, line), (end, line), (0.35, 0.37, 0.42), 2)
    return image


def paper(rng: np.random.Generator, rgb: Colour, rgb2: Colour | None) -> F8:
    """A page: heading, lines of grey text, at times a figure or a coloured band."""
    image = _canvas(rgb)
    ink = np.asarray(rgb2 if rgb2 is not None else (0.35, 0.35, 0.38))
    y = 26
    if rng.random() < 0.35:
        cv2.rectangle(
            image, (0, 0), (N_PX, int(rng.integers(20, 110))), _muted(rng, 1, 0.9)[0].tolist(), -1
        )
        y = 124
    cv2.line(image, (28, y), (int(rng.integers(90, 200)), y), (ink * 0.7).tolist(), 7)
    y += 20
    while y < 238:
        if rng.random() < 0.05:
            height = int(rng.integers(30, 60))
            cv2.rectangle(
                image, (28, y), (228, min(y + height, 236)), _muted(rng, 1, 0.5)[0].tolist(), -1
            )
            y += height + 12
            continue
        x = 28
        end = 228 if rng.random() < 0.85 else int(rng.integers(60, 200))
        while x < end:
            width = int(rng.integers(5, 22))
            cv2.line(image, (x, y), (min(x + width, end), y), ink.tolist(), 3)
            x += width + 5
        y += 9
    return image


def book_spines(rng: np.random.Generator, rgb: Colour, rgb2: Colour | None) -> F8:
    """A row of books of varied width, height and colour before a dark back."""
    image = _canvas((0.07, 0.06, 0.05))
    x = 0
    while x < N_PX:
        width = int(rng.integers(6, 24))
        height = int(N_PX * rng.uniform(0.72, 1.0))
        colour = np.clip(
            _muted(rng, 1, 0.85)[0] * rng.uniform(0.5, 1.0) + 0.25 * (np.asarray(rgb) - 0.5),
            0.03,
            0.95,
        )
        if rng.random() < 0.25:
            colour = np.array([0.85, 0.83, 0.77]) * rng.uniform(0.7, 1.05)
        _spine(rng, image, x, width, N_PX - height, np.clip(colour, 0.02, 0.97))
        x += width + (int(rng.integers(4, 20)) if rng.random() < 0.04 else 1)
    return image


def _spine(rng: np.random.Generator, image: F8, x: int, width: int, top: int, colour: F8) -> None:
    right = min(x + width, N_PX)
    across = np.linspace(-1.0, 1.0, width)[: right - x]
    image[top:, x:right] = colour * (1.0 - 0.35 * across**4)[None, :, None]
    ink = np.array([0.9, 0.85, 0.6]) if colour.mean() < 0.5 else colour * 0.3
    for _ in range(int(rng.integers(0, 4))):
        y = int(rng.integers(top + 4, N_PX - 10))
        image[y : y + int(rng.integers(2, 7)), x:right] = ink * 0.9
    if width > 9:
        start = int(rng.integers(top + 12, top + 60))
        for y in range(start, start + int(rng.integers(30, 110)), 6):
            image[y : y + 4, x + width // 3 : max(x + width // 3 + 1, right - width // 3)] = ink


def rug(rng: np.random.Generator, rgb: Colour, rgb2: Colour | None) -> F8:
    """A rug: borders, a medallion or stripes, pile noise."""
    base = np.asarray(rgb)
    second = np.asarray(rgb2) if rgb2 is not None else np.clip(base * 0.6 + 0.25, 0, 1)
    accent = np.clip(_muted(rng, 1, 0.6)[0], 0.05, 0.9)
    line = np.abs((np.arange(N_PX) + 0.5) / N_PX - 0.5) * 2.0
    x, y = np.broadcast_to(line[None], (N_PX, N_PX)), np.broadcast_to(line[:, None], (N_PX, N_PX))
    edge = np.maximum(x, y)
    image = _canvas(rgb)
    style = int(rng.integers(0, 4))
    if style == 0:
        petals = 0.35 + 0.08 * np.cos(int(rng.integers(4, 10)) * np.arctan2(y, x))
        image = _blend(image, second, (np.hypot(x, y * 0.8) < petals) * 0.9)
        image = _blend(image, accent, (np.hypot(x, y * 0.8) < 0.5 * petals) * 0.9)
        image = _blend(image, second, (np.sin(30 * x) * np.sin(30 * y) > 0.75) * 0.7)
    elif style == 1:
        image = _blend(image, second, (np.floor(y * int(rng.integers(4, 12))) % 2 == 1) * 0.85)
    elif style == 2:
        image = _blend(image, second, (np.abs(x - y) % 0.25 < 0.08) * 0.8)
    if style != 3:
        image = _blend(image, accent, ((edge > 0.80) & (edge < 0.90)) * 0.9)
        image = _blend(image, second, (edge > 0.94) * 0.9)
    pile = 1.0 + 0.09 * rng.standard_normal((N_PX, N_PX)) + 0.05 * filtered_noise(rng, N_PX, 30)
    return image * pile[..., None]


def clock(rng: np.random.Generator, rgb: Colour, rgb2: Colour | None) -> F8:
    """A dial with marks and hands; `rgb` is the dial, `rgb2` the rim."""
    rim = np.asarray(rgb2 if rgb2 is not None else (0.15, 0.15, 0.16))
    image = _canvas(rim)
    cv2.circle(image, (128, 128), 112, list(rgb), -1, cv2.LINE_AA)
    ink = (0.08, 0.08, 0.1) if np.mean(rgb) > 0.4 else (0.9, 0.9, 0.88)
    for hour in range(12):
        d = np.array([np.cos(hour * np.pi / 6), np.sin(hour * np.pi / 6)])
        a, b = (128 + 90 * d).astype(int), (128 + 106 * d).astype(int)
        cv2.line(image, a.tolist(), b.tolist(), ink, 5, cv2.LINE_AA)
    for length, width in ((58, 8), (88, 5)):
        angle = rng.random() * 2 * np.pi
        tip = (128 + length * np.array([np.cos(angle), np.sin(angle)])).astype(int)
        cv2.line(image, (128, 128), tip.tolist(), ink, width, cv2.LINE_AA)
    return image


def outside(rng: np.random.Generator, rgb: Colour, rgb2: Colour | None) -> F8:
    """Sky with clouds, distant houses, trees, a hedge, a lawn or a street; `rgb` tints the sky."""
    y = _rows_up()
    horizon = rng.uniform(0.45, 0.68)
    top = 0.5 * np.array([0.62, 0.74, 0.90]) + 0.5 * np.asarray(rgb)
    image = top + (np.array([0.93, 0.95, 0.97]) - top) * (y / horizon).clip(0, 1)[..., None] ** 0.8
    image = _blend(image, (0.96, 0.97, 0.98), 0.6 * (filtered_noise(rng, N_PX, 80, 28) - 0.2))
    green = rng.random() < 0.6
    ground = np.array([0.36, 0.42, 0.24]) if green else np.array([0.48, 0.47, 0.45])
    rough = filtered_noise(rng, N_PX, 5, 2) + filtered_noise(rng, N_PX, 30, 8)
    below = (ground * (0.9 + 0.3 * (y - horizon)[..., None])) * (1 + 0.07 * rough)[..., None]
    image = np.where((y > horizon)[..., None], below, image)
    base = int(horizon * N_PX) + 4
    if rng.random() < 0.8:
        _houses(rng, image, base)
    leaves = 0.8 * filtered_noise(rng, N_PX, 3) + filtered_noise(rng, N_PX, 9)
    for _ in range(int(rng.integers(2, 7))):
        _tree(rng, image, leaves, base)
    if rng.random() < 0.6:
        top_row = base + int(rng.integers(-4, 12))
        rim = top_row + 2.0 * leaves[0] + 3.0 * np.sin(np.arange(N_PX) / 17.0)
        rows = np.arange(N_PX)[:, None]
        hedge = (rows > rim[None, :]) & (rows < top_row + int(rng.integers(12, 34)))
        tint = np.array([0.20, 0.27, 0.13]) * rng.uniform(0.7, 1.3)
        image[hedge] = (tint * (1.0 + 0.3 * leaves[..., None]))[hedge]
    return image


def _houses(rng: np.random.Generator, image: F8, base: int) -> None:
    x = int(rng.integers(-40, 40))
    while x < N_PX:
        width, height = int(rng.integers(40, 90)), int(rng.integers(35, 110))
        wall = np.array([0.8, 0.74, 0.66]) * rng.uniform(0.55, 1.1) + rng.uniform(-0.06, 0.06, 3)
        roof = np.array([0.45, 0.25, 0.2]) * rng.uniform(0.7, 1.4)
        cv2.rectangle(image, (x, base - height), (x + width, base), wall.tolist(), -1)
        peak = np.array(
            [
                [x - 4, base - height],
                [x + width + 4, base - height],
                [x + width // 2, base - height - 26],
            ]
        )
        cv2.fillPoly(image, [peak.astype(np.int32)], roof.tolist(), cv2.LINE_AA)
        for wy in range(base - height + 8, base - 14, 22):
            for wx in range(x + 6, x + width - 10, 18):
                cv2.rectangle(image, (wx, wy), (wx + 8, wy + 12), (0.28, 0.32, 0.38), -1)
        x += width + int(rng.integers(5, 60))


def _tree(rng: np.random.Generator, image: F8, leaves: F8, base: int) -> None:
    x, size = int(rng.integers(0, N_PX)), float(rng.uniform(16, 52))
    y = base - int(size * rng.uniform(0.6, 1.3))
    cv2.rectangle(image, (x - 2, y), (x + 2, base + 4), (0.25, 0.18, 0.12), -1)
    yy, xx = np.mgrid[0:N_PX, 0:N_PX]
    crown = np.hypot((xx - x) / size, (yy - y) / (1.15 * size)) + 0.10 * leaves < 0.85
    green = np.array([0.22, 0.29, 0.14]) * rng.uniform(0.6, 1.4)
    lit = 1.0 + 0.28 * leaves - 0.35 * ((yy - y) / size) - 0.15 * ((xx - x) / size)
    image[crown] = (green * lit.clip(0.25, 2.0)[..., None])[crown]


Maker = Callable[[np.random.Generator, Colour, Colour | None], F8]
PICTURES: dict[str, Maker] = {
    "picture": picture,
    "screen": screen,
    "paper": paper,
    "book_spines": book_spines,
    "outside": outside,
    "rug": rug,
    "clock": clock,
}


def draw(kind: str, rng: np.random.Generator, rgb: Colour, rgb2: Colour | None) -> F8:
    """(256, 256, 3) display values 0..1 of one rectangle, row 0 at the bottom (texture v = 0)."""
    image = PICTURES[kind](rng, rgb, rgb2)
    return np.ascontiguousarray(np.clip(image, 0.0, 1.0)[::-1])
