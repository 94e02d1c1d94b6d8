from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mono_hydra.config import ObjectsConfig
from mono_hydra.graph.objects import ObjectsBuilder
from mono_hydra.graph.scene_graph import ObjectAttributes
from mono_hydra.labels import load_label_space
from mono_hydra.types import Keyframe, MovedKeyframe
from tests.graph.object_world import FLOOR, Body, circle, keyframe, look_at

SPACE = load_label_space("nyu40")
CHAIR, TABLE, BED, PROP = 5, 7, 4, 40
CHAIR_A = Body(CHAIR, (-0.60, -0.25, 0.0), (-0.15, 0.25, 0.9))
CHAIR_B = Body(CHAIR, (0.15, -0.25, 0.0), (0.60, 0.25, 0.9))
TABLE_TOP = Body(TABLE, (-0.6, -0.4, 0.0), (0.6, 0.4, 0.74))
CUP = Body(PROP, (0.1, 0.0, 0.74), (0.18, 0.08, 0.84))


def build(views: list[Keyframe]) -> tuple[ObjectsBuilder, dict[int, ObjectAttributes]]:
    builder = ObjectsBuilder(ObjectsConfig(), SPACE, 0.05)
    stored = {view.id: view for view in views}
    objects: dict[int, ObjectAttributes] = {}
    for view in views:
        objects = builder.step(view, [], stored.__getitem__, {})
    return builder, objects


def names(objects: dict[int, ObjectAttributes]) -> list[str]:
    return sorted(a.label_name for a in objects.values())


def test_nothing_seen_gives_no_objects() -> None:
    assert build(circle([]))[1] == {}


def test_one_box_has_its_place_and_size() -> None:
    _, objects = build(circle([TABLE_TOP]))
    (table,) = objects.values()
    assert table.label_name == "table"
    # half a voxel of 2.5 cm at each end, and the underside of the view's sampling
    assert np.allclose(table.position_m, [0.0, 0.0, 0.37], atol=0.03)
    assert np.allclose(np.sort(table.box.size_m[:2]), [0.8, 1.2], atol=0.05)


def test_small_thing_on_a_table_is_an_object_of_its_own() -> None:
    _, objects = build(circle([TABLE_TOP, CUP], radius=1.6))
    assert names(objects) == ["other prop", "table"]


def test_two_chairs_are_two_objects() -> None:
    _, objects = build(circle([CHAIR_A, CHAIR_B]))
    assert names(objects) == ["chair", "chair"]


def test_chairs_first_seen_as_one_piece_are_cut_apart() -> None:
    bodies = [CHAIR_A, CHAIR_B]
    side = [keyframe(k, bodies, look_at((2.3, 0.02 * k, 0.8), (0, 0, 0.4))) for k in range(3)]
    around = [keyframe(3 + v.id, bodies, v.T_world_camera) for v in circle(bodies, n=8, height=1.9)]
    _, objects = build(side + around)
    assert names(objects) == ["chair", "chair"]


def test_ids_stay_when_seen_again() -> None:
    views = circle([CHAIR_A, CHAIR_B])
    builder, first = build(views)
    again = [keyframe(100 + v.id, [CHAIR_A, CHAIR_B], v.T_world_camera) for v in views]
    second: dict[int, ObjectAttributes] = {}
    for view in again:
        second = builder.step(view, [], {}.__getitem__, {})
    assert sorted(first) == sorted(second)
    assert all(second[i].views > first[i].views for i in first)


def test_an_object_taken_away_vanishes() -> None:
    views = circle([CHAIR_A, TABLE_TOP])
    builder, objects = build(views)
    for repeat in range(4):
        for v in views:
            empty = keyframe(100 + 10 * repeat + v.id, [], v.T_world_camera)
            objects = builder.step(empty, [], {}.__getitem__, {})
    assert objects == {}


def test_seen_in_too_few_views_is_not_published() -> None:
    assert build(circle([TABLE_TOP], n=2))[1] == {}


