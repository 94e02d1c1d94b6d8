"""Things that hang or lie flat: pictures, mirrors, boards, curtains, blinds, lamps, mats."""

from __future__ import annotations

import numpy as np

from mono_hydra.simulation.house import Material
from mono_hydra.simulation.items import Child, Glow, Item
from mono_hydra.simulation.palette import Palette, Rgb, pick, seed_of, shade
from mono_hydra.simulation.shapes import (
    Shape,
    box,
    cylinder,
    joined,
    lathe,
    mound,
    panel,
    ribbon,
    rod,
    rounded_box,
    sheet,
    tube,
)

BLIND_CLOTHS = ((0.84, 0.81, 0.74), (0.76, 0.74, 0.70), (0.62, 0.58, 0.52), (0.80, 0.74, 0.62))
PAPER = Material("paint", (0.86, 0.84, 0.78))


def framed(
    item: Item,
    frame: Material,
    inside: Material,
    w: float,
    h: float,
    border: float,
    thick: float = 0.025,
) -> Item:
    """A flat thing with a frame, its back at y = 0, its foot at z = 0."""
    bars = [
        box((-w / 2, -thick, 0), (-w / 2 + border, 0, h)),
        box((w / 2 - border, -thick, 0), (w / 2, 0, h)),
        box((-w / 2 + border, -thick, 0), (w / 2 - border, 0, border)),
        box((-w / 2 + border, -thick, h - border), (w / 2 - border, 0, h)),
    ]
    item.add(frame, joined(*bars)).add(
        frame, box((-w / 2 + border, -thick * 0.55, border), (w / 2 - border, 0, h - border))
    )
    item.add(inside, panel(w - 2 * border, h - 2 * border).moved(0, -thick * 0.6, border))
    item.movable = False
    return item


def picture(rng: np.random.Generator, palette: Palette, large: bool = True) -> Item:
    """A framed painting or print."""
    w, h = (
        (rng.uniform(0.45, 1.1), rng.uniform(0.4, 0.8))
        if large
        else (rng.uniform(0.28, 0.45), rng.uniform(0.35, 0.55))
    )
    image = Material(
        "picture",
        pick(rng, palette.accents),
        pick(rng, palette.accents),
        int(rng.integers(1, 40)),
        gloss=0.15,
    )
    frame = Material("wood", (0.08, 0.08, 0.08)) if rng.random() < 0.35 else palette.wood(rng)
    return framed(Item("picture"), frame, image, w, h, rng.uniform(0.018, 0.045))


def mirror(rng: np.random.Generator, palette: Palette, w: float, h: float) -> Item:
    """A wall mirror; what it shows is a plain bright grey."""
    glass = Material("glass", (0.66, 0.70, 0.72), gloss=1.0)
    return framed(
        Item("mirror"),
        palette.steel() if rng.random() < 0.5 else palette.wood(rng),
        glass,
        w,
        h,
        0.03,
    )


def whiteboard(rng: np.random.Generator, palette: Palette) -> Item:
    """A whiteboard with a tray."""
    w, h = rng.uniform(1.2, 2.0), rng.uniform(0.9, 1.1)
    item = framed(
        Item("whiteboard"),
        Material("metal", (0.6, 0.6, 0.62), gloss=0.4),
        Material("paper", (0.9, 0.9, 0.9), (0.2, 0.3, 0.6), seed_of(rng), gloss=0.4),
        w,
        h,
        0.02,
    )
    return item.add(
        Material("metal", (0.6, 0.6, 0.62)), box((-0.3 * w, -0.08, -0.012), (0.3 * w, -0.02, 0.004))
    )


def pinned_papers(rng: np.random.Generator, palette: Palette) -> Item:
    """Notes, a calendar and prints, pinned to the wall side by side: one to the eye."""
    item, n = Item("paper", movable=False), int(rng.integers(2, 5))
    x = -0.12 * n
    for _ in range(n):
        w, h, z = rng.uniform(0.15, 0.3), rng.uniform(0.2, 0.42), rng.uniform(0.0, 0.08)
        page = Material("paper", (0.88, 0.87, 0.84), (0.25, 0.25, 0.27), seed_of(rng))
        if rng.random() < 0.35:
            page = Material("picture", pick(rng, palette.accents), seed=seed_of(rng))
        item.add(PAPER, box((x, -0.004, z), (x + w, 0.0, z + h)))
        item.add(page, panel(w, h).moved(x + w / 2, -0.005, z))
        x += w + rng.uniform(0.01, 0.04)
    return item


