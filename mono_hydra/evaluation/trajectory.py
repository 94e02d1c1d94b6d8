"""Trajectory scores: completeness, absolute and relative errors, scale, drift.

Absolute errors equal evo's APE of the translation after the same alignment; relative errors equal
evo's RPE with `all_pairs`, `rel_delta_tol=0.1` and pairs taken from the reference.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mono_hydra.evaluation.alignment import (
    ALIGNMENT_KINDS,
    MAX_STAMP_DIFFERENCE_S,
    MIN_PAIRS,
    AlignmentKind,
    align,
    associate,
)
from mono_hydra.evaluation.summary import summarise
from mono_hydra.types import F8, I8

MAX_GAP_S = 0.5
DELTA_TOLERANCE = 0.1


def score_trajectory(
    stamps_s: F8,
    T_world_camera: F8,
    true_stamps_s: F8,
    true_T_world_camera: F8,
    *,
    headline: AlignmentKind,
) -> dict[str, Any]:
    """Scores of one trajectory.

    Args:
        stamps_s: (N,) estimated stamps.
        T_world_camera: (N, 4, 4) estimated poses.
        true_stamps_s: (M,) true stamps.
        true_T_world_camera: (M, 4, 4) true poses.
        headline: the alignment whose error is put in relation to the path.
    """
    index, true_index = associate(stamps_s, true_stamps_s)
    scores = _completeness(stamps_s, true_stamps_s, len(index))
    stamps = true_stamps_s[true_index]
    P, G = T_world_camera[index], true_T_world_camera[true_index]
    scores["path_length_m"] = float(_path_m(G)[-1]) if len(G) else 0.0
    aligned = len(index) >= MIN_PAIRS
    scores["ate"] = {
        kind: absolute_error(P, G, kind) if aligned else None for kind in ALIGNMENT_KINDS
    }
    scores["scale_bias"] = scale_bias(P, G) if aligned else None
    scores["rpe_1m"] = relative_error(P, G, _path_m(G), 1.0)
    scores["rpe_5m"] = relative_error(P, G, _path_m(G), 5.0)
    scores["rpe_1s"] = relative_error(P, G, stamps, 1.0)
    five_metres = scores["rpe_5m"]["translation"]["mean"]
    scores["drift"] = None if five_metres is None else five_metres / 5.0
    share = None
    if aligned and scores["path_length_m"] > 0.0:
        share = scores["ate"][headline]["rmse"] / scores["path_length_m"]
    scores["ate_share_of_path"] = share
    return scores


def absolute_error(P: F8, G: F8, kind: AlignmentKind) -> dict[str, float | int | None]:
    """Distances of aligned camera centres; P, G (N, 4, 4) paired poses."""
    alignment = align(P[:, :3, 3], G[:, :3, 3], kind)
    return summarise(np.linalg.norm(alignment.points(P[:, :3, 3]) - G[:, :3, 3], axis=1))


def scale_bias(P: F8, G: F8) -> float | None:
    """1 / s - 1 of Umeyama's scale s: +0.03 means that the map is 3 % too large."""
    scale = align(P[:, :3, 3], G[:, :3, 3], "sim3").scale
    return 1.0 / scale - 1.0 if scale > 0.0 else None


def relative_error(P: F8, G: F8, along: F8, delta: float) -> dict[str, Any]:
    """Error of the motion between poses `delta` apart in `along` (N,): metres or seconds."""
    i, j = pairs_apart(along, delta)
    if len(i) == 0:
        return {"translation": summarise([]), "rotation_deg": summarise([])}
    E = np.linalg.inv(np.linalg.inv(G[i]) @ G[j]) @ (np.linalg.inv(P[i]) @ P[j])
    return {
        "translation": summarise(np.linalg.norm(E[:, :3, 3], axis=1)),
        "rotation_deg": summarise(np.degrees(_rotation_angle(E[:, :3, :3]))),
    }


def pairs_apart(along: F8, delta: float) -> tuple[I8, I8]:
    """For every i the j > i whose distance along is nearest to delta, if within a tenth of it."""
    n = len(along)
    i = np.arange(max(n - 1, 0))
    target = along[:-1] + delta if n else along
    right = np.searchsorted(along, target, side="left").clip(1, max(n - 1, 1))
    left = np.searchsorted(along, along[right - 1], side="left")  # the first of equal values
    left = np.maximum(left, i + 1).clip(0, max(n - 1, 0))
    right = np.maximum(right, i + 1).clip(0, max(n - 1, 0))
    off_left, off_right = np.abs(along[left] - target), np.abs(along[right] - target)
    j = np.where(off_left <= off_right, left, right)
    near = np.minimum(off_left, off_right) <= DELTA_TOLERANCE * delta
    return i[near].astype(np.int64), j[near].astype(np.int64)


def _completeness(stamps_s: F8, true_stamps_s: F8, n_pairs: int) -> dict[str, Any]:
    n_true = len(true_stamps_s)
    scores: dict[str, Any] = {
        "completeness": n_pairs / n_true if n_true else None,
        "pairs": n_pairs,
    }
    if len(stamps_s) == 0 or n_true == 0:
        empty = 0.0 if n_true else None
        return {
            **scores,
            "completeness_after_initialisation": empty,
            "initialisation_s": None,
            "gaps": int(n_true > 0),
        }
    first_s = float(stamps_s.min())
    after = int(np.count_nonzero(true_stamps_s >= first_s - MAX_STAMP_DIFFERENCE_S))
    scores["completeness_after_initialisation"] = n_pairs / after if after else 0.0
    scores["initialisation_s"] = first_s - float(true_stamps_s.min())
    until_the_end = np.append(np.sort(stamps_s), max(stamps_s.max(), true_stamps_s.max()))
    scores["gaps"] = int(np.count_nonzero(np.diff(until_the_end) > MAX_GAP_S))
    return scores


def _path_m(G: F8) -> F8:
    """Length of the path up to each pose."""
    steps = np.linalg.norm(np.diff(G[:, :3, 3], axis=0), axis=1)
    return np.concatenate([[0.0], np.cumsum(steps)]) if len(G) else np.zeros(0)


def _rotation_angle(R: F8) -> F8:
    """Angles (N,) of rotations (N, 3, 3), accurate near zero."""
    skew = np.stack(
        [R[:, 2, 1] - R[:, 1, 2], R[:, 0, 2] - R[:, 2, 0], R[:, 1, 0] - R[:, 0, 1]], axis=1
    )
    trace = np.trace(R, axis1=1, axis2=2)
    return np.asarray(np.arctan2(np.linalg.norm(skew, axis=1), trace - 1.0))
