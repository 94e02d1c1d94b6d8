"""Do routes over the places graph work: 200 ways through the true house.

Ends lie on true free floor, 0.3 m clear of everything; every ordered pair of connected rooms is
asked for at least once. A route succeeds if both ends see a place, the graph joins them, and the
polyline keeps clear of the true surface. True world, metres.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.ndimage import label as label_components
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from mono_hydra.evaluation.places import PlaceSet, adjacency, line_clearance, segment_clearance
from mono_hydra.evaluation.route_kernels import shortest_path_voxels
from mono_hydra.evaluation.surface import Surface
from mono_hydra.evaluation.truth import FreeSpace, Truth
from mono_hydra.types import F8, I8, Bool

N_ROUTES = 200
END_CLEARANCE_M = 0.3
END_HEIGHT_M = (0.3, 0.5)  # above the floor: as low as the clearance allows
CAMERA_NEAR_M = 3.0
SNAP_M = 1.5
SLACK_M = 0.05


@dataclass(frozen=True, eq=False)
class RoutePairs:
    """Starts and goals as voxels of the true free space."""

    start: I8  # (N, 3)
    goal: I8  # (N, 3)


def score_routes(
    places: PlaceSet, surface: Surface, truth: Truth, free_space: FreeSpace
) -> dict[str, Any] | None:
    """Success, ratio to the shortest path, and spl; None if the house has no pair to ask for."""
    radius_m = truth.robot_radius_m
    pairs = draw_pairs(truth, free_space, np.random.default_rng(0))
    n = len(pairs.start)
    if n == 0:
        return None
    starts, goals = free_space.centers(pairs.start), free_space.centers(pairs.goal)
    length_m, clearance_m, snapped = _routes(places, surface, starts, goals)
    success = np.isfinite(length_m) & (clearance_m >= radius_m - SLACK_M)
    shortest_m = shortest_paths(free_space, pairs, success, radius_m)
    ratio = length_m[success] / shortest_m[success]
    return {
        "pairs": n,
        "snapped": float(snapped.mean()),
        "connected": float(np.isfinite(length_m).mean()),
        "success": float(success.mean()),
        "ratio": float(np.median(ratio)) if len(ratio) else None,
        "spl": float(np.sum(1.0 / np.maximum(ratio, 1.0)) / n),
    }


def draw_pairs(truth: Truth, free_space: FreeSpace, rng: np.random.Generator) -> RoutePairs:
    """Start and goal voxels: each ordered pair of connected rooms, then pairs from anywhere."""
    floor = free_floor(truth, free_space)
    room = free_space.room[tuple(floor.T)]
    component = _components(free_space, truth.robot_radius_m)[tuple(floor.T)]
    cameras = cKDTree(truth.T_world_camera[:, :3, 3])
    near = cameras.query(free_space.centers(floor))[0] <= CAMERA_NEAR_M if len(floor) else []
    is_goal = np.asarray(near, bool)
    rooms = [int(r) for r in np.unique(room[is_goal])]
    drawn: list[tuple[int, int]] = []
    for a in rooms:
        for b in rooms:
            if a != b:
                drawn += _draw(rng, room == a, is_goal & (room == b), component, 1)
    rest = max(0, N_ROUTES - len(drawn))
    from_rooms = np.isin(room, rooms)
    drawn += _draw(rng, from_rooms, is_goal, component, rest)
    index = np.array(drawn, dtype=np.int64).reshape(-1, 2)
    return RoutePairs(floor[index[:, 0]], floor[index[:, 1]])


def _draw(
    rng: np.random.Generator, can_start: Bool, can_end: Bool, component: I8, n: int
) -> list[tuple[int, int]]:
    """N pairs of connected floor voxels, uniform over starts, then over the goals in reach."""
    goals_of = {c: np.flatnonzero(can_end & (component == c)) for c in np.unique(component)}
    starts = np.flatnonzero(can_start)
    starts = starts[[len(goals_of[c]) > 0 for c in component[starts]]] if len(starts) else starts
    pairs: list[tuple[int, int]] = []
    if len(starts) == 0:
        return pairs
    for _ in range(n):
        start = int(starts[rng.integers(len(starts))])
        goals = goals_of[component[start]]
        pairs.append((start, int(goals[rng.integers(len(goals))])))
    return pairs


def free_floor(truth: Truth, free_space: FreeSpace) -> I8:
    """(N, 3) voxels just above free floor of rooms, 0.3 m clear; one per column at most."""
    voxel_m = free_space.voxel_m
    found = []
    for room in (truth.building or {}).get("rooms", []):
        in_room = free_space.room == int(room["id"])
        z_m = free_space.origin_m[2] + (np.arange(in_room.shape[2]) + 0.5) * voxel_m
        above = z_m - float(room["floor_z"])
        layers = np.flatnonzero((above > END_HEIGHT_M[0] - 1e-6) & (above < END_HEIGHT_M[1] + 1e-6))
        below = np.flatnonzero((above > 0.5 * voxel_m - 1e-6) & (above < END_HEIGHT_M[0]))
        column = in_room[:, :, below].all(axis=2)
        for z in layers:
            good = column & in_room[:, :, z]
            good &= free_space.clearance_m[:, :, z] >= END_CLEARANCE_M - 1e-3  # stored as float16
            voxels = np.argwhere(good)
            found.append(np.column_stack([voxels, np.full(len(voxels), z)]))
            column &= ~good
    table = np.concatenate(found) if found else np.zeros((0, 3))
    table = np.asarray(table, np.int64).reshape(-1, 3)
    return np.asarray(table[np.lexsort(table.T[::-1])])


def shortest_paths(free_space: FreeSpace, pairs: RoutePairs, wanted: Bool, radius_m: float) -> F8:
    """Length (N,) of the shortest path of a robot on the grid, for the wanted pairs; else NaN."""
    free = np.ascontiguousarray(_passable(free_space, radius_m))
    cost, stamp = np.empty(free.size), np.full(free.size, -1, np.int64)
    length_m = np.full(len(pairs.start), np.nan)
    for k in np.flatnonzero(wanted):
        voxels = shortest_path_voxels(free, pairs.start[k], pairs.goal[k], cost, stamp, int(k))
        length_m[k] = max(voxels, 1.0) * free_space.voxel_m
    return length_m


def _passable(free_space: FreeSpace, radius_m: float) -> Bool:
    """Where the centre of a robot may be."""
    return np.asarray(free_space.clearance_m >= radius_m - 1e-3)  # stored as float16


def _components(free_space: FreeSpace, radius_m: float) -> I8:
    """(X, Y, Z) number of the connected region a robot can be in, 0 where it cannot."""
    labels, _ = label_components(_passable(free_space, radius_m), np.ones((3, 3, 3)))
    return np.asarray(labels, np.int64)


def _routes(places: PlaceSet, surface: Surface, starts_m: F8, goals_m: F8) -> tuple[F8, F8, Bool]:
    """Length (N,), inf where there is no route; least clearance (N,); were both ends snapped."""
    n = len(starts_m)
    length_m, clearance_m = np.full(n, np.inf), np.full(n, np.inf)
    first, last = (snap(places, surface, ends) for ends in (starts_m, goals_m))
    snapped = (first >= 0) & (last >= 0)
    centers = places.spheres.centers_m
    if not snapped.any():
        return length_m, clearance_m, snapped
    edges = places.edges
    edge_m = np.linalg.norm(centers[edges[:, 0]] - centers[edges[:, 1]], axis=1)
    graph = adjacency(len(places), edges, np.maximum(edge_m, 1e-9))
    sources = np.unique(first[snapped])
    reach_m, before = dijkstra(graph, indices=sources, return_predecessors=True)
    row_of = {int(s): k for k, s in enumerate(sources)}
    edge_clearance = _edge_lookup(edges, segment_clearance(surface, centers, edges))
    to_first = line_clearance(surface, starts_m, centers[first])
    from_last = line_clearance(surface, centers[last], goals_m)
    for k in np.flatnonzero(snapped):
        row = row_of[int(first[k])]
        if not np.isfinite(reach_m[row, last[k]]):
            continue
        steps = _steps(before[row], int(last[k]))
        ends_m = np.linalg.norm(starts_m[k] - centers[first[k]])
        ends_m += np.linalg.norm(goals_m[k] - centers[last[k]])
        length_m[k] = reach_m[row, last[k]] + ends_m
        clearance_m[k] = min([to_first[k], from_last[k], *(edge_clearance[s] for s in steps)])
    return length_m, clearance_m, snapped


def snap(places: PlaceSet, surface: Surface, ends_m: F8) -> I8:
    """Nearest place (N,) in straight sight within 1.5 m; -1 where there is none."""
    snapped = np.full(len(ends_m), -1, np.int64)
    if len(places) == 0:
        return snapped
    centers = places.spheres.centers_m
    near = cKDTree(centers).query_ball_point(ends_m, SNAP_M)
    end = np.repeat(np.arange(len(ends_m)), [len(x) for x in near])
    place = np.array([p for x in near for p in x], dtype=np.int64)
    visible = ~surface.blocked(ends_m[end], centers[place]) if len(end) else np.zeros(0, bool)
    end, place = end[visible], place[visible]
    order = np.lexsort((place, np.linalg.norm(ends_m[end] - centers[place], axis=1), end))
    ids, position = np.unique(end[order], return_index=True)
    snapped[ids] = place[order][position]
    return snapped


def _edge_lookup(edges: I8, values: F8) -> dict[tuple[int, int], float]:
    return {(int(a), int(b)): float(v) for (a, b), v in zip(edges, values, strict=True)}


def _steps(before: I8, last: int) -> list[tuple[int, int]]:
    """Edges (a < b) of the path that ends at `last`, from a row of predecessors."""
    steps = []
    while before[last] >= 0:
        steps.append((min(last, int(before[last])), max(last, int(before[last]))))
        last = int(before[last])
    return steps
