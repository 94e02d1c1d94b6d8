"""Mesh scores against the box world, where every number can be worked out by hand."""

from __future__ import annotations

from typing import Any

import box_world
import numpy as np
import pytest

from mono_hydra.evaluation.alignment import Alignment
from mono_hydra.evaluation.mesh import estimated_mesh, label_scores, sample_count, score_mesh
from mono_hydra.evaluation.mesh_protocols import score_after_icp, score_protocol
from mono_hydra.evaluation.surface import Surface, clean_surface
from mono_hydra.evaluation.truth import Truth
from mono_hydra.evaluation.view import in_view
from mono_hydra.files.ply import Ply
from mono_hydra.geometry.se3 import exp_so3
from mono_hydra.types import Camera

pytestmark = pytest.mark.open3d
HERE = Alignment(np.eye(3), np.zeros(3))


def score(ply: Ply, truth: Truth, alignment: Alignment = HERE) -> dict[str, Any]:
    scores = score_mesh(estimated_mesh(ply, alignment, {}, truth.labels), truth)
    assert scores is not None
    return scores


def with_extra(vertices: Any, faces: Any, label: int = 1) -> Ply:
    """The perfect mesh and more triangles."""
    perfect = box_world.perfect_mesh()
    vertices = np.asarray(vertices, float)
    columns = {
        k: np.concatenate([perfect.vertex[k], vertices[:, i].astype("f4")])
        for i, k in enumerate("xyz")
    }
    columns["label"] = np.concatenate([perfect.vertex["label"], np.full(len(vertices), label)])
    extra = np.asarray(faces) + len(perfect.vertices_m)
    return Ply(columns, np.concatenate([perfect.faces, extra]))


def test_the_true_mesh_scores_one(truth: Truth) -> None:
    scores = score(box_world.perfect_mesh(), truth)
    assert scores["f_5cm"] == {"precision": 1.0, "recall": 1.0, "f": 1.0}
    assert scores["accuracy_m"]["max"] < 1e-4
    assert scores["labels"]["miou"] > 0.999
    assert scores["labels"]["iou"].keys() == {
        "wall", "floor", "ceiling", "cabinet", "chair", "bed"}  # fmt: skip
    assert scores["walls"]["ghost_share"] == 0.0
    assert scores["walls"]["covered"] > 0.999
    assert scores["flatness_m"] < 1e-6
    assert scores["outside_view"] < 0.01


def test_a_mesh_shifted_up_is_wrong_by_the_shift_where_surfaces_lie_flat(truth: Truth) -> None:
    scores = score(box_world.perfect_mesh(shift=(0, 0, 0.07)), truth)
    assert scores["accuracy_m"]["max"] == pytest.approx(0.07, abs=1e-3)
    # everything that stands upright still lies in its own plane
    assert 0.5 < scores["f_5cm"]["precision"] < 0.75
    assert scores["f_10cm"]["f"] == 1.0
    assert scores["walls"]["ghost_share"] == 0.0


def test_the_alignment_moves_the_mesh(truth: Truth) -> None:
    R = exp_so3(np.array([0, 0, 0.5]))
    turned = box_world.perfect_mesh()
    moved = (turned.vertices_m.astype(float) - [1, 2, 3]) @ R
    for i, k in enumerate("xyz"):
        turned.vertex[k] = moved[:, i]
    scores = score(turned, truth, Alignment(R, np.array([1.0, 2, 3])))
    assert scores["f_5cm"]["f"] == 1.0


def test_a_doubled_wall_is_a_ghost_with_its_distance_as_spread(truth: Truth) -> None:
    # a second floor 10 cm under the free space of the first, in all of room 2
    y = box_world.DEPTH
    sheet = [[4.1, 0, 0.1], [7.1, 0, 0.1], [7.1, y, 0.1], [4.1, y, 0.1]]
    scores = score(with_extra(sheet, [[0, 1, 2], [0, 2, 3]], label=2), truth)
    walls = scores["walls"]
    assert walls["spread_p95_m"] == pytest.approx(0.1, abs=1e-3)
    assert 0.05 < walls["ghost_share"] < 0.2  # room 2's free floor is 8 m2 of some 95
    flipped = score(with_extra(sheet, [[0, 2, 1], [0, 3, 2]], label=2), truth)
    assert flipped["walls"]["ghost_share"] == 0.0  # its back is turned: not a second floor


def test_a_missing_half_halves_recall_but_not_precision(truth: Truth) -> None:
    perfect = box_world.perfect_mesh()
    left = perfect.vertices_m[perfect.faces].mean(axis=1)[:, 0] < 4.05
    scores = score(Ply(perfect.vertex, perfect.faces[left]), truth)
    seen = truth.samples.points_m[:, 0] < 4.05  # type: ignore[union-attr]
    assert scores["f_5cm"]["precision"] == 1.0
    assert scores["f_5cm"]["recall"] == pytest.approx(seen.mean(), abs=0.02)
    assert scores["labels"]["iou"]["bed"] == 0.0
    assert scores["labels_where_mapped"]["iou"]["chair"] > 0.99
    assert scores["walls"]["covered"] == pytest.approx(0.57, abs=0.06)


