"""Places and routes of the box world."""

from __future__ import annotations

import heapq
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mono_hydra.evaluation.alignment import Alignment
from mono_hydra.evaluation.graph_file import read_graph
from mono_hydra.evaluation.places import PlaceSet, coverage, estimated_places, score_places
from mono_hydra.evaluation.route_kernels import shortest_path_voxels
from mono_hydra.evaluation.routes import draw_pairs, free_floor, score_routes
from mono_hydra.evaluation.spheres import Spheres
from mono_hydra.evaluation.truth import Truth

pytestmark = pytest.mark.open3d


@pytest.fixture(scope="module")
def places(perfect_run: Path) -> PlaceSet:
    graph = read_graph(perfect_run / "scene_graph.json")
    return estimated_places(graph, Alignment(np.eye(3), np.zeros(3)))


def moved(places: PlaceSet, offset: object, edges: object = None) -> PlaceSet:
    spheres = Spheres(places.spheres.centers_m + np.asarray(offset), places.spheres.radii_m)
    if edges is None:
        return replace(places, spheres=spheres)
    table = np.asarray(edges, np.int64)
    return replace(places, spheres=spheres, edges=table, edge_weight=np.ones(len(table)))


def score(places: PlaceSet, truth: Truth) -> dict[str, object]:
    assert truth.mesh is not None
    assert truth.samples is not None
    return score_places(places, truth.mesh.surface, truth.samples, truth.free_space)


def test_exact_places_have_no_error(places: PlaceSet, truth: Truth) -> None:
    scores = score(places, truth)
    assert scores["clearance_error_m"]["max"] < 1e-6  # type: ignore[index]
    assert scores["reaches_into_solid"] == scores["wrong_edges"] == 0.0
    assert scores["components"] == 1
    assert 0.8 < scores["coverage"] < 1.0  # type: ignore[operator]


def test_spheres_too_large_by_a_quarter_metre_reach_into_solid(
    places: PlaceSet, truth: Truth
) -> None:
    large = replace(
        places, spheres=Spheres(places.spheres.centers_m, places.spheres.radii_m + 0.25)
    )
    scores = score(large, truth)
    assert scores["reaches_into_solid"] == 1.0
    assert scores["clearance_error_m"]["mean"] == pytest.approx(0.25, abs=1e-6)  # type: ignore[index]


def test_an_edge_through_a_wall_is_wrong(places: PlaceSet, truth: Truth) -> None:
    centers = places.spheres.centers_m
    a = int(np.argmin(np.linalg.norm(centers - [3.4, 0.4, 1.25], axis=1)))
    b = int(np.argmin(np.linalg.norm(centers - [4.4, 0.4, 1.25], axis=1)))
    through = np.vstack([places.edges, [[min(a, b), max(a, b)]]])
    scores = score(moved(places, 0.0, through), truth)
    assert scores["wrong_edges"] == pytest.approx(1 / len(through))


def test_no_places_score_zero_coverage(places: PlaceSet, truth: Truth) -> None:
    empty = PlaceSet([], Spheres(np.zeros((0, 3)), np.zeros(0)), places.edges[:0],
                     places.edge_weight[:0], [])  # fmt: skip
    scores = score(empty, truth)
    assert scores["coverage"] == 0.0
    assert scores["components"] == 0
    assert scores["reaches_into_solid"] is None
    assert truth.mesh is not None
    assert truth.free_space is not None
    routes = score_routes(empty, truth.mesh.surface, truth, truth.free_space)
    assert routes is not None
    assert routes["success"] == routes["spl"] == 0.0
    assert routes["ratio"] is None


def test_nearest_sphere_equals_its_naive_twin() -> None:
    rng = np.random.default_rng(0)
    spheres = Spheres(rng.uniform(-2, 2, (40, 3)), rng.uniform(0.1, 0.8, 40))
    points = rng.uniform(-4, 4, (2000, 3))
    gap = np.linalg.norm(points[:, None] - spheres.centers_m, axis=-1) - spheres.radii_m
    wanted = np.where(gap.min(axis=1) <= 0.5, gap.argmin(axis=1), -1)
    nearest, gap_m = spheres.nearest(points)
    assert (nearest == wanted).all()
    assert gap_m[wanted >= 0] == pytest.approx(gap.min(axis=1)[wanted >= 0])
    group = rng.integers(-1, 3, 40)
    inside = spheres.inside_groups(points, group, 3)
    for g in range(3):
        assert (inside[:, g] == (gap[:, group == g] <= 0).any(axis=1)).all()


