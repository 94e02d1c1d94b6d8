"""Corrections of the filter: by tracks on the clone window, and by rows on the present state."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.special import chdtri

from mono_hydra.geometry import se3
from mono_hydra.tracking.filter_state import BA, BG, CORE, DV, TH, FilterState
from mono_hydra.tracking.track_kernels import gather_information
from mono_hydra.tracking.track_store import UsedTracks
from mono_hydra.tracking.triangulation_kernels import USED, cameras
from mono_hydra.types import F8, I8

MAX_ROWS = 200


@dataclass(frozen=True, eq=False)
class TrackUpdate:
    """What became of the tracks of one update."""

    outcome: I8  # (T,) codes of `triangulation_kernels`
    points_world_m: F8  # (T, 3), meaningful where used
    nis: float  # summed over the tracks used
    dof: int

    @property
    def n_used(self) -> int:
        """Tracks that moved the state."""
        return int(np.count_nonzero(self.outcome == USED))


@cache
def _gates(tail: float) -> F8:
    """Limits of the quadratic form by degrees of freedom."""
    return np.concatenate([[0.0], chdtri(np.arange(1, MAX_ROWS), tail)])


def update_from_tracks(
    state: FilterState, tracks: UsedTracks, T_body_camera: F8, sigma: float, slide: float = 0.0,
    *, max_relative: float = 0.2, max_misfit: float = 3.0, usual_depth_m: float = 3.0,
    usual_depth_sigma: float = 0.6, gate_tail: float = 0.01,
) -> TrackUpdate:  # fmt: skip
    """Correct the state by finished tracks, all gated against the same covariance.

    Args:
        state: changed in place.
        tracks: their clones are all in the window.
        T_body_camera: (4, 4).
        sigma: of normalised image coordinates, independent from sight to sight.
        slide: of a track's patch in a second, a random walk in the same coordinates.
        max_relative: points whose inverse depth is known worse than this have the usual depth.
        usual_depth_m: of what shows no parallax.
        usual_depth_sigma: of its logarithm.
        gate_tail: share of true tracks that the gate loses.
        max_misfit: largest mean reprojection error, in sigmas.
    """
    n, t = len(state.clone_ids), len(tracks.ids)
    C, c = np.empty((n, 3, 3)), np.empty((n, 3))
    R_bc, t_bc = T_body_camera[:3, :3].copy(), T_body_camera[:3, 3].copy()
    cameras(state.clone_R, state.clone_p, R_bc, t_bc, C, c)
    at = np.searchsorted(np.array(state.clone_ids), tracks.clone_ids)
    A, b = np.zeros((7 * n, 7 * n)), np.zeros(7 * n)
    outcome, dof = np.zeros(t, np.int64), np.zeros(t, np.int64)
    value, points = np.zeros(t), np.zeros((t, 3))
    clones = slice(CORE, state.first_point)
    P = np.ascontiguousarray(state.P[clones, clones])
    gather_information(
        C, c, state.clone_scale, P, tracks.starts, at, tracks.uv, tracks.log_depth,
        tracks.depth_sigma, np.array(state.clone_stamps_s) - state.clone_stamps_s[0], sigma,
        (slide / sigma) ** 2, max_relative, max_misfit, _gates(gate_tail), A, b,
        float(np.log(usual_depth_m)), usual_depth_sigma, outcome, value, dof, points,
    )  # fmt: skip
    used = outcome == USED
    if used.any():
        _apply_information(state, A, b)
    return TrackUpdate(outcome, points, float(value[used].sum()), int(dof[used].sum()))


def _apply_information(state: FilterState, A: F8, b: F8) -> None:
    """P+ = P - P_c (1 + A P_cc)^-1 A P_c^T, dx = P_c (1 + A P_cc)^-1 b."""
    P = state.P
    clones = slice(CORE, state.first_point)
    P_clones = P[:, clones]
    system = np.eye(len(A)) + A @ P[clones, clones]
    solved = np.linalg.solve(system, np.column_stack([A, b]))
    dx = P_clones @ solved[:, -1]
    P = P - P_clones @ solved[:, :-1] @ P_clones.T
    state.P = 0.5 * (P + P.T)
    state.correct(dx)


def update_from_rows(state: FilterState, H: F8, r: F8, sigma: F8) -> None:
    """Kalman correction by rows H (M, n), residual r (M,) = measured - expected, sigma (M,)."""
    correct_by_rows(state, H, H @ state.P, r, sigma)


def correct_by_rows(state: FilterState, H: F8, HP: F8, r: F8, sigma: F8) -> None:
    """The same with H P (M, n) at hand."""
    S = HP @ H.T + np.diag(sigma**2)
    K = np.linalg.solve(S, HP).T
    P = state.P - K @ HP
    state.P = 0.5 * (P + P.T)
    state.correct(K @ r)


def rest_rows(state: FilterState, gyro_rad_s: F8, accel_m_s2: F8) -> tuple[F8, F8]:
    """H (9, n), r (9,) of a body at rest: no velocity, gyro = bias, accel = gravity + bias."""
    H, r = np.zeros((9, len(state.P))), np.zeros(9)
    H[0:3, TH], H[0:3, DV] = -se3.hat(state.v), np.eye(3)
    r[0:3] = -state.v
    H[3:6, BG] = np.eye(3)
    r[3:6] = gyro_rad_s - state.gyro_bias
    H[6:9], r[6:9] = gravity_rows(state, accel_m_s2)
    return H, r


def gravity_rows(state: FilterState, accel_m_s2: F8) -> tuple[F8, F8]:
    """H (3, n), r (3,) of an accelerometer that feels gravity alone."""
    H = np.zeros((3, len(state.P)))
    H[:, TH] = -state.R.T @ se3.hat(state.gravity)
    H[:, BA] = np.eye(3)
    return H, accel_m_s2 + state.R.T @ state.gravity - state.accel_bias
