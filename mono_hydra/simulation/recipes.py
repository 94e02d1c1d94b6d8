"""What stands in a room of each purpose: first what it must have, then what it may have."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mono_hydra.simulation import fixtures, outlines
from mono_hydra.simulation import furniture_bath as bath
from mono_hydra.simulation import furniture_beds as beds
from mono_hydra.simulation import furniture_clothes as clothes
from mono_hydra.simulation import furniture_desktop as desktop
from mono_hydra.simulation import furniture_kitchen as kitchen
from mono_hydra.simulation import furniture_seating as seating
from mono_hydra.simulation import furniture_small as small
from mono_hydra.simulation import furniture_storage as storage
from mono_hydra.simulation import furniture_tables as tables
from mono_hydra.simulation import furniture_wall as wall
from mono_hydra.simulation.items import Child, Item, group
from mono_hydra.simulation.palette import Palette
from mono_hydra.simulation.room_space import RoomSpace, place_along_walls, place_free

DRYING = {"bathroom": 0.45, "bedroom": 0.4, "living room": 0.4, "storage": 0.4}
N_VARIANTS = 3  # draws of one thing, until one is small enough for the room
Make = Callable[[np.random.Generator, Palette], Item]


def furnish_floor(space: RoomSpace, rng: np.random.Generator, palette: Palette) -> None:
    """Everything that stands on the floor of one room."""
    recipe = RECIPES.get(space.room.name)
    if recipe is not None:
        recipe(space, rng, palette)


def _area(space: RoomSpace) -> float:
    return outlines.area(space.room.polygon_m)


def dining_group(
    rng: np.random.Generator, palette: Palette, seats: int, make_chair: Make = seating.chair
) -> Item:
    """A table with its chairs, a little turned, some pulled out; all chairs of one make."""
    table = (
        tables.meeting_table(rng, palette, seats)
        if seats > 6
        else tables.dining_table(rng, palette, seats)
    )
    _low, high = table.own_bounds()
    x, y = float(high[0]), float(high[1])
    kind = int(rng.integers(2**31))
    children = [Child(table, 0.0, 0.0, 0.0, 0.0, None)]
    if table.symmetry == 0:
        places = [(a, x * np.sin(a), -x * np.cos(a)) for a in np.arange(min(seats, 4)) * np.pi / 2]
        spots = [(float(px), float(py), float(a)) for a, px, py in places]
    else:
        n_side = max((seats - 2) // 2, 1) if seats >= 6 else seats // 2
        xs = (np.arange(n_side) + 0.5) / n_side * 2 * x - x
        spots = [(float(v), -y, 0.0) for v in xs] + [(float(v), y, np.pi) for v in xs]
        if seats >= 6:
            spots += [(-x, 0.0, -np.pi / 2), (x, 0.0, np.pi / 2)]
    for px, py, facing in spots:
        if rng.random() < 0.06 and len(spots) > 2:
            continue
        chair = make_chair(np.random.default_rng(kind), palette)
        _c_low, _c_high = chair.own_bounds()
        # facing 0: on the -y side of the table, looking to +y, hence turned half round
        out = rng.uniform(0.04, 0.16) + 0.1 * (make_chair is seating.office_chair)
        dx, dy = np.sin(facing), -np.cos(facing)
        reach = out + 0.12
        children.append(
            Child(
                chair,
                px + dx * reach,
                py + dy * reach,
                0.0,
                facing + np.pi + rng.normal(0.0, 0.09),
                None,
            )
        )
    return group(*children)


def living_room(space: RoomSpace, rng: np.random.Generator, palette: Palette) -> None:
    """Sofa facing a television over a coffee table; books, plants, perhaps a dining corner."""
    area = _area(space)
    sofa_wall = -1
    for seats in (3, 2, 2, 1):
        if area < 14 and seats == 3:
            continue
        set_item = _sofa_set(rng, palette, seats)
        if place_along_walls(space, set_item, rng, gap_m=0.05, prefer="middle", tries=14):
            sofa_wall = space.placed[-1].edge
            break
    opposite = _opposite(space, sofa_wall)
    tv = storage.tv_bench(rng, palette)
    _television_on(tv, rng, palette)
    if not place_along_walls(space, tv, rng, gap_m=0.04, prefer="middle", walls=opposite or None):
        place_along_walls(space, tv, rng, gap_m=0.04)
    if rng.random() < 0.4:
        place_along_walls(space, fixtures.fireplace(rng, palette), rng, gap_m=0.0, prefer="middle")
    if area > 12 and rng.random() < 0.85:
        _dining_somewhere(space, rng, palette, (6, 4, 2) if area > 24 else (4, 2))
    may: list[tuple[float, Make, str]] = [
        (0.9, storage.bookshelf, "any"),
        (0.75, storage.wall_unit, "middle"),
        (0.55, storage.tall_cabinet, "any"),
        (0.5, storage.piano, "any"),
        (0.5, lambda r, p: seating.sofa(r, p, 1), "corner"),
        (0.75, wall.floor_lamp, "corner"),
        (0.7, storage.sideboard, "middle"),
        (0.8, lambda r, p: small.plant(r, p, True), "corner"),
        (0.6, seating.chair, "any"),
        (0.35, storage.dresser, "any"),
        (0.8, seating.ottoman, "any"),
        (0.5, storage.bookshelf, "any"),
        (0.4, tables.side_table, "corner"),
        (0.4, small.basket, "corner"),
        (0.3, lambda r, p: small.plant(r, p, True), "corner"),
    ]
    if rng.random() < 0.6:
        _desk_somewhere(space, rng, palette)
    _may(space, rng, palette, may)


def _sofa_set(rng: np.random.Generator, palette: Palette, seats: int) -> Item:
    """A sofa, a coffee table before it, at times an armchair to the side."""
    sofa, table = seating.sofa(rng, palette, seats), tables.coffee_table(rng, palette)
    s_low, _s_high = sofa.own_bounds()
    _t_low, t_high = table.own_bounds()
    at_y = float(s_low[1]) - rng.uniform(0.32, 0.42) - float(t_high[1])
    children = [Child(sofa, 0, 0, 0, 0, None)]
    if seats > 1 or rng.random() < 0.5:
        children.append(Child(table, rng.uniform(-0.1, 0.1), at_y, 0, rng.normal(0, 0.03), None))
    if seats >= 2 and rng.random() < 0.4:
        side = 1.0 if rng.random() < 0.5 else -1.0
        arm = seating.sofa(rng, palette, 1)
        x = side * (float(t_high[0]) + 0.55 + float(arm.own_bounds()[1][1]))
        children.append(Child(arm, x, at_y, 0, -side * np.pi / 2 + rng.normal(0, 0.1), None))
    return group(*children)


def _television_on(bench: Item, rng: np.random.Generator, palette: Palette) -> None:
    top = bench.surfaces.pop()
    tv = wall.television(rng, palette, min(rng.uniform(0.8, 1.3), top.x1_m - top.x0_m), True)
    bench.children.append(Child(tv, rng.uniform(-0.05, 0.05), top.y1_m - 0.12, top.z_m))


def _opposite(space: RoomSpace, edge: int) -> list[int]:
    own = next((w for w in space.walls if w.index == edge), None)
    if own is None:
        return []
    return [w.index for w in space.walls if float(w.inward @ own.inward) < -0.9]


def _may(
    space: RoomSpace,
    rng: np.random.Generator,
    palette: Palette,
    wishes: list[tuple[float, Make, str]],
) -> None:
    for chance, make, prefer in wishes:
        if rng.random() < chance:
            for _ in range(N_VARIANTS):
                item, gap_m = make(rng, palette), float(rng.uniform(0.015, 0.06))
                if place_along_walls(space, item, rng, gap_m=gap_m, prefer=prefer):
                    break


def bedroom(space: RoomSpace, rng: np.random.Generator, palette: Palette) -> None:
    """Bed with night stands, wardrobe, dresser, perhaps a desk."""
    double = _area(space) > 9.5 and rng.random() < 0.75
    for big, stands, prefer in (
        (double, 2 if double else 1, "middle"),
        (double, 1, "middle"),
        (False, 1, "corner"),
        (False, 0, "corner"),
        (False, 0, "any"),
    ):
        bed = _bed_set(rng, palette, big, stands)
        if place_along_walls(space, bed, rng, gap_m=0.03, prefer=prefer, tries=24):
            break
    else:
        raise ValueError(f"bedroom {space.room.id} has no place for a bed")
    if _area(space) > 11.0:
        _may(space, rng, palette, [(0.75, storage.dresser, "any")])
    if rng.random() < 0.8:
        _desk_somewhere(space, rng, palette)
    _may(space, rng, palette, [(1.0, storage.wardrobe, "corner")])
    may: list[tuple[float, Make, str]] = [
        (0.6, storage.dresser, "any"),
        (0.6, clothes.garment_rack, "any"),
        (0.5, storage.wardrobe, "any"),
        (0.5, storage.tall_cabinet, "any"),
        (0.65, seating.bench, "any"),
        (0.55, seating.chair, "any"),
        (0.5, storage.bookshelf, "any"),
        (0.4, lambda r, p: small.plant(r, p, True), "corner"),
        (0.5, seating.ottoman, "any"),
        (0.25, lambda r, p: seating.sofa(r, p, 1), "corner"),
        (0.4, small.basket, "corner"),
        (0.25, wall.floor_lamp, "corner"),
    ]
    _may(space, rng, palette, may)


def _bed_set(rng: np.random.Generator, palette: Palette, double: bool, stands: int) -> Item:
    bed = beds.bed(rng, palette, double)
    _low, high = bed.own_bounds()
    children, seed = [Child(bed, 0, 0, 0, 0, None)], int(rng.integers(2**31))
    for side in (-1, 1) if stands == 2 else (int(rng.choice([-1, 1])),) if stands else ():
        stand = storage.night_stand(np.random.default_rng(seed), palette)
        _n_low, n_high = stand.own_bounds()
        x = side * (float(high[0]) + rng.uniform(0.06, 0.12) + float(n_high[0]))
        children.append(Child(stand, x, float(high[1] - n_high[1]) - 0.01, 0, 0, None))
    return group(*children)


def _desk_somewhere(space: RoomSpace, rng: np.random.Generator, palette: Palette) -> bool:
    """A desk with its chair at a wall, a smaller one where the room is full."""
    for length_m in (None, 1.1, 1.0, 0.9, 0.8):
        desk = _desk_set(rng, palette, length_m=length_m)
        if place_along_walls(space, desk, rng, prefer="window", tries=24):
            return True
    return False


def _dining_somewhere(
    space: RoomSpace, rng: np.random.Generator, palette: Palette, seats: tuple[int, ...]
) -> bool:
    """A table with chairs, in the free or at a wall, for as many as there is room."""
    for n in seats:
        dining = dining_group(rng, palette, n)
        if place_free(space, dining, rng, margin_m=0.18, tries=80, central=False):
            return True
    return place_along_walls(space, dining_group(rng, palette, seats[-1]), rng, tries=24)


def _desk_set(
    rng: np.random.Generator,
    palette: Palette,
    with_screen: bool = True,
    length_m: float | None = None,
) -> Item:
    """A desk with a chair before it, and a screen with its keyboard or a laptop."""
    desk = tables.desk(rng, palette, length_m)
    low, high = desk.own_bounds()
    top = desk.surfaces.pop()
    mid = float(rng.uniform(-0.12, 0.12))
    if with_screen and rng.random() < 0.6:
        desk.children.append(
            Child(desktop.monitor(rng, palette), mid, high[1] - 0.15, top.z_m, rng.normal(0, 0.05))
        )
        desk.children.append(
            Child(desktop.keyboard(rng, palette), mid, high[1] - 0.46, top.z_m, rng.normal(0, 0.04))
        )
        busy = 0.36
    else:
        desk.children.append(
            Child(desktop.laptop(rng, palette), mid, 0.02, top.z_m, rng.normal(0, 0.1))
        )
        busy = 0.26
    for x0, x1 in ((top.x0_m, mid - busy), (mid + busy, top.x1_m)):
        if x1 - x0 > 0.16:
            desk.surfaces.append(type(top)(x0, top.y0_m, x1, top.y1_m, top.z_m, 0.6, "desk"))
    is_office = length_m is None and rng.random() < 0.7
    chair = seating.office_chair(rng, palette) if is_office else seating.chair(rng, palette)
    depth = float(chair.own_bounds()[1][1])
    at = float(low[1]) - depth + rng.uniform(0.0, 0.12) - 0.12
    turned = np.pi + rng.normal(0, 0.25)
    if length_m is not None:  # no floor to spare: pushed under the top
        at, turned = float(low[1]) - depth + rng.uniform(0.18, 0.26), np.pi + rng.normal(0, 0.06)
    desk.front_m = 0.0
    return group(
        Child(desk, 0, 0, 0, 0, None),
        Child(chair, mid + rng.uniform(-0.08, 0.08), at, 0, turned, None),
    )


def kitchen_room(space: RoomSpace, rng: np.random.Generator, palette: Palette) -> None:
    """The run along the longest free wall, a table if there is room."""
    windows = {i for i, _, _ in space.windows}
    plain = [w.index for w in space.walls if w.index not in windows]
    finish = kitchen.draw_finish(rng, palette)
    for n, fridge, above, walls in (
        (6, True, True, plain),
        (5, True, True, plain),
        (4, True, True, plain),
        (3, True, True, plain),
        (5, True, False, None),
        (4, True, False, None),
        (3, True, False, None),
        (3, False, True, plain),
        (2, False, False, None),
    ):
        run = kitchen.kitchen_run(
            rng, palette, n, space.height_m, bool(rng.random() < 0.5), fridge, above, finish
        )
        if place_along_walls(
            space, run, rng, gap_m=0.005, prefer="any", walls=walls, side_gap_m=0.01
        ):
            if not fridge:
                place_along_walls(space, kitchen.refrigerator(rng, palette), rng, gap_m=0.03)
            break
    for n, above, walls in (
        (4, True, plain),
        (3, True, plain),
        (2, True, plain),
        (3, False, None),
        (2, False, None),
        (1, True, plain),
    ):
        side = kitchen.side_run(rng, palette, n, space.height_m, above, finish)
        if place_along_walls(
            space, side, rng, gap_m=0.005, prefer="corner", walls=walls, side_gap_m=0.01
        ):
            break
    if _area(space) > 9.0 and rng.random() < 0.4:
        place_free(space, kitchen.island(rng, palette, 3, finish), rng, margin_m=0.3, tries=40)
    _dining_somewhere(space, rng, palette, (4, 2) if _area(space) > 8.0 else (2,))
    may: list[tuple[float, Make, str]] = [
        (0.5, storage.sideboard, "any"),
        (0.6, small.basket, "corner"),
        (0.65, kitchen.washing_machine, "corner"),
        (0.5, seating.stool, "corner"),
        (0.5, storage.rack, "corner"),
    ]
    _may(space, rng, palette, may)


def dining_room(space: RoomSpace, rng: np.random.Generator, palette: Palette) -> None:
    """The table in the middle, a sideboard, a cabinet."""
    _dining_somewhere(space, rng, palette, (6, 4, 2))
    _may(
        space,
        rng,
        palette,
        [
            (0.85, storage.sideboard, "middle"),
            (0.6, storage.wall_unit, "any"),
            (0.6, lambda r, p: small.plant(r, p, True), "corner"),
            (0.4, storage.bookshelf, "any"),
            (0.4, wall.floor_lamp, "corner"),
        ],
    )


def bathroom(space: RoomSpace, rng: np.random.Generator, palette: Palette) -> None:
    """Tub or shower, toilet, basin; washing machine, bin, stool."""
    placed = False
    if rng.random() < 0.65:
        for length in (1.7, 1.6, 1.5):
            tub = (
                bath.tub_with_curtain(rng, palette, length)
                if rng.random() < 0.7
                else bath.bathtub(rng, palette, length)
            )
            placed = place_along_walls(
                space, tub, rng, gap_m=0.015, prefer="corner", side_gap_m=0.01
            )
            if placed:
                break
    if not placed:
        place_along_walls(
            space, bath.shower(rng, palette), rng, gap_m=0.01, prefer="corner", side_gap_m=0.01
        )
    if not place_along_walls(
        space, bath.washbasin(rng, palette), rng, gap_m=0.01, prefer="no_window"
    ):
        small_basin = next(
            b for b in (bath.washbasin(rng, palette) for _ in range(60)) if b.label == "sink"
        )
        place_along_walls(space, small_basin, rng, gap_m=0.01)
    place_along_walls(
        space, bath.toilet(rng, palette), rng, gap_m=0.01, prefer="far", side_gap_m=0.12
    )
    _may(
        space,
        rng,
        palette,
        [
            (0.65, kitchen.washing_machine, "corner"),
            (0.35, lambda r, p: fixtures.pipe_box(r, space.height_m), "corner"),
            (0.6, small.basket, "corner"),
            (0.35, seating.stool, "corner"),
            (0.6, lambda r, p: storage.cabinet(r, p, 0.4, 0.34, 1.6), "corner"),
        ],
    )


def study(space: RoomSpace, rng: np.random.Generator, palette: Palette) -> None:
    """A desk at the window, shelves, an armchair."""
    _desk_somewhere(space, rng, palette)
    if rng.random() < 0.5:
        _desk_somewhere(space, rng, palette)
    place_along_walls(space, storage.bookshelf(rng, palette), rng)
    _may(
        space,
        rng,
        palette,
        [
            (0.7, storage.bookshelf, "any"),
            (0.6, storage.wall_unit, "any"),
            (0.5, storage.rack, "any"),
            (0.6, seating.chair, "any"),
            (0.5, lambda r, p: seating.sofa(r, p, 1), "corner"),
            (0.6, small.basket, "corner"),
            (0.4, wall.floor_lamp, "corner"),
            (0.4, lambda r, p: small.plant(r, p, True), "corner"),
            (0.4, storage.sideboard, "any"),
        ],
    )


def corridor(space: RoomSpace, rng: np.random.Generator, palette: Palette) -> None:
    """Narrow things only: a shoe cabinet, hooks with coats, a mat."""
    n = 1 + int(_area(space) / 6)
    for _ in range(n):
        _may(
            space,
            rng,
            palette,
            [
                (
                    0.6,
                    lambda r, p: storage.cabinet(
                        r, p, r.uniform(0.6, 0.9), 0.24, r.uniform(0.75, 1.0)
                    ),
                    "any",
                ),
                (
                    0.45,
                    lambda r, p: storage.cabinet(r, p, r.uniform(0.8, 1.4), 0.4, 2.0),
                    "corner",
                ),
                (0.3, clothes.garment_rack, "any"),
                (0.65, seating.bench, "any"),
                (0.35, seating.chair, "any"),
                (0.35, lambda r, p: small.plant(r, p, True), "corner"),
            ],
        )


def storage_room(space: RoomSpace, rng: np.random.Generator, palette: Palette) -> None:
    """Racks and boxes."""
    for _ in range(2):
        place_along_walls(space, storage.rack(rng, palette), rng, prefer="far")
    _may(
        space,
        rng,
        palette,
        [
            (0.6, lambda r, p: small.carton(r, p, 1.5), "corner"),
            (0.6, lambda r, p: small.carton(r, p, 1.6), "corner"),
            (0.4, kitchen.washing_machine, "corner"),
            (0.5, lambda r, p: storage.cabinet(r, p, 0.6, 0.4, 1.8), "corner"),
        ],
    )


def office(space: RoomSpace, rng: np.random.Generator, palette: Palette) -> None:
    """One to three desks, cabinets, shelves."""
    for _ in range(max(1, int(_area(space) / 5.5))):
        place_along_walls(space, _desk_set(rng, palette), rng, prefer="window")
    _may(
        space,
        rng,
        palette,
        [
            (0.7, storage.bookshelf, "any"),
            (
                0.6,
                lambda r, p: storage.cabinet(r, p, r.uniform(0.8, 1.2), 0.45, r.uniform(1.1, 1.9)),
                "any",
            ),
            (0.7, small.basket, "corner"),
            (0.5, lambda r, p: small.plant(r, p, True), "corner"),
            (0.3, seating.chair, "any"),
            (0.3, storage.rack, "any"),
        ],
    )


def meeting_room(space: RoomSpace, rng: np.random.Generator, palette: Palette) -> None:
    """A long table with many chairs."""
    chair: Make = seating.office_chair if rng.random() < 0.5 else seating.chair
    for seats in (12, 10, 8, 6, 4):
        if place_free(space, dining_group(rng, palette, seats, chair), rng, margin_m=0.3, tries=50):
            break
    _may(
        space,
        rng,
        palette,
        [
            (0.7, storage.sideboard, "middle"),
            (0.6, lambda r, p: small.plant(r, p, True), "corner"),
            (0.5, small.basket, "corner"),
        ],
    )


def open_space(space: RoomSpace, rng: np.random.Generator, palette: Palette) -> None:
    """Desks in pairs and a corner to sit."""
    for _ in range(int(_area(space) / 9)):
        if not place_free(
            space, _desk_set(rng, palette), rng, margin_m=0.4, tries=30, central=False
        ):
            break
    for _ in range(3):
        place_along_walls(space, _desk_set(rng, palette), rng, prefer="window")
    _may(
        space,
        rng,
        palette,
        [
            (0.8, storage.rack, "any"),
            (0.7, lambda r, p: storage.cabinet(r, p, 1.0, 0.45, 1.2), "any"),
            (0.8, small.basket, "corner"),
            (0.8, lambda r, p: small.plant(r, p, True), "corner"),
            (0.6, lambda r, p: seating.sofa(r, p, 2), "any"),
        ],
    )


def staircase(space: RoomSpace, rng: np.random.Generator, palette: Palette) -> None:
    """Nearly empty."""
    _may(
        space,
        rng,
        palette,
        [
            (0.5, lambda r, p: small.plant(r, p, True), "corner"),
            (0.4, lambda r, p: storage.cabinet(r, p, 0.7, 0.26, 0.9), "any"),
        ],
    )


def drying_rack_somewhere(space: RoomSpace, rng: np.random.Generator, palette: Palette) -> None:
    """Laundry dries where there is floor for it."""
    if rng.random() < DRYING.get(space.room.name, 0.0):
        for _ in range(N_VARIANTS):
            if place_free(
                space,
                clothes.drying_rack(rng, palette),
                rng,
                margin_m=0.12,
                tries=40,
                central=False,
            ):
                break


def loose_things(space: RoomSpace, rng: np.random.Generator, palette: Palette) -> None:
    """Boxes, bags, shoes, toys on the floor near the walls."""
    drying_rack_somewhere(space, rng, palette)
    name, area = space.room.name, _area(space)
    makes: dict[str, tuple[Make, ...]] = {
        "living room": (
            small.bag,
            small.toy,
            lambda r, p: small.carton(r, p, 1.7),
            small.shoes,
            lambda r, p: small.carton(r, p, 1.5),
            lambda r, p: clothes.clothes_heap(r, p, 0.45),
        ),
        "bedroom": (
            lambda r, p: clothes.clothes_heap(r, p, 0.6),
            small.bag,
            small.shoes,
            lambda r, p: small.carton(r, p, 1.6),
            small.toy,
            lambda r, p: clothes.clothes_heap(r, p, 0.5),
        ),
        "bathroom": (clothes.clothes_heap, bath.paper_roll),
        "corridor": (small.shoes, small.bag, small.shoes),
        "study": (small.bag, small.carton, desktop.book_stack),
        "office": (small.bag, small.carton, desktop.book_stack),
        "open space": (small.bag, small.carton, small.bag),
        "kitchen": (small.carton, small.bottle, small.bag),
        "storage": (lambda r, p: small.carton(r, p, 1.7), small.bag, small.shoes),
    }
    options = makes.get(name, (small.bag,))
    for _ in range(int(rng.integers(2, 4 + int(area / 5)))):
        make = options[int(rng.integers(len(options)))]
        item = make(rng, palette)
        if rng.random() < 0.75:
            place_along_walls(
                space, item, rng, gap_m=float(rng.uniform(0.02, 0.1)), side_gap_m=0.12, tries=4
            )
        else:
            yaw = float(rng.uniform(-np.pi, np.pi))
            place_free(space, item, rng, margin_m=0.15, tries=8, yaws=(yaw,), central=False)


RECIPES: dict[str, Callable[[RoomSpace, np.random.Generator, Palette], None]] = {
    "living room": living_room,
    "bedroom": bedroom,
    "kitchen": kitchen_room,
    "kitchenette": kitchen_room,
    "bathroom": bathroom,
    "dining room": dining_room,
    "study": study,
    "corridor": corridor,
    "storage": storage_room,
    "office": office,
    "meeting room": meeting_room,
    "open space": open_space,
    "staircase": staircase,
}