def wall_clock(rng: np.random.Generator, palette: Palette) -> Item:
    """A round clock."""
    r = rng.uniform(0.12, 0.17)
    rim = lathe([(r, 0), (r, 0.035), (r - 0.012, 0.04), (r - 0.014, 0.03), (0, 0.03)], 28).turned(
        np.pi / 2, "x"
    )
    face = panel(1.36 * r, 1.36 * r).moved(0, -0.0305, -0.68 * r)
    item = Item("other prop", movable=False).add(palette.accent(rng, "plastic"), rim)
    item.add(Material("clock", (0.92, 0.91, 0.88), (0.1, 0.1, 0.1)), face)
    item.pieces = [(s.moved(0, 0, r), m) for s, m in item.pieces]
    return item


def television(rng: np.random.Generator, palette: Palette, width: float, on_foot: bool) -> Item:
    """A flat screen, dark or lit, on a foot or for the wall."""
    h, dark = 0.575 * width, Material("plastic", (0.05, 0.05, 0.055), gloss=0.4)
    lift = 0.07 if on_foot else 0.0
    item = Item("television").add(
        dark, rounded_box((-width / 2, -0.045, lift), (width / 2, 0.0, lift + h), 0.006)
    )
    if on_foot:
        item.add(
            dark,
            *(
                rod(
                    (s * 0.32 * width, -0.022, 0.08),
                    (s * 0.36 * width, -0.022 + t * 0.11, 0.006),
                    0.007,
                    sides=6,
                )
                for s in (-1, 1)
                for t in (-1, 1)
            ),
        )
    lit = float(rng.random() < 0.3)
    screen = Material(
        "screen",
        (0.04, 0.04, 0.05) if not lit else (0.25, 0.35, 0.5),
        seed=seed_of(rng),
        gloss=0.8,
        emission=0.8 * lit,
    )
    item.movable = on_foot
    return item.add(screen, panel(width - 0.03, h - 0.03).moved(0, -0.0465, lift + 0.015))


def curtain(rng: np.random.Generator, material: Material, width: float, height: float) -> Item:
    """One side of a pair of curtains, gathered in folds; top at z = height."""
    n = int(width / 0.012) + 12
    x = np.linspace(-width / 2, width / 2, n)
    waves = width / rng.uniform(0.085, 0.12)
    y = 0.032 * np.sin(2 * np.pi * waves * x / width + rng.uniform(0, 6)) + 0.008 * np.sin(31 * x)
    return Item("curtain", movable=False).add(
        material, ribbon(np.stack([x, y], axis=1), 0.006, 0.0, height)
    )


def curtain_rod(width: float, palette: Palette) -> Shape:
    """A rod along x at the origin with knobs."""
    ends = [
        lathe([(0.0, -0.025), (0.022, 0.0), (0.0, 0.025)], 10)
        .turned(np.pi / 2, "y")
        .moved(s * width / 2)
        for s in (-1, 1)
    ]
    return joined(rod((-width / 2, 0, 0), (width / 2, 0, 0), 0.012), *ends)


def blinds(rng: np.random.Generator, width: float, height: float) -> Item:
    """Slats let down over most of a window; top at z = 0, hanging down."""
    rgb: Rgb = (0.86, 0.85, 0.82) if rng.random() < 0.6 else (0.58, 0.44, 0.30)
    slat = Material("plastic", rgb, gloss=0.2)
    drop, tilt = height * rng.uniform(0.45, 0.95), rng.uniform(0.35, 1.0)
    item = Item("blinds", movable=False).add(
        slat, box((-width / 2, -0.025, -0.045), (width / 2, 0.025, 0.0))
    )
    pitch = 0.042
    n = max(int((drop - 0.05) / pitch), 2)
    one = box((-width / 2 + 0.005, -0.024, -0.0012), (width / 2 - 0.005, 0.024, 0.0012)).turned(
        tilt, "x"
    )
    item.add(slat, joined(*(one.moved(0, 0, -0.07 - k * pitch) for k in range(n))))
    return item.add(
        slat,
        box(
            (-width / 2 + 0.005, -0.015, -0.1 - n * pitch),
            (width / 2 - 0.005, 0.015, -0.08 - n * pitch),
        ),
    )