def test_coverage_grows_spheres_by_one_voxel(truth: Truth) -> None:
    assert truth.free_space is not None
    one = Spheres(np.array([[2.0, 1.5, 1.25]]), np.array([0.5]))
    share = coverage(one, truth.free_space)
    free = ((truth.free_space.room > 0) & truth.free_space.seen_free).sum()
    assert share == pytest.approx(4 / 3 * np.pi * 0.6**3 / (free * 1e-3), rel=0.03)


def dijkstra(free: np.ndarray, start: tuple[int, ...], goal: tuple[int, ...]) -> float:
    best, queue = {start: 0.0}, [(0.0, start)]
    steps = [(i, j, k) for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1) if i or j or k]
    while queue:
        d, at = heapq.heappop(queue)
        if at == goal:
            return d
        if d > best[at]:
            continue
        for s in steps:
            to = tuple(a + b for a, b in zip(at, s, strict=True))
            inside = all(0 <= a < n for a, n in zip(to, free.shape, strict=True))
            if inside and free[to] and d + np.linalg.norm(s) < best.get(to, np.inf) - 1e-12:
                best[to] = d + float(np.linalg.norm(s))
                heapq.heappush(queue, (best[to], to))
    return np.inf


def test_a_star_equals_dijkstra_on_random_grids() -> None:
    rng = np.random.default_rng(1)
    for round_id in range(6):
        free = rng.random((9, 8, 7)) > 0.45
        free[0, 0, 0] = free[8, 7, 6] = True
        cost, stamp = np.empty(free.size), np.full(free.size, -1, np.int64)
        for start, goal in (((0, 0, 0), (8, 7, 6)), ((8, 7, 6), (0, 0, 0))):
            stamp[:] = -1
            found = shortest_path_voxels(
                free, np.array(start), np.array(goal), cost, stamp, round_id
            )
            assert found == pytest.approx(dijkstra(free, start, goal))


def test_routes_over_exact_places_succeed(places: PlaceSet, truth: Truth) -> None:
    assert truth.mesh is not None
    assert truth.free_space is not None
    scores = score_routes(places, truth.mesh.surface, truth, truth.free_space)
    assert scores is not None
    assert scores["pairs"] == 200
    assert scores["success"] > 0.95
    assert 1.0 < scores["ratio"] < 1.6  # up to the places' height and down again
    assert 0.6 < scores["spl"] <= scores["success"]


def test_routes_between_rooms_fail_without_the_doorway(places: PlaceSet, truth: Truth) -> None:
    assert truth.mesh is not None
    assert truth.free_space is not None
    side = places.spheres.centers_m[:, 0] < 4.05
    same = side[places.edges[:, 0]] == side[places.edges[:, 1]]
    cut = moved(places, 0.0, places.edges[same])
    scores = score_routes(cut, truth.mesh.surface, truth, truth.free_space)
    pairs = draw_pairs(truth, truth.free_space, np.random.default_rng(0))
    x = [truth.free_space.centers(v)[:, 0] < 4.05 for v in (pairs.start, pairs.goal)]
    assert scores is not None
    # only three places stand in the doorway, so that no end snaps across it
    assert scores["connected"] == pytest.approx(np.mean(x[0] == x[1]), abs=0.03)


def test_both_directions_between_connected_rooms_are_asked_for(truth: Truth) -> None:
    assert truth.free_space is not None
    pairs = draw_pairs(truth, truth.free_space, np.random.default_rng(0))
    room = truth.free_space.room
    asked = {(room[tuple(s)], room[tuple(g)]) for s, g in zip(pairs.start, pairs.goal, strict=True)}
    assert {(1, 2), (2, 1)} <= asked
    floor = free_floor(truth, truth.free_space)
    heights = truth.free_space.centers(floor)[:, 2]
    assert heights == pytest.approx(np.full(len(floor), 0.35))
