"""Matching and object scores on hand-worked cases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mono_hydra.evaluation.matching import match
from mono_hydra.evaluation.objects import ObjectSet, score_objects


def objects(*rows: Any, observable: list[bool] | None = None, symmetry: int = 2) -> ObjectSet:
    """Rows of (class, x) or (class, (7,) box): cubes of one metre along x."""
    boxes = [
        np.array([r[1], 0, 0, 1.0, 1, 1, 0]) if np.isscalar(r[1]) else np.array(r[1]) for r in rows
    ]
    n = len(rows)
    return ObjectSet(
        list(range(1, n + 1)),
        [r[0] for r in rows],
        np.array(boxes, dtype=float).reshape(-1, 7),
        np.array([True] * n if observable is None else observable, dtype=bool),
        np.full(n, symmetry),
        [1] * n,
    )


def counts(scores: dict[str, Any], key: str = "radius_f1@0.5") -> tuple[int, int, int]:
    return scores[key]["tp"], scores[key]["fp"], scores[key]["fn"]


def test_perfect_objects_score_one() -> None:
    both = objects(("chair", 0), ("table", 3))
    scores, _ = score_objects(both, both)
    for key in ("radius_f1@0.5", "radius_f1@1.0", "box_f1@0.25", "box_f1@0.5"):
        assert scores[key]["f1"] == 1.0
    assert scores["found"] == scores["correct"] == scores["label_accuracy"] == 1.0
    assert scores["center_error_m"]["max"] == 0.0


def test_as_many_pairs_as_possible_come_before_the_least_cost() -> None:
    # the greedy pair (0, 0) costs nothing but would leave both others alone
    cost = np.array([[0.0, 0.4], [0.4, 9.0]])
    admissible = np.array([[True, True], [True, False]])
    assert match(cost, admissible) == [(0, 1), (1, 0)]


def test_a_duplicate_is_a_false_positive_that_found_and_correct_do_not_see() -> None:
    scores, _ = score_objects(objects(("chair", 0), ("chair", 0.2)), objects(("chair", 0.0)))
    assert counts(scores) == (1, 1, 0)
    assert scores["duplicates"] == 1
    assert scores["found"] == scores["correct"] == 1.0


def test_estimates_of_an_ignored_object_are_neither_right_nor_wrong() -> None:
    true = objects(("chair", 0), ("chair", 5), observable=[True, False])
    scores, _ = score_objects(objects(("chair", 0), ("chair", 5.1), ("chair", 4.9)), true)
    assert counts(scores) == (1, 0, 0)
    assert scores["ignored"] == 1
    assert scores["correct"] == 1.0
    missed, _ = score_objects(objects(("chair", 0)), true)
    assert missed["radius_f1@0.5"]["f1"] == 1.0


def test_a_wrong_label_costs_twice_but_not_where_labels_do_not_count() -> None:
    scores, _ = score_objects(objects(("sofa", 0.1), ("bed", 3)), objects(("chair", 0), ("bed", 3)))
    assert counts(scores) == (1, 1, 1)
    assert counts(scores, "radius_f1_any_label@0.5") == (2, 0, 0)
    assert scores["label_accuracy"] == 0.5
    assert scores["classes_not_in_truth"] == 1


def test_distance_limits_are_half_a_metre_and_one_metre() -> None:
    scores, _ = score_objects(objects(("chair", 0.7)), objects(("chair", 0)))
    assert scores["radius_f1@0.5"]["f1"] == 0.0
    assert scores["radius_f1@1.0"]["f1"] == 1.0


def test_box_limits_are_on_the_overlap_over_the_union() -> None:
    # shifted by s, unit cubes overlap by (1 - s) / (1 + s): 0.5 gives 1/3
    scores, _ = score_objects(objects(("chair", 0.5)), objects(("chair", 0)))
    assert scores["box_f1@0.25"]["f1"] == 1.0
    assert scores["box_f1@0.5"]["f1"] == 0.0


@pytest.mark.parametrize(
    ("said", "there", "f1"),
    [([], [], 1.0), ([("chair", 0)], [], 0.0), ([], [("chair", 0)], 0.0)],
)
def test_nothing_said_or_nothing_there(said: list[Any], there: list[Any], f1: float) -> None:
    scores, _ = score_objects(objects(*said), objects(*there))
    assert scores["radius_f1@0.5"]["f1"] == scores["box_f1@0.25"]["f1"] == f1
    assert scores["found"] == f1


def test_macro_f1_is_the_mean_over_classes_that_are_there() -> None:
    true = objects(("chair", 0), ("chair", 2), ("bed", 5))
    scores, _ = score_objects(objects(("chair", 0), ("chair", 2), ("sofa", 9)), true)
    assert scores["per_class"]["chair"]["f1"] == 1.0
    assert scores["per_class"]["bed"]["fn"] == 1
    assert scores["per_class"]["sofa"]["fp"] == 1
    assert scores["f1_macro"] == 0.5


@pytest.mark.parametrize(("symmetry", "turn", "wanted"), [(2, 90, 90), (2, 180, 0), (4, 90, 0)])
def test_yaw_counts_modulo_the_symmetry(symmetry: int, turn: float, wanted: float) -> None:
    true = objects(("table", [0, 0, 0, 2, 1, 1, 0.2]), symmetry=symmetry)
    estimate = objects(("table", [0, 0, 0, 2, 1, 1, 0.2 + np.radians(turn)]))
    scores, _ = score_objects(estimate, true)
    assert scores["yaw_error_deg"]["mean"] == pytest.approx(wanted, abs=1e-6)


def test_a_box_with_length_and_width_exchanged_has_no_yaw_or_size_error() -> None:
    true = objects(("table", [0, 0, 0, 2, 1, 1, 0.2]))
    estimate = objects(("table", [0, 0, 0, 1, 2, 1, 0.2 + np.pi / 2]))
    scores, _ = score_objects(estimate, true)
    assert scores["yaw_error_deg"]["mean"] == pytest.approx(0.0, abs=1e-6)
    assert scores["size_error"]["mean"] == 0.0


def test_round_things_have_no_yaw_error() -> None:
    round_table = objects(("table", 0), symmetry=0)
    scores, _ = score_objects(objects(("table", 0)), round_table)
    assert scores["yaw_error_deg"]["n"] == 0
