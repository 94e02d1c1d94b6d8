"""Where things may stand in one room: rectangles, walls, doors, and a floor one can walk.

Furniture is kept as upright rectangles in plan with a height span. The floor test keeps every door
joined to the main free floor of the room for a walker 0.6 m wide.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage

from mono_hydra.simulation import outlines
from mono_hydra.simulation.house import Room
from mono_hydra.simulation.items import Item
from mono_hydra.simulation.openings import Opening
from mono_hydra.simulation.shell import edge_of
from mono_hydra.types import F8, Bool

GRID_M = 0.1
BODY_RADIUS_M = 0.3
RADIATOR_M = 0.13
HEAD_M = 1.9  # what hangs above does not block the floor
Rectangle = tuple[float, float, float, float]


@dataclass(frozen=True)
class Placed:
    """An item standing in a room; z_m is above the room's floor."""

    item: Item
    x_m: float
    y_m: float
    z_m: float
    yaw_rad: float
    edge: int = -1  # the wall it leans on
    on: Placed | None = None
    predicate: str | None = None


@dataclass(frozen=True)
class WallSpan:
    """One straight wall of a room, seen from inside."""

    index: int
    start_m: F8
    along: F8
    inward: F8
    length_m: float

    @property
    def yaw_rad(self) -> float:
        """Yaw of an item whose back (+y) is to this wall."""
        return float(np.arctan2(self.inward[0], -self.inward[1]))


