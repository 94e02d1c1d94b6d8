"""Each loss against a value worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from m2h.losses import LossConfig, MultiTaskLoss, loss_terms
from m2h.losses.balance import DynamicWeightAverage, LearnedUncertainty
from m2h.losses.consistency import depth_normal_loss, edge_semantic_loss
from m2h.losses.depth import depth_loss, gradient_loss, log_depth_error, sigma_loss
from m2h.losses.semantics import (
    at_logits,
    class_logits,
    class_weights,
    label_loss,
    partial_label_loss,
)
from m2h.losses.surfaces import edge_loss, normal_loss, normals_of_depth
from m2h.types import TASKS, Outputs
from tests.m2h.batches_by_hand import HEIGHT, WIDTH, TinyNetwork, batch_of, random_batch

SHAPE = (2, 1, HEIGHT, WIDTH)


def error_of(predicted_m: float, true_m: float, *, focal_c: float | None = None, **known):
    batch = batch_of(depth_m=torch.full(SHAPE, true_m), **known)
    return log_depth_error(torch.full(SHAPE, predicted_m), batch, focal_c)


def test_uniform_depth_error_costs_its_logarithm_and_its_part_that_scale_does_not_explain():
    g = math.log(1.2)
    expected = g + 0.5 * math.sqrt((1 - 0.85) * g**2 + 1e-6)
    assert depth_loss(error_of(2.4, 2.0)).item() == pytest.approx(expected, rel=1e-4)


def test_depth_is_compared_for_the_canonical_focal_length():
    # focal length 10 px, canonical 20 px: a thing 2 m away must be called 4 m
    error = error_of(4.0, 2.0, focal_c=20.0)
    assert error.error.abs().max().item() == pytest.approx(0.0, abs=1e-6)


def test_unknown_camera_is_judged_by_shape_alone():
    error = error_of(4.0, 2.0, focal_c=20.0, focal_px=torch.zeros(2))
    g = math.log(2.0)
    expected = 0.5 * math.sqrt(0.15 * g**2 + 1e-6)
    assert depth_loss(error).item() == pytest.approx(expected, rel=1e-4)


def test_half_a_quantisation_step_is_no_error():
    step = torch.full((2,), 0.04)
    inside = error_of(2.019, 2.0, depth_step_m=step)
    outside = error_of(2.2, 2.0, depth_step_m=step)
    assert depth_loss(inside).item() == pytest.approx(0.5 * 1e-3, abs=1e-5)  # root of 1e-6
    assert depth_loss(outside).item() > math.log(1.1) - 0.011


def test_unknown_depth_changes_nothing_even_where_the_prediction_is_absurd():
    truth = torch.full(SHAPE, 2.0)
    truth[..., :4] = 0
    predicted = torch.full(SHAPE, 2.0)
    predicted[..., :4] = 1e30
    loss = depth_loss(log_depth_error(predicted, batch_of(depth_m=truth), None))
    assert loss.item() == pytest.approx(0.5 * 1e-3, abs=1e-5)


def test_missed_relief_costs_what_gradients_weigh():
    truth = torch.full(SHAPE, 2.0)
    truth[..., ::2] = 2.2
    error = log_depth_error(torch.full(SHAPE, 2.1), batch_of(depth_m=truth), None)
    expected = depth_loss(error).item() + 1.5 * gradient_loss(error).item()
    assert gradient_loss(error).item() > 0.01
    assert depth_loss(error, gradients=2.0).item() == pytest.approx(expected, rel=1e-5)


def test_quantised_depth_teaches_borders_only_where_the_jump_exceeds_three_steps():
    flat = torch.ones(SHAPE)
    for jump_steps, counts in ((2, False), (5, True)):
        truth = flat.clone()
        truth[..., WIDTH // 2 :] += jump_steps * 0.04
        batch = batch_of(depth_m=truth, depth_step_m=torch.full((2,), 0.04))
        predicted = (flat * (1 + jump_steps * 0.02)).requires_grad_()  # no border at all
        loss = gradient_loss(log_depth_error(predicted, batch, None))
        assert (loss.item() > 0) == counts


def test_best_laplace_sigma_is_root_two_times_the_mean_error():
    error = error_of(2.0 * math.exp(0.1), 2.0)
    log_sigma = torch.zeros(SHAPE, requires_grad=True)
    values = {s: sigma_loss(torch.full(SHAPE, math.log(s)), error).item() for s in (0.1, 0.2)}
    best = sigma_loss(torch.full(SHAPE, math.log(0.1 * math.sqrt(2))), error).item()
    assert best < min(values.values())
    assert best == pytest.approx(1 + math.log(2 * 0.1), abs=1e-5)
    gaussian = sigma_loss(torch.full(SHAPE, math.log(0.1)), error, "gaussian").item()
    assert gaussian == pytest.approx(0.5 + math.log(0.1 * math.sqrt(2 * math.pi)), abs=1e-5)
    sigma_loss(log_sigma, error).backward()
    assert log_sigma.grad is not None


def test_sigma_teaches_nothing_about_depth():
    depth = torch.full(SHAPE, 2.4, requires_grad=True)
    error = log_depth_error(depth, batch_of(depth_m=torch.full(SHAPE, 2.0)), None)
    log_sigma = torch.zeros(SHAPE, requires_grad=True)
    sigma_loss(log_sigma, error).backward()
    assert depth.grad is None


def test_unknown_labels_and_class_zero_take_no_part():
    logits = torch.zeros(1, 41, 2, 2)
    logits[:, 0] = 50.0  # class 0 shouts
    labels = torch.tensor([[[3, 0], [0, 0]]])
    assert label_loss(class_logits(logits, 1), labels).item() == pytest.approx(
        math.log(40), rel=1e-5
    )
    assert label_loss(class_logits(logits, 1), torch.zeros_like(labels)) is None


def test_truth_at_smaller_logits_is_one_pixel_of_each_cell_and_all_in_turn():
    x = torch.arange(5.0 * 7).reshape(1, 5, 7)
    torch.manual_seed(0)
    seen = {tuple(at_logits(x, (3, 4))[0].flatten().tolist()) for _ in range(64)}
    rows = ([0, 2, 4], [1, 3, 4])  # the last cell of an odd side has one row
    columns = ([0, 2, 4, 6], [1, 3, 5, 6])
    assert seen == {tuple(x[0][r][:, c].flatten().tolist()) for r in rows for c in columns}
    assert torch.equal(at_logits(x, (5, 7)), x)


def test_logits_of_the_whole_size_meet_the_truth_of_their_own_pixels():
    labels = torch.randint(1, 41, (2, HEIGHT, WIDTH))
    right = torch.nn.functional.one_hot(labels, 41).permute(0, 3, 1, 2) * 40.0
    terms = loss_terms(Outputs(semantics=right), batch_of(2, labels=labels), LossConfig())
    assert terms["semantics"].item() == pytest.approx(0.0, abs=1e-4)


def test_rare_classes_weigh_more_and_the_mean_pixel_weighs_one():
    counts = torch.tensor([10**9, 900, 90, 10, *[0] * 37])
    weights = class_weights(counts, 0.5)
    assert weights.shape == (40,)
    assert weights[1] / weights[0] == pytest.approx(10**0.5, rel=0.01)
    assert float((weights[:3] * torch.tensor([0.9, 0.09, 0.01])).sum()) == pytest.approx(1.0)
    assert weights[3] == weights.max()
    assert class_weights(counts, 0.0).tolist() == pytest.approx([1.0] * 40)


def test_weighted_cross_entropy_asks_more_of_the_rare_class():
    logits, labels = torch.zeros(1, 40, 1, 2), torch.tensor([[[1, 2]]])
    logits[:, 0] = 3.0  # says the frequent class everywhere
    weights = torch.ones(40)
    equal = label_loss(logits, labels, weights)
    weights[1] = 5.0
    assert label_loss(logits, labels, weights) > equal


def test_partial_label_is_satisfied_by_any_class_of_its_set():
    allowed = torch.zeros(3, 41, dtype=torch.bool)
    allowed[1, [5, 6]] = True  # class 2 of the teacher stands for nothing
    teacher = torch.tensor([[[1, 255], [2, 1]]])
    labels = torch.zeros(1, 2, 2, dtype=torch.int64)
    uniform = partial_label_loss(torch.zeros(1, 40, 2, 2), teacher, labels, allowed)
    assert uniform.item() == pytest.approx(math.log(20), rel=1e-5)
    sure = torch.zeros(1, 40, 2, 2)
    sure[:, 5] = 30.0
    assert partial_label_loss(sure, teacher, labels, allowed).item() == pytest.approx(0, abs=1e-6)
    labels[0, 0, 0] = labels[0, 1, 1] = 9
    assert partial_label_loss(sure, teacher, labels, allowed) is None


def test_normals_cost_one_minus_cosine_whatever_their_length():
    truth = torch.zeros(1, 3, 2, 2)
    truth[:, 2, 0] = -1.0  # known in the first row
    predicted = torch.zeros(1, 3, 2, 2)
    predicted[:, 0] = predicted[:, 2] = -7.0
    assert normal_loss(predicted, truth).item() == pytest.approx(1 - math.sqrt(0.5), rel=1e-5)
    assert normal_loss(predicted, torch.zeros(1, 3, 2, 2)) is None


def test_edges_are_weighted_by_their_rarity_and_at_most_twenty():
    truth = torch.zeros(1, 1, 1, 10)
    truth[..., 0] = 1
    truth[..., 9] = -1
    # 1 edge, 8 others: ln 2 (8 * 1 + 8) / 9
    assert edge_loss(torch.zeros(1, 1, 1, 10), truth).item() == pytest.approx(
        math.log(2) * 16 / 9, rel=1e-5
    )
    rare = torch.zeros(1, 1, 1, 101)
    rare[..., 0] = 1
    assert edge_loss(torch.zeros(1, 1, 1, 101), rare).item() == pytest.approx(
        math.log(2) * (20 + 100) / 101, rel=1e-5
    )
    assert edge_loss(torch.zeros(1, 1, 1, 10), -torch.ones(1, 1, 1, 10)) is None


def test_normals_of_a_slanted_plane_face_the_camera():
    # z = 2 + 0.5 x: the plane's normal is along (0.5, 0, -1)
    fx, cx = 10.0, 6.0
    u = torch.arange(WIDTH).view(1, 1, 1, -1).expand(1, 1, HEIGHT, WIDTH)
    depth = 2.0 / (1 - 0.5 * (u - cx) / fx)
    normals = normals_of_depth(depth, torch.tensor([[fx, fx, cx, 4.0]]))
    expected = torch.tensor([0.5, 0.0, -1.0]) / math.sqrt(1.25)
    assert torch.allclose(normals, expected.view(1, 3, 1, 1).expand_as(normals), atol=1e-4)


def test_unchecked_normals_learn_from_depth_and_checked_ones_teach_it():
    for checked in (False, True):
        truth = torch.zeros(1, 3, HEIGHT, WIDTH)
        truth[:, 2] = -1.0 if checked else 0.0
        depth = (torch.rand(1, 1, HEIGHT, WIDTH) * 0.02 + 2).requires_grad_()
        normals = torch.randn(1, 3, HEIGHT, WIDTH).requires_grad_()
        batch = batch_of(1, normals=truth)
        loss = depth_normal_loss(depth, normals, batch, teach_normals=True, stride=1)
        loss.backward()
        assert normals.grad is not None
        assert (depth.grad is not None and bool(depth.grad.abs().sum() > 0)) == checked
        early = depth_normal_loss(depth, normals, batch, teach_normals=False, stride=1)
        assert (early is not None) == checked


def test_edges_and_labels_agree_when_the_edge_stands_where_the_label_changes():
    logits = torch.full((1, 41, HEIGHT, WIDTH), -20.0)
    logits[:, 1, :, :6] = 20.0
    logits[:, 2, :, 6:] = 20.0
    edge = torch.full((1, 1, HEIGHT, WIDTH), -20.0)
    edge[..., 5] = 20.0
    known = class_logits(logits, 1)
    right = edge_semantic_loss(edge, known).item()
    wrong = edge_semantic_loss(edge.roll(3, dims=3), known).item()
    assert right == pytest.approx(0.0, abs=1e-3)
    assert wrong > 1.0


def test_absent_tasks_and_absent_truth_give_no_term():
    outputs = TinyNetwork()(torch.rand(2, 3, HEIGHT, WIDTH))
    batch = random_batch(0)
    everything = loss_terms(outputs, batch, LossConfig())
    assert set(everything) == {*TASKS, "sigma", "depth_normal", "edge_semantic"}
    depth_alone = loss_terms(Outputs(depth=outputs.depth), batch, LossConfig())
    assert set(depth_alone) == {"depth"}
    nothing = loss_terms(outputs, batch_of(), LossConfig(edge_semantic=0.0))
    assert set(nothing) <= {"depth_normal"}


def test_batch_without_any_truth_costs_nothing_and_can_be_differentiated():
    outputs = Outputs(depth=torch.ones(SHAPE, requires_grad=True))
    total, terms = MultiTaskLoss(LossConfig())(outputs, batch_of(), 1.0)
    total.backward()
    assert total.item() == 0
    assert terms == {}


def test_total_is_the_weighted_sum_and_consistency_comes_in_slowly():
    outputs = TinyNetwork()(torch.rand(2, 3, HEIGHT, WIDTH))
    batch = random_batch(0)
    config = LossConfig(depth=2.0, edge_semantic=0.5, consistency_ramp=0.5)
    total, terms = MultiTaskLoss(config)(outputs, batch, 0.25)
    expected = 2 * terms["depth"] + terms["semantics"] + terms["normals"] + terms["edges"]
    expected = expected + 0.1 * terms["sigma"] + 0.05 * terms["depth_normal"]
    expected = expected + 0.25 * terms["edge_semantic"]
    assert total.item() == pytest.approx(expected.item(), rel=1e-5)


def test_dynamic_weights_favour_the_task_that_falls_more_slowly():
    balance = DynamicWeightAverage(period_steps=2, temperature=2.0)
    for depth, labels in ((4.0, 4.0), (4.0, 4.0), (2.0, 4.0), (2.0, 4.0)):
        balance.observe({"depth": depth, "semantics": labels})
    weights = dict(zip(TASKS, balance.weights.tolist(), strict=True))
    share = math.exp(0.25) / (math.exp(0.25) + math.exp(0.5))  # w = 0.5 and 1, T = 2
    assert weights["depth"] == pytest.approx(2 * share, rel=1e-5)
    assert weights["depth"] + weights["semantics"] == pytest.approx(2.0)
    assert weights["edges"] == weights["normals"] == 1.0


def test_learned_uncertainty_starts_as_the_plain_sum_and_learns():
    balance = LearnedUncertainty()
    total = balance({"depth": torch.tensor(3.0), "edges": torch.tensor(0.5)})
    total.backward()
    assert total.item() == pytest.approx(3.5)
    gradient = dict(zip(TASKS, balance.log_variance.grad.tolist(), strict=True))
    assert gradient == pytest.approx({"depth": -2.0, "edges": 0.5, "normals": 0, "semantics": 0})
