"""Dress a room: small things on tables and boards, pictures on walls, curtains, lamps, rugs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mono_hydra.simulation import fixtures, outlines, recipes
from mono_hydra.simulation import furniture_bath as bath
from mono_hydra.simulation import furniture_clothes as clothes
from mono_hydra.simulation import furniture_desktop as desktop
from mono_hydra.simulation import furniture_kitchen as kitchen
from mono_hydra.simulation import furniture_small as small
from mono_hydra.simulation import furniture_storage as storage
from mono_hydra.simulation import furniture_wall as wall
from mono_hydra.simulation.house import Material
from mono_hydra.simulation.items import Child, Item, Surface
from mono_hydra.simulation.palette import Palette, pick, seed_of, shade
from mono_hydra.simulation.room_space import (
    Placed,
    RoomSpace,
    WallSpan,
    place_along_walls,
    rects_of,
)

Make = Callable[[np.random.Generator, Palette], Item]
CURTAINS = ((0.86, 0.84, 0.78), (0.80, 0.77, 0.70), (0.72, 0.70, 0.66), (0.88, 0.86, 0.82))
ROLLER_SHARE = 0.6  # of the windows without slats
HIGH_TOP_M = 1.5  # on wardrobes people keep boxes, not lamps
WALL_BOARDS = {  # chances of the first, the second and the third set of boards
    "study": (0.9, 0.7, 0.4),
    "bedroom": (0.9, 0.6),
    "kitchen": (0.9, 0.6),
    "living room": (0.9, 0.7),
    "office": (0.7, 0.4),
    "corridor": (0.4,),
    "dining room": (0.6, 0.3),
    "bathroom": (0.5,),
    "storage": (0.8, 0.6),
}
PINNED_PAPER = {"study": 0.6, "kitchen": 0.5, "office": 0.7, "corridor": 0.35, "bedroom": 0.35}
SAME_CLASS_GAP_M = 0.10  # a person counts nearer things of one class as one
TABLE_THINGS: dict[str, tuple[Make, ...]] = {
    "dining": (
        small.bowl,
        small.vase,
        small.cup,
        small.bottle,
        desktop.papers,
        small.cup,
        small.plant,
    ),
    "coffee": (desktop.book_stack, small.cup, desktop.papers, small.bowl, small.plant, small.vase),
    "desk": (
        wall.desk_lamp,
        desktop.papers,
        desktop.book_stack,
        small.cup,
        desktop.photo,
        small.plant,
        desktop.papers,
        small.bottle,
    ),
    "sideboard": (
        wall.table_lamp,
        desktop.photo,
        small.vase,
        small.plant,
        desktop.book_stack,
        desktop.table_clock,
        small.carton,
        small.bowl,
    ),
    "dresser": (
        clothes.folded_pile,
        wall.table_lamp,
        desktop.photo,
        small.vase,
        small.carton,
        small.plant,
        clothes.folded_pile,
        small.bag,
    ),
    "night": (wall.table_lamp, desktop.book_stack, small.cup, desktop.table_clock, desktop.photo),
    "counter": (
        small.kettle,
        kitchen.microwave,
        kitchen.dish_rack,
        small.bottle,
        small.cup,
        small.bowl,
        small.plant,
        small.bottle,
    ),
    "bath": (bath.soap, wall.pile_of_towels, bath.paper_roll, small.bottle),
    "meeting": (desktop.laptop, desktop.papers, small.cup, small.bottle, desktop.papers),
    "bed": (
        clothes.clothes_heap,
        lambda r, p: clothes.clothes_heap(r, p, 0.6),
        clothes.folded_pile,
        desktop.book_stack,
        small.bag,
        desktop.papers,
    ),
    "sofa": (
        clothes.clothes_heap,
        lambda r, p: clothes.clothes_heap(r, p, 0.5),
        clothes.folded_pile,
        desktop.papers,
    ),
    "shelf": (small.carton, small.plant, small.vase, small.basket),
    "high": (small.carton, lambda r, p: small.carton(r, p, 1.3), small.bag, small.basket),
}


def dress(space: RoomSpace, rng: np.random.Generator, palette: Palette, is_office: bool) -> None:
    """Furnish one room completely, in a fixed order."""
    recipes.furnish_floor(space, rng, palette)
    hang_curtains(space, rng, palette)
    hang_things(space, rng, palette)
    recipes.loose_things(space, rng, palette)
    lay_rugs(space, rng, palette)
    hang_ceiling_lamps(space, rng, palette, is_office)
    for placed in list(space.placed):
        load_things(space, placed.item, rng, palette)


def _kind_of_top(item: Item, surface: Surface, room: str) -> str | None:
    if surface.use == "bed":
        return "bed" if item.label == "bed" else "sofa"
    by_label = {
        "desk": "desk",
        "counter": "counter",
        "night stand": "night",
        "dresser": "dresser",
        "cabinet": "sideboard",
        "bookshelf": "shelf",
        "refrigerator": "shelf",
        "other furniture": "bath",
        "shelves": "bath",
    }
    if surface.z_m > HIGH_TOP_M:
        return "high"
    if item.label == fixtures.LABEL:
        return "sideboard"
    if room == "bathroom":
        return "bath"
    if item.label == "other furniture":
        return "shelf"
    if item.label == "table":
        if room == "meeting room":
            return "meeting"
        return "coffee" if surface.z_m < 0.62 else "dining"
    return by_label.get(item.label)


def load_things(space: RoomSpace, item: Item, rng: np.random.Generator, palette: Palette) -> None:
    """Stand things on an item and on what belongs to it; they become its children."""
    for child in list(item.children):
        load_things(space, child.item, rng, palette)
    for surface in item.surfaces:
        kind = _kind_of_top(item, surface, space.room.name)
        if kind is None or surface.headroom_m < 0.05:
            continue
        if surface.use == "bed" and rng.random() < 0.25:
            continue
        area = (surface.x1_m - surface.x0_m) * (surface.y1_m - surface.y0_m)
        wanted = 1 if surface.use == "bed" else int(np.clip(rng.poisson(1.6 + 3.2 * area), 1, 8))
        taken: list[tuple[float, float, float, float, str]] = []
        makes = [TABLE_THINGS[kind][i] for i in rng.permutation(len(TABLE_THINGS[kind]))]
        for k in range(wanted):
            thing = makes[k % len(makes)](rng, palette)
            spot = _spot_on(
                surface, thing, rng, taken, beside_wall=kind in ("sideboard", "shelf", "desk")
            )
            if spot is not None:
                x, y, yaw = spot
                item.children.append(Child(thing, x, y, surface.z_m, yaw, surface.predicate))


def _spot_on(
    surface: Surface,
    thing: Item,
    rng: np.random.Generator,
    taken: list[tuple[float, float, float, float, str]],
    beside_wall: bool,
) -> tuple[float, float, float] | None:
    """A free place on a surface, keeping things of one class apart."""
    if float(thing.bounds()[1][2]) > surface.headroom_m:
        return None
    for _ in range(14):
        yaw = float(rng.normal(0.0, 0.25))
        x0, y0, x1, y1 = thing.footprint(yaw)
        if surface.x1_m - surface.x0_m < x1 - x0 or surface.y1_m - surface.y0_m < y1 - y0:
            continue
        x = float(rng.uniform(surface.x0_m - x0, surface.x1_m - x1))
        y = float(rng.uniform(surface.y0_m - y0, surface.y1_m - y1))
        if beside_wall:
            y = 0.5 * (y + surface.y1_m - y1)
        rect = (x + x0, y + y0, x + x1, y + y1)
        if all(_apart(rect, t, SAME_CLASS_GAP_M if t[4] == thing.label else 0.03) for t in taken):
            taken.append((*rect, thing.label))
            return x, y, yaw
    return None


def _apart(
    a: tuple[float, float, float, float], b: tuple[float, float, float, float, str], gap: float
) -> bool:
    return bool(a[0] > b[2] + gap or b[0] > a[2] + gap or a[1] > b[3] + gap or b[1] > a[3] + gap)


def hang_on_wall(
    space: RoomSpace,
    item: Item,
    rng: np.random.Generator,
    z_m: float,
    *,
    walls: list[int] | None = None,
    near: tuple[int, float] | None = None,
    margin_m: float = 0.08,
    tries: int = 30,
) -> bool:
    """Hang an item (back at its highest y, foot at z = 0) on a free piece of wall at height z_m."""
    low, high = item.bounds()
    width, height = float(high[0] - low[0]), float(high[2] - low[2])
    if z_m + float(low[2]) < 0.02 or z_m + float(high[2]) > space.height_m - 0.05:
        return False
    for k in range(tries):
        options = [
            w
            for w in space.walls
            if w.length_m > width + 2 * margin_m and (walls is None or w.index in walls)
        ]
        if not options:
            return False
        w = options[int(rng.choice(len(options), p=_by_length(options)))]
        at = float(rng.uniform(width / 2 + margin_m, w.length_m - width / 2 - margin_m))
        if near is not None:
            w = next(v for v in space.walls if v.index == near[0])
            at = near[1] + float(rng.normal(0.0, 0.02 + 0.02 * k))
            if not width / 2 + margin_m < at < w.length_m - width / 2 - margin_m:
                continue
        if _hang_at(space, item, w, at, z_m, margin_m, height):
            return True
    return False


def _by_length(walls: list[WallSpan]) -> list[float]:
    total = sum(w.length_m for w in walls)
    return [w.length_m / total for w in walls]


def _hang_at(
    space: RoomSpace, item: Item, w: WallSpan, at: float, z_m: float, margin_m: float, height: float
) -> bool:
    low, high = item.bounds()
    half = float(high[0] - low[0]) / 2
    z0, z1 = z_m + float(low[2]), z_m + float(low[2]) + height
    if not space.wall_is_clear(
        w.index, at - half - margin_m, at + half + margin_m, z0 - 0.05, z1 + 0.05
    ):
        return False
    shift = float(high[0] + low[0]) / 2
    spot = w.start_m + w.along * (at + shift) + w.inward * (float(high[1]) + 0.002)
    rects = rects_of(item, float(spot[0]), float(spot[1]), w.yaw_rad)
    deep = float(high[1] - low[1]) > 0.12
    if deep and not all(space.is_clear(r, z0, z1, 0.0) for r in rects):
        return False
    placed = Placed(item, float(spot[0]), float(spot[1]), z_m, w.yaw_rad, w.index)
    space.placed.append(placed)
    space.wall_used[w.index].append((at - half, at + half, z0, z1))
    if deep:
        space.solid += [(*r, z0, z1) for r in rects]
    return True


def hang_things(space: RoomSpace, rng: np.random.Generator, palette: Palette) -> None:
    """Pictures, mirrors, boards, clocks, shelves, by the purpose of the room."""
    name, area = space.room.name, outlines.area(space.room.polygon_m)
    if name == "bathroom":
        _bathroom_walls(space, rng, palette)
        return
    if name in ("office", "meeting room", "open space") and rng.random() < 0.8:
        hang_on_wall(space, wall.whiteboard(rng, palette), rng, float(rng.uniform(0.9, 1.05)))
    if name == "meeting room":
        hang_on_wall(space, wall.television(rng, palette, 1.4, False), rng, 1.0)
    if name in ("bedroom",) and rng.random() < 0.3:
        hang_on_wall(space, wall.television(rng, palette, 0.9, False), rng, 1.2)
    _mirrors_over_chests(space, rng, palette)
    if name in ("corridor", "bedroom", "living room", "study") and rng.random() < (
        0.95 if name in ("corridor", "bedroom") else 0.6
    ):
        hang_on_wall(
            space,
            wall.mirror(rng, palette, float(rng.uniform(0.45, 0.8)), float(rng.uniform(1.1, 1.6))),
            rng,
            float(rng.uniform(0.35, 0.6)),
        )
    if name in ("corridor", "bedroom", "office", "study") and rng.random() < (
        0.9 if name == "corridor" else 0.6
    ):
        hang_on_wall(space, wall.coat_hooks(rng, palette), rng, 0.75)
    for chance in WALL_BOARDS.get(name, ()):
        if rng.random() < chance:
            boards = storage.wall_boards(rng, palette)
            place_along_walls(space, boards, rng, gap_m=0.002, prefer="any")
    if rng.random() < PINNED_PAPER.get(name, 0.0):
        hang_on_wall(space, wall.pinned_papers(rng, palette), rng, float(rng.uniform(1.15, 1.35)))
    if rng.random() < 0.5 and name not in ("storage", "corridor", "staircase"):
        hang_on_wall(space, wall.wall_clock(rng, palette), rng, float(rng.uniform(1.6, 1.8)))
    n = int(np.clip(rng.poisson(1.0 + area / 5), 1, 9)) if name not in ("storage",) else 0
    for _ in range(n):
        large = rng.random() < 0.55
        hang_on_wall(
            space,
            wall.picture(rng, palette, bool(large)),
            rng,
            float(rng.uniform(1.25, 1.5)),
            margin_m=0.1,
        )


def _mirrors_over_chests(space: RoomSpace, rng: np.random.Generator, palette: Palette) -> None:
    for placed in list(space.placed):
        if placed.edge >= 0 and placed.item.label == "dresser" and rng.random() < 0.7:
            w = next(v for v in space.walls if v.index == placed.edge)
            at = float(w.along @ (np.array([placed.x_m, placed.y_m]) - w.start_m))
            top = float(placed.item.own_bounds()[1][2])
            width, height = float(rng.uniform(0.6, 0.9)), float(rng.uniform(0.6, 0.9))
            glass = wall.mirror(rng, palette, width, height)
            near = (placed.edge, at)
            hang_on_wall(space, glass, rng, top + 0.12, near=near, margin_m=0.02)


def _bathroom_walls(space: RoomSpace, rng: np.random.Generator, palette: Palette) -> None:
    for placed in list(space.placed):
        if placed.edge >= 0 and (
            placed.item.label == "sink" or any(c.item.label == "sink" for c in placed.item.children)
        ):
            w = next(v for v in space.walls if v.index == placed.edge)
            at = float(w.along @ (np.array([placed.x_m, placed.y_m]) - w.start_m))
            glass = wall.mirror(
                rng, palette, float(rng.uniform(0.5, 0.8)), float(rng.uniform(0.6, 0.9))
            )
            hang_on_wall(space, glass, rng, 1.15, near=(placed.edge, at), margin_m=0.02)
    for _ in range(int(rng.integers(1, 4))):
        hang_on_wall(space, wall.towel(rng, palette), rng, float(rng.uniform(0.5, 0.75)))


def hang_curtains(space: RoomSpace, rng: np.random.Generator, palette: Palette) -> None:
    """Curtain pairs or blinds before windows; kitchens and bathrooms mostly go without curtains."""
    name = space.room.name
    style = str(rng.choice(["curtain", "blinds", "none"], p=[0.56, 0.34, 0.10]))
    if name in ("office", "meeting room", "open space", "kitchen", "bathroom", "kitchenette"):
        style = str(rng.choice(["blinds", "none"], p=[0.75, 0.25]))
    rgb = pick(rng, (*palette.fabrics, palette.accents[0], *CURTAINS))
    kind = "wallpaper" if rng.random() < 0.3 else "fabric"
    cloth = Material(kind, rgb, shade(rgb, 0.8), seed_of(rng), 0.5)
    for edge, at, o in space.windows:
        w = next(v for v in space.walls if v.index == edge)
        if style == "blinds" or rng.random() < ROLLER_SHARE:
            width, height = o.width_m - 0.1, o.z1_m - o.z0_m
            item = (
                wall.blinds(rng, width, height)
                if style == "blinds"
                else wall.roller_blind(rng, palette, width, float(rng.uniform(0.35, 0.85)) * height)
            )
            spot = w.start_m + w.along * at + w.inward * (-0.03)
            space.placed.append(
                Placed(item, float(spot[0]), float(spot[1]), o.z1_m - 0.002, w.yaw_rad, edge)
            )
        if style == "curtain":
            _curtain_pair(
                space,
                rng,
                palette,
                w,
                at,
                o.width_m,
                min(o.z1_m + 0.12, space.height_m - 0.06),
                o.z0_m,
                cloth,
            )


def _curtain_pair(
    space: RoomSpace,
    rng: np.random.Generator,
    palette: Palette,
    w: WallSpan,
    at: float,
    width: float,
    top: float,
    sill: float,
    cloth: Material,
) -> None:
    each = float(np.clip(0.29 * width + 0.12, 0.25, 0.8))
    off = 0.09
    floor_length = rng.random() < 0.6 or sill < 0.4
    for side in (-1, 1):
        middle = at + side * (width / 2 + 0.08 - each / 2 + 0.1)
        if not each / 2 < middle < w.length_m - each / 2:
            continue
        bottom = 0.02 if floor_length else max(sill - 0.15, 0.02)
        spot = w.start_m + w.along * middle + w.inward * off
        c, s = w.along * each / 2, w.inward * 0.045
        corners = np.array([spot + i * c + j * s for i in (-1, 1) for j in (-1, 1)])
        rect = (*corners.min(axis=0).tolist(), *corners.max(axis=0).tolist())
        if not space.is_clear(rect, bottom, top, 0.0):
            bottom = max(sill - 0.12, 0.02)
            if not space.is_clear(rect, bottom, top, 0.0):
                continue
        item = wall.curtain(rng, cloth, each, top - bottom)
        space.commit(
            Placed(item, float(spot[0]), float(spot[1]), bottom, w.yaw_rad, w.index),
            [rect],
            bottom,
            top,
        )


def lay_rugs(space: RoomSpace, rng: np.random.Generator, palette: Palette) -> None:
    """A rug before the sofa or beside the bed, a mat at the bath, a runner in the corridor."""
    name = space.room.name
    sizes = {
        "living room": (1.7, 2.4, 1.2, 1.7),
        "bedroom": (1.2, 1.8, 0.7, 1.1),
        "bathroom": (0.6, 0.8, 0.4, 0.5),
        "corridor": (0.6, 0.9, 0.4, 0.55),
        "kitchen": (0.7, 1.0, 0.45, 0.6),
        "study": (1.3, 1.9, 0.9, 1.2),
        "dining room": (1.6, 2.2, 1.2, 1.6),
    }
    if name not in sizes or rng.random() > 0.75:
        return
    l0, l1, w0, w1 = sizes[name]
    length, width = float(rng.uniform(l0, l1)), float(rng.uniform(w0, w1))
    item = (
        wall.round_rug(rng, palette, width)
        if rng.random() < 0.15
        else wall.rug(rng, palette, length, width)
    )
    low, high = space.room.polygon_m.min(axis=0), space.room.polygon_m.max(axis=0)
    tables = [
        p
        for p in space.placed
        if p.item.label == "" and any(c.item.label == "sofa" for c in p.item.children)
    ]
    for k in range(40):
        point, yaw = rng.uniform(low, high), float(rng.integers(2)) * np.pi / 2
        if tables and k < 15:
            yaw = tables[0].yaw_rad
            ahead = np.array([np.sin(yaw), -np.cos(yaw)])
            point = np.array([tables[0].x_m, tables[0].y_m]) + ahead * rng.uniform(0.75, 1.1)
        x0, y0, x1, y1 = item.footprint(yaw)
        rect = (point[0] + x0, point[1] + y0, point[0] + x1, point[1] + y1)
        corners = np.array([[rect[i], rect[j]] for i in (0, 2) for j in (1, 3)])
        if (
            not outlines.contains(space.room.polygon_m, corners).all()
            or outlines.distance_to_edges(space.room.polygon_m, corners).min() < 0.05
        ):
            continue
        covered = sum(_overlap(rect, s) for s in space.solid if s[4] < 0.1) / (length * width)
        if covered < (0.55 if tables else 0.12):
            space.placed.append(Placed(item, float(point[0]), float(point[1]), 0.0, yaw))
            return


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def hang_ceiling_lamps(
    space: RoomSpace, rng: np.random.Generator, palette: Palette, is_office: bool
) -> None:
    """One lamp a room, several in long or large ones, away from tall things."""
    polygon, area = space.room.polygon_m, outlines.area(space.room.polygon_m)
    low, high = polygon.min(axis=0), polygon.max(axis=0)
    n = (
        int(np.clip(round(area / 14), 1, 9))
        if not is_office
        else int(np.clip(round(area / 10), 1, 12))
    )
    if space.room.name in ("corridor", "staircase"):
        n = max(1, round(float((high - low).max()) / 3.5))
    kind = int(rng.integers(2**31))
    long_axis = int(np.argmax(high - low))
    for k in range(n):
        best = None
        for _ in range(60):
            point = rng.uniform(low + 0.25, np.maximum(high - 0.25, low + 0.3))
            wanted = (low + high) / 2
            wanted[long_axis] = low[long_axis] + (k + 0.5) / n * (high - low)[long_axis]
            point = wanted + 0.12 * (point - wanted) if best is None else point
            if (
                not outlines.contains(polygon, point[None])[0]
                or outlines.distance_to_edges(polygon, point[None])[0] < 0.4
            ):
                continue
            item = wall.ceiling_lamp(
                np.random.default_rng(kind),
                palette,
                is_office and space.room.name not in ("bathroom", "storage"),
            )
            x0, y0, x1, y1 = item.footprint()
            rect = (point[0] + x0, point[1] + y0, point[0] + x1, point[1] + y1)
            bottom = space.height_m + float(item.bounds()[0][2])
            if any(_overlap(rect, s) > 0 and s[5] > bottom - 0.1 for s in space.solid):
                continue
            best = (item, point)
            break
        if best is not None:
            item, point = best
            space.placed.append(Placed(item, float(point[0]), float(point[1]), space.height_m, 0.0))
