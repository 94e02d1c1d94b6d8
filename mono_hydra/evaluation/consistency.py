"""Does the estimator know how wrong it is: normalised estimation error squared (NEES).

xi = (rotation, translation), T_true = T_est Exp(xi). The run is aligned on the first pose only,
since least squares would hide error: by all of it, or, where the run's world is upright by
measurement, by its position and heading, because then the covariance holds the tilt too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mono_hydra.evaluation.alignment import associate
from mono_hydra.evaluation.covariance import is_regular, nees
from mono_hydra.geometry import se3
from mono_hydra.types import F8

CHI2_95_OF_6 = 12.592
CHI2_95_OF_3 = 7.815


def score_consistency(
    stamps_s: F8,
    T_world_camera: F8,
    covariance_stamps_s: F8,
    covariance: F8,
    true_stamps_s: F8,
    true_T_world_camera: F8,
    *,
    is_upright: bool = False,
) -> dict[str, Any] | None:
    """NEES of a trajectory with covariances; None when no pose can be judged.

    Args:
        stamps_s: (N,) estimated stamps.
        T_world_camera: (N, 4, 4) estimated poses.
        covariance_stamps_s: (K,) stamps of the covariances.
        covariance: (K, 6, 6) of (rotation, translation), right perturbation, first pose fixed.
        true_stamps_s: (M,) true stamps.
        true_T_world_camera: (M, 4, 4) true poses.
        is_upright: the tilt of the first pose was measured, not chosen.
    """
    index, k = associate(stamps_s, covariance_stamps_s, 1e-3)
    paired, true_index = associate(stamps_s[index], true_stamps_s)
    if len(paired) < 2:
        return None
    P, C = T_world_camera[index][paired], covariance[k][paired]
    G = true_T_world_camera[true_index]
    gauge = se3.upright_tie(G[0], P[0]) if is_upright else G[0] @ se3.inverse(P[0])
    errors = np.array([se3.log(se3.inverse(gauge @ p) @ g) for p, g in zip(P, G, strict=True)])
    whole = _nees(errors, C, slice(0, 6))
    if len(whole) == 0:
        return None
    return {
        **_report(whole, 6, CHI2_95_OF_6),
        "rotation": _report(_nees(errors, C, slice(0, 3)), 3, CHI2_95_OF_3),
        "translation": _report(_nees(errors, C, slice(3, 6)), 3, CHI2_95_OF_3),
    }


def _nees(errors: F8, covariance: F8, part: slice) -> F8:
    """NEES of every pose whose covariance is regular, of some of its six errors."""
    P = covariance[:, part, part]
    good = is_regular(P)
    return nees(errors[good, part], P[good])


def _report(values: F8, dimension: int, limit: float) -> dict[str, Any]:
    if len(values) == 0:
        return {"mean": None, "inside_95": None, "n": 0}
    return {
        "mean": float(values.mean()) / dimension,
        "inside_95": float(np.mean(values <= limit)),
        "n": len(values),
    }
