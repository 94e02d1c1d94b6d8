"""The floor a person can walk on: a clearance grid per storey, doors and stairs, shortest ways.

A cell is free where the floor shows from above, nothing stands between 0.12 and 1.9 m over it, and
it lies in a room or a doorway. Ways prefer clearance; they are smoothed as an elastic band.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from scipy import ndimage, sparse
from scipy.sparse import csgraph

from mono_hydra.simulation.house import House
from mono_hydra.simulation.scene import HouseScene
from mono_hydra.types import F8, I4, Bool

CELL_M = 0.05
BODY_HEIGHT_M = (0.12, 1.9)  # things between these heights stand in the way
MIN_CLEARANCE_M = 0.26  # of the walker's axis; the camera needs 0.25
WANTED_CLEARANCE_M = 0.6
STAIRS_REACH_M = 0.8
POINTS_AT_ONCE = 500_000


@dataclass(frozen=True, eq=False)
class Storey:
    """The clearance grid of one floor level."""

    floor_z_m: float
    origin_m: F8  # (2,) corner of cell (0, 0)
    clearance_m: F8  # (X, Y) distance of the cell's centre to the nearest obstacle, 0 inside one
    first_node: int

    def cell(self, xy_m: F8) -> I4:
        """Cells (N, 2) of points (N, 2), clipped to the grid."""
        cells = np.floor((np.atleast_2d(xy_m) - self.origin_m) / CELL_M).astype(np.int32)
        return np.asarray(np.clip(cells, 0, np.array(self.clearance_m.shape) - 1), np.int32)

    def clearance_at(self, xy_m: F8) -> F8:
        """(N,) clearance between cells, linear."""
        at = (np.atleast_2d(xy_m) - self.origin_m).T / CELL_M - 0.5
        return np.asarray(ndimage.map_coordinates(self.clearance_m, at, order=1, mode="nearest"))


class FreeFloor:
    """All storeys of a house joined by its stairs."""

    def __init__(self, house: House, scene: HouseScene) -> None:
        self.house = house
        self.storeys: list[Storey] = []
        levels = sorted({round(r.floor_z_m, 3) for r in house.rooms})
        grids = [_Grid(house, level) for level in levels]
        for points in _surface_points(scene):
            for grid in grids:
                grid.cover(points)
        n_nodes = 0
        for grid in grids:
            storey = _storey(house, scene, grid, n_nodes)
            n_nodes += storey.clearance_m.size
            self.storeys.append(storey)
        self.n_nodes = n_nodes
        self._graph = self._connect()
        _, self._component = csgraph.connected_components(self._graph, directed=False)
        self._main = self._widest_component()

    def storey_of(self, floor_z_m: float) -> Storey:
        """The storey nearest to a height."""
        return min(self.storeys, key=lambda s: abs(s.floor_z_m - floor_z_m))

    def node(self, feet_m: F8) -> int:
        """Graph node of a point of the floor (3,)."""
        storey = self.storey_of(float(feet_m[2]))
        x, y = storey.cell(feet_m[:2])[0]
        return int(storey.first_node + int(x) * storey.clearance_m.shape[1] + int(y))

    def feet(self, node: int) -> F8:
        """Floor point (3,) of a node."""
        storey = max((s for s in self.storeys if s.first_node <= node), key=lambda s: s.first_node)
        x, y = divmod(node - storey.first_node, storey.clearance_m.shape[1])
        return np.array([*(storey.origin_m + (np.array([x, y]) + 0.5) * CELL_M), storey.floor_z_m])

    def free_points(self, room_id: int, spacing_m: float, clearance_m: float) -> F8:
        """(N, 3) reachable floor points of a room on a grid, with at least that clearance."""
        room = self.house.room(room_id)
        storey = self.storey_of(room.floor_z_m)
        step = max(1, round(spacing_m / CELL_M))
        inside = _mask(room.polygon_m, storey.origin_m, storey.clearance_m.shape)
        last = storey.first_node + storey.clearance_m.size
        component = self._component[storey.first_node : last].reshape(storey.clearance_m.shape)
        good = inside & (storey.clearance_m >= clearance_m) & (component == self._main)
        best = np.zeros_like(good)
        clearance = np.where(good, storey.clearance_m, 0.0)
        for x in range(0, good.shape[0], step):  # the roomiest cell of every tile
            for y in range(0, good.shape[1], step):
                tile = clearance[x : x + step, y : y + step]
                if tile.max() > 0.0:
                    i, j = np.unravel_index(int(np.argmax(tile)), tile.shape)
                    best[x + i, y + j] = True
        xy = storey.origin_m + (np.argwhere(best) + 0.5) * CELL_M
        return np.column_stack([xy, np.full(len(xy), storey.floor_z_m)])

    def distances(self, nodes: list[int]) -> tuple[F8, I4]:
        """Way lengths (K, n_nodes), weighted by narrowness, and predecessors, from K nodes."""
        far, before = csgraph.dijkstra(
            self._graph, directed=False, indices=nodes, return_predecessors=True
        )
        return far, before

    def way(self, before: I4, goal: int) -> F8:
        """Smooth way (N, 3), about 5 cm a step, to `goal` along one row of predecessors."""
        nodes = [goal]
        while before[nodes[-1]] >= 0:
            nodes.append(int(before[nodes[-1]]))
        nodes.reverse()
        pieces: list[F8] = []
        start = 0
        for k in range(1, len(nodes)):
            flight = self._flights.get((nodes[k - 1], nodes[k]))
            if flight is not None:
                pieces += [self._smooth(np.array([self.feet(n) for n in nodes[start:k]])), flight]
                start = k
        pieces.append(self._smooth(np.array([self.feet(n) for n in nodes[start:]])))
        return resampled(np.concatenate(pieces), CELL_M)

    def _connect(self) -> sparse.csr_matrix:
        rows, columns, lengths = [], [], []
        for s in self.storeys:
            index = np.arange(s.clearance_m.size).reshape(s.clearance_m.shape) + s.first_node
            free = s.clearance_m >= MIN_CLEARANCE_M
            cost = 1.0 + 4.0 * np.clip(1.0 - s.clearance_m / WANTED_CLEARANCE_M, 0.0, 1.0) ** 2
            for dx, dy in ((1, 0), (0, 1), (1, 1), (1, -1)):
                a = (slice(None, -dx if dx else None), slice(max(0, -dy), -dy if dy > 0 else None))
                b = (slice(dx, None), slice(max(0, dy), dy if dy < 0 else None))
                both = free[a] & free[b]
                rows.append(index[a][both])
                columns.append(index[b][both])
                lengths.append(np.hypot(dx, dy) * CELL_M * 0.5 * (cost[a] + cost[b])[both])
        self._flights: dict[tuple[int, int], F8] = {}
        for stairs in self.house.stairs:
            path = resampled(stairs.path_m, CELL_M)
            foot, head = self._nearest_free(path[0]), self._nearest_free(path[-1])
            if foot is None or head is None:
                continue
            self._flights[(foot, head)] = path
            self._flights[(head, foot)] = path[::-1]
            rows.append(np.array([foot]))
            columns.append(np.array([head]))
            lengths.append(np.array([1.5 * way_length(path)]))
        shape = (self.n_nodes, self.n_nodes)
        entries = (np.concatenate(rows), np.concatenate(columns))
        return sparse.csr_matrix((np.concatenate(lengths), entries), shape=shape)

    def _widest_component(self) -> int:
        """The connected piece of free floor that reaches the most rooms, then the largest."""
        sizes = np.bincount(self._component)
        rooms = np.zeros(len(sizes), np.int64)
        for room in self.house.rooms:
            storey = self.storey_of(room.floor_z_m)
            inside = _mask(room.polygon_m, storey.origin_m, storey.clearance_m.shape)
            free = np.flatnonzero(inside & (storey.clearance_m >= MIN_CLEARANCE_M))
            rooms[np.unique(self._component[storey.first_node + free])] += 1
        return int(np.lexsort((np.arange(len(sizes)), -sizes, -rooms))[0])

    def _nearest_free(self, feet_m: F8) -> int | None:
        storey = self.storey_of(float(feet_m[2]))
        free = np.argwhere(storey.clearance_m >= MIN_CLEARANCE_M)
        if not len(free):
            return None
        xy = storey.origin_m + (free + 0.5) * CELL_M
        away = np.linalg.norm(xy - feet_m[:2], axis=1)
        k = int(np.argmin(away))
        return self.node(np.array([*xy[k], storey.floor_z_m])) if away[k] < STAIRS_REACH_M else None

    def _smooth(self, way_m: F8) -> F8:
        """Elastic band: shorten, but keep the clearance."""
        if len(way_m) < 5:
            return way_m
        storey = self.storey_of(float(way_m[0, 2]))
        xy = way_m[:, :2].copy()
        for _ in range(120):
            pull = 0.5 * (xy[:-2] + xy[2:]) - xy[1:-1]
            ahead = np.array([CELL_M, 0.0])
            aside = np.array([0.0, CELL_M])
            middle = xy[1:-1]
            here = storey.clearance_at(middle)
            slope = np.column_stack([
                storey.clearance_at(middle + ahead) - storey.clearance_at(middle - ahead),
                storey.clearance_at(middle + aside) - storey.clearance_at(middle - aside),
            ]) / (2 * CELL_M)  # fmt: skip
            push = np.clip(0.45 - here, 0.0, 0.2)[:, None] * slope
            xy[1:-1] += 0.45 * pull + 0.15 * push
        return np.column_stack([xy, way_m[:, 2]])


def resampled(way_m: F8, step_m: float) -> F8:
    """Points (N, 3) evenly spaced along a polyline, both ends kept."""
    gaps = np.linalg.norm(np.diff(way_m, axis=0), axis=1)
    keep = np.concatenate([[True], gaps > 1e-9])
    way_m = way_m[keep]
    along = np.concatenate([[0.0], np.cumsum(gaps[keep[1:]])])
    n = max(2, round(along[-1] / step_m) + 1)
    at = np.linspace(0.0, along[-1], n)
    return np.column_stack([np.interp(at, along, way_m[:, k]) for k in range(way_m.shape[1])])


def way_length(way_m: F8) -> float:
    """Length of a polyline."""
    return float(np.linalg.norm(np.diff(way_m, axis=0), axis=1).sum())


def inside_polygon(polygon_m: F8, xy_m: F8) -> Bool:
    """(N,) whether points (N, 2) lie in a polygon (even-odd rule)."""
    x, y = xy_m[:, 0], xy_m[:, 1]
    inside = np.zeros(len(xy_m), bool)
    for (x0, y0), (x1, y1) in zip(polygon_m, np.roll(polygon_m, -1, axis=0), strict=True):
        if y0 == y1:
            continue
        crosses = (y0 > y) != (y1 > y)
        inside ^= crosses & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    return inside


def _surface_points(scene: HouseScene) -> Iterator[F8]:
    """Points (N, 3) close together on all surfaces, in pieces: a large house has millions."""
    rng = np.random.default_rng(0)
    n = np.maximum(1, np.ceil(scene.area_m2 * 1500)).astype(np.int64)
    triangle = np.repeat(np.arange(len(n), dtype=np.int32), n)
    u, v = rng.random(len(triangle)), rng.random(len(triangle))
    fold = u + v > 1
    u[fold], v[fold] = 1 - u[fold], 1 - v[fold]
    for first in range(0, len(triangle), POINTS_AT_ONCE):
        part = slice(first, first + POINTS_AT_ONCE)
        a, b, c = (scene.vertices_m[scene.triangles[triangle[part], k]] for k in range(3))
        yield np.asarray(a + u[part, None] * (b - a) + v[part, None] * (c - a), np.float64)


class _Grid:
    """Cells of one floor level, and which of them something tall covers."""

    def __init__(self, house: House, level_m: float) -> None:
        self.level_m = level_m
        self.rooms = [r for r in house.rooms if round(r.floor_z_m, 3) == level_m]
        corners = np.concatenate([r.polygon_m for r in self.rooms])
        self.origin_m = np.floor(corners.min(axis=0) / CELL_M) * CELL_M - 4 * CELL_M
        nx, ny = np.ceil((corners.max(axis=0) - self.origin_m) / CELL_M).astype(int) + 4
        self.shape = (int(nx), int(ny))
        self.covered: Bool = np.zeros(self.shape, bool)

    def cover(self, points_m: F8) -> None:
        """Mark the cells of surface points (N, 3) that stand in a body's way."""
        height = points_m[:, 2] - self.level_m
        tall = points_m[(height > BODY_HEIGHT_M[0]) & (height < BODY_HEIGHT_M[1])]
        cells = np.floor((tall[:, :2] - self.origin_m) / CELL_M).astype(int)
        cells = cells[((cells >= 0) & (cells < self.shape)).all(axis=1)]
        self.covered[cells[:, 0], cells[:, 1]] = True


