"""Kernels against naive twins, segments, boxes, completion, relations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mono_hydra.graph import object_kernels as kernels
from mono_hydra.graph.boxes import (
    aligned_bounds,
    box_of_limits,
    contains,
    footprint_yaw,
    limits_of_box,
    rotation_2d,
    touching,
    turned_box,
)
from mono_hydra.graph.class_sizes import load_class_sizes
from mono_hydra.graph.instance import key_centers, unique_keys
from mono_hydra.graph.object_shape import complete
from mono_hydra.graph.parting_walls import is_parted
from mono_hydra.graph.relations import relations
from mono_hydra.graph.scene_graph import Box, ObjectAttributes
from mono_hydra.graph.segments import segment_view
from mono_hydra.graph.surroundings import Surroundings
from mono_hydra.labels import load_label_space
from mono_hydra.types import MeshBlock
from tests.graph.object_world import Body, keyframe, look_at

SPACE = load_label_space("nyu40")
IS_OBJECT = SPACE.mask("object")


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_voxel_keys_give_back_their_voxel() -> None:
    points = rng().uniform(-30, 30, (200, 3))
    keys = unique_keys(points, 0.025)
    centers = key_centers(keys, 0.025)
    nearest = np.abs(points[:, None] - centers[None]).max(axis=-1).min(axis=1)
    assert (np.diff(keys) > 0).all()
    assert nearest.max() <= 0.0125 + 1e-9


def test_merging_sorted_keys_adds_counts_like_a_dictionary() -> None:
    for seed in range(5):
        r = rng(seed)
        a, b = (np.unique(r.integers(0, 40, n)) for n in (30, 20 * seed))
        counts_a = r.integers(0, 9, (len(a), 2)).astype(np.int32)
        counts_b = r.integers(0, 9, (len(b), 2)).astype(np.int32)
        keys = np.empty(len(a) + len(b), np.int64)
        counts = np.empty((len(keys), 2), np.int32)
        n = kernels.merge_sorted(a, counts_a, b, counts_b, keys, counts)
        wanted: dict[int, np.ndarray] = {}
        for key, count in [*zip(a, counts_a, strict=True), *zip(b, counts_b, strict=True)]:
            wanted[int(key)] = wanted.get(int(key), np.zeros(2, np.int32)) + count
        assert keys[:n].tolist() == sorted(wanted)
        assert np.array_equal(counts[:n], [wanted[k] for k in sorted(wanted)])


def test_connected_voxels_match_a_naive_flood() -> None:
    cells = np.unique(rng(3).integers(-4, 5, (60, 3)), axis=0)
    keys = np.array([kernels.pack(*c) for c in cells.tolist()])
    order = np.argsort(keys)
    keys, cells = keys[order], cells[order]
    component = np.empty(len(keys), np.int32)
    n = kernels.voxel_components(keys, 1, component, np.empty(len(keys), np.int32))
    touch = np.abs(cells[:, None] - cells[None]).max(axis=-1) <= 1
    reach = np.linalg.matrix_power(touch.astype(float), 64) > 0
    assert np.array_equal(reach, component[:, None] == component[None])
    assert n == len(np.unique(component))


def test_near_points_match_a_naive_search() -> None:
    points, others = rng(1).uniform(0, 1, (80, 3)), rng(2).uniform(0, 1, (30, 3))
    keys = unique_keys(others, 0.1)
    near = np.zeros(len(points), np.bool_)
    n = kernels.near_any(points, keys, 0.1, near)
    cells, other_cells = np.floor(points / 0.1), np.floor(others / 0.1)
    wanted = (np.abs(cells[:, None] - other_cells[None]).max(axis=-1) <= 1).any(axis=1)
    assert np.array_equal(near, wanted)
    assert n == wanted.sum()


def test_a_steep_table_top_is_one_segment_and_a_far_box_behind_another() -> None:
    bodies = [
        Body(7, (1.0, -1.0, 0.0), (4.0, 1.0, 0.74)),
        Body(5, (3.0, -0.3, 0.74), (3.4, 0.3, 1.2)),
    ]
    view = keyframe(0, bodies, look_at((0.0, 0.0, 1.0), (3.0, 0.0, 0.74)))
    found = segment_view(view, IS_OBJECT, max_depth_m=6.0, min_px=16, max_points=300)
    assert sorted(s.label for s in found.items) == [5, 7]


def test_same_label_pieces_at_other_depths_are_two_segments() -> None:
    bodies = [Body(5, (1.5, -0.4, 0), (1.9, 0.1, 1.2)), Body(5, (2.6, -0.2, 0), (3.0, 0.2, 1.7))]
    view = keyframe(0, bodies, look_at((0.0, 0.0, 0.9), (2.0, 0.0, 0.9)))
    found = segment_view(view, IS_OBJECT, max_depth_m=6.0, min_px=16, max_points=300)
    assert len(found.items) == 2
    assert all(len(s.points_m) <= 1.5 * 300 for s in found.items)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.0, 1.55), st.floats(0.3, 2.0), st.floats(0.1, 0.9))
def test_box_of_a_turned_rectangle_is_that_rectangle(
    yaw: float, length: float, share: float
) -> None:
    width = length * share
    grid = np.stack(np.meshgrid(np.linspace(-0.5, 0.5, 15), np.linspace(-0.5, 0.5, 15)), -1)
    plan = (grid.reshape(-1, 2) * [length, width]) @ rotation_2d(yaw).T
    points = np.column_stack([plan + np.array([3.0, -2.0]), np.tile([0.0, 0.4, 0.8], 75)])
    box = turned_box(points, footprint_yaw(points))
    assert np.allclose(box.center_m, [3.0, -2.0, 0.4], atol=0.03)
    # the yaw is found to 0.75 degrees
    assert np.prod(box.size_m) <= 1.2 * length * width * 0.8 + 0.01
    assert contains(box, points, 1e-6).all()
    assert contains(aligned_bounds(box), points, 1e-6).all()


def test_limits_and_box_are_inverse() -> None:
    box = Box(np.array([1.0, 2.0, 0.5]), np.array([0.6, 0.4, 1.0]), 0.7)
    back = box_of_limits(*limits_of_box(box), box.yaw_rad)
    assert np.allclose(back.center_m, box.center_m)
    assert np.allclose(back.size_m, box.size_m)


def test_trimming_leaves_out_a_lonely_outlier() -> None:
    points = np.vstack([rng().uniform(0, 1, (500, 3)), [[9.0, 0.5, 0.5]]])
    assert turned_box(points, 0.0).size_m[0] > 7.9
    assert turned_box(points, 0.0, trim_share=0.01).size_m[0] < 1.1


def wall_and_floor(*, both_faces: bool = False) -> Surroundings:
    """A floor at z = 0.1 and a wall at y = 2 that faces -y (its other face is at y = 2.08)."""
    surroundings = Surroundings(SPACE, 0.4)
    x, y = (a.ravel() for a in np.meshgrid(np.arange(-2, 2, 0.05), np.arange(0, 2, 0.05)))
    floor = np.column_stack([x, y, np.full(len(x), 0.1)])
    wall = np.column_stack([x, np.full(len(x), 2.0), y])
    vertices = np.vstack([floor, wall]).astype(np.float32)
    normals = np.repeat([[0, 0, 1], [0, -1, 0]], len(x), axis=0).astype(np.float32)
    labels = np.repeat([SPACE.id_of("floor"), SPACE.id_of("wall")], len(x)).astype(np.uint8)
    if both_faces:
        vertices = np.vstack([vertices, wall + np.array([0.0, 0.08, 0.0])]).astype(np.float32)
        normals = np.vstack([normals, np.repeat([[0, 1, 0]], len(x), axis=0)]).astype(np.float32)
        labels = np.append(labels, labels[len(x) :])
    blocks = np.floor(vertices / 0.4).astype(int)
    for index in np.unique(blocks, axis=0):
        chosen = (blocks == index).all(axis=1)
        key = (int(index[0]), int(index[1]), int(index[2]))
        surroundings.update(
            {
                key: MeshBlock(
                    key,
                    vertices[chosen],
                    normals[chosen],
                    np.zeros((chosen.sum(), 3), np.uint8),
                    labels[chosen],
                    np.ones(chosen.sum(), np.float32),
                    np.zeros((0, 3), np.int32),
                )
            }
        )
    return surroundings


def test_unseen_underside_and_back_reach_floor_and_wall() -> None:
    size = load_class_sizes(SPACE)[SPACE.id_of("bookshelf")]
    front = Box(np.array([0.0, 1.75, 1.2]), np.array([0.9, 0.1, 1.8]), 0.0)
    whole = complete(front, size, wall_and_floor(), np.array([[0.0, 0.0, 1.5]]))
    low, high = limits_of_box(whole)
    assert low[2] == pytest.approx(0.1, abs=0.01)
    assert high[1] == pytest.approx(1.98, abs=0.02)
    assert low[1] == pytest.approx(1.7)


def test_a_back_that_was_seen_stays_where_it_is() -> None:
    size = load_class_sizes(SPACE)[SPACE.id_of("bookshelf")]
    front = Box(np.array([0.0, 1.55, 1.2]), np.array([0.9, 0.1, 1.8]), 0.0)
    views = np.array([[0.0, 0.0, 1.5], [0.0, 1.9, 1.5]])
    assert limits_of_box(complete(front, size, wall_and_floor(), views))[1][1] == pytest.approx(1.6)


def test_a_vanished_block_takes_its_walls_along() -> None:
    surroundings = wall_and_floor()
    assert surroundings.wall_yaw_rad() is not None
    surroundings.update(
        {(i, j, k): None for i in range(-6, 6) for j in range(-1, 6) for k in range(6)}
    )
    assert surroundings.wall_yaw_rad() is None
    assert surroundings.floor_z_m(np.array([0.0, 1.0, 0.5])) is None


def thing(
    label: str, center: tuple[float, float, float], size: tuple[float, float, float]
) -> ObjectAttributes:
    box = Box(np.array(center), np.array(size), 0.0)
    top = np.array(center) + np.array([0, 0, size[2] / 2])
    points = np.array(
        [
            top + np.array([dx * size[0] / 2, dy * size[1] / 2, 0])
            for dx in (-1, 0, 1)
            for dy in (-1, 0, 1)
        ]
    )
    return ObjectAttributes(box.center_m, SPACE.id_of(label), label, box, box, points_m=points)


def test_cup_on_table_chair_next_to_table_and_books_in_shelf() -> None:
    objects = {
        0: thing("table", (0, 0, 0.37), (1.2, 0.8, 0.74)),
        1: thing("other prop", (0.2, 0.1, 0.79), (0.08, 0.08, 0.10)),
        2: thing("chair", (0, 0.85, 0.45), (0.45, 0.45, 0.9)),
        3: thing("bookshelf", (3, 0, 1.0), (0.9, 0.3, 2.0)),
        4: thing("books", (3, 0, 1.1), (0.5, 0.2, 0.24)),
    }
    found = relations(objects)
    assert (1, "on", 0) in found
    assert (0, "next_to", 2) in found
    assert (4, "in", 3) in found
    assert len(found) == 3


def test_the_smaller_is_against_the_larger_and_things_on_a_table_are_beside_each_other() -> None:
    objects = {
        0: thing("cabinet", (0, 0, 0.5), (1.0, 0.6, 1.0)),
        1: thing("night stand", (0.77, 0, 0.3), (0.5, 0.4, 0.6)),
        2: thing("table", (4, 0, 0.37), (1.2, 0.8, 0.74)),
        3: thing("books", (3.7, 0, 0.84), (0.2, 0.2, 0.2)),
        4: thing("lamp", (4.05, 0, 0.94), (0.2, 0.2, 0.4)),
        5: thing("chair", (4, 0.55, 0.6), (0.45, 0.45, 1.2)),
    }
    found = relations(objects)
    assert (1, "against", 0) in found
    assert (3, "next_to", 4) in found
    assert (4, "next_to", 5) not in found  # one stands on the table, the other on the floor
    assert (5, "against", 2) in found


def test_a_wall_parts_neighbours() -> None:
    objects = {
        0: thing("cabinet", (0, 1.75, 0.5), (1.0, 0.4, 1.0)),
        1: thing("desk", (0, 2.35, 0.4), (1.0, 0.6, 0.8)),
    }
    assert relations(objects) == [(0, "next_to", 1)]
    assert relations(objects, lambda *_: True) == []
    boxes = [a.box for a in objects.values()]
    assert not is_parted(*boxes, wall_and_floor())  # one face of a wall: the end of a shelf
    assert is_parted(*boxes, wall_and_floor(both_faces=True))


def test_no_objects_have_no_relations() -> None:
    assert relations({}) == []


@settings(deadline=None)
@given(st.lists(st.integers(0, 40)), st.lists(st.integers(0, 40)))
def test_the_union_of_sorted_keys_is_that_of_sets(a, b) -> None:
    first, second = (np.array(sorted(set(x)), np.int64) for x in (a, b))
    assert kernels.union_sorted(first, second).tolist() == sorted(set(a) | set(b))


def upright(center: tuple[float, float, float], size: tuple[float, float, float]) -> Box:
    return Box(np.array(center), np.array(size))


def size_of(name: str) -> object:
    return load_class_sizes(SPACE)[SPACE.id_of(name)]


@given(yaw=st.floats(0.0, 6.2), gap=st.floats(0.0, 0.2), lift=st.floats(0.0, 1.0))
def test_boxes_touch_by_gap_and_common_side_however_they_are_turned(yaw, gap, lift) -> None:
    first, second = (
        upright((0, 0, 0.5), (0.6, 0.6, 1)),
        upright((0.6 + gap, 0, 0.5 + lift), (0.6, 0.6, 1)),
    )
    turned = [
        Box(np.array([*(rotation_2d(yaw) @ b.center_m[:2]), b.center_m[2]]), b.size_m, yaw)
        for b in (first, second)
    ]
    if abs(gap - 0.05) > 1e-6 and abs(lift - 0.7) > 1e-6:
        assert touching(*turned, 0.05, 0.3) == (gap < 0.05 and lift < 0.7)
        assert touching(*turned[::-1], 0.05, 0.3) == touching(*turned, 0.05, 0.3)


def test_a_headboard_is_a_part_and_a_cabinet_seen_from_its_front_is_none() -> None:
    assert size_of("bed").is_fragment(np.array([1.6, 0.03, 1.1]))
    assert not size_of("bed").is_fragment(np.array([2.0, 1.6, 0.5]))
    front = np.array([0.8, 0.04, 0.9])
    assert not size_of("cabinet").is_fragment(front)
    assert size_of("cabinet").is_plate(front)  # unless its back is completed to a wall
    assert size_of("blinds").is_fragment(np.array([2.1, 0.05, 0.08]))
    assert not size_of("picture").is_fragment(np.array([0.3, 0.02, 0.4]))
