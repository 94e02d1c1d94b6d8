"""A furnished hall around a path that somebody else has recorded, nothing of it in the way.

Box of the path and `SIDE_M` more to every side; partitions, columns and furniture stand where the
path leaves room for them, the more the farther the camera would otherwise see.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mono_hydra.simulation import assemble, fixtures, palette, recipes, shell
from mono_hydra.simulation import furniture_kitchen as kitchen
from mono_hydra.simulation import furniture_seating as seating
from mono_hydra.simulation import furniture_small as small
from mono_hydra.simulation import furniture_storage as storage
from mono_hydra.simulation import furniture_tables as tables
from mono_hydra.simulation import furniture_wall as wall
from mono_hydra.simulation.furnish import (
    hang_ceiling_lamps,
    hang_on_wall,
    load_things,
)
from mono_hydra.simulation.house import House, Material, Room
from mono_hydra.simulation.items import Child, Item
from mono_hydra.simulation.options import generator
from mono_hydra.simulation.palette import Palette
from mono_hydra.simulation.room_space import (
    RoomSpace,
    place_along_walls,
    place_at,
    place_free,
)
from mono_hydra.simulation.scene import HouseScene
from mono_hydra.simulation.shapes import box
from mono_hydra.types import F8, Camera

SIDE_M = 2.0
BELOW_M, ABOVE_M = 0.8, 1.2
MIN_HEIGHT_M = 2.7
WALL_M = 0.2
PATH_GAP_M = 0.45  # between the path and everything
BELOW_PATH_M = 0.8  # small things are yet to be put on what stands below it
PATH_CELL_M = 0.25
MEDIAN_DEPTH_M = (1.8, 4.0)
CROWDING = (1.0, 2.0, 4.0, 0.4)  # amounts of partitions that are tried
Make = Callable[[np.random.Generator, Palette], Item]

AT_WALLS: tuple[Make, ...] = (
    storage.bookshelf,
    storage.rack,
    storage.wall_unit,
    storage.tall_cabinet,
    storage.sideboard,
    storage.dresser,
    seating.bench,
    seating.chair,
    lambda r, p: seating.sofa(r, p, 2),
    storage.piano,
    kitchen.washing_machine,
    storage.wardrobe,
)
IN_THE_FREE: tuple[Make, ...] = (
    lambda r, p: recipes.dining_group(r, p, 4),
    lambda r, p: small.carton(r, p, 1.8),
    lambda r, p: small.carton(r, p, 1.5),
    lambda r, p: small.plant(r, p, True),
    storage.rack,
    tables.coffee_table,
    seating.ottoman,
    seating.office_chair,
    small.basket,
    small.bag,
    storage.bookshelf,
    lambda r, p: seating.sofa(r, p, 3),
)


def hall_scene(path_m: F8, views: F8, camera: Camera, seed: int) -> HouseScene:
    """The hall around camera centres (N, 3) whose depth is most like that of a home.

    Args:
        path_m: (N, 3) camera centres, a few centimetres apart.
        views: (K, 4, 4) some T_world_camera along the path, to look at the hall with.
        camera: the camera of these views.
        seed: decides everything in the hall.
    """
    small_camera = camera.resized(64, 48)
    scenes: list[tuple[float, int, HouseScene]] = []
    for crowding in CROWDING:
        scene = HouseScene(_hall(path_m, seed, crowding))
        depths = [scene.depth(T, small_camera) for T in views]
        median = float(np.median(np.concatenate([d[d > 0.0].ravel() for d in depths])))
        low, high = MEDIAN_DEPTH_M
        if low <= median <= high:
            return scene
        scenes.append((max(low - median, median - high), len(scenes), scene))
    return min(scenes)[2]


def _hall(path_m: F8, seed: int, crowding: float) -> House:
    rng = generator(seed, "hall")
    taste = palette.draw_palette(generator(seed, "palette"))
    low, high = path_m.min(axis=0), path_m.max(axis=0)
    floor = float(low[2]) - BELOW_M
    ceiling = max(float(high[2]) + ABOVE_M, floor + MIN_HEIGHT_M)
    x0, y0 = (round(float(v), 3) for v in low[:2] - SIDE_M)
    x1, y1 = (round(float(v), 3) for v in high[:2] + SIDE_M)
    polygon: F8 = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
    room = Room(1, "open space", 0, polygon, floor, ceiling)
    space = RoomSpace(room, [], WALL_M)
    space.solid += _path_boxes(path_m, floor)
    area = (x1 - x0) * (y1 - y0)
    _stand(space, rng, taste, path_m, round(crowding * area / 16.0))
    for _ in range(round(0.5 * area)):
        make = AT_WALLS[int(rng.integers(len(AT_WALLS)))]
        place_along_walls(space, make(rng, taste), rng, gap_m=0.03, tries=4)
    for _ in range(round(0.5 * area)):
        make = IN_THE_FREE[int(rng.integers(len(IN_THE_FREE)))]
        place_free(space, make(rng, taste), rng, margin_m=0.1, tries=12, central=False)
    for _ in range(round((x1 - x0 + y1 - y0) * 1.2)):
        picture = wall.picture(rng, taste, bool(rng.random() < 0.7))
        hang_on_wall(space, picture, rng, float(rng.uniform(0.9, ceiling - floor - 1.0)))
    hang_ceiling_lamps(space, rng, taste, True)
    for placed in list(space.placed):
        load_things(space, placed.item, rng, taste)
    contents = assemble.Contents()
    assemble.add_room(contents, space, generator(seed, "lamps 1"))
    base = palette.pick(rng, palette.WHITES)
    finish = shell.Finish(
        Material("brick", palette.pick(rng, palette.PASTELS), base, palette.seed_of(rng), 1.0)
        if rng.random() < 0.5
        else palette.wall_material(rng, "living room", base),
        palette.floor_material(rng, "living room", palette.plank_floor(rng)),
        Material("ceiling", palette.pick(rng, palette.WHITES[:3], 0.01)),
        0.08,
    )
    parts = shell.room_shell(room, [], finish, WALL_M)
    return House(
        seed, "replay", (room,), (), (), (), tuple(parts + contents.parts),
        tuple(contents.objects), tuple(contents.lamps), tuple(contents.relations),
        {"redrawn": 0, "crowding": crowding}, tuple(contents.fixtures),
    )  # fmt: skip


def _path_boxes(path_m: F8, floor_z_m: float) -> list[tuple[float, ...]]:
    """x0, y0, x1, y1 and heights above the floor that the path and its margin take."""
    cells = np.floor(path_m[:, :2] / PATH_CELL_M).astype(int)
    unique, member = np.unique(cells, axis=0, return_inverse=True)
    member = member.ravel()
    boxes: list[tuple[float, ...]] = []
    for k, (i, j) in enumerate(unique):
        z = path_m[member == k, 2] - floor_z_m
        boxes.append((
            i * PATH_CELL_M - PATH_GAP_M, j * PATH_CELL_M - PATH_GAP_M,
            (i + 1) * PATH_CELL_M + PATH_GAP_M, (j + 1) * PATH_CELL_M + PATH_GAP_M,
            float(z.min()) - BELOW_PATH_M, float(z.max()) + PATH_GAP_M,
        ))  # fmt: skip
    return boxes


def _stand(space: RoomSpace, rng: np.random.Generator, taste: Palette, path_m: F8, n: int) -> None:
    """Partitions and columns, 1 to 3 m beside the path by preference."""
    placed = 0
    for _ in range(40 * n):
        if placed == n:
            return
        anchor = path_m[int(rng.integers(len(path_m))), :2]
        angle, away = rng.uniform(0.0, 2 * np.pi), rng.uniform(0.6, 3.0)
        x, y = (float(v) for v in anchor + away * np.array([np.cos(angle), np.sin(angle)]))
        item = (
            _partition(rng, taste, space.height_m)
            if rng.random() < 0.7
            else fixtures.pipe_box(rng, space.height_m)
        )
        yaw = float(rng.integers(4)) * np.pi / 2
        placed += place_at(space, item, x, y, yaw, gap_m=0.05, walk=False)


def _partition(rng: np.random.Generator, taste: Palette, height_m: float) -> Item:
    """A free-standing piece of wall with pictures on both sides."""
    w, t = rng.uniform(1.0, 3.2), 0.12
    h = height_m - 0.01 if rng.random() < 0.6 else rng.uniform(1.2, min(2.4, height_m - 0.3))
    material = palette.wall_material(rng, "living room", palette.pick(rng, palette.PASTELS))
    item = Item("wall", movable=False)
    item.add(material, box((-w / 2, -t / 2, 0.0), (w / 2, t / 2, h)))
    for side in (-1, 1):
        for x in np.arange(-w / 2 + 0.6, w / 2 - 0.55, 1.2):
            picture = wall.picture(rng, taste, bool(rng.random() < 0.5))
            z = float(rng.uniform(0.3, max(0.35, h - 0.95)))
            item.children.append(
                Child(picture, float(x), side * (t / 2 + 0.002), z, 0.0 if side < 0 else np.pi)
            )
    return item