@dataclass
class RoomSpace:
    """Bookkeeping of one room while it is furnished."""

    room: Room
    openings: list[Opening]
    wall_m: float
    stair_rects: list[Rectangle] = field(default_factory=list)
    placed: list[Placed] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Derive walls, door strips and the walking grid."""
        polygon = self.room.polygon_m
        self.height_m = self.room.ceiling_z_m - self.room.floor_z_m
        self.walls: list[WallSpan] = []
        for i in range(len(polygon)):
            a, b = polygon[i], polygon[(i + 1) % len(polygon)]
            length = float(np.hypot(*(b - a)))
            along = (b - a) / length
            if max(abs(along)) > 0.999:
                self.walls.append(WallSpan(i, a, along, np.array([-along[1], along[0]]), length))
        self.solid: list[tuple[float, ...]] = [(*r, 0.0, 3.0) for r in self.stair_rects]
        self.keep_free: list[Rectangle] = []
        self.wall_used: dict[int, list[Rectangle]] = {w.index: [] for w in self.walls}
        self.door_points: list[F8] = []
        self.windows: list[tuple[int, float, Opening]] = []
        for o in self.openings:
            self._reserve(o)
        self.low = polygon.min(axis=0)
        shape = np.ceil((polygon.max(axis=0) - self.low) / GRID_M).astype(int) + 1
        index = np.meshgrid(np.arange(shape[0]), np.arange(shape[1]), indexing="ij")
        self.cell_m = self.low + GRID_M * np.stack(index, axis=-1)
        points = self.cell_m.reshape(-1, 2)
        inside = outlines.contains(polygon, points) & (
            outlines.distance_to_edges(polygon, points) > BODY_RADIUS_M - 0.03
        )
        self.open_floor: Bool = inside.reshape(index[0].shape)
        for r in self.stair_rects:
            self.open_floor &= ~self._near(r)
        self.floor = self.open_floor.copy()

    def _reserve(self, o: Opening) -> None:
        """Keep the walls and the floor before an opening free."""
        found = edge_of(self.room.polygon_m, o, self.wall_m)
        if found is None or found[0] not in self.wall_used:
            return
        i, at = found
        wall = next(w for w in self.walls if w.index == i)
        half = o.width_m / 2
        margin = 0.1 if o.kind != "window" else 0.03
        self.wall_used[i].append(
            (at - half - margin, at + half + margin, o.z0_m - 0.02, o.z1_m + 0.08)
        )
        if o.kind == "window":
            self.windows.append((i, at, o))
            if o.has_radiator:
                self._cover(wall, at, 0.42 * o.width_m + 0.03, RADIATOR_M)
            return
        deep, left, right = 0.8, 0.05, 0.05
        if o.kind == "door":
            swings_in = o.rooms[1] == self.room.id
            hinge_at_low = float(o.along_m @ wall.along) > 0
            if swings_in:
                deep = o.width_m + 0.1
                left, right = (0.28, 0.05) if hinge_at_low else (0.05, 0.28)
        corners = np.array(
            [
                wall.start_m + wall.along * s + wall.inward * d
                for s in (at - half - left, at + half + right)
                for d in (0.0, deep)
            ]
        )
        self.keep_free.append((*corners.min(axis=0).tolist(), *corners.max(axis=0).tolist()))
        self.door_points.append(wall.start_m + wall.along * at + wall.inward * 0.4)

    def _cover(self, wall: WallSpan, at: float, half: float, depth: float) -> None:
        """Take the floor before a piece of wall for a radiator."""
        corners = np.array(
            [
                wall.start_m + wall.along * (at + s) + wall.inward * d
                for s in (-half, half)
                for d in (0.0, depth)
            ]
        )
        low, high = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
        self.solid.append((*low, *high, 0.0, 0.8))

    def _near(self, r: Rectangle, radius: float = BODY_RADIUS_M) -> Bool:
        dx = np.maximum(np.maximum(r[0] - self.cell_m[..., 0], self.cell_m[..., 0] - r[2]), 0.0)
        dy = np.maximum(np.maximum(r[1] - self.cell_m[..., 1], self.cell_m[..., 1] - r[3]), 0.0)
        return np.asarray(np.hypot(dx, dy) < radius)

    def is_clear(
        self, r: Rectangle, z0: float, z1: float, gap_m: float = 0.0, strips: bool = True
    ) -> bool:
        """Whether a rectangle touches no wall, no furniture at its height and no door strip."""
        x0, y0, x1, y1 = r
        eps = 1e-6
        corners = np.array(
            [[x0 + eps, y0 + eps], [x1 - eps, y0 + eps], [x1 - eps, y1 - eps], [x0 + eps, y1 - eps]]
        )
        if not outlines.contains(self.room.polygon_m, corners).all():
            return False
        polygon = self.room.polygon_m
        for a, b in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
            if _segment_meets(a, b, (x0 + eps, y0 + eps, x1 - eps, y1 - eps)):
                return False
        g = gap_m
        for s in self.solid:
            if (
                s[0] - g < x1
                and x0 < s[2] + g
                and s[1] - g < y1
                and y0 < s[3] + g
                and s[4] < z1
                and z0 < s[5]
            ):
                return False
        if strips and z0 < HEAD_M:
            for k in self.keep_free:
                if k[0] < x1 and x0 < k[2] and k[1] < y1 and y0 < k[3]:
                    return False
        return True

    def keeps_walkable(self, rects: list[Rectangle]) -> bool:
        """Whether all doors and most free floor stay joined once `rects` are covered."""
        floor = self.floor.copy()
        for r in rects:
            floor &= ~self._near(r)
        labels, n = ndimage.label(floor)
        if n == 0:
            return False
        sizes = np.bincount(labels.ravel())[1:]
        main = int(np.argmax(sizes)) + 1
        if sizes[main - 1] < 0.85 * sizes.sum():
            return False
        for p in self.door_points:
            i, j = np.round((p - self.low) / GRID_M).astype(int)
            window = labels[max(i - 3, 0) : i + 4, max(j - 3, 0) : j + 4]
            if not (window == main).any():
                return False
        return True

    def commit(self, placed: Placed, rects: list[Rectangle], z0: float, z1: float) -> None:
        """Record an item and cover its floor."""
        self.placed.append(placed)
        for r in rects:
            self.solid.append((*r, z0, z1))
            if z0 < HEAD_M:
                self.floor &= ~self._near(r)
            if placed.edge >= 0 or z1 > 1.0:
                self._shade_walls(r, z0, z1)

    def _shade_walls(self, r: Rectangle, z0: float, z1: float) -> None:
        """Mark the wall behind something that stands within 0.25 m of it."""
        for w in self.walls:
            corners = np.array([[r[0], r[1]], [r[2], r[1]], [r[2], r[3]], [r[0], r[3]]]) - w.start_m
            away, at = corners @ w.inward, corners @ w.along
            if -0.05 < away.min() < 0.25 and at.max() > 0.0 and at.min() < w.length_m:
                self.wall_used[w.index].append((float(at.min()), float(at.max()), z0, z1))

    def wall_is_clear(self, edge: int, s0: float, s1: float, z0: float, z1: float) -> bool:
        """Whether a rectangle of a wall is not covered by an opening or a thing."""
        return not any(
            u[0] < s1 and s0 < u[1] and u[2] < z1 and z0 < u[3] for u in self.wall_used[edge]
        )


def _segment_meets(a: F8, b: F8, r: Rectangle) -> bool:
    """Whether a segment crosses the inside of a rectangle."""
    t0, t1 = 0.0, 1.0
    for k in (0, 1):
        d = float(b[k] - a[k])
        low, high = r[k] - float(a[k]), r[k + 2] - float(a[k])
        if abs(d) < 1e-12:
            if low >= 0.0 or high <= 0.0:
                return False
            continue
        u, v = sorted((low / d, high / d))
        t0, t1 = max(t0, u), min(t1, v)
    return t0 < t1


def rects_of(item: Item, x_m: float, y_m: float, yaw_rad: float) -> list[Rectangle]:
    """Plan rectangles of an item: one for itself, one for each thing that stands beside it."""
    rects = []
    members = [(item, 0.0, 0.0, 0.0)] if item.pieces else []
    members += [(c.item, c.x_m, c.y_m, c.yaw_rad) for c in item.children if c.predicate is None]
    c, s = np.cos(yaw_rad), np.sin(yaw_rad)
    for member, mx, my, myaw in members:
        x0, y0, x1, y1 = member.footprint(yaw_rad + myaw)
        px, py = x_m + c * mx - s * my, y_m + s * mx + c * my
        rects.append((px + x0, py + y0, px + x1, py + y1))
    return rects


def place_at(
    space: RoomSpace,
    item: Item,
    x_m: float,
    y_m: float,
    yaw_rad: float,
    *,
    edge: int = -1,
    gap_m: float = 0.02,
    walk: bool = True,
) -> bool:
    """Stand an item on the floor there, if it fits."""
    low, high = item.bounds()
    rects = rects_of(item, x_m, y_m, yaw_rad)
    if not all(space.is_clear(r, float(low[2]), float(high[2]), gap_m) for r in rects):
        return False
    if walk and low[2] < HEAD_M and not space.keeps_walkable(rects):
        return False
    placed = Placed(item, x_m, y_m, 0.0, yaw_rad, edge)
    space.commit(placed, rects, float(low[2]), float(high[2]))
    return True


def place_along_walls(
    space: RoomSpace,
    item: Item,
    rng: np.random.Generator,
    *,
    gap_m: float = 0.02,
    side_gap_m: float = 0.06,
    prefer: str = "any",
    walls: list[int] | None = None,
    tries: int = 10,
) -> bool:
    """Stand an item with its back to some wall where it fits.

    Args:
        space: the room.
        item: what to place; `front_m` of floor before it must be free of furniture too.
        rng: draws the place.
        gap_m: distance to the wall.
        side_gap_m: least distance to neighbours.
        prefer: any, middle (of the wall), corner, window, no_window, far (from the doors).
        walls: allowed walls, all by default.
        tries: how many places are tested for walkability.
    """
    low, high = item.bounds()
    width, half = float(high[0] - low[0]), float(high[0] + low[0]) / 2
    scored = []
    for w in space.walls:
        if (walls is not None and w.index not in walls) or w.length_m < width + 0.02:
            continue
        used = space.wall_used[w.index]
        for s0 in [*np.arange(0.01, w.length_m - width, 0.08).tolist(), w.length_m - width - 0.01]:
            if any(
                u[0] < s0 + width and s0 < u[1] and u[2] < high[2] and low[2] < u[3] for u in used
            ):
                continue
            scored.append((_score(space, w, s0, width, prefer) + 0.6 * rng.random(), w, s0))
    scored.sort(key=lambda c: -c[0])
    tested = 0
    for _, w, s0 in scored:
        center = w.start_m + w.along * (s0 + width / 2) + w.inward * (gap_m + float(high[1]))
        center = center + w.along * half  # local x runs against the wall's direction
        rects = rects_of(item, float(center[0]), float(center[1]), w.yaw_rad)
        if not all(space.is_clear(r, float(low[2]), float(high[2]), side_gap_m) for r in rects):
            continue
        if item.front_m and not space.is_clear(
            _front(space, w, s0, width, gap_m + float(high[1] - low[1]), item.front_m),
            0.0,
            1.0,
            strips=False,
        ):
            continue
        tested += 1
        if place_at(
            space,
            item,
            float(center[0]),
            float(center[1]),
            w.yaw_rad,
            edge=w.index,
            gap_m=side_gap_m,
        ):
            return True
        if tested >= tries:
            return False
    return False


def _front(
    space: RoomSpace, w: WallSpan, s0: float, width: float, depth: float, front: float
) -> Rectangle:
    corners = np.array(
        [
            w.start_m + w.along * s + w.inward * d
            for s in (s0 + 0.02, s0 + width - 0.02)
            for d in (depth + 0.01, depth + front)
        ]
    )
    return (*corners.min(axis=0).tolist(), *corners.max(axis=0).tolist())


def _score(space: RoomSpace, w: WallSpan, s0: float, width: float, prefer: str) -> float:
    middle = s0 + width / 2
    if prefer == "middle":
        return 0.5 * min(w.length_m, 5.0) - abs(middle - w.length_m / 2)
    if prefer == "corner":
        return -min(s0, w.length_m - s0 - width)
    if prefer in ("window", "no_window"):
        has = any(i == w.index for i, _, _ in space.windows)
        return (1.0 if has else 0.0) * (1.0 if prefer == "window" else -1.0)
    if prefer == "far" and space.door_points:
        point = w.start_m + w.along * middle
        return 0.4 * min(float(np.linalg.norm(point - d)) for d in space.door_points)
    return 0.0


def place_free(
    space: RoomSpace,
    item: Item,
    rng: np.random.Generator,
    *,
    margin_m: float = 0.1,
    tries: int = 40,
    yaws: tuple[float, ...] = (0.0, np.pi / 2, np.pi, -np.pi / 2),
    central: bool = True,
) -> bool:
    """Stand an item somewhere on the free floor, in the middle of the room by preference."""
    low, high = space.room.polygon_m.min(axis=0), space.room.polygon_m.max(axis=0)
    middle = (low + high) / 2
    points = rng.uniform(low, high, (tries, 2))
    if central:
        points = middle + (points - middle) * np.linspace(0.1, 1.0, tries)[:, None]
    for x, y in points:
        yaw = float(yaws[int(rng.integers(len(yaws)))])
        if place_at(space, item, float(x), float(y), yaw, gap_m=margin_m):
            return True
    return False
