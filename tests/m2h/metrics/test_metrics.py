"""Every score against cases worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

from m2h.errors import DataError
from m2h.metrics import BaselineScorer, MeanDepthMap, Protocol, Scorer, protocol_named
from m2h.metrics.boundaries import BoundaryScores, fast_counts, match_counts
from m2h.metrics.depth import DepthScores, depth_errors
from m2h.metrics.matching import matched_in_order
from m2h.metrics.normals import NormalScores, angles_deg
from m2h.metrics.semantics import GROUPS, LabelScores, confusion, iou_of_classes, label_band
from m2h.metrics.thinning import suppress_non_maxima, thin
from m2h.metrics.uncertainty import ConfidenceScores, SigmaScores, sparsification_area
from m2h.types import Prediction, Sample

ALL = Protocol("all", 0.1, 10.0)


def grid(*rows, dtype=np.float32):
    return np.array(rows, dtype=dtype)


# --- depth ---------------------------------------------------------------------------------------


def test_depth_errors_of_two_pixels():
    errors = depth_errors(np.array([1.0, 3.0]), np.array([2.0, 2.0]))
    log_half, log_more = math.log(0.5), math.log(1.5)
    assert errors["abs_rel"] == pytest.approx(0.5)
    assert errors["sq_rel"] == pytest.approx(0.5)
    assert errors["rmse"] == pytest.approx(1.0)
    assert errors["rmse_log"] == pytest.approx(math.sqrt((log_half**2 + log_more**2) / 2))
    assert errors["log10"] == pytest.approx((math.log10(2) + math.log10(1.5)) / 2)
    assert [errors[f"delta{k}"] for k in (1, 2, 3)] == [0.0, 0.5, 0.5]
    assert errors["silog"] == pytest.approx(100 * (log_more - log_half) / 2)


def test_images_count_equally_and_pixels_count_equally_when_pooled():
    scores = DepthScores(ALL)
    scores.add(grid([2.0, 2.0, 2.0]), grid([2.0, 2.0, 2.0]))
    scores.add(grid([3.0, 9.0, 9.0]), grid([2.0, 0.0, 0.0]))
    result = scores.result()
    assert result["abs_rel"] == pytest.approx(0.25)
    assert result["pooled"]["abs_rel"] == pytest.approx(0.125)
    assert result["images"] == 2


def test_median_scale_is_of_the_image_and_one_scale_of_the_set():
    scores = DepthScores(ALL)
    true = grid([1.0, 2.0, 4.0])
    for factor in (2.0, 2.0, 3.0):
        scores.add(true * factor * 0.5, true)
    result = scores.result()
    assert result["abs_rel_median"] == pytest.approx(0, abs=1e-6)
    assert result["delta1_median"] == 1.0
    assert result["one_scale"] == pytest.approx(1.0)
    assert result["abs_rel_one_scale"] == pytest.approx(0.5 / 3)
    assert result["scale_bias"] == pytest.approx(0.0)


def test_scale_bias_is_positive_when_things_look_too_far():
    scores = DepthScores(ALL)
    scores.add(grid([2.2, 4.4]), grid([2.0, 4.0]))
    result = scores.result()
    assert result["scale_bias"] == pytest.approx(0.1, rel=1e-5)
    assert result["abs_rel_one_scale"] == pytest.approx(0, abs=1e-6)
    assert result["scale_jitter"] is None


def test_slow_drift_is_no_jitter_but_alternation_is():
    def jitter(biases, interval_s=0.1):
        scores = DepthScores(ALL)
        for i, bias in enumerate(biases):
            scores.add(grid([2 * math.exp(bias)]), grid([2.0]), stamp_s=interval_s * i)
        return scores.result()["scale_jitter"]

    assert jitter([0.1 * (-1) ** i for i in range(100)]) == pytest.approx(0.1, rel=0.1)
    assert jitter([0.001 * i for i in range(100)]) < 0.003
    assert jitter([0.1 * (-1) ** i for i in range(100)], interval_s=3.0) is None


def test_predictions_are_capped_and_truth_beyond_the_cap_does_not_count():
    scores = DepthScores(ALL)
    scores.add(grid([50.0, 1.0]), grid([8.0, 20.0]))
    assert scores.result()["abs_rel"] == pytest.approx(0.25)


def test_nyu_crop_keeps_rows_45_to_470_and_columns_41_to_600():
    depth = np.ones((480, 640), dtype=np.float32)
    rows, columns = np.nonzero(protocol_named("nyu_eigen").valid(depth))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (45, 470, 41, 600)
    half = protocol_named("nyu_eigen").valid(depth[::2, ::2])
    rows, columns = np.nonzero(half)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (22, 235, 20, 300)


def test_unknown_protocol_is_named():
    with pytest.raises(DataError, match="protocol nyu: unknown; choose one of nyu_eigen"):
        protocol_named("nyu")


def test_mean_map_leaves_the_judged_image_out():
    mean = MeanDepthMap()
    near, far = (np.full((120, 160), d, dtype=np.float32) for d in (1.0, 3.0))
    mean.add(near)
    mean.add(far)
    assert mean.map(120, 160) == pytest.approx(2.0)
    assert mean.map(48, 64, without=near) == pytest.approx(3.0)
    baseline = BaselineScorer(ALL)
    baseline.add(near)
    baseline.add(far)
    result = baseline.result()
    assert result["abs_rel_baseline"] == pytest.approx((2.0 + 2 / 3) / 2)
    assert result["abs_rel_median_baseline"] == pytest.approx(0, abs=1e-6)


# --- labels --------------------------------------------------------------------------------------


def test_labels_of_four_pixels():
    true, said = grid([1, 1, 2, 0], dtype=np.uint8), grid([1, 2, 2, 7], dtype=np.uint8)
    iou = iou_of_classes(confusion(said, true))
    assert (iou[1], iou[2]) == (0.5, 0.5)
    assert np.isnan(iou[7])  # only said where the truth is unknown
    scores = LabelScores()
    scores.add(said, true)
    result = scores.result()
    assert result["miou"] == 0.5
    assert result["pixel_accuracy"] == pytest.approx(2 / 3)
    assert result["mean_accuracy"] == pytest.approx(0.75)


def test_groups_join_what_the_teacher_cannot_tell_apart():
    scores = LabelScores()
    # dresser called cabinet is right; towel has no group; wall called towel is wrong
    scores.add(grid([3, 1, 27, 1], dtype=np.uint8), grid([17, 27, 1, 1], dtype=np.uint8))
    result = scores.result()
    assert result["pixel_accuracy16"] == pytest.approx(2 / 3)
    assert result["miou16"] == pytest.approx((1.0 + 0.5) / 2)
    assert len(GROUPS) == 16


def test_border_score_sees_what_the_plain_one_forgives():
    true = np.ones((100, 100), dtype=np.uint8)
    true[:, 50:] = 2
    shifted = np.roll(true, 4, axis=1)
    shifted[:, :10] = 1
    scores = LabelScores()
    scores.add(shifted, true)
    result = scores.result()
    assert result["miou"] > 0.9
    assert result["boundary_iou"] < 0.4
    perfect = LabelScores()
    perfect.add(true, true)
    assert perfect.result()["boundary_iou"] == 1.0


def test_band_is_two_percent_of_the_diagonal_wide_on_both_sides():
    labels = np.ones((300, 400), dtype=np.uint8)
    labels[:, 200:] = 2
    band = label_band(labels, labels > 0)
    assert np.flatnonzero(band[150]).tolist() == list(range(190, 210))  # 10 px to each side


def test_unknown_truth_makes_no_border():
    labels = np.ones((30, 40), dtype=np.uint8)
    labels[:, 20:] = 0
    assert not label_band(labels, labels > 0).any()


# --- normals -------------------------------------------------------------------------------------


def test_angles_between_normals():
    a = np.array([[0, 0, -1], [0, 0, -1], [1, 0, -1], [0, 0, 0]], dtype=np.float32)
    b = np.array([[0, 0, -1], [0, -1, 0], [0, 0, -1], [0, 0, -1]], dtype=np.float32)
    assert angles_deg(a, b) == pytest.approx([0, 90, 45, 90], abs=1e-4)


def test_normal_scores_pool_pixels_and_skip_unknown_truth():
    scores = NormalScores()
    down = np.array([0.0, 0.0, -1.0])
    tilted = np.array([0.0, -math.sin(math.radians(20)), -math.cos(math.radians(20))])
    true = np.stack([[down, down, down, 0 * down]]).astype(np.float32)
    said = np.stack([[down, tilted, tilted, tilted]]).astype(np.float32)
    scores.add(said, true)
    result = scores.result()
    assert result["mean_deg"] == pytest.approx(40 / 3, rel=1e-4)
    assert result["median_deg"] == pytest.approx(20, abs=0.01)
    assert result["below_11.25_deg"] == pytest.approx(1 / 3)
    assert result["below_22.5_deg"] == 1.0


# --- boundaries ----------------------------------------------------------------------------------


def vertical_line(column: int, width: int = 60) -> np.ndarray:
    image = np.zeros((40, width), dtype=bool)
    image[:, column] = True
    return image


def test_thinning_leaves_one_connected_pixel_of_a_thick_line():
    mask = vertical_line(30) | vertical_line(31) | vertical_line(32)
    line = thin(mask)
    assert (line[3:-3].sum(axis=1) == 1).all()
    assert np.array_equal(thin(line), line)


def test_suppression_finds_the_crest_of_a_slanted_ridge():
    rows, columns = np.indices((60, 60))
    distance = (columns - rows) / math.sqrt(2)
    strength = np.exp(-(distance**2) / 8).astype(np.float32)
    crest = thin(suppress_non_maxima(strength) > 0.5)
    inner = np.abs(distance[10:-10, 10:-10][crest[10:-10, 10:-10]])
    assert inner.max() <= 0.8
    assert crest[10:-10].any(axis=1).all()


def test_matching_pairs_every_pixel_once():
    # two predicted pixels beside one true pixel: one match; the fast count takes both
    said = np.zeros((9, 9), dtype=np.float32)
    said[4, 3] = said[4, 5] = 0.9
    true = np.zeros((9, 9), dtype=bool)
    true[4, 4] = True
    thresholds = np.array([0.5, 0.95])
    assert match_counts(said, true, thresholds, 1.0).tolist() == [[1, 2], [0, 0]]
    assert fast_counts(said, true, thresholds, 1.0).tolist() == [[2, 2, 1], [0, 0, 0]]


def test_matching_is_the_largest_possible_not_the_first_found():
    # a chain: predicted 1 and 3, true 2 and 4, tolerance 1: greedy may pair 3 with 2 and lose 1
    said, true = np.zeros((1, 9), dtype=np.float32), np.zeros((1, 9), dtype=bool)
    said[0, [1, 3]] = 1.0
    true[0, [2, 4]] = True
    assert match_counts(said, true, np.array([0.5]), 1.0)[0].tolist() == [2, 2]


@pytest.mark.parametrize("seed", range(20))
def test_every_prefix_is_matched_as_well_as_scipy_matches_it(seed):
    rng = np.random.default_rng(seed)
    n_left, n_right = int(rng.integers(1, 40)), int(rng.integers(1, 25))
    pairs = rng.random((n_left, n_right)) < rng.choice([0.05, 0.15, 0.4])
    left, right = np.nonzero(pairs)
    starts = np.searchsorted(left, np.arange(n_left + 1))
    enlarged = matched_in_order(starts.tolist(), right.tolist(), n_right)
    for k in range(1, n_left + 1):
        best = maximum_bipartite_matching(csr_matrix(pairs[:k]), perm_type="column")
        assert enlarged[:k].sum() == (best >= 0).sum()


def test_perfect_edges_score_one_and_far_edges_nothing():
    for shift, expected in ((0, 1.0), (2, 1.0), (12, 0.0)):
        scores = BoundaryScores(tolerance=0.04)  # 2.9 px
        true = vertical_line(30).astype(np.uint8)
        scores.add(np.roll(true, shift, axis=1).astype(np.float32), true)
        result = scores.result()
        assert result["ods"] == pytest.approx(expected, abs=0.06)
        assert result["ois"] == pytest.approx(expected, abs=0.06)
        # the border fade lowers a fifth of the line below the high thresholds
        assert result["ap"] == pytest.approx(expected, abs=0.1)


def test_one_threshold_for_the_set_is_worse_than_the_best_of_each_image():
    scores = BoundaryScores(tolerance=0.03)
    true = vertical_line(20).astype(np.uint8)
    for weak, strong in ((0.4, 0.1), (0.9, 0.6)):
        said = np.zeros(true.shape, dtype=np.float32)
        said[:, 20], said[:, 45] = weak, strong  # a false line that is as strong as the other truth
        scores.add(said, true)
    result = scores.result()
    assert result["ois"] > result["ods"] + 0.1


def test_unknown_edge_truth_hides_predictions():
    true = vertical_line(20).astype(np.uint8)
    true[:, 40:] = 255
    said = (vertical_line(20) | vertical_line(50)).astype(np.float32)
    scores = BoundaryScores(tolerance=0.03)
    scores.add(said, true)
    assert scores.result()["ods"] == pytest.approx(1.0, abs=0.06)


# --- uncertainty ---------------------------------------------------------------------------------


def test_honest_sigma_covers_what_it_promises():
    rng = np.random.default_rng(0)
    true = np.full((300, 300), 2.0, dtype=np.float32)
    e = rng.normal(0, 0.1, true.shape)
    said = (true * np.exp(e)).astype(np.float32)

    def scores_of(sigma):
        scores = SigmaScores(ALL)
        scores.add(said, np.full_like(true, sigma), true)
        return scores.result()

    honest, bold = scores_of(0.1), scores_of(0.05)
    assert honest["within_1sigma"] == pytest.approx(0.683, abs=0.01)
    assert honest["within_2sigma"] == pytest.approx(0.954, abs=0.01)
    assert honest["coverage_error"] < 0.01
    assert honest["nll"] == pytest.approx(0.5 * math.log(2 * math.pi * math.e * 0.01), abs=0.01)
    assert bold["within_1sigma"] == pytest.approx(0.383, abs=0.01)
    assert bold["coverage_error"] > 0.15


def test_sparsification_area_is_zero_in_the_right_order_and_large_in_the_wrong_one():
    error = np.array([0.0, 1.0])
    assert sparsification_area(error, np.array([0.1, 0.2])) == 0
    # wrong order: 50 steps with both kept give no difference, 50 with one kept give 1; mean 0.5
    assert sparsification_area(error, np.array([0.2, 0.1])) == pytest.approx(1.0)


def test_calibration_error_of_two_bins():
    scores = ConfidenceScores()
    true = np.ones((1, 4), dtype=np.uint8)
    scores.add(grid([1, 1, 1, 2], dtype=np.uint8), grid([1.0, 1.0, 0.5, 0.5]), true)
    # top bin: sure and right; the 0.5 bin: half right
    assert scores.result()["ece"] == pytest.approx(0.0)
    scores.add(grid([2, 2, 2, 2], dtype=np.uint8), grid([1.0, 1.0, 1.0, 1.0]), true)
    assert scores.result()["ece"] == pytest.approx(0.5)


# --- all together --------------------------------------------------------------------------------


def sample_and_prediction(**truth) -> tuple[Prediction, Sample]:
    shape = (40, 60)
    normals = np.zeros((*shape, 3), dtype=np.float32)
    normals[..., 2] = -1
    prediction = Prediction(
        depth_m=np.full(shape, 2.0, dtype=np.float32),
        depth_sigma=np.full(shape, 0.1, dtype=np.float32),
        labels=np.ones(shape, dtype=np.uint8),
        confidence=np.ones(shape, dtype=np.float32),
        normals=normals,
        edges=np.zeros(shape, dtype=np.float32),
    )
    image = np.zeros((*shape, 3), dtype=np.uint8)
    return prediction, Sample("simulated", "0", image, **truth)


def test_blocks_without_truth_or_without_head_are_absent():
    prediction, sample = sample_and_prediction(depth_m=np.full((40, 60), 2.5, dtype=np.float32))
    scorer = Scorer(ALL)
    scorer.add(prediction, sample)
    assert set(scorer.result()) == {"depth", "uncertainty"}
    assert scorer.result()["depth"]["abs_rel"] == pytest.approx(0.2)
    labels_only = Scorer(ALL, tasks=["semantics"])
    labels_only.add(prediction, sample)
    assert labels_only.result() == {}


def test_all_blocks_of_a_perfect_prediction():
    edges = np.zeros((40, 60), dtype=np.uint8)
    edges[:, 30] = 1
    prediction, sample = sample_and_prediction(
        depth_m=np.full((40, 60), 2.0, dtype=np.float32),
        labels=np.ones((40, 60), dtype=np.uint8),
        normals=np.tile(np.array([0, 0, -1], dtype=np.float32), (40, 60, 1)),
        edges=edges,
    )
    scorer = Scorer(ALL, max_edge_images=1)
    for _ in range(2):
        scorer.add(prediction, sample)
    result = scorer.result()
    assert result["depth"]["delta1"] == result["semantics"]["miou"] == 1.0
    assert result["normals"]["mean_deg"] == pytest.approx(0, abs=1e-4)
    assert result["edges"]["ods"] == 0.0
    assert result["edges"]["images"] == 1