def roller_blind(rng: np.random.Generator, palette: Palette, width: float, height: float) -> Item:
    """A cloth drawn down from a roll; its top is at z = 0, as for `blinds`."""
    rgb = pick(rng, (*BLIND_CLOTHS, *palette.fabrics[:2]))
    cloth = Material("fabric", rgb, shade(rgb, 0.9), seed_of(rng), 0.4)
    x = width / 2
    return Item("blinds", movable=False).add(
        cloth,
        box((-x, -0.012, -height), (x, -0.009, -0.03)),
        rod((-x, -0.015, -0.025), (x, -0.015, -0.025), 0.022),
        box((-x, -0.017, -height - 0.015), (x, -0.005, -height)),
    )


def ceiling_lamp(rng: np.random.Generator, palette: Palette, office: bool) -> Item:
    """A lamp hanging from z = 0 downwards: dome, pendant, or a panel."""
    lit = Material("emitter", (1.0, 0.93, 0.80), emission=2.5)
    item = Item("lamp", symmetry=0, movable=False)
    if office:
        item.symmetry = 2
        item.add(palette.steel(), rounded_box((-0.6, -0.15, -0.07), (0.6, 0.15, -0.012), 0.01))
        item.add(
            palette.steel(),
            *(rod((s * 0.4, 0, -0.015), (s * 0.4, 0, 0), 0.008, sides=6) for s in (-1, 1)),
        )
        item.add(lit, sheet(1.1, 0.24).turned(np.pi, "x").moved(0, 0, -0.0705))
        item.glows.append(Glow(0, 0, -0.12, 0.25, 1.0))
        return item
    style = int(rng.integers(3))
    if style == 0:
        r = rng.uniform(0.15, 0.24)
        item.add(
            lit,
            lathe(
                [(0.0, -0.11), (0.55 * r, -0.105), (0.85 * r, -0.08), (r, -0.035), (r, -0.02)], 24
            ),
        )
        item.add(palette.steel(), cylinder(0.7 * r, 0.02, 20).moved(0, 0, -0.02))
        item.glows.append(Glow(0, 0, -0.16, r, 1.0))
        return item
    drop, r = rng.uniform(0.35, 0.6), rng.uniform(0.14, 0.22)
    shade_material = palette.accent(rng, "plastic") if style == 1 else palette.steel()
    item.add(
        Material("plastic", (0.1, 0.1, 0.1)), rod((0, 0, -drop + 0.02), (0, 0, 0), 0.004, sides=6)
    )
    item.add(palette.steel(), cylinder(0.05, 0.025, 14).moved(0, 0, -0.025))
    outer = [
        (r, -drop - 0.16),
        (0.85 * r, -drop - 0.07),
        (0.3 * r, -drop + 0.0),
        (0.12 * r, -drop + 0.03),
    ]
    inner = [
        (0.0, -drop - 0.02),
        (0.28 * r, -drop - 0.02),
        (0.8 * r, -drop - 0.08),
        (0.97 * r, -drop - 0.16),
    ]
    item.add(shade_material, lathe([(0.0, -drop - 0.02), *inner[1:], *outer], 24))
    item.add(
        lit,
        lathe(
            [
                (0.0, -drop - 0.13),
                (0.035, -drop - 0.12),
                (0.05, -drop - 0.09),
                (0.03, -drop - 0.05),
                (0.0, -drop - 0.03),
            ],
            12,
        ),
    )
    item.glows.append(Glow(0, 0, -drop - 0.2, 0.8 * r, 1.0))
    return item


def _shade(rng: np.random.Generator, r: float, h: float, z: float) -> tuple[Shape, Material]:
    top = r * rng.uniform(0.6, 1.0)
    rgb = pick(rng, ((0.95, 0.90, 0.78), (0.93, 0.85, 0.70), (0.80, 0.70, 0.58)))
    cloth = Material("fabric", rgb, seed=seed_of(rng), period_m=0.2, emission=0.9)
    return lathe(
        [
            (0.0, z + 0.01),
            (r - 0.004, z + 0.01),
            (r, z),
            (top, z + h),
            (top - 0.004, z + h - 0.002),
            (0.0, z + h - 0.01),
        ],
        22,
    ), cloth


