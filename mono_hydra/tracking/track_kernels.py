"""Kernels of the track update: rows with Jacobians, gate, information.

Under the right-invariant error a point f seen at x = C^T (f - c) changes by C^T ([f]x th - dp +
df). The rows' weights W are the inverse of their covariance, 1 + walk2 (t_last - max(t, t')). The
point is eliminated by projecting on the complement of its three columns (Mourikis and Roumeliotis
2007); with G a basis of W times those, the information H^T W H - H^T G G^T H needs no projected
rows, and the gate's quadratic form is a least squares with the point free.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mono_hydra.tracking.sight_noise_kernels import between, longest_track, sight_noise, weigh
from mono_hydra.tracking.triangulation_kernels import (
    BEHIND,
    GATED,
    MIN_Z_M,
    MISFIT,
    TOO_SHORT,
    USED,
    VAGUE,
    in_camera,
    solve3,
    triangulate,
)
from mono_hydra.types import F8, I8

STUDENT_DOF = 4.0  # tracks that fit badly count for less: errors have heavy tails
PRESUMED_FACTOR = 2.0  # on sigma where depth is presumed: all such tracks err alike


@njit(cache=True, nogil=True, error_model="numpy")
def track_rows(
    C: F8, c: F8, scale: F8, at: I8, uv: F8, logz: F8, log_sigma: F8, sigma: float, f: F8,
    presumed: int, H: F8, Hf: F8, r: F8, sight: I8, axis: I8,
) -> int:  # fmt: skip
    """Rows of one track at point f, in sigmas; returns their number, 0 if behind a camera.

    H (rows, 7): against th, dp and log-scale of the sight's clone; Hf (rows, 3) against the point;
    r (rows,) measured minus expected; sight (rows,) index of the row's sight; axis (rows,) 0 or 1
    of the image, 2 depth. The depth of sight `presumed` is a presumption, which tells nothing about
    the log-scale.
    """
    x = np.empty(3)
    n_rows = 0
    for n in range(at.shape[0]):
        k = at[n]
        in_camera(C, c, k, f, x)
        if x[2] < MIN_Z_M:
            return 0
        for m in range(3):
            if m == 2 and not np.isfinite(logz[n]):
                continue
            if m < 2:
                w = 1.0 / (x[2] * sigma)
                r[n_rows] = (uv[n, m] - x[m] / x[2]) / sigma
                for i in range(3):
                    Hf[n_rows, i] = w * (C[k, i, m] - x[m] / x[2] * C[k, i, 2])
                H[n_rows, 6] = 0.0
            else:
                r[n_rows] = (logz[n] - np.log(x[2]) - scale[k]) / log_sigma[n]
                for i in range(3):
                    Hf[n_rows, i] = C[k, i, 2] / (x[2] * log_sigma[n])
                H[n_rows, 6] = 0.0 if n == presumed else 1.0 / log_sigma[n]
            d0, d1, d2 = Hf[n_rows, 0], Hf[n_rows, 1], Hf[n_rows, 2]
            H[n_rows, 0] = d1 * f[2] - d2 * f[1]
            H[n_rows, 1] = d2 * f[0] - d0 * f[2]
            H[n_rows, 2] = d0 * f[1] - d1 * f[0]
            H[n_rows, 3] = -d0
            H[n_rows, 4] = -d1
            H[n_rows, 5] = -d2
            sight[n_rows], axis[n_rows] = n, m
            n_rows += 1
    return n_rows


@njit(cache=True, nogil=True, error_model="numpy")
def orthonormalise(Hf: F8, n_rows: int) -> bool:
    """Columns of Hf (rows, 3) made orthonormal in place (twice Gram-Schmidt)."""
    for j in range(3):
        before = 0.0
        for i in range(n_rows):
            before += Hf[i, j] * Hf[i, j]
        for _ in range(2):
            for m in range(j):
                s = 0.0
                for i in range(n_rows):
                    s += Hf[i, m] * Hf[i, j]
                for i in range(n_rows):
                    Hf[i, j] -= s * Hf[i, m]
        s = 0.0
        for i in range(n_rows):
            s += Hf[i, j] * Hf[i, j]
        if not s > 1e-18 * before or not s > 0.0:
            return False
        s = 1.0 / np.sqrt(s)
        for i in range(n_rows):
            Hf[i, j] *= s
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def weighted_basis(W: F8, Q: F8, sight: I8, axis: I8, n_rows: int, G: F8) -> bool:
    """G (rows, 3) with G G^T = W Q (Q^T W Q)^-1 Q^T W; False where that does not exist."""
    B = np.zeros((3, 3))
    weigh(W, Q, sight, axis, n_rows, G)
    for a in range(n_rows):
        for i in range(3):
            for j in range(3):
                B[i, j] += Q[a, i] * G[a, j]
    for j in range(3):  # Cholesky, lower, in place
        for m in range(j):
            for i in range(j, 3):
                B[i, j] -= B[i, m] * B[j, m]
        if not B[j, j] > 0.0:
            return False
        root = np.sqrt(B[j, j])
        for i in range(j, 3):
            B[i, j] /= root
    for a in range(n_rows):
        for i in range(3):
            s = G[a, i]
            for m in range(i):
                s -= B[i, m] * G[a, m]
            G[a, i] = s / B[i, i]
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def gate_value(
    P: F8, at: I8, H: F8, Q: F8, r: F8, sight: I8, axis: I8, N: F8, n_rows: int
) -> float:
    """Squared Mahalanobis length of r with the point (columns Q) free; P (7 N, 7 N) of the clones.

    N (M, M) is the sights' own covariance along an axis. -1 where the sum is not positive.
    """
    S, T = np.empty((n_rows, n_rows)), np.empty((n_rows, 4))
    w = np.empty((at.shape[0], 7))
    for b in range(n_rows):
        kb = 7 * at[sight[b]]
        for n in range(at.shape[0]):
            ka = 7 * at[n]
            for i in range(7):
                s = 0.0
                for j in range(7):
                    s += P[ka + i, kb + j] * H[b, j]
                w[n, i] = s
        for a in range(b, n_rows):
            s = between(N, sight, axis, a, b)
            for i in range(7):
                s += H[a, i] * w[sight[a], i]
            S[a, b] = s
        T[b, 0] = r[b]
        T[b, 1], T[b, 2], T[b, 3] = Q[b, 0], Q[b, 1], Q[b, 2]
    for j in range(n_rows):  # Cholesky, lower, in place; T becomes L^-1 T
        for m in range(j):
            for i in range(j, n_rows):
                S[i, j] -= S[i, m] * S[j, m]
        if not S[j, j] > 0.0:
            return -1.0
        root = np.sqrt(S[j, j])
        for i in range(j, n_rows):
            S[i, j] /= root
    for i in range(n_rows):
        for k in range(4):
            s = T[i, k]
            for m in range(i):
                s -= S[i, m] * T[m, k]
            T[i, k] = s / S[i, i]
    A, b3, x = np.zeros((3, 3)), np.zeros(3), np.zeros(3)
    value = 0.0
    for i in range(n_rows):
        value += T[i, 0] * T[i, 0]
        for j in range(3):
            b3[j] += T[i, 1 + j] * T[i, 0]
            for k in range(3):
                A[j, k] += T[i, 1 + j] * T[i, 1 + k]
    if not solve3(A, b3, x):
        return -1.0
    return max(value - (b3[0] * x[0] + b3[1] * x[1] + b3[2] * x[2]), 0.0)


@njit(cache=True, nogil=True, error_model="numpy")
def add_information(
    at: I8, H: F8, G: F8, W: F8, r: F8, sight: I8, axis: I8, n_rows: int, weight: float,
    A: F8, b: F8,
) -> None:  # fmt: skip
    """A, b += weight times H^T (W - G G^T) H and H^T (W - G G^T) r, over the clones' (7 N)."""
    Y, z = np.zeros((3, 7 * at.shape[0])), np.zeros(3)
    for a in range(n_rows):
        first = 7 * sight[a]
        for m in range(3):
            z[m] += G[a, m] * r[a]
            for j in range(7):
                Y[m, first + j] += G[a, m] * H[a, j]
    for a in range(n_rows):
        k = 7 * at[sight[a]]
        rest = -(G[a, 0] * z[0] + G[a, 1] * z[1] + G[a, 2] * z[2])
        for c in range(n_rows):
            w = between(W, sight, axis, a, c)
            if w == 0.0:
                continue
            rest += w * r[c]
            other = 7 * at[sight[c]]
            for i in range(7):
                for j in range(7):
                    A[k + i, other + j] += weight * w * H[a, i] * H[c, j]
        for i in range(7):
            b[k + i] += weight * H[a, i] * rest
    for n in range(at.shape[0]):
        for m in range(at.shape[0]):
            for i in range(7):
                for j in range(7):
                    A[7 * at[n] + i, 7 * at[m] + j] -= weight * (
                        Y[0, 7 * n + i] * Y[0, 7 * m + j]
                        + Y[1, 7 * n + i] * Y[1, 7 * m + j]
                        + Y[2, 7 * n + i] * Y[2, 7 * m + j]
                    )


