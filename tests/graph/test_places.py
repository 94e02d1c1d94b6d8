"""Places, their clearance and their passages in box worlds."""

from __future__ import annotations

import numpy as np
import pytest

from mono_hydra.config import Config
from mono_hydra.graph.distance_field_kernels import nearest_sites
from mono_hydra.graph.places import PlaceLayer, PlacesBuilder
from mono_hydra.labels import load_label_space
from mono_hydra.types import F8, MovedKeyframe
from tests.graph.box_world import BoxWorld, box_world, look, turn, two_rooms

SPACE = load_label_space("nyu40")
WALK = [(1.5, 1.75, 1.5), (2.8, 1.75, 1.5), (4.06, 1.75, 1.5), (5.5, 1.75, 1.5)]


def builder() -> PlacesBuilder:
    return PlacesBuilder(Config().places, SPACE, 5.0)


def explore(world: BoxWorld, points: list[tuple[float, float, float]]) -> PlaceLayer:
    places = builder()
    for k, T in enumerate(T for p in points for T in turn(np.array(p))):
        keyframe = world.keyframe(k, T)
        layer = places.step(keyframe, [], lambda _, kept=keyframe: kept)
    return layer


@pytest.fixture(scope="module")
def world() -> BoxWorld:
    return two_rooms(0.9)


@pytest.fixture(scope="module")
def layer(world: BoxWorld) -> PlaceLayer:
    return explore(world, WALK)


def test_distance_field_equals_the_brute_force_one() -> None:
    rng = np.random.default_rng(0)
    for share in (0.0, 0.002, 0.05, 1.0):
        is_site = rng.random((9, 7, 8)) < share
        squared = np.empty(is_site.shape, np.float32)
        site = np.empty(is_site.shape, np.int32)
        nearest_sites(is_site, 9, squared, site)
        sites = np.argwhere(is_site)
        if len(sites) == 0:
            assert (site == -1).all()
            continue
        cells = np.argwhere(np.ones_like(is_site))
        gap = ((cells[:, None] - sites[None]) ** 2).sum(axis=2)
        assert np.array_equal(squared.ravel(), gap.min(axis=1))
        named = np.stack(np.unravel_index(site.ravel(), is_site.shape), axis=1)
        assert is_site[tuple(named.T)].all()
        assert np.array_equal(((cells - named) ** 2).sum(axis=1), gap.min(axis=1))


def test_distance_field_is_exact_up_to_its_reach_and_never_too_short() -> None:
    rng = np.random.default_rng(1)
    is_site = rng.random((14, 12, 10)) < 0.01
    exact, near = (np.empty(is_site.shape, np.float32) for _ in range(2))
    site = np.empty(is_site.shape, np.int32)
    nearest_sites(is_site, 14, exact, site)
    nearest_sites(is_site, 4, near, site)
    within = exact <= 4**2
    assert 0.05 < within.mean() < 0.95
    assert np.array_equal(near[within], exact[within])
    assert (near >= exact).all()


def test_the_largest_sphere_of_an_empty_box_reaches_floor_and_ceiling() -> None:
    wall = 0.2
    size = np.array([4.0, 3.0, 2.5])
    boxes = []
    for axis in range(3):
        for low, high in ((-wall, 0.0), (size[axis], size[axis] + wall)):
            a, b = np.full(3, -wall), size + wall
            a[axis], b[axis] = low, high
            boxes.append((a, b, 1))
    found = explore(box_world(boxes), [(1.0, 1.0, 1.2), (3.0, 2.0, 1.2)])
    assert abs(found.clearance_m.max() - 1.25) <= 0.1  # one voxel


def test_clearance_is_the_distance_to_the_true_surface(world: BoxWorld, layer: PlaceLayer) -> None:
    error = np.abs(world.clearance(layer.positions_m) - layer.clearance_m)
    assert error.mean() < 0.03
    assert np.percentile(error, 95) < 0.10