def floor_lamp(rng: np.random.Generator, palette: Palette) -> Item:
    """A standing lamp, its shade on a pole or on three legs."""
    h, r = rng.uniform(1.35, 1.65), rng.uniform(0.17, 0.24)
    item = Item("lamp", symmetry=0)
    if rng.random() < 0.5:
        item.add(
            palette.steel(), cylinder(0.14, 0.025, 20), rod((0, 0, 0.02), (0, 0, h - 0.2), 0.011)
        )
    else:
        wood = palette.wood(rng)
        item.add(
            wood,
            *(
                rod((0.24 * np.cos(a), 0.24 * np.sin(a), 0.008), (0, 0, h - 0.2), 0.012, sides=6)
                for a in (0.3, 2.4, 4.5)
            ),
        )
    shape, cloth = _shade(rng, r, 0.27, h - 0.24)
    item.glows.append(Glow(0, 0, h + 0.09, 0.1, 0.35))
    return item.add(cloth, shape)


def table_lamp(rng: np.random.Generator, palette: Palette, scale: float = 1.0) -> Item:
    """A lamp for a night stand or a sideboard."""
    h, r = scale * rng.uniform(0.34, 0.5), scale * rng.uniform(0.11, 0.15)
    base = palette.accent(rng, "ceramic")
    body = lathe(
        [
            (0.055, 0),
            (0.06, 0.01),
            (0.03, 0.04),
            (0.06, 0.3 * h),
            (0.02, 0.5 * h),
            (0.012, 0.62 * h),
        ],
        18,
    )
    shape, cloth = _shade(rng, r, 0.42 * h, 0.58 * h)
    item = Item("lamp", symmetry=0).add(base, body).add(cloth, shape)
    item.glows.append(Glow(0, 0, h + 0.07, 0.07, 0.25))
    return item


def desk_lamp(rng: np.random.Generator, palette: Palette) -> Item:
    """A jointed lamp."""
    paint = palette.accent(rng, "plastic")
    item = Item("lamp").add(
        paint,
        cylinder(0.08, 0.02, 18),
        tube(np.array([[0, 0, 0.02], [-0.06, 0.02, 0.24], [0.1, 0, 0.42]]), 0.008, 6),
    )
    hood = (
        lathe([(0.0, 0.02), (0.055, 0.0), (0.06, 0.0), (0.03, 0.08), (0.012, 0.1)], 16)
        .turned(0.5, "y")
        .moved(0.1, 0, 0.34)
    )
    item.glows.append(Glow(0.06, 0, 0.28, 0.05, 0.2))
    return item.add(paint, hood)


def rug(rng: np.random.Generator, palette: Palette, length: float, width: float) -> Item:
    """A rug or a door mat, about a centimetre thick."""
    rgb = pick(rng, (*palette.fabrics, *palette.accents[:4]))
    item = Item("floor mat", symmetry=2).add(
        Material("carpet", shade(rgb, 0.8)),
        box((-length / 2, -width / 2, 0), (length / 2, width / 2, 0.011)),
    )
    return item.add(
        Material("rug", rgb, pick(rng, (*palette.fabrics, *palette.accents)), seed_of(rng)),
        sheet(length, width).moved(0, 0, 0.0115),
    )


def round_rug(rng: np.random.Generator, palette: Palette, diameter: float) -> Item:
    """A round rug."""
    item = Item("floor mat", symmetry=0)
    return item.add(
        Material(
            "carpet", pick(rng, palette.fabrics), pick(rng, palette.accents), seed_of(rng), 0.4
        ),
        cylinder(diameter / 2, 0.012, 36),
    )


