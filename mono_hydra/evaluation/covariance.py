"""Whether a tracker's covariance covers its error: normalised estimation error squared (NEES).

Gauge: the estimate's world is laid on the true one by yaw and position of the first pose, which is
what a visual-inertial estimate leaves open. Errors: T_true = T_est Exp(xi), xi = rotation,
translation. Source: Bar-Shalom et al., Estimation with Applications, section 5.4.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import chdtri

from mono_hydra.geometry import se3
from mono_hydra.types import F8, Bool


def pose_errors(T_estimated: F8, T_true: F8) -> F8:
    """(N, 6) right perturbations from the estimates (N, 4, 4) to the truth, first pose as gauge."""
    gauge = se3.upright_tie(T_true[0], T_estimated[0])
    pairs = zip(T_estimated, T_true, strict=True)
    return np.array([se3.log(se3.inverse(gauge @ E) @ T) for E, T in pairs])


def nees(errors: F8, covariances: F8) -> F8:
    """(N,) e^T P^-1 e of errors (N, d) and covariances (N, d, d)."""
    return np.asarray(
        np.einsum("ni,ni->n", errors, np.linalg.solve(covariances, errors[..., None])[..., 0])
    )


def is_regular(covariances: F8) -> Bool:
    """(N,) which covariances (N, d, d) an error can be measured by; a fixed first pose has none."""
    finite = np.asarray(np.isfinite(covariances).all(axis=(1, 2)))
    safe = np.where(finite[:, None, None], covariances, 0.0)
    return np.asarray(finite & (np.linalg.eigvalsh(safe)[:, 0] > 0.0))


def score_covariance(T_estimated: F8, T_true: F8, covariances: F8) -> dict[str, Any]:
    """NEES per degree of freedom and the share of instants inside the 95 % band of one run."""
    errors = pose_errors(T_estimated, T_true)
    pose = nees(errors, covariances)
    position = nees(errors[:, 3:], covariances[:, 3:, 3:])
    low, high = chdtri(6, [0.975, 0.025])
    return {
        "pose_per_dof": float(pose.mean() / 6.0),
        "position_per_dof": float(position.mean() / 3.0),
        "orientation_per_dof": float(nees(errors[:, :3], covariances[:, :3, :3]).mean() / 3.0),
        "in_band": float(np.mean((pose >= low) & (pose <= high))),
        "below_upper": float(np.mean(pose <= high)),
        "final_sigma_m": float(np.sqrt(np.trace(covariances[-1, 3:, 3:]) / 3.0)),
    }


def average_in_band(nees_of_runs: F8, dof: int) -> float:
    """Share of instants at which the runs' mean NEES lies in its 95 % band; (runs, N)."""
    n_runs = len(nees_of_runs)
    low, high = chdtri(dof * n_runs, [0.975, 0.025])
    total = nees_of_runs.sum(axis=0)
    return float(np.mean((total >= low) & (total <= high)))