def test_an_empty_mesh_scores_zero_and_has_no_accuracy(truth: Truth) -> None:
    columns = {k: np.zeros(0, "f4") for k in "xyz"}
    scores = score(Ply(columns, np.zeros((0, 3), np.int32)), truth)
    assert scores["f_5cm"]["f"] == scores["labels"]["miou"] == scores["walls"]["covered"] == 0.0
    assert scores["accuracy_m"]["rmse"] is None
    assert scores["completeness_m"]["median"] is None
    assert scores["walls"]["ghost_share"] is None


def test_labels_are_compared_by_name_through_the_runs_table(truth: Truth) -> None:
    perfect = box_world.perfect_mesh()
    perfect.vertex["label"] = perfect.vertex["label"] + 100
    names = {i + 100: name for i, name, _ in box_world.LABELS}
    scores = score_mesh(estimated_mesh(perfect, HERE, names, truth.labels), truth)
    assert scores is not None
    assert scores["labels"]["miou"] > 0.999


def test_rare_classes_are_left_out_and_none_counts_as_a_miss() -> None:
    true = np.array([1] * 300 + [2] * 300 + [3] * 199)
    said = np.array([1] * 300 + [2] * 150 + [-1] * 100 + [1] * 50 + [3] * 199)
    scores = label_scores(true, said, {1: "wall", 2: "floor", 3: "chair"})
    assert scores["iou"] == {"wall": pytest.approx(300 / 350), "floor": pytest.approx(0.5)}
    assert scores["macc"] == pytest.approx(0.75)
    assert scores["accuracy"] == pytest.approx(649 / 799)


def test_samples_follow_the_area_within_limits() -> None:
    assert sample_count(10.0) == 20_000
    assert sample_count(365.0) == 146_000
    assert sample_count(1e5) == 1_000_000


def test_points_are_uniform_on_the_surface_and_repeat() -> None:
    vertices = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [5, 0, 0], [8, 0, 0], [5, 1, 0.0]])
    surface = Surface(vertices, np.array([[0, 1, 2], [3, 4, 5]]))
    points, triangle = surface.sample(40_000, np.random.default_rng(0))
    assert np.mean(triangle == 1) == pytest.approx(0.75, abs=1e-3)
    assert points[triangle == 0].mean(axis=0) == pytest.approx([2 / 3, 1 / 3, 0], abs=0.01)
    assert (surface.sample(40_000, np.random.default_rng(0))[0] == points).all()


def test_degenerate_triangles_and_loose_vertices_are_dropped() -> None:
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [9, 9, 9], [np.nan, 0, 0.0]])
    surface, kept = clean_surface(vertices, np.array([[0, 1, 2], [0, 1, 1], [0, 1, 4]]))
    assert surface.faces.tolist() == [[0, 1, 2]]
    assert kept.tolist() == [0, 1, 2]


def test_points_in_furniture_and_walls_are_in_matter() -> None:
    world = box_world.surface()
    points = np.array([[2, 1.5, 1.2], [0.42, 2.48, 0.5], [6.2, 2.2, 0.2], [4.05, 0.5, 1.0],
                       [4.05, 1.45, 1.0], [1.2, 0.4, 1.0]])  # fmt: skip
    assert world.in_matter(points).tolist() == [False, True, True, True, False, False]


def test_frusta_end_at_the_image_border_and_beyond_the_range() -> None:
    camera = Camera(100, 80, 50.0, 50.0, 49.5, 39.5)
    points = np.array([[0, 0, 1], [0.99, 0, 1], [1.01, 0, 1], [0, 0.81, 1], [0, 0, -1],
                       [0, 0, 5.2], [0, 0, 5.3]])  # fmt: skip
    visible = in_view(points.astype(float), camera, np.eye(4)[None], 5.0)
    assert visible.tolist() == [True, True, False, False, False, True, False]


def test_icp_removes_a_shift_that_the_headline_keeps(truth: Truth) -> None:
    shifted = box_world.perfect_mesh(shift=(0.03, 0.02, 0.04))
    estimate = estimated_mesh(shifted, HERE, {}, truth.labels)
    after = score_after_icp(estimate.surface, truth)
    assert after is not None
    assert after["accuracy_m"]["median"] < 0.01
    papers = score_protocol(estimate.surface, truth, "niceslam")
    assert papers is not None
    assert papers["f_5cm"]["f"] > 0.98