def _storey(house: House, scene: HouseScene, grid: _Grid, first_node: int) -> Storey:
    origin, shape, level = grid.origin_m, grid.shape, grid.level_m
    allowed = np.zeros(shape, bool)
    for room in grid.rooms:
        allowed |= _mask(room.polygon_m, origin, shape)
    ids = {r.id for r in grid.rooms}
    for door in house.doors:
        if ids & set(door.rooms) and door.is_passable:
            allowed |= _mask(_doorway(door.center_m, door.width_m, door.yaw_rad), origin, shape)
    cells = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1)
    xy = origin + (cells.reshape(-1, 2) + 0.5) * CELL_M
    high = level + BODY_HEIGHT_M[1]
    down = np.tile([0.0, 0.0, -1.0], (len(xy), 1))
    t, _ = scene.cast(np.column_stack([xy, np.full(len(xy), high)]), down)
    shows_floor = (np.abs(high - t - level) < BODY_HEIGHT_M[0]).reshape(shape)
    free = allowed & shows_floor & ~grid.covered
    return Storey(level, origin, ndimage.distance_transform_edt(free) * CELL_M, first_node)


def _doorway(center_m: F8, width_m: float, yaw_rad: float) -> F8:
    along = np.array([np.cos(yaw_rad), np.sin(yaw_rad)])
    across = np.array([-along[1], along[0]])
    corners = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    return np.array(
        [center_m[:2] + 0.5 * width_m * a * along + 0.35 * b * across for a, b in corners]
    )


def _mask(polygon_m: F8, origin_m: F8, shape: tuple[int, ...]) -> Bool:
    image = np.zeros(shape, np.uint8)
    points = ((polygon_m - origin_m) / CELL_M - 0.5)[:, ::-1]
    cv2.fillPoly(image, [np.round(points * 16).astype(np.int32)], 1, shift=4)
    return image.astype(bool)