def test_moved_keyframes_move_the_object() -> None:
    views = circle([TABLE_TOP])
    builder, before = build(views)
    shift = np.eye(4)
    shift[:3, 3] = [1.0, -0.5, 0.0]
    moved = [MovedKeyframe(v.id, v.T_world_camera, shift @ v.T_world_camera) for v in views]
    after = builder.step(None, moved, {}.__getitem__, {})
    (index,) = before
    assert np.allclose(
        after[index].position_m - before[index].position_m, [1.0, -0.5, 0.0], atol=0.026
    )


def test_moving_there_and_back_restores_every_box_exactly() -> None:
    views = circle([CHAIR_A, CHAIR_B])
    builder, before = build(views)
    shift = np.eye(4)
    shift[:3, 3] = [0.3, 0.2, 0.0]
    there = [MovedKeyframe(v.id, v.T_world_camera, shift @ v.T_world_camera) for v in views]
    back = [
        MovedKeyframe(v.id, m.T_world_camera_after, v.T_world_camera)
        for v, m in zip(views, there, strict=True)
    ]
    builder.step(None, there, {}.__getitem__, {})
    after = builder.step(None, back, {}.__getitem__, {})
    for index in before:
        assert np.array_equal(before[index].box.center_m, after[index].box.center_m)
        assert np.array_equal(before[index].box.size_m, after[index].box.size_m)


def test_equal_input_gives_equal_output() -> None:
    views = circle([CHAIR_A, CHAIR_B, Body(BED, (-0.9, 1.0, 0), (0.9, 1.9, 0.5))])
    first, second = build(views)[1], build(views)[1]
    assert list(first) == list(second)
    for index in first:
        assert np.array_equal(first[index].box.size_m, second[index].box.size_m)
        assert first[index].label_histogram == second[index].label_histogram
        assert first[index].confidence == second[index].confidence


@pytest.mark.parametrize("field", ["confidence", "views", "crop_rgb", "points_m"])
def test_attributes_are_within_their_limits(field: str) -> None:
    (table,) = build(circle([TABLE_TOP]))[0].finish().values()
    limits = {
        "confidence": 0.0 < table.confidence <= 1.0,
        "views": table.views == 8,
        "crop_rgb": table.crop_rgb is not None and max(table.crop_rgb.shape[:2]) <= 96,
        "points_m": table.points_m is not None and 20 < len(table.points_m) <= 200,
    }
    assert limits[field]


def test_a_view_of_known_objects_without_any_object_label_is_no_error() -> None:
    views = circle([CHAIR_A, CHAIR_B])
    builder, before = build([*views, *(replace(v, id=20 + v.id) for v in views)])
    for view in views:  # depth as before, labels missed altogether
        missed = replace(view, id=50 + view.id, labels=np.full_like(view.labels, FLOOR))
        after = builder.step(missed, [], {}.__getitem__, {})
    assert set(after) <= set(before)


@pytest.mark.parametrize("usual", [0.95, 0.5])
def test_a_network_is_believed_by_its_own_measure_of_being_sure(usual: float) -> None:
    views = []
    for view in circle([CHAIR_A, CHAIR_B]):
        confidence = np.where(view.labels == CHAIR, usual, 0.9)
        views.append(
            replace(
                view,
                depth_sigma=np.full_like(view.depth_sigma, 0.08),
                confidence=confidence.astype(np.float32),
            )
        )
    builder, _ = build(views)
    assert names(builder.finish()) == ["chair", "chair"]


def test_a_thing_much_less_sure_than_the_others_is_no_object() -> None:
    far = Body(TABLE, (-0.3, 0.9, 0.0), (0.3, 1.4, 0.7))
    views = []
    for view in circle([CHAIR_A, CHAIR_B, far], radius=3.0, height=2.4):
        confidence = np.where(view.labels == TABLE, 0.4, 0.9).astype(np.float32)
        sigma = np.full_like(view.depth_sigma, 0.08)
        views.append(replace(view, depth_sigma=sigma, confidence=confidence))
    builder, _ = build(views)
    assert names(builder.finish()) == ["chair", "chair"]
    sure = [replace(v, confidence=np.full_like(v.confidence, 0.4)) for v in views]
    builder, _ = build(sure)
    assert names(builder.finish()) == ["chair", "chair", "table"]