def coat_hooks(rng: np.random.Generator, palette: Palette) -> Item:
    """A board with hooks and coats; its foot hangs at z = 0 = 0.75 m above the floor."""
    w = rng.uniform(0.6, 1.0)
    item = Item("other furniture", movable=False).add(
        palette.wood(rng), rounded_box((-w / 2, -0.02, 0.92), (w / 2, 0, 1.02), 0.005)
    )
    n = max(int(w / 0.2), 3)
    xs = [-w / 2 + (k + 0.5) * w / n for k in range(n)]
    item.add(
        palette.steel(),
        *(
            tube(np.array([[x, -0.02, 0.97], [x, -0.06, 0.95], [x, -0.07, 0.99]]), 0.007, 6)
            for x in xs
        ),
    )
    # two coats hang apart, at the ends; nearer ones would be one heap to the eye
    taken = [xs[0], xs[-1]][: 2 if w > 0.85 and rng.random() < 0.6 else 1]
    for x in taken:
        item.children.append(
            Child(coat(rng, palette), x, -0.1, 0.0, rng.uniform(-0.15, 0.15), "on")
        )
    return item


def coat(rng: np.random.Generator, palette: Palette) -> Item:
    """A hanging coat or dress; top at about z = 0.95."""
    cloth, h = palette.accent(rng), rng.uniform(0.7, 0.9)
    wide, deep = rng.uniform(0.30, 0.36), rng.uniform(0.07, 0.09)
    zs, n = np.array([0.0, 0.25, 0.55, 0.8, 0.9, 0.95, 1.0]), 24
    scale = np.array([0.92, 0.88, 0.86, 0.95, 0.9, 0.5, 0.2])  # hem, waist, shoulders, collar
    angle = np.arange(n) * 2 * np.pi / n
    fold = 1 + 0.07 * np.sin(6 * angle + rng.uniform(0, 6))
    rings = [
        np.column_stack(
            [
                0.5 * wide * s * np.cos(angle) * fold,
                deep * s * np.sin(angle) * fold,
                np.full(n, 0.96 - h + z * h),
            ]
        )
        for z, s in zip(zs, scale, strict=True)
    ]
    base = lathe([(1.0, float(z)) for z in zs], n)
    vertices = np.concatenate([[[0.0, 0.0, 0.96 - h]] * n, *rings, [[0.0, 0.0, 0.96]] * n])
    item = Item("clothes").add(cloth, Shape(vertices, base.faces, base.uv * 0.15))
    for s in (-1, 1):  # sleeves hang from the shoulders
        path = [[s * 0.42 * wide, 0, 0.96 - 0.13 * h], [s * 0.54 * wide, 0, 0.96 - 0.25 * h]]
        path += [
            [s * 0.56 * wide, -0.02, 0.96 - 0.45 * h],
            [s * 0.55 * wide, -0.03, 0.96 - 0.65 * h],
        ]
        item.add(cloth, tube(np.array(path), np.array([0.05, 0.05, 0.042, 0.038]), 10))
    return item


def towel(rng: np.random.Generator, palette: Palette) -> Item:
    """A towel over a rail; the rail is at z = 0.75, its back at y = 0."""
    w, h, cloth = rng.uniform(0.36, 0.5), rng.uniform(0.45, 0.65), palette.accent(rng)
    n = 16
    x = np.linspace(-w / 2, w / 2, n)
    front = ribbon(np.stack([x, -0.075 + 0.006 * np.sin(25 * x)], 1), 0.012, 0.77 - h, 0.77)
    back = ribbon(np.stack([x, -0.045 + 0.004 * np.sin(21 * x)], 1), 0.012, 0.77 - 0.8 * h, 0.77)
    top = rounded_box((-w / 2, -0.082, 0.755), (w / 2, -0.038, 0.778), 0.008)
    return (
        Item("towel", movable=False)
        .add(cloth, front, back, top)
        .add(
            palette.steel(),
            rod((-w / 2 - 0.06, -0.06, 0.75), (w / 2 + 0.06, -0.06, 0.75), 0.009),
            *(
                rod((s * (w / 2 + 0.05), -0.06, 0.75), (s * (w / 2 + 0.05), 0, 0.75), 0.009)
                for s in (-1, 1)
            ),
        )
    )


def pile_of_towels(rng: np.random.Generator, palette: Palette) -> Item:
    """Folded towels."""
    item = Item("towel", symmetry=2)
    for k in range(int(rng.integers(2, 4))):
        xs, ys = np.linspace(-0.16, 0.16, 4), np.linspace(-0.12, 0.12, 4)
        item.add(
            palette.accent(rng), mound(xs, ys, np.full((4, 4), 0.052 * (k + 1)), 0.052 * k + 0.002)
        )
    return item
