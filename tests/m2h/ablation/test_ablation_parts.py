"""Intervals, verdicts, consistency, blocks and findings, each by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from m2h.ablation.compare import bootstrap_interval, compare, student_interval
from m2h.ablation.consistency import ConsistencyScores, truth_as_prediction
from m2h.ablation.judging import Judging
from m2h.ablation.report import findings
from m2h.ablation.variants import VARIANTS, variants_named
from m2h.data.derive import edges_of_labels
from m2h.errors import PresetError
from m2h.model import build_model, preset
from m2h.types import TASKS, Intrinsics, Sample

CAMERA = Intrinsics(40.0, 40.0, 23.5, 15.5)


def runs(values: list[list[float]], key: str = "depth.abs_rel") -> dict:
    """By seed, then by block."""
    return {
        seed: {f"nyuv2/{b}": {key: value} for b, value in enumerate(row)}
        for seed, row in enumerate(values)
    }


def test_interval_of_equal_differences_is_a_point():
    assert bootstrap_interval(np.full((3, 4), 0.2)) == pytest.approx((0.2, 0.2))


def test_interval_over_seeds_is_that_of_the_plain_bootstrap():
    difference = np.array([[1.0], [2.0], [4.0]])
    rng = np.random.default_rng(7)
    means = difference[rng.integers(3, size=(40_000, 3)), 0].mean(axis=1)
    expected = np.percentile(means, [2.5, 97.5])
    assert bootstrap_interval(difference) == pytest.approx(expected, abs=0.05)


def test_what_differs_between_seeds_is_not_averaged_away_by_many_blocks():
    by_seed = np.array([-1.0, 0.0, 1.5])[:, None].repeat(200, axis=1)
    low, high = bootstrap_interval(by_seed)
    assert low < 0 < high


@pytest.mark.parametrize(
    ("key", "shift", "verdict"),
    [
        ("depth.abs_rel", 0.1, "worse"),
        ("depth.abs_rel", -0.1, "better"),
        ("semantics.miou", 0.1, "better"),
        ("normals.mean_deg", -2.0, "better"),
        ("consistency.edges_labels_f", -0.1, "worse"),
        ("consistency.depth_normals_deg", 3.0, "worse"),
        ("semantics.miou", 0.0, "no difference"),
        ("uncertainty.within_1sigma", 0.2, "not judged"),
    ],
)
def test_the_sign_of_a_difference_is_read_by_its_score(key, shift, verdict):
    base = [[0.3, 0.5], [0.4, 0.7], [0.2, 0.6]]
    moved = [[value + shift for value in row] for row in base]
    difference = compare(runs(moved, key), runs(base, key), key)
    assert difference is not None
    assert difference.mean == pytest.approx(shift)
    assert difference.verdict == verdict
    assert (difference.n_seeds, difference.n_blocks) == (3, 2)


def test_two_seeds_are_too_few_for_a_verdict():
    difference = compare(runs([[1.0], [1.1]]), runs([[0.0], [0.0]]), "depth.abs_rel")
    assert difference is not None
    assert difference.verdict == "too few seeds"


def test_interval_of_students_t_is_that_of_the_paired_test():
    from scipy.stats import ttest_1samp

    values = np.array([0.3, -0.1, 0.4, 0.2])
    expected = ttest_1samp(values, 0).confidence_interval(0.95)
    assert student_interval(values) == pytest.approx((expected.low, expected.high))
    assert student_interval(values[:1]) == (None, None)


def test_only_common_seeds_and_blocks_are_compared():
    one, other = runs([[1.0, 9.0], [1.0, 1.0]]), runs([[0.0, 0.0]])
    del one[0]["nyuv2/1"]
    difference = compare(one, other, "depth.abs_rel")
    assert difference is not None
    assert (difference.mean, difference.n_seeds, difference.n_blocks) == (1.0, 1, 1)
    assert compare({}, other, "depth.abs_rel") is None
    assert compare(one, other, "semantics.miou") is None


def wall_and_floor() -> Sample:
    """A wall 2 m away; labels and outlines change in the middle column."""
    labels = np.ones((32, 48), np.uint8)
    labels[:, 24:] = 5
    normals = np.zeros((32, 48, 3), np.float32)
    normals[..., 2] = -1
    image = np.zeros((32, 48, 3), np.uint8)
    depth_m = np.full((32, 48), 2.0, np.float32)
    return Sample("simulated", "wall", image, CAMERA, depth_m, labels=labels, normals=normals,
                  edges=edges_of_labels(labels))  # fmt: skip


def scores_of(**changes: np.ndarray) -> dict[str, float]:
    scores = ConsistencyScores()
    scores.add(replace(truth_as_prediction(wall_and_floor()), **changes), CAMERA)
    return scores.result()


def test_truth_is_consistent():
    found = scores_of()
    assert found["depth_normals_deg"] == pytest.approx(0, abs=0.01)
    # edges fade out at the border of the image, labels do not
    assert found["edges_labels_f"] == pytest.approx(1, abs=0.05)


def test_normals_turned_by_an_angle_disagree_by_it():
    normals = np.zeros((32, 48, 3), np.float32)
    normals[..., 0], normals[..., 2] = np.sin(0.3), -np.cos(0.3)
    assert scores_of(normals=normals)["depth_normals_deg"] == pytest.approx(
        np.degrees(0.3), abs=0.1
    )


def test_a_jump_of_depth_is_no_surface_to_compare_at():
    depth_m = np.full((32, 48), 2.0, np.float32)
    depth_m[:, 24:] = 3.0
    assert scores_of(depth_m=depth_m)["depth_normals_deg"] == pytest.approx(0, abs=0.01)


def test_edges_elsewhere_than_the_borders_of_labels_disagree():
    edges = np.zeros((32, 48), np.float32)
    edges[:, 10:12] = 1
    assert scores_of(edges=edges)["edges_labels_f"] == 0


def test_tasks_that_are_not_predicted_are_not_judged():
    nothing = np.zeros((32, 48), np.float32)
    assert "edges_labels_f" not in scores_of(edges=nothing)
    assert "depth_normals_deg" not in scores_of(normals=np.zeros((32, 48, 3), np.float32))


def test_blocks_part_the_pictures_in_order():
    blocks = Judging((32, 64), n_images=5, n_blocks=2).blocks(range(10))
    assert blocks == [[0, 2], [4, 6, 8]]
    assert Judging((32, 64), n_images=5, n_blocks=8).blocks(range(3)) == [[0], [1], [2]]


def test_variants_change_what_they_name():
    assert [v.name for v in variants_named(["separate"])] == ["wmca", "separate"]
    with pytest.raises(PresetError, match="unknown; use some of wmca"):
        variants_named(["wmac"])
    tasks = []
    for member in VARIANTS["separate"].members:
        tasks += preset("m2h_tiny", **member.switches).tasks
    assert sorted(tasks) == sorted(TASKS)
    sizes = {
        name: sum(
            p.numel()
            for member in variant.members
            for p in build_model(preset("m2h_tiny", **member.switches)).parameters()
        )
        for name, variant in VARIANTS.items()
        if name in ("wmca", "none", "no_ggfm", "neither")
    }
    # the parts are independent of each other
    assert sizes["wmca"] - sizes["none"] == sizes["no_ggfm"] - sizes["neither"] > 0


def test_findings_also_say_what_speaks_against_the_full_network():
    better = {"mean": -0.05, "t_low": -0.09, "t_high": -0.01, "verdict": "better"}
    doubtful = {"mean": 2.0, "t_low": -1.0, "t_high": 5.0, "verdict": "worse"}
    same = {"mean": 0.0, "t_low": -0.1, "t_high": 0.1, "verdict": "no difference"}
    rows = {"none": {"depth.abs_rel": better, "semantics.miou": same, "normals.mean_deg": doubtful}}
    variants = {"wmca": {"seeds": [0, 1, 2]}, "none": {"seeds": [0, 1, 2]}}
    text = "\n".join(findings({"differences": {"nyuv2": rows}, "variants": variants}))
    assert (
        "`none` against the full network better: AbsRel (-0.05); "
        "worse: normals ° (+2, not by Student's t); no difference: mIoU."
    ) in text
    assert "3 comparisons" in text
    assert "in 25 % of the cases" in text