@njit(cache=True, nogil=True, error_model="numpy")
def gather_information(
    C: F8, c: F8, scale: F8, P: F8, starts: I8, at: I8, uv: F8, logz: F8, log_sigma: F8,
    t: F8, sigma: float, walk2: float, max_relative: float, max_misfit: float, gates: F8, A: F8,
    b: F8, usual_log_z: float, usual_sigma: float, outcome: I8, value: F8, dof: I8, points: F8,
) -> None:  # fmt: skip
    """All tracks of one update; A (7 N, 7 N), b (7 N,) are added to, the rest written per track.

    A track without parallax says that the camera turned and hardly moved. How little, hangs on its
    depth, so its last sight is presumed to lie at the usual depth of the scene, exp(usual_log_z),
    with usual_sigma of ln depth: without that, a camera that only turns would have no update.

    t (clones,) instants of the clones; in a unit of it a patch slides by sqrt(walk2) sigma;
    starts (T + 1,) into at, uv, logz, log_sigma; gates[d] the limit for d degrees of freedom;
    outcome (T,), value (T,) gate's quadratic form, dof (T,), points (T, 3).
    """
    longest = longest_track(starts)
    H, Hf, r = np.empty((3 * longest, 7)), np.empty((3 * longest, 3)), np.empty(3 * longest)
    G = np.empty((3 * longest, 3))
    N, W = np.empty((longest, longest)), np.empty((longest, longest))
    sight, axis = np.empty(3 * longest, np.int64), np.empty(3 * longest, np.int64)
    spread = np.empty(longest)
    for n in range(starts.shape[0] - 1):
        i0, i1 = starts[n], starts[n + 1]
        dof[n] = 0
        value[n] = 0.0
        if i1 - i0 < 2:
            outcome[n] = TOO_SHORT
            continue
        k, u, lz, ls = at[i0:i1], uv[i0:i1], logz[i0:i1].copy(), log_sigma[i0:i1].copy()
        presumed, spread_uv = -1, sigma
        for i in range(i1 - i0):  # for the point alone the log-scale is no free state
            at_scale = 7 * k[i] + 6
            spread[i] = np.sqrt(ls[i] * ls[i] + P[at_scale, at_scale])
        usual = sight_noise(t, k, walk2, N, W)
        f, whole = points[n], sigma * np.sqrt(usual)
        outcome[n] = triangulate(C, c, scale, k, u, lz, spread, whole, max_relative, f)
        if outcome[n] == VAGUE:
            presumed, spread_uv = i1 - i0 - 1, PRESUMED_FACTOR * sigma
            lz[presumed] = usual_log_z + scale[k[presumed]]
            ls[presumed] = spread[presumed] = usual_sigma
            whole *= PRESUMED_FACTOR
            outcome[n] = triangulate(C, c, scale, k, u, lz, spread, whole, np.inf, f)
        if outcome[n] != USED:
            continue
        n_rows = track_rows(
            C, c, scale, k, u, lz, ls, spread_uv, f, presumed, H, Hf, r, sight, axis
        )
        if n_rows == 0:
            outcome[n] = BEHIND
            continue
        misfit, n_uv = 0.0, 0
        for a in range(n_rows):
            if axis[a] < 2:
                misfit += r[a] * r[a]
                n_uv += 1
        if misfit > max_misfit * max_misfit * usual * n_uv:
            outcome[n] = MISFIT
            continue
        if not orthonormalise(Hf, n_rows) or not weighted_basis(W, Hf, sight, axis, n_rows, G):
            outcome[n] = VAGUE
            continue
        dof[n] = n_rows - 3
        value[n] = gate_value(P, k, H, Hf, r, sight, axis, N, n_rows)
        if value[n] < 0.0 or value[n] > gates[dof[n]]:
            outcome[n] = GATED
            continue
        weight = min((STUDENT_DOF + dof[n]) / (STUDENT_DOF + value[n]), 1.0)
        add_information(k, H, G, W, r, sight, axis, n_rows, weight, A, b)
