"""Kernels of the track update: triangulation, rows with Jacobians, gate, information.

A point f of the world seen by clone k with camera rotation C = R_k R_bc and centre c = R_k t_bc +
p_k lies at x = C^T (f - c); under the right-invariant error x changes by C^T ([f]x th - dp + df).
Rows are given in standard deviations, but those of one image axis are not independent: a followed
patch slides, so that sights close in time err alike. Their weights W are the inverse of
1 + walk2 (t_last - max(t, t')). The point is eliminated by projecting on the complement of its
three columns (Mourikis and Roumeliotis 2007); with G a basis of W times those, the information
H^T W H - H^T G G^T H needs no projected rows, and the gate's quadratic form is a least squares with
the point free.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mono_hydra.types import F8, I8

USED, TOO_SHORT, BEHIND, VAGUE, MISFIT, GATED = 0, 1, 2, 3, 4, 5
MIN_Z_M = 0.1
LM_STEPS = 8
STUDENT_DOF = 4.0  # tracks that fit badly count for less: errors have heavy tails
PRESUMED_FACTOR = 2.0  # on sigma where depth is presumed: all such tracks err alike


@njit(cache=True, nogil=True, error_model="numpy")
def cameras(R: F8, p: F8, R_bc: F8, t_bc: F8, C: F8, c: F8) -> None:
    """Camera rotations C (N, 3, 3) and centres c (N, 3) of clones R (N, 3, 3), p (N, 3)."""
    for k in range(R.shape[0]):
        for i in range(3):
            c[k, i] = p[k, i]
            for j in range(3):
                c[k, i] += R[k, i, j] * t_bc[j]
                C[k, i, j] = (
                    R[k, i, 0] * R_bc[0, j] + R[k, i, 1] * R_bc[1, j] + R[k, i, 2] * R_bc[2, j]
                )


@njit(cache=True, nogil=True, error_model="numpy")
def solve3(A: F8, b: F8, x: F8) -> bool:
    """Solve A x = b for a symmetric positive (3, 3); False where it is not positive."""
    l00 = A[0, 0]
    if not l00 > 0.0:
        return False
    l00 = np.sqrt(l00)
    l10, l20 = A[1, 0] / l00, A[2, 0] / l00
    d1 = A[1, 1] - l10 * l10
    if not d1 > 1e-13 * A[1, 1]:
        return False
    l11 = np.sqrt(d1)
    l21 = (A[2, 1] - l20 * l10) / l11
    d2 = A[2, 2] - l20 * l20 - l21 * l21
    if not d2 > 1e-13 * A[2, 2]:
        return False
    l22 = np.sqrt(d2)
    y0 = b[0] / l00
    y1 = (b[1] - l10 * y0) / l11
    y2 = (b[2] - l20 * y0 - l21 * y1) / l22
    x[2] = y2 / l22
    x[1] = (y1 - l21 * x[2]) / l11
    x[0] = (y0 - l10 * x[1] - l20 * x[2]) / l00
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def _first_inverse_depth(C: F8, c: F8, at: I8, uv: F8, logz: F8, scale: F8, a: int) -> float:
    """Inverse depth in camera a: from a predicted depth if there is one, else linear."""
    A, b, x, d = np.zeros((3, 3)), np.zeros(3), np.empty(3), np.empty(3)
    for n in range(at.shape[0]):
        k = at[n]
        length = np.sqrt(uv[n, 0] * uv[n, 0] + uv[n, 1] * uv[n, 1] + 1.0)
        dot = 0.0
        for i in range(3):
            d[i] = (C[k, i, 0] * uv[n, 0] + C[k, i, 1] * uv[n, 1] + C[k, i, 2]) / length
            dot += d[i] * (c[k, i] - c[a, i])
        for i in range(3):
            b[i] += c[k, i] - c[a, i] - d[i] * dot
            for j in range(3):
                A[i, j] += (1.0 if i == j else 0.0) - d[i] * d[j]
    for n in range(at.shape[0]):
        if np.isfinite(logz[n]):
            return np.exp(scale[at[n]] - logz[n])
    if solve3(A, b, x):
        z = C[a, 0, 2] * x[0] + C[a, 1, 2] * x[1] + C[a, 2, 2] * x[2]
        if z > 0.0:
            return min(max(1.0 / z, 0.02), 5.0)
    return 0.3


@njit(cache=True, nogil=True, error_model="numpy")
def _seen_from(C: F8, c: F8, k: int, a: int, q: F8, J: F8, g: F8) -> None:
    """Point q = (u, v, inverse depth) of camera a in camera k, times inverse depth: g (3,).

    J (3, 3) is its derivative.
    """
    for i in range(3):
        for j in range(2):
            J[i, j] = C[k, 0, i] * C[a, 0, j] + C[k, 1, i] * C[a, 1, j] + C[k, 2, i] * C[a, 2, j]
        J[i, 2] = (
            C[k, 0, i] * (c[a, 0] - c[k, 0])
            + C[k, 1, i] * (c[a, 1] - c[k, 1])
            + C[k, 2, i] * (c[a, 2] - c[k, 2])
        )
        e = C[k, 0, i] * C[a, 0, 2] + C[k, 1, i] * C[a, 1, 2] + C[k, 2, i] * C[a, 2, 2]
        g[i] = J[i, 0] * q[0] + J[i, 1] * q[1] + e + J[i, 2] * q[2]


@njit(cache=True, nogil=True, error_model="numpy")
def _normal_equations(
    C: F8, c: F8, scale: F8, at: I8, uv: F8, logz: F8, log_sigma: F8, sigma: float,
    q: F8, A: F8, b: F8,
) -> float:  # fmt: skip
    """A, b of the point (u, v, inverse depth) in the camera of the last sight; returns the cost."""
    a = at[at.shape[0] - 1]
    J, g, row = np.empty((3, 3)), np.empty(3), np.empty(3)
    A[:] = 0.0
    b[:] = 0.0
    cost = 0.0
    for n in range(at.shape[0]):
        k = at[n]
        _seen_from(C, c, k, a, q, J, g)
        if g[2] < MIN_Z_M * q[2] or g[2] < 1e-9:
            return np.inf
        for m in range(3):
            if m < 2:
                residual = (uv[n, m] - g[m] / g[2]) / sigma
                for i in range(3):
                    row[i] = (J[m, i] - g[m] / g[2] * J[2, i]) / (g[2] * sigma)
            else:
                if not np.isfinite(logz[n]):
                    continue
                residual = (logz[n] - scale[k] - np.log(g[2] / q[2])) / log_sigma[n]
                for i in range(3):
                    row[i] = J[2, i] / g[2] / log_sigma[n]
                row[2] -= 1.0 / q[2] / log_sigma[n]
            cost += residual * residual
            for i in range(3):
                b[i] += row[i] * residual
                for j in range(3):
                    A[i, j] += row[i] * row[j]
    return cost


@njit(cache=True, nogil=True, error_model="numpy")
def triangulate(
    C: F8, c: F8, scale: F8, at: I8, uv: F8, logz: F8, log_sigma: F8, sigma: float,
    max_relative: float, f: F8,
) -> int:  # fmt: skip
    """World point f (3,) of one track, written; USED, or why it is not.

    C camera rotations (N, 3, 3), c centres (N, 3), scale log-scales (N,); at (M,) clone of each
    sight, uv (M, 2) normalised, logz (M,) ln predicted depth or NaN, log_sigma (M,) of it; sigma of
    uv; max_relative largest sigma of ln inverse depth.
    """
    a, last = at[at.shape[0] - 1], at.shape[0] - 1
    A, B, b, d = np.empty((3, 3)), np.empty((3, 3)), np.empty(3), np.empty(3)
    A1, b1, q, q1 = np.empty((3, 3)), np.empty(3), np.empty(3), np.empty(3)
    q[0], q[1] = uv[last, 0], uv[last, 1]
    q[2] = _first_inverse_depth(C, c, at, uv, logz, scale, a)
    cost = _normal_equations(C, c, scale, at, uv, logz, log_sigma, sigma, q, A, b)
    if not np.isfinite(cost):
        return BEHIND
    damping = 1e-4
    for _ in range(LM_STEPS):
        for i in range(3):
            for j in range(3):
                B[i, j] = A[i, j]
            B[i, i] *= 1.0 + damping
        if not solve3(B, b, d):
            return VAGUE
        for i in range(3):
            q1[i] = q[i] + d[i]
        if q1[2] < 1e-3:
            q1[2] = 0.5 * q[2]
        after = _normal_equations(C, c, scale, at, uv, logz, log_sigma, sigma, q1, A1, b1)
        if after <= cost:
            settled = cost - after < 1e-6 * (1.0 + cost)
            cost = after
            q[:] = q1
            A[:] = A1
            b[:] = b1
            damping *= 0.1
            if settled:
                break
        else:
            damping = max(damping, 1e-3) * 10.0
    b[0], b[1], b[2] = 0.0, 0.0, 1.0
    if not solve3(A, b, d) or np.sqrt(d[2]) > max_relative * q[2]:
        return VAGUE
    for i in range(3):
        f[i] = c[a, i] + (C[a, i, 0] * q[0] + C[a, i, 1] * q[1] + C[a, i, 2]) / q[2]
    return USED


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
        for i in range(3):
            x[i] = (
                C[k, 0, i] * (f[0] - c[k, 0])
                + C[k, 1, i] * (f[1] - c[k, 1])
                + C[k, 2, i] * (f[2] - c[k, 2])
            )
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
def longest_track(starts: I8) -> int:
    """Most sights of one track; starts (T + 1,)."""
    longest = 0
    for n in range(starts.shape[0] - 1):
        longest = max(longest, starts[n + 1] - starts[n])
    return longest


@njit(cache=True, nogil=True, error_model="numpy")
def sight_noise(t: F8, at: I8, walk2: float, N: F8, W: F8) -> float:
    """Covariance N (M, M) of a track's sights along one image axis, in sigmas, and its inverse W.

    Returns the mean variance, as white noise that is as large would have it.

    t (clones,) instants of the clones, at (M,) clone of each sight, walk2 variance of the slide in
    one unit of t, in sigma squared. It counts backwards: the point is what the last sight shows.
    """
    m = at.shape[0]
    last = t[at[m - 1]]
    for i in range(m):
        for j in range(m):
            N[i, j] = walk2 * (last - max(t[at[i]], t[at[j]])) + (1.0 if i == j else 0.0)
            W[i, j] = N[i, j]
    for k in range(m):  # Gauss-Jordan in place; N is at least 1, no pivots are needed
        pivot = 1.0 / W[k, k]
        W[k, k] = 1.0
        for j in range(m):
            W[k, j] *= pivot
        for i in range(m):
            if i != k:
                factor = W[i, k]
                W[i, k] = 0.0
                for j in range(m):
                    W[i, j] -= factor * W[k, j]
    usual = 0.0
    for i in range(m):
        usual += N[i, i] / m
    return usual


@njit(cache=True, nogil=True, error_model="numpy")
def between(M: F8, sight: I8, axis: I8, a: int, b: int) -> float:
    """What M (sights, sights), covariance or weights along an axis, says of rows a and b.

    Rows of different axes are independent, and so is each depth, whose variance is 1.
    """
    if axis[a] != axis[b] or (axis[a] == 2 and a != b):
        return 0.0
    return M[sight[a], sight[b]] if axis[a] < 2 else 1.0


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
def weigh(W: F8, X: F8, sight: I8, axis: I8, n_rows: int, out: F8) -> None:
    """Rows of X (rows, k) times the weights of all rows."""
    out[:n_rows] = 0.0
    for a in range(n_rows):
        for b in range(n_rows):
            w = between(W, sight, axis, a, b)
            if w != 0.0:
                for k in range(X.shape[1]):
                    out[a, k] += w * X[b, k]


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


@njit(cache=True, nogil=True, error_model="numpy")
def _inverse_depth_variance(
    C: F8, c: F8, at: I8, q: F8, column: F8, sigma: float, whole: float, N: F8, J: F8, g: F8,
    share: F8,
) -> float:  # fmt: skip
    """Of least squares that took each sight for independent, with sigma `whole`.

    In truth they have covariance sigma^2 N (M, M) along each axis. column (3,) is the last one of
    the inverse normal matrix; J (3, 3), g (3,) and share (M, 2) are scratch.
    """
    m, a = at.shape[0], at[at.shape[0] - 1]
    for n in range(m):
        _seen_from(C, c, at[n], a, q, J, g)
        for axis in range(2):
            share[n, axis] = 0.0
            for i in range(3):
                row = (J[axis, i] - g[axis] / g[2] * J[2, i]) / g[2]
                share[n, axis] += column[i] * row / (whole * whole)
    variance = 0.0
    for n in range(m):
        for j in range(m):
            variance += N[n, j] * (share[n, 0] * share[j, 0] + share[n, 1] * share[j, 1])
    return variance * sigma * sigma


@njit(cache=True, nogil=True, error_model="numpy")
def triangulate_last(
    C: F8, c: F8, t: F8, starts: I8, at: I8, uv: F8, sigma: float, walk2: float, min_views: int,
    max_relative: float, depth: F8, spread: F8,
) -> None:  # fmt: skip
    """Depth (T,) of tracks in the camera of their last sight, and sigma (T,) of its logarithm.

    Both stay as they are where a track has too few sights, is vague, or does not fit: a root mean
    square of its residuals beyond two sigmas.
    """
    longest = longest_track(starts)
    N, W = np.empty((longest, longest)), np.empty((longest, longest))
    blind, ones, scale = np.full(longest, np.nan), np.ones(longest), np.zeros(C.shape[0])
    A, b, d, q, f = np.empty((3, 3)), np.empty(3), np.empty(3), np.empty(3), np.empty(3)
    J, g, share = np.empty((3, 3)), np.empty(3), np.empty((longest, 2))
    for n in range(starts.shape[0] - 1):
        i0, i1 = starts[n], starts[n + 1]
        m = i1 - i0
        if m < min_views:
            continue
        k, u, none, one = at[i0:i1], uv[i0:i1], blind[:m], ones[:m]
        whole = sigma * np.sqrt(sight_noise(t, k, walk2, N, W))
        if triangulate(C, c, scale, k, u, none, one, whole, max_relative, f) != USED:
            continue
        a = k[m - 1]
        for i in range(3):
            d[i] = (
                C[a, 0, i] * (f[0] - c[a, 0])
                + C[a, 1, i] * (f[1] - c[a, 1])
                + C[a, 2, i] * (f[2] - c[a, 2])
            )
        if d[2] < MIN_Z_M:
            continue
        z = d[2]
        q[0], q[1], q[2] = d[0] / z, d[1] / z, 1.0 / z
        cost = _normal_equations(C, c, scale, k, u, none, one, whole, q, A, b)
        if not cost < 4.0 * (2 * m - 3):
            continue
        b[0], b[1], b[2] = 0.0, 0.0, 1.0
        if not solve3(A, b, d):
            continue
        variance = _inverse_depth_variance(C, c, k, q, d, sigma, whole, N, J, g, share)
        if variance < (max_relative * q[2]) ** 2:
            depth[n], spread[n] = z, np.sqrt(variance) * z