def test_ways_keep_clear_of_matter(world: BoxWorld, layer: PlaceLayer) -> None:
    ends = layer.positions_m[np.searchsorted(layer.ids, layer.edges)]
    t = np.linspace(0.0, 1.0, 21)[None, :, None]
    way = ends[:, :1] * (1 - t) + ends[:, 1:] * t
    clearance = world.clearance(way.reshape(-1, 3)).reshape(len(ends), -1).min(axis=1)
    assert (clearance >= 0.10).all()
    assert (np.abs(clearance - layer.edge_clearance_m) < 0.10).mean() > 0.9


def test_places_of_both_rooms_are_one_graph(layer: PlaceLayer) -> None:
    root = {int(p): int(p) for p in layer.ids}

    def find(a: int) -> int:
        while root[a] != a:
            a = root[a]
        return a

    for a, b in layer.edges.tolist():
        root[find(a)] = find(b)
    assert len({find(a) for a in root}) == 1


def test_spheres_cover_the_free_space(world: BoxWorld, layer: PlaceLayer) -> None:
    axes = [np.arange(0.05, end, 0.2) for end in (7.0, 3.5, 2.6)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    points = points[world.clearance(points) > 0.0]
    gap = np.linalg.norm(points[:, None] - layer.positions_m[None], axis=2) - layer.clearance_m
    assert (gap.min(axis=1) <= 0.1).mean() > 0.9


def shifted(T: F8, by_m: tuple[float, float, float]) -> F8:
    moved = T.copy()
    moved[:3, 3] += by_m
    return moved


def test_moved_keyframes_leave_the_evidence_of_their_new_poses(world: BoxWorld) -> None:
    poses = turn(np.array([2.0, 1.75, 1.5]), n=4)
    frames = [world.keyframe(k, T) for k, T in enumerate(poses)]
    wrong = [shifted(T, (0.4, -0.3, 0.1)) if k >= 3 else T for k, T in enumerate(poses)]
    corrected, straight = builder(), builder()
    for frame, T in zip(frames, wrong, strict=True):
        corrected.step(_posed(frame, T), [], frames.__getitem__)
    moves = [MovedKeyframe(k, wrong[k], poses[k]) for k in range(3, len(poses))]
    corrected.step(None, moves, frames.__getitem__)
    for frame in frames:
        straight.step(frame, [], frames.__getitem__)
    straight.renew()
    points = np.random.default_rng(0).uniform([-1, -1, -1], [8, 5, 4], (20_000, 3))
    assert np.array_equal(
        corrected.free_space.state_at(points), straight.free_space.state_at(points)
    )


def _posed(frame, T):  # type: ignore[no-untyped-def]
    from dataclasses import replace

    return replace(frame, T_world_camera=T)


def test_ids_stay_while_more_is_seen_and_are_never_used_again(world: BoxWorld) -> None:
    places = builder()
    ever: set[int] = set()
    before: set[int] = set()
    for k, T in enumerate(turn(np.array([1.5, 1.75, 1.5])) + turn(np.array([2.5, 1.75, 1.5]))):
        layer = places.step(world.keyframe(k, T), [], lambda _: None)  # type: ignore[arg-type, return-value]
        now = set(layer.ids.tolist())
        assert not (now - before) & ever
        gone = before - now
        assert gone == set(layer.removed_ids.tolist())
        ever |= now
        before = now
    settled = places.step(world.keyframe(99, T), [], lambda _: None)  # type: ignore[arg-type, return-value]
    assert len(before & set(settled.ids.tolist())) > 0.9 * len(before)


def test_an_empty_view_gives_no_places() -> None:
    nothing = box_world([((100.0, 0.0, 0.0), (101.0, 1.0, 1.0), 1)])
    layer = builder().step(nothing.keyframe(0, look(np.zeros(3), 3.0)), [], lambda _: None)  # type: ignore[arg-type, return-value]
    assert len(layer.ids) == 0
    assert layer.edges.shape == (0, 2)
