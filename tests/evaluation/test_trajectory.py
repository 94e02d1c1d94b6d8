"""Alignment and trajectory errors, with evo as the oracle."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from evo.core import metrics, sync
from evo.core.trajectory import PoseTrajectory3D

from mono_hydra.evaluation.alignment import align, associate
from mono_hydra.evaluation.consistency import score_consistency
from mono_hydra.evaluation.trajectory import score_trajectory
from mono_hydra.geometry import se3

N = 200
STAMPS = np.arange(N) / 15.0


def walk(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    steps = rng.normal(0, [0.02, 0.02, 0.02, 0.05, 0.05, 0.01], (N, 6))
    steps[60:75] = 0.0  # a pause: many pairs with equal path length
    poses, T = [], np.eye(4)
    for step in steps:
        T = T @ se3.exp(step)
        poses.append(T)
    return np.array(poses)


def disturbed(poses: np.ndarray, seed: int = 1, scale: float = 1.0) -> np.ndarray:
    """Moved as a whole, scaled, and with errors of a few centimetres and degrees."""
    rng = np.random.default_rng(seed)
    moved = np.array([se3.exp(np.array([0, 0, 0.7, 3.0, -1.0, 0.5])) @ T for T in poses])
    moved[:, :3, 3] *= scale
    return np.array([T @ se3.exp(rng.normal(0, 0.02, 6)) for T in moved])


def evo_pair(P: np.ndarray, G: np.ndarray) -> tuple[PoseTrajectory3D, PoseTrajectory3D]:
    return (
        PoseTrajectory3D(poses_se3=list(G), timestamps=STAMPS),
        PoseTrajectory3D(poses_se3=list(P), timestamps=STAMPS),
    )


@pytest.mark.parametrize(("kind", "with_scale"), [("se3", False), ("sim3", True)])
def test_absolute_error_equals_evo(kind: str, with_scale: bool) -> None:
    G = walk()
    P = disturbed(G, scale=1.1)
    ours = score_trajectory(STAMPS, P, STAMPS, G, headline="se3")["ate"][kind]
    reference, estimate = evo_pair(P, G)
    estimate = copy.deepcopy(estimate)
    estimate.align(reference, correct_scale=with_scale)
    ape = metrics.APE(metrics.PoseRelation.translation_part)
    ape.process_data((reference, estimate))
    theirs = ape.get_all_statistics()
    for key in ("rmse", "mean", "median", "max"):
        assert ours[key] == pytest.approx(theirs[key], abs=1e-9)


@pytest.mark.parametrize(("key", "delta"), [("rpe_1m", 1.0), ("rpe_5m", 5.0)])
def test_relative_error_equals_evo(key: str, delta: float) -> None:
    G = walk()
    P = disturbed(G)
    ours = score_trajectory(STAMPS, P, STAMPS, G, headline="se3")[key]
    for part, relation in (
        ("translation", metrics.PoseRelation.translation_part),
        ("rotation_deg", metrics.PoseRelation.rotation_angle_deg),
    ):
        rpe = metrics.RPE(relation, delta=delta, delta_unit=metrics.Unit.meters, all_pairs=True,
                          rel_delta_tol=0.1, pairs_from_reference=True)  # fmt: skip
        rpe.process_data(evo_pair(P, G))
        theirs = rpe.get_all_statistics()
        assert ours[part]["n"] == len(rpe.error) > 10
        assert ours[part]["rmse"] == pytest.approx(theirs["rmse"], rel=1e-6)


def test_association_equals_evo_where_stamps_are_unique() -> None:
    rng = np.random.default_rng(3)
    estimated = np.sort(STAMPS[::2] + rng.uniform(-0.018, 0.018, N // 2))
    index, true_index = associate(estimated, STAMPS)
    _, theirs = sync.matching_time_indices(estimated, STAMPS, 0.02)
    assert index.tolist() == list(range(N // 2))
    assert true_index.tolist() == theirs


def test_each_stamp_is_used_once_and_the_nearest_pair_wins() -> None:
    index, true_index = associate(np.array([1.0, 1.015, 9.0]), np.array([1.012, 5.0]))
    assert index.tolist() == [1]
    assert true_index.tolist() == [0]


def test_yaw_alignment_undoes_a_turn_about_the_vertical_but_not_a_tilt() -> None:
    G = walk()
    turned = np.array([se3.exp(np.array([0, 0, 2.0, 4, 5, 6.0])) @ T for T in G])
    tilted = np.array([se3.exp(np.array([0.1, 0, 0, 0, 0, 0.0])) @ T for T in G])
    for moved, is_exact in ((turned, True), (tilted, False)):
        alignment = align(moved[:, :3, 3], G[:, :3, 3], "yaw")
        error = np.abs(alignment.points(moved[:, :3, 3]) - G[:, :3, 3]).max()
        assert (error < 1e-9) == is_exact


def test_a_map_three_percent_too_large_has_scale_bias_three_percent() -> None:
    G = walk()
    P = G.copy()
    P[:, :3, 3] *= 1.03
    scores = score_trajectory(STAMPS, P, STAMPS, G, headline="se3")
    assert scores["scale_bias"] == pytest.approx(0.03)
    assert scores["ate"]["sim3"]["rmse"] < 1e-9 < scores["ate"]["se3"]["rmse"]


def test_late_start_and_gap_show_in_completeness() -> None:
    G = walk()
    kept = np.r_[30:100, 120:N]
    scores = score_trajectory(STAMPS[kept], G[kept], STAMPS, G, headline="yaw")
    assert scores["completeness"] == pytest.approx(150 / 200)
    assert scores["completeness_after_initialisation"] == pytest.approx(150 / 170)
    assert scores["initialisation_s"] == pytest.approx(2.0)
    assert scores["gaps"] == 1


def test_fewer_than_three_pairs_give_no_error() -> None:
    G = walk()
    scores = score_trajectory(STAMPS[:2], G[:2], STAMPS, G, headline="yaw")
    assert scores["ate"] == {"yaw": None, "se3": None, "sim3": None}
    assert scores["scale_bias"] is None
    empty = score_trajectory(np.zeros(0), np.zeros((0, 4, 4)), STAMPS, G, headline="yaw")
    assert empty["completeness"] == 0.0


def test_errors_drawn_from_their_covariance_are_consistent() -> None:
    rng = np.random.default_rng(5)
    G = walk()
    P = np.diag([1e-4, 2e-4, 3e-4, 4e-3, 5e-3, 6e-3])
    root = np.sqrt(P)
    # T_true = T_est Exp(xi); the first pose fixes the gauge and has no error
    estimate = np.array([T @ se3.inverse(se3.exp(root @ rng.normal(size=6))) for T in G])
    estimate[0] = G[0]
    moved = np.array([se3.exp(np.array([0, 0, 1.0, 2, 3, 4.0])) @ T for T in estimate])
    covariance = np.tile(P, (N, 1, 1))
    covariance[0] = 0.0
    scores = score_consistency(STAMPS, moved, STAMPS, covariance, STAMPS, G)
    assert scores is not None
    assert scores["n"] == N - 1
    assert scores["mean"] == pytest.approx(1.0, abs=0.15)  # 3 sigma of 199 x 6 squares is 0.12
    assert scores["inside_95"] == pytest.approx(0.95, abs=0.05)
    boastful = score_consistency(STAMPS, moved, STAMPS, covariance / 9, STAMPS, G)
    assert boastful is not None
    assert boastful["mean"] == pytest.approx(9 * scores["mean"], rel=1e-6)
